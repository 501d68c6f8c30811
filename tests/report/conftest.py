from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from pipeline.schema import TABLES
from pipeline.schema.frames import frame as frame_of
from pipeline.statistics.verdicts import judge
from pipeline.store import sql_models
from tests.labels.database import RULE_SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Rows = list[dict[str, object]]

NASTY = 'shop/</script><script>alert("x")</script><b>%{y}&amp;'
START_US = 1_790_000_000_000_000
NODES = ("pool-a-000000", "pool-a-000001", "pool-a-000002")
PODS = tuple(f"default/testapp-6f7947bc4b-{s}" for s in ("x7427", "b60a8", "qq2mk", "zz9pl"))


def database(tables: dict[str, Rows]) -> duckdb.DuckDBPyConnection:
    """A database with every table of the schema, filled with `tables`, and the distribution tables built over them."""
    con = duckdb.connect()
    distributions = [name for name in TABLES if name.startswith("distribution_")]
    made = ["address_owners", "verdicts", "expected_shares", "skew_parts"]
    for name, table in TABLES.items():
        if name not in distributions + made:
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
            rows = [[{"run": "peak-2", **row}.get(c) for c in table.names] for row in tables.get(name, [])]
            if rows:
                frame = pl.DataFrame(rows, table.names, orient="row", infer_schema_length=None)
                con.register("given_rows", frame).execute(f"INSERT INTO {name} FROM given_rows")
    con.execute(f"CREATE TABLE rule_servers ({RULE_SERVERS})")
    every = sql_models.all_models()
    con.execute("ALTER TABLE conversations DROP COLUMN run")  # while models are built, no table has it
    for one in (
        *sql_models.in_order(["address_owners", "handshake_loss"]),
        every["clock_corrections"],
        every["connection_starts"],
    ):
        run = "'peak-2' AS run, " * (one.name in TABLES)
        con.execute(f"CREATE TABLE {one.name} AS SELECT {run}m.* FROM ({one.sql}) AS m")
    con.execute("ALTER TABLE conversations ADD COLUMN run VARCHAR DEFAULT 'peak-2'")
    for model in sql_models.in_order(distributions):
        if model.name in distributions:
            con.execute(f"CREATE TABLE {model.name} AS SELECT 'peak-2' AS run, m.* FROM ({model.sql}) AS m")
    for name, rows in judge(con).items():
        made = frame_of(name, [dict.fromkeys(TABLES[name].names), *({"run": "peak-2", **row} for row in rows)])[1:]
        con.register("made_rows", made).execute(f"CREATE TABLE {name} AS FROM made_rows")
    return con


def connection(number: int, **known: object) -> dict[str, object]:
    return {
        "connection_id": f"c0ffee00-{number}",
        "protocol": "tcp",
        "hop": "unknown",
        "affinity": "none",
        "label": "unlabelled",
        "evidence": "unknown",
        "start_us": START_US + number * 17_000,
        "end_us": START_US + number * 17_000 + 900_000,
        "packet_count": 9,
        "byte_count": 1234,
        "request_count": 1,
        "flow_count": 2,
    } | known


def plain_connections() -> Rows:
    """600 connections to one service: ingress nodes 3:2:1, the pod by turns, forwarded where it lies elsewhere."""
    rows = []
    for n in range(600):
        ingress = NODES[(0, 0, 0, 1, 1, 2)[n % 6]]
        place = n % 7 % len(PODS)
        pod_node = NODES[place % 3]
        away = pod_node != ingress
        rows.append(
            connection(
                n,
                service="default/testapp",
                ingress_node=ingress,
                trace_id=f"t{NODES.index(ingress)}",
                client_ip=f"203.0.113.{n % 40}",
                dest_ip="10.0.37.15",
                pod=PODS[place],
                pod_ip=f"10.100.{place % 3}.{place + 4}",
                pod_port=8080,
                pod_node=pod_node,
                snat_ip=f"10.220.1.{4 + NODES.index(ingress)}",
                hop="forwarded" if away else "local",
                source_nat=True,
                label="snat-forwarded" if away else "direct",
                evidence="stitched" if away else "rules",
            )
        )
    return rows


def odd_connections() -> Rows:
    """A sticky service with a hostile name, an assumed node, what is nobody's, and what could not be labelled."""
    sticky: dict[str, object] = {"service": NASTY, "ingress_node": NODES[1], "pod": NASTY + "-0", "pod_node": NODES[2]}
    sticky |= {"hop": "forwarded", "pod_ip": "10.100.2.9", "pod_port": 80}
    rows = [
        connection(
            1000 + n,
            **sticky,
            client_ip=f"203.0.113.{n % 3}",
            source_nat=False,
            affinity="pinned",
            label="affinity-pinned",
            evidence="rules",
        )
        for n in range(12)
    ]
    rows += [
        connection(1100 + n, **sticky, source_nat=False, affinity="first", label="forwarded", evidence="rules")
        for n in range(3)
    ]
    assumed = {"service": "default/testapp", "snat_ip": "10.220.1.4", "pod": PODS[0], "pod_node": NODES[0]}
    rows += [
        connection(1200 + n, **assumed, hop="forwarded", source_nat=True, label="snat-forwarded", evidence="assumed")
        for n in range(4)
    ]
    rows += [connection(1300 + n, hop="none", label="other", evidence="addresses") for n in range(40)]
    rows += [connection(1400 + n, reason="no-rules") for n in range(31)]
    rows += [connection(1500 + n, service=NASTY, ingress_node=NODES[0], reason="ambiguous-endpoint") for n in range(5)]
    return rows


def captures() -> Rows:
    rows: Rows = [
        {
            "capture_id": f"0000000{n}",
            "node": node,
            "file": f"nodes/{node}/eth0.tsv.gz",
            "kind": "packets",
            "format": "tshark-fields",
            "row_count": 41_000,
            "kept_count": 41_000 - n,
            "rejected_count": n,
            "first_us": START_US,
            "last_us": START_US + 30_000_000,
            "file_bytes": 2_345_678,
            "sha256": f"{n:064x}",
        }
        for n, node in enumerate(NODES)
    ]
    rules: dict[str, object] = {"kind": "rules", "format": "iptables-save", "row_count": 90, "kept_count": 90}
    rules |= {"rejected_count": 0, "taken_us": START_US + 5_000_000, "taken_in_utc": True}
    rows.append({"capture_id": "0000000a", "node": NODES[0], "file": f"nodes/{NODES[0]}/rules.txt", **rules})
    return rows


def decisions() -> Rows:
    target = {"protocol": "tcp", "dst_port": 80, "service": "default/testapp", "service_port": 80, "verdict": "dnat"}
    return [
        {
            **target,
            "node": node,
            "trace_id": f"t{n}",
            "dst_ip": "10.0.37.15",
            "source_class": 0,
            "source": "any",
            "chain": "KUBE-SVC-K4VUERBNKSOP4S25",
            "endpoint_ip": f"10.100.{place % 3}.{place + 4}",
            "endpoint_port": 8080,
            "probability": 0.25,
            "source_nat": True,
            "certain": n != 2,
            "uncertain_because": "chain KUBE-FW-K4VUERBNKSOP4S25 is not in the dump" if n == 2 else None,
        }
        for n, node in enumerate(NODES)
        for place in range(4)
    ]


def usual_tables() -> dict[str, Rows]:
    lost = {"capture_id": "00000002", "file": f"nodes/{NODES[2]}/eth0.tsv.gz", "reason": "too few cells: 5 of 18"}
    return {
        "captures": captures(),
        "connections": plain_connections() + odd_connections(),
        "decisions": decisions(),
        "rule_drifts": [
            {
                "node": NODES[2],
                "service": "default/testapp",
                "chain": "KUBE-SVC-K4VUERBNKSOP4S25",
                "difference": "missing-here",
                "kind": "endpoint",
                "value": "10.100.0.7:8080",
            }
        ],
        "rejects": [
            {**lost, "line_number": 7, "text": "<img src=x onerror=alert(1)>\t10.0.0.1"},
            {**lost, "line_number": 9, "text": None},
        ],
        "findings": [
            {
                "finding": "no-rules",
                "severity": "warning",
                "node": NODES[1],
                "message": "no rule dump of this node was given",
                "remedy": "run iptables-save on it and put the output beside its captures",
            }
        ],
        "clock_offsets": [
            {
                "node": NODES[0],
                "other_node": NODES[1],
                "offset_us": -1_300_002,
                "spread_us": 40,
                "round_trip_us": 9,
                "sample_count": 349,
            }
        ],
    }


@pytest.fixture(scope="package")
def usual() -> Iterator[duckdb.DuckDBPyConnection]:
    with database(usual_tables()) as con:
        yield con


@pytest.fixture(scope="package")
def bare() -> Iterator[duckdb.DuckDBPyConnection]:
    """A run of which nothing is known."""
    with database({}) as con:
        yield con
