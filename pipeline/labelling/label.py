"""From packets, rules and objects to labelled connections: SQL for rows, Python for what rules do."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pipeline.diagnostics import warn
from pipeline.display import count, fine_moment
from pipeline.ingest.reader import write_frames
from pipeline.labelling.address_book import AddressBook
from pipeline.labelling.decisions import decide
from pipeline.rules import NodeFacts, RuleSet
from pipeline.rules.dumps.nodes import by_node
from pipeline.rules.dumps.ruleset import COLUMNS
from pipeline.rules.dumps.service_ports import Services
from pipeline.schema import TABLES
from pipeline.schema.findings import Finding
from pipeline.schema.frames import frame
from pipeline.statistics.verdicts import judge
from pipeline.store import sql_models
from pipeline.store.duckdb_engine import create_table, create_view, literal, parquet_select, write_parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pipeline.config import Window
    from pipeline.labelling.decisions import Decided
    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection


def label(con: Connection, folder: Path, window: Window) -> None:
    """Make every result table of one run from the input tables in `folder`, and write them there."""
    _inputs(con, folder)
    _name_nodes(con, folder)
    services = Services(con.sql("SELECT * FROM service_ports ORDER BY ALL").to_dicts())
    rules = _rule_sets(con, folder, services)
    _rule_servers(con, rules)
    sql_models.build(con, ["client_sockets"], folder)
    book = _address_book(con, rules)
    decided = _decide(con, rules, book)
    _write(con, folder, "decisions", decided.decisions)
    write_frames(folder, "trace_steps", decided.trace_steps)
    _view(con, folder, "trace_steps")
    _write(con, folder, "source_classes", decided.source_classes)
    _write(con, folder, "addresses", _addresses(con, book))
    sql_models.build(con, ["connections", "flows"], folder)
    _add_findings(con, folder, _misnamed(rules, services))
    _cut(con, window, folder)
    sql_models.build(con, _results(), folder)
    for table, rows in judge(con).items():
        _write(con, folder, table, rows)


def look_over(con: Connection, folder: Path) -> list[Row]:
    """What is wrong with a capture as a whole, from the input tables in `folder`: rows of `findings`."""
    _inputs(con, folder)
    _rule_servers(con, {})
    sql_models.build(con, ["capture_findings"], folder)
    return con.sql("SELECT * FROM capture_findings ORDER BY finding, node, file, message").to_dicts()


def _rule_sets(con: Connection, folder: Path, services: Services) -> dict[str, RuleSet]:
    """The compiled rules of each node that has a dump."""
    sql_models.build(con, ["rules_in_use"], folder)
    named = con.sql("SELECT DISTINCT node FROM rules_in_use WHERE node IS NOT NULL ORDER BY 1").fetchall()
    order = "ORDER BY file, line_number, table_name, chain, rule_number"
    columns = ", ".join(COLUMNS)
    query = f"SELECT {columns} FROM rules_in_use WHERE node = {{}} {order}"
    return by_node((str(node), services.with_ports(con.sql(query.format(literal(node))).pl())) for (node,) in named)


def _address_book(con: Connection, rules: Mapping[str, RuleSet]) -> AddressBook:
    """What objects, interfaces and rules tell of addresses; a range whose node is not known is still one of pods."""
    known = con.sql("SELECT node, cidr, kind FROM node_addresses WHERE node IS NOT NULL").to_dicts()
    anyones = con.sql("SELECT cidr FROM node_addresses WHERE node IS NULL AND kind = 'pods'").fetchall()
    told = {r for rule_set in rules.values() for r in rule_set.pod_ranges}
    return AddressBook(known, sorted(told | {str(cidr) for (cidr,) in anyones}))


def _misnamed(rules: Mapping[str, RuleSet], services: Services) -> Iterable[Row]:
    """Findings: rules that lead from a Service's address to what is not its chain; of a node, the first."""
    for node, rule_set in sorted(rules.items()):
        for row, message in islice(services.misnamed(rule_set.rows), 1):
            remedy = "dump rules and objects at one moment; or somebody edited these rules"
            line_number = rule_set.columns["line_number"][row]
            file = rule_set.columns["file"][row]
            yield Finding.declared("misnamed-chain", message, remedy, line_number).row(node, file)


def _rule_servers(con: Connection, rules: Mapping[str, RuleSet]) -> None:
    """The table `rule_servers`: sockets that a node's rules take for a service's."""
    import polars as pl

    known = [(node, *frontend) for node, rule_set in sorted(rules.items()) for frontend in rule_set.frontends]
    schema = {"node": pl.String, "protocol": pl.String, "ip": pl.String, "port": pl.Int32}
    con.register("known_servers", pl.DataFrame(known, schema=schema, orient="row"))
    con.execute("CREATE TABLE rule_servers AS SELECT * FROM known_servers")


def _decide(con: Connection, rules: Mapping[str, RuleSet], book: AddressBook) -> Decided:
    """Trace each class of packets that occurs through the rules of its node."""
    import polars as pl

    wanted: dict[str, set[tuple[str, str, int]]] = {node: set() for node in rules}
    sources: dict[str, set[str]] = {node: set() for node in rules}
    owners = [(ip, node) for node in rules for ip in book.own_addresses(node) if book.owner(ip) == node]
    con.register("owners", pl.DataFrame(owners, schema={"ip": pl.String, "node": pl.String}, orient="row"))
    con.execute(
        "CREATE TEMP VIEW met AS SELECT node, src_ip, protocol, dst_ip, dst_port FROM client_sockets "
        "UNION ALL SELECT o.node, s.src_ip, s.protocol, s.dst_ip, s.dst_port FROM client_sockets AS s "
        "JOIN owners AS o ON o.ip = s.dst_ip"  # a node port is translated where its address lives
    )
    for node, *frontend in con.sql("SELECT DISTINCT node, protocol, dst_ip, dst_port FROM met").fetchall():
        if node in rules:
            wanted[str(node)].add((frontend[0], frontend[1], frontend[2]))
    for node, source in con.sql("SELECT DISTINCT node, src_ip FROM met").fetchall():
        if node in rules:
            sources[node].add(source)
    facts = {node: NodeFacts(frozenset(book.own_addresses(node)), tuple(book.pod_ranges(node))) for node in rules}
    return decide(rules, facts, wanted, sources, con.sql("SELECT * FROM service_ports ORDER BY ALL").to_dicts())


def _addresses(con: Connection, book: AddressBook) -> list[Row]:
    """What is known of every address that occurs in packets or decisions."""
    known = con.sql(
        "SELECT src_ip FROM client_sockets UNION SELECT dst_ip FROM client_sockets "
        "UNION SELECT endpoint_ip FROM decisions WHERE endpoint_ip IS NOT NULL ORDER BY ALL"
    )
    return [row for (ip,) in known.fetchall() if (row := book.row(str(ip)))]


def _add_findings(con: Connection, folder: Path, more: Iterable[Row]) -> None:
    """Put what only labelling finds beside the findings of reading; a link to an earlier run's file is cut first."""
    import polars as pl

    sql_models.build(con, ["label_findings"], folder)
    path = folder / "findings" / "labels.parquet"
    path.unlink(missing_ok=True)
    words = dict.fromkeys(("finding", "severity", "node", "file", "message", "remedy"), pl.String)
    con.register("chain_findings", pl.DataFrame(list(more), schema=words | {"line_number": pl.Int64}))
    both = "SELECT * FROM label_findings UNION ALL BY NAME SELECT * FROM chain_findings"
    write_parquet(con, f"SELECT * FROM ({both}) ORDER BY finding, file, message", path)


def _cut(con: Connection, window: Window, folder: Path) -> None:
    """Leave out connections, and their flows, that the window does not ask for."""
    times = [(">=", window.since_us), ("<", window.until_us)]
    in_time = " AND ".join([f"start_us {sign} {us}" for sign, us in times if us is not None]) or "TRUE"
    names = ", ".join(literal(s) for s in window.services)
    served = f"COALESCE(service IN ({names}), FALSE)" if names else "TRUE"
    if (in_time, served) == ("TRUE", "TRUE"):
        return
    if in_time != "TRUE":
        _tell_if_none(con, in_time)
    alone = "FALSE" if names else f"COALESCE({in_time}, TRUE)"
    joined = "connection_id IN (SELECT connection_id FROM connections)"
    _keep(con, folder, "connections", f"COALESCE({in_time}, FALSE) AND {served}")
    _keep(con, folder, "flows", f"CASE WHEN connection_id IS NULL THEN {alone} ELSE {joined} END")


def _tell_if_none(con: Connection, in_time: str) -> None:
    """Warn where no connection starts in the time asked for, and say when they do."""
    counts = f"SELECT COUNT(*), COUNT(CASE WHEN {in_time} THEN 1 END), MIN(start_us), MAX(start_us) FROM connections"
    ((every, kept, first_us, last_us),) = con.sql(counts).fetchall()
    if every and not kept:
        hint = "the captures have no times"
        if first_us is not None:
            hint = f"they start from {fine_moment(first_us)} to {fine_moment(last_us)} UTC"
        warn(f"none of the {count(every, 'connection')} starts in the time that --since and --until ask for", hint=hint)


def _keep(con: Connection, folder: Path, table: str, condition: str) -> None:
    create_table(con, f"kept_{table}", f"SELECT * FROM {table} WHERE {condition}")
    sql_models.store(con, table, f"SELECT * FROM kept_{table}", folder)
    con.execute(f"DROP TABLE kept_{table}")


def _inputs(con: Connection, folder: Path) -> None:
    """A view for every table that labelling does not make by SQL."""
    for table in TABLES.keys() - set(_results()):
        _view(con, folder, table)


def _name_nodes(con: Connection, folder: Path) -> None:
    """Have objects call nodes as captures do; one that may be captured under another name is called NULL."""
    sql_models.build(con, ["node_name_matches"], folder)
    node = "CASE WHEN n.object_node IS NULL THEN t.node ELSE n.node END AS node"
    for table in ("pods", "endpoints", "node_addresses"):
        create_table(con, f"told_{table}", f"SELECT * FROM {table}")
        others = ", ".join(f"t.{c}" for c in TABLES[table].names if c not in ("run", "node"))
        named = f"FROM told_{table} AS t LEFT JOIN node_name_matches AS n ON n.object_node = t.node"
        create_view(con, table, f"SELECT {others}, {node} {named}")


def _results() -> list[str]:
    """The tables that labelling makes by SQL."""
    return [m.name for m in sql_models.all_models().values() if m.stored and m.stage == "label"]


def _write(con: Connection, folder: Path, table: str, rows: Iterable[Row]) -> None:
    write_frames(folder, table, [frame(table, rows)])
    _view(con, folder, table)


def _view(con: Connection, folder: Path, table: str) -> None:
    create_view(con, table, parquet_select(TABLES[table], (folder / table).rglob("*.parquet"), skip=("run",)))
