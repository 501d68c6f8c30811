"""What is wrong with a capture as a whole: seen across its files, once all are read."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from pipeline.engines.duckdb import literal
from pipeline.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.engines.duckdb import Connection
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_TUNNEL_PORTS = {8472: "vxlan", 4789: "vxlan", 6081: "geneve"}
_SAMPLE = 500


def gaps(captures: Iterable[Row], cluster_nodes: Collection[str]) -> Iterator[Row]:
    """Nodes of which something is missing: rules, or packets."""
    nodes: dict[str, set[str]] = defaultdict(set)
    for c in captures:
        if c["node"] and c["kept_count"]:
            nodes[str(c["node"])].add(str(c["kind"]))
    if not any("packets" in kinds for kinds in nodes.values()):
        return
    for node, kinds in sorted(nodes.items()):
        if "rules" not in kinds and "packets" in kinds:
            remedy = f"run `iptables-save` (or `nft list ruleset`) on {node} and put the output in nodes/{node}/"
            yield _finding("no-rules", "warning", node, f"node {node} has packets but no rules", remedy)
    for node in sorted({*cluster_nodes, *(n for n, kinds in nodes.items() if "rules" in kinds)}):
        if "packets" not in nodes.get(node, ()):
            message = f"node {node} has no capture; connections that end there are seen on their way only"
            yield _finding("no-capture", "warning", node, message, "capture on all nodes at the same time")


def tunnels(con: Connection, conversations: Path, source: Source) -> Iterator[Row]:
    """Packets of a tunnel that tshark did not look into."""
    if not conversations.exists():
        return
    ports = ", ".join(map(str, _TUNNEL_PORTS))
    counted = con.sql(
        f"""WITH sent AS (
          SELECT upper_port AS port, lower_packets AS packets FROM read_parquet({literal(str(conversations))})
          WHERE protocol = 'udp' AND upper_port IN ({ports})
          UNION ALL
          SELECT lower_port, upper_packets FROM read_parquet({literal(str(conversations))})
          WHERE protocol = 'udp' AND lower_port IN ({ports})
        )
        SELECT port, CAST(SUM(packets) AS BIGINT) FROM sent GROUP BY port HAVING SUM(packets) > 0 ORDER BY port"""
    ).fetchall()
    for port, count in counted:
        message = f"{count} packets to UDP port {port} are a tunnel that was not decoded; what is inside is not seen"
        remedy = f"export with -d udp.port=={port},{_TUNNEL_PORTS[port]} -E occurrence=a"
        yield _finding("tunnel-not-decoded", "warning", source.node, message, remedy) | {"file": source.name}


def repeated(con: Connection, folder: Path, captures: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Exports whose packets a richer export of the same node has as well, and the finding that says so."""
    by_node: dict[object, list[Row]] = defaultdict(list)
    for c in captures:
        if c.get("first_us") is not None and files(folder, "conversations", c["capture_id"]):
            by_node[c["node"]].append(c)
    for together in by_node.values():
        gone: set[object] = set()
        for one, two in combinations(together, 2):
            if not gone & {one["capture_id"], two["capture_id"]} and _same(con, folder, one, two):
                poorer, richer = sorted((one, two), key=lambda c: _richness(con, folder, c))
                gone.add(poorer["capture_id"])
                rows = poorer["row_count"]
                message = f"has the same packets as {richer['file']}, which tells more; its {rows} rows are not used"
                finding = _finding("same-packets", "warning", str(poorer["node"]), message, "keep one of the two files")
                yield poorer, finding | {"file": poorer["file"]}


def files(folder: Path, table: str, capture_id: object) -> list[Path]:
    """The Parquet files that one export gave to a table."""
    return sorted((folder / table).glob(f"*/{capture_id}*.parquet"))


def _same(con: Connection, folder: Path, one: Row, two: Row) -> bool:
    """Whether most of the first conversations that both should have begin in both at the same microsecond."""
    begin = max(int(str(c["first_us"])) for c in (one, two))
    end = min(int(str(c["last_us"])) for c in (one, two))
    if begin > end:
        return False
    small, large = sorted((one, two), key=lambda c: int(str(c["kept_count"])))
    found, sample = con.sql(
        f"""WITH firsts AS (
          SELECT start_us, lower_ip, upper_ip, interface FROM {_conversations(folder, small)}
          WHERE start_us BETWEEN {begin} AND {end} ORDER BY first_line LIMIT {_SAMPLE}
        )
        SELECT count(*) FILTER (WHERE EXISTS (
          SELECT 1 FROM {_conversations(folder, large)} AS l
          WHERE l.start_us = firsts.start_us AND l.lower_ip = firsts.lower_ip AND l.upper_ip = firsts.upper_ip
            AND COALESCE(l.interface = firsts.interface, TRUE)
        )), count(*) FROM firsts"""
    ).fetchall()[0]
    return bool(sample) and found * 2 > sample


def _richness(con: Connection, folder: Path, capture: Row) -> tuple[int, int, str]:
    """How much an export tells: columns with anything in them, then packets."""
    filled = ", ".join(f"count({c.name}) > 0" for c in TABLES["conversations"].file_columns)
    row = con.sql(f"SELECT {filled} FROM {_conversations(folder, capture)}").fetchall()[0]
    return sum(map(bool, row)), int(str(capture["kept_count"])), str(capture["file"])


def _conversations(folder: Path, capture: Row) -> str:
    (path,) = files(folder, "conversations", capture["capture_id"])
    return f"read_parquet({literal(str(path))})"


def _finding(name: str, severity: str, node: str | None, message: str, remedy: str) -> Row:
    texts = {"finding": name, "severity": severity, "message": message, "remedy": remedy}
    return {**texts, "node": node, "file": None, "line_number": None}
