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


def _decide(con: Connection) -> Decided:
    """Trace each class of packets that occurs through the rules of its node."""
    book = _book(con)
    rules = _by_node(con.sql("SELECT * FROM rules ORDER BY node, family, table_name, chain, rule_number").to_dicts())
    return decide(
        rules=rules,
        own_addresses={node: book.own_addresses(node) for node in rules},
        wanted=con.sql("SELECT DISTINCT node, protocol, dst_ip, dst_port FROM sightings ORDER BY ALL").fetchall(),
        sources=con.sql("SELECT DISTINCT node, src_ip FROM sightings ORDER BY ALL").fetchall(),
        frontends=con.sql("SELECT * FROM service_ports ORDER BY ALL").to_dicts(),
    )


def _by_node(rows: Iterable[Row]) -> dict[str, list[Row]]:
    nodes: dict[str, list[Row]] = {}
    for row in rows:
        nodes.setdefault(str(row["node"]), []).append(row)
    return nodes


def _addresses(con: Connection) -> list[Row]:
    """What is known of every address that occurs in packets or decisions."""
    known = con.sql(
        "SELECT src_ip FROM sightings UNION SELECT dst_ip FROM sightings "
        "UNION SELECT endpoint_ip FROM decisions WHERE endpoint_ip IS NOT NULL ORDER BY ALL"
    )
    book = _book(con)
    return [row for (ip,) in known.fetchall() if (row := book.row(str(ip)))]


def _book(con: Connection) -> AddressBook:
    rules = con.sql("SELECT source FROM rules WHERE target = 'KUBE-MARK-MASQ' AND source LIKE '!%'")
    ranges = {str(source).removeprefix("!").strip() for (source,) in rules.fetchall()}
    return AddressBook(con.sql("SELECT node, cidr, kind FROM node_addresses").to_dicts(), sorted(ranges))


def _cut(con: Connection, window: Window) -> None:
    """Leave out connections, and their flows, that the window does not ask for."""
    kept = ["TRUE"]
    if window.since_us is not None:
        kept.append(f"start_us >= {window.since_us}")
    if window.until_us is not None:
        kept.append(f"start_us < {window.until_us}")
    in_time = " AND ".join(kept)
    con.execute(f"DELETE FROM flows WHERE COALESCE({in_time}, TRUE) IS FALSE AND connection_id IS NULL")
    if window.services:
        names = ", ".join(literal(s) for s in window.services)
        kept.append(f"COALESCE(service IN ({names}), FALSE)")
        con.execute("DELETE FROM flows WHERE connection_id IS NULL")
    con.execute(f"DELETE FROM connections WHERE COALESCE({' AND '.join(kept)}, FALSE) IS FALSE")
    con.execute(
        "DELETE FROM flows WHERE connection_id IS NOT NULL AND connection_id NOT IN (SELECT connection_id FROM connections)"
    )


def _write(con: Connection, folder: Path, table: str, rows: Iterable[Row]) -> None:
    write_frames(folder, table, [frame(table, rows)])
    _view(con, folder, table)


def _view(con: Connection, folder: Path, table: str) -> None:
    create_view(con, table, parquet_select(TABLES[table], (folder / table).rglob("*.parquet"), skip=("run",)))
