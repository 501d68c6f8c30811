"""From packets, rules and objects to labelled connections: SQL for rows, Python for what rules do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import models
from pipeline.addresses import AddressBook
from pipeline.decide import decide, known_servers
from pipeline.engines.duckdb import column_list, create_view, identifier, literal, parquet_select, write_parquet
from pipeline.formats.base import frame
from pipeline.ingest import write_frames
from pipeline.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.config import Window
    from pipeline.decide import Decided
    from pipeline.engines.duckdb import Connection
    from pipeline.schema import Row

RESULTS = tuple(m.name for m in models.all_models().values() if m.stored and m.stage == "label")


def label(con: Connection, folder: Path, window: Window) -> None:
    """Make every result table of one run from the input tables in `folder`, and write them there."""
    for table in TABLES:
        _view(con, folder, table)
    _servers(con)
    models.build(con, ["sightings"])
    decided = _decide(con)
    _write(con, folder, "decisions", decided.decisions)
    _write(con, folder, "trace_steps", decided.trace_steps)
    _write(con, folder, "source_classes", decided.source_classes)
    _write(con, folder, "addresses", _addresses(con, decided))
    models.build(con, ["connections", "flows"])
    _cut(con, window)
    models.build(con, RESULTS)
    for table in RESULTS:
        schema = TABLES[table]
        key = ", ".join(k for k in schema.key if k != "run")
        select = f"SELECT {column_list(schema, skip=schema.partitions)} FROM {identifier(table)} ORDER BY {key}"
        write_parquet(con, select, folder / table / "part.parquet")


def _servers(con: Connection) -> None:
    """The table `servers`: every socket that rules or objects show as a server's, to tell client from server."""
    rules = con.sql("SELECT spec, family FROM rules WHERE spec IS NOT NULL").fetchall()
    known = sorted(known_servers(str(spec) for spec, _ in rules))
    con.execute("CREATE TABLE rule_servers (protocol VARCHAR, ip VARCHAR, port INTEGER)")
    if known:
        con.executemany("INSERT INTO rule_servers VALUES (?, ?, ?)", known)


def _decide(con: Connection) -> Decided:
    """Trace each class of packets that occurs through the rules of its node."""
    book = _book(con, ())
    rules = _by_node(con, "SELECT * FROM rules ORDER BY node, family, table_name, chain, rule_number")
    return decide(
        rules=rules,
        own_addresses={node: book.own_addresses(node) for node in rules},
        wanted=_tuples(con, "SELECT DISTINCT node, protocol, dst_ip, dst_port FROM sightings ORDER BY ALL"),
        sources=_tuples(con, "SELECT DISTINCT node, src_ip FROM sightings ORDER BY ALL"),
        frontends=con.sql("SELECT * FROM service_ports ORDER BY ALL").to_dicts(),
    )
