"""Findings about a capture as a whole: nodes without rules or packets, and tunnels that tshark did not decode."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.schema.findings import Finding
from pipeline.store.duckdb_engine import literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from pipeline.schema import Row
    from pipeline.store.duckdb_engine import Connection

_TUNNEL_PORTS = {8472: "vxlan", 4789: "vxlan", 6081: "geneve"}


def gaps(captures: Iterable[Row], cluster_nodes: Collection[str]) -> Iterator[Row]:
    """Yield a finding for each node that has packets but no rules, or no packets."""
    nodes: dict[str, set[str]] = defaultdict(set)
    for c in captures:
        if c["node"] and c["kept_count"]:
            nodes[str(c["node"])].add(str(c["kind"]))
    if not any("packets" in kinds for kinds in nodes.values()):
        return
    for node, kinds in sorted(nodes.items()):
        if "rules" not in kinds and "packets" in kinds:
            remedy = f"run `iptables-save` (or `nft list ruleset`) on {node} and put the output in nodes/{node}/"
            yield Finding.declared("no-rules", f"node {node} has packets but no rules", remedy).row(node)
    for node in sorted({*cluster_nodes, *(n for n, kinds in nodes.items() if "rules" in kinds)}):
        if "packets" not in nodes.get(node, ()):
            message = f"node {node} has no capture; connections to its pods are seen only on other nodes"
            yield Finding.declared("no-capture", message, "capture on all nodes at the same time").row(node)


def tunnels(con: Connection, conversations: Path) -> Iterator[Finding]:
    """Yield a finding for each kind of tunnel in an export whose inner packets tshark did not decode."""
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
        message = f"{count} packets to UDP port {port} are a tunnel that was not decoded; its inner packets are hidden"
        remedy = f"export with -d udp.port=={port},{_TUNNEL_PORTS[port]} -E occurrence=a"
        yield Finding.declared("tunnel-not-decoded", message, remedy)
