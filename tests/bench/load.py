"""A made-up load test of any size: a capture folder of ten nodes, the same bytes each time.

Connections from outside through node ports (forwarded or local, some to sticky Services), from pods through cluster
addresses, DNS over UDP, IPv6; ports and pod addresses used again; one line in a hundred is not a plain packet.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from tests.labels import synthetic
from tests.labels.synthetic_cluster import BEGIN, Cluster, Node, Pod, Service
from tests.labels.synthetic_objects import ip_addr, write_objects
from tests.labels.synthetic_rules import iptables_save

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

NODES, SERVICES, PODS = 10, 20, 10
STICKY = 2  # of the Services, how many remember their clients
PACKETS_PER_CONNECTION = 28.6  # measured: thirty where it is forwarded, twenty where not, fewer over UDP
FIELDS = [f for f in synthetic.FIELDS if not f.startswith(("ipv6.", "http."))]
_MICROSECONDS_APART = 500


@dataclass(frozen=True, slots=True)
class LargeCluster(Cluster):
    """Ten nodes."""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""
        return tuple(Node(f"node-{i}", f"10.220.1.{i + 4}", f"10.100.{i}.0/24") for i in range(NODES))


def cluster() -> LargeCluster:
    """Twenty Services of ten pods each, spread over the nodes; some pods had a predecessor with the same address."""
    nodes = LargeCluster(()).nodes
    services, gone = [], []
    for s in range(SERVICES):
        homes = [nodes[(s + p) % NODES] for p in range(PODS)]
        pods = tuple(Pod(f"web-{s}-{p}", _pod_ip(n, s), n) for p, n in enumerate(homes))
        sticky = 10800 if s < STICKY else None
        services.append(Service(f"web-{s}", f"10.0.0.{s + 10}", pods, node_port=30000 + s, affinity_s=sticky))
        gone.append(Pod(f"old-{s}", pods[0].ip, pods[0].node, since=-7200, until=-3700))
    return LargeCluster(tuple(services), others=tuple(gone))


def write(folder: Path, packets: int, con: duckdb.DuckDBPyConnection) -> None:
    """Write a capture folder with about so many packets."""
    made = cluster()
    write_objects(folder / "cluster", made)
    con.execute(_LEGS.format(count=int(packets / PACKETS_PER_CONNECTION), begin=BEGIN * 1_000_000))
    for number, node in enumerate(made.nodes):
        home = folder / "nodes" / node.name
        home.mkdir(parents=True)
        (home / "iptables-save.txt").write_text(iptables_save(made, node))
        (home / "ip-addr.json").write_text(ip_addr(node))
        out = f"TO '{home / 'any.tsv'}' (HEADER false, DELIMITER '\x01', QUOTE '', ESCAPE '')"
        con.execute(f"COPY ({_LINES.format(node=number)}) {out}")
    con.execute("DROP TABLE legs")


def _pod_ip(node: Node, service: int) -> str:
    return str(ip_network(node.pods)[11 + service])


_LEGS = f"""
CREATE OR REPLACE TABLE legs AS
WITH drawn AS (
  SELECT
    i, {{begin}} + i * {_MICROSECONDS_APART} AS start_us,
    hash(i || 'k') % 100 AS kind, hash(i || 'n') % {NODES} AS n, hash(i || 's') % {SERVICES} AS any_service,
    hash(i || 'p') % {PODS} AS any_pod, hash(i || 'q') % 4294967296 AS isn, hash(i || 'c') % 200 AS client,
    20000 + (i // 200) % 1500 AS client_port, 1024 + (i * 7) % 64000 AS snat_port
  FROM range({{count}}) AS t(i)
),
kinds AS (
  SELECT
    * REPLACE (CASE WHEN kind < 95 THEN any_service END AS any_service),
    CASE WHEN kind >= 95 THEN 'udp' ELSE 'tcp' END AS protocol, kind < 60 AS outside,
    CASE WHEN any_service < {STICKY} AND kind < 60 THEN hash(client || '@' || n) % {PODS} ELSE any_pod END AS pod,
    COALESCE(any_service, {SERVICES - 1}) AS s
  FROM drawn
),
ends AS (
  SELECT
    *, (s + pod) % {NODES} AS m,
    CASE WHEN outside THEN '203.0.113.' || client ELSE '10.100.' || n || '.' || (100 + client % 100) END AS client_ip,
    CASE WHEN outside THEN '10.220.1.' || (n + 4) ELSE '10.0.0.' || (s + 10) END AS dest_ip,
    CASE WHEN outside THEN 30000 + s ELSE 80 END AS dest_port
  FROM kinds
),
after AS (
  SELECT
    *,
    CASE WHEN NOT outside THEN client_ip WHEN m = n THEN '10.100.' || n || '.1' ELSE dest_ip END AS after_ip,
    CASE WHEN outside THEN snat_port ELSE client_port END AS after_port,
    '10.100.' || m || '.' || (11 + s) AS pod_ip
  FROM ends
)
SELECT
  i * 3 AS stream, i, start_us, protocol, isn, n AS node, CASE WHEN outside THEN 'eth0' ELSE 'cbr0' END AS interface,
  client_ip AS src_ip, client_port AS src_port, dest_ip AS dst_ip, dest_port AS dst_port, 0 AS leg
FROM after
UNION ALL
SELECT
  i * 3 + 1, i, start_us, protocol, isn, n, CASE WHEN m = n THEN 'cbr0' ELSE 'eth0' END,
  after_ip, after_port, pod_ip, 8080, 1
FROM after
UNION ALL
SELECT i * 3 + 2, i, start_us, protocol, isn, m, 'eth0', after_ip, after_port, pod_ip, 8080, 2 FROM after WHERE m <> n
"""

_LINES = f"""
WITH shapes AS (
  SELECT * FROM (VALUES
    (0, TRUE, 2, 0, 0, 0), (1, FALSE, 18, 0, 0, 1), (2, TRUE, 16, 0, 1, 1), (3, TRUE, 24, 80, 1, 1),
    (4, FALSE, 16, 0, 1, 81), (5, FALSE, 24, 600, 1, 81), (6, TRUE, 16, 0, 81, 601), (7, TRUE, 17, 0, 81, 601),
    (8, FALSE, 17, 0, 601, 82), (9, TRUE, 16, 0, 82, 602)
  ) AS s(j, forward, flags, bytes, seq, ack)
),
packets AS (
  SELECT
    l.*, s.*, start_us + leg * 20 + j * 300 AS ts_us, hash(i, j) % 65536 AS ip_id, hash(i, j, leg, 6) % 500 AS dirt,
    CASE WHEN forward THEN isn ELSE (isn * 31 + 7) % 4294967296 END AS own_isn,
    CASE WHEN forward THEN (isn * 31 + 7) % 4294967296 ELSE isn END AS other_isn
  FROM legs AS l
  CROSS JOIN shapes AS s
  WHERE l.node = {{node}} AND (l.protocol = 'tcp' OR s.j < 2)
),
cells AS (
  SELECT
    *,
    CASE WHEN forward THEN src_ip ELSE dst_ip END AS a, CASE WHEN forward THEN dst_ip ELSE src_ip END AS b,
    CASE WHEN forward THEN src_port ELSE dst_port END AS ap, CASE WHEN forward THEN dst_port ELSE src_port END AS bp,
    printf('%d.%06d000', ts_us // 1000000, ts_us % 1000000) || chr(9) || interface || chr(9) || (66 + bytes) AS head
  FROM packets
),
lines AS (
  SELECT ts_us, stream, j, CASE
    WHEN dirt = 0 THEN head || chr(9) || a
    WHEN dirt = 1 THEN head || repeat(chr(9), {len(FIELDS) - 3})
    WHEN dirt = 2 THEN replace(head, '.', ':') || chr(9) || a || chr(9) || b || repeat(chr(9), {len(FIELDS) - 5})
    WHEN dirt = 3 THEN concat_ws(
      chr(9), head, '10.220.1.1,' || a, a || ',' || b, '1,6', '7,' || ip_id, '64,' || (64 - leg), ap, bp, '', '', '',
      (own_isn + seq) % 4294967296, '', '', '', '')
    WHEN protocol = 'tcp' THEN concat_ws(
      chr(9), head, a, b, 6, printf('0x%04x', ip_id), 64 - leg, ap, bp, '', '', printf('0x%04x', flags),
      (own_isn + seq) % 4294967296, CASE WHEN j = 0 THEN 0 ELSE (other_isn + ack) % 4294967296 END, bytes,
      (ts_us - leg * 20) // 1000 % 4294967296, stream)
    WHEN i % 2 = 0 THEN concat_ws(
      chr(9), head, a, b, 17, printf('0x%04x', ip_id), 64 - leg, '', '', ap, bp, '', '', '', '', '', '')
    ELSE concat_ws(chr(9), head, a, b, 17, '0x0000', 64 - leg, '', '', ap, bp, '', '', '', '', '', '')
  END AS line
  FROM cells
)
SELECT '{chr(9).join(FIELDS)}' AS line
UNION ALL
SELECT line FROM (SELECT line FROM lines ORDER BY ts_us, stream, j)
"""


if __name__ == "__main__":
    import sys
    from pathlib import Path

    import duckdb

    write(Path(sys.argv[1]), int(sys.argv[2]), duckdb.connect())
