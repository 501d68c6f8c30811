"""ICMP errors go to the flow that they speak of: in the tables, in the story of a connection, among the findings."""

from __future__ import annotations

import pytest

from pipeline.config import Keep, Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.explain import explain
from pipeline.query.explain_text import render_text
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.database import Row, built, called

S = 1_000_000
NAMES = (
    "frame.time_epoch",
    "frame.interface_name",
    "frame.len",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "ip.proto",
)
NAMES += ("ipv6.nxt", "udp.srcport", "udp.dstport", "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code")
ASKED = {"frame.time_epoch": "1790000000.1", "udp.srcport": "40000", "udp.dstport": "53", "frame.len": "80"}
FOUR = ASKED | {"ip.src": "10.9.0.1", "ip.dst": "10.9.0.2", "ip.proto": "17"}
SIX = ASKED | {"ipv6.src": "fd00::1", "ipv6.dst": "fd00::2", "ipv6.nxt": "17"}
LATER = {"frame.time_epoch": "1790000000.2"}
FOUR_ERROR = FOUR | LATER | {
    "ip.src": "10.9.0.9,10.9.0.1", "ip.dst": "10.9.0.1,10.9.0.2", "ip.proto": "1,17", "icmp.type": "3",
    "icmp.code": "3",
}  # fmt: skip
SIX_ERROR = SIX | LATER | {
    "ipv6.src": "fd00::9,fd00::1", "ipv6.dst": "fd00::1,fd00::2", "ipv6.nxt": "58,17", "icmpv6.type": "2",
    "icmpv6.code": "0",
}  # fmt: skip
UNTOLD = FOUR_ERROR | {"icmp.type": "", "icmp.code": ""}


def ran(folder, *packets, keep=Keep.SLIM):
    export = folder / "capture" / "nodes" / "node-a" / "eth0.tsv"
    export.parent.mkdir(parents=True)
    rows = [NAMES, *([p.get(n, "") for n in NAMES] for p in packets)]
    export.write_text("".join("\t".join(row) + "\n" for row in rows))
    lake = Lake(folder / "lake")
    return open_lake(lake, Limits(), run_whole(Job(Capture(folder / "capture", keep_packets=keep), lake), Window()).run)


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        ((FOUR, FOUR_ERROR), (1, "port unreachable")),
        ((SIX, SIX_ERROR, SIX_ERROR), (2, "packet too big")),
        ((FOUR, FOUR_ERROR, FOUR_ERROR | {"icmp.code": "13"}), (2, "port unreachable, prohibited")),
        ((FOUR, UNTOLD), (1, "unknown")),
        ((FOUR, FOUR_ERROR | {"udp.srcport": "40001"}), (0, None)),
        (
            (FOUR, FOUR_ERROR | {"frame.interface_name": "x"}, FOUR_ERROR | {"frame.interface_name": "y"}),
            (1, "port unreachable"),
        ),
    ],
    ids=["v4", "v6", "two kinds", "no type exported", "another flow's", "seen on two interfaces"],
)
def test_errors_are_counted_at_their_flow(packets, expected, tmp_path):
    con = ran(tmp_path, *packets, keep=Keep.NONE)
    assert con.sql("SELECT icmp_error_count, icmp_errors FROM flows").fetchall() == [expected]


def test_they_are_told(tmp_path):
    con = ran(tmp_path, FOUR, FOUR_ERROR)
    [(one,)] = con.sql("SELECT connection_id FROM connections").fetchall()
    assert "1 ICMP errors: port unreachable" in render_text(explain(con, one))
    [(message,)] = con.sql("SELECT message FROM findings WHERE finding = 'icmp-errors'").fetchall()
    assert message == ("1 ICMP errors were captured (port unreachable), e.g. from 10.9.0.9 about 10.9.0.1 -> 10.9.0.2")


def error(line: int, second: int, **more: object) -> Row:
    return {
        "node": "a", "capture_id": "f", "first_line": line, "protocol": "tcp", "src_ip": "c", "src_port": 5,
        "dst_ip": "s", "dst_port": 80, "last_us": second * S, "error": "port unreachable", "packet_count": 1,
    } | more  # fmt: skip


def attached(*errors: Row) -> dict[object, object]:
    """Errors of two connections from one socket, which began at second 10 and 20."""
    flow = {
        "node": "a",
        "interface": "eth0",
        "protocol": "tcp",
        "src_ip": "c",
        "src_port": 5,
        "dst_ip": "s",
        "dst_port": 80,
    }
    flows = [flow | {"flow_number": i, "start_us": second * S} for i, second in (("x", 10), ("y", 20))]
    return {
        r["flow_number"]: r["icmp_error_count"]
        for r in built("flow_icmp_errors", {"icmp_errors": errors} | called(flows))
    }


def test_of_ports_used_again_the_last_that_had_begun():
    assert attached(error(1, 11), error(2, 21), error(3, 22)) == {"x": 1, "y": 2}
    assert attached(error(1, 9)) == attached(error(1, 11, node="b")) == {}


def test_what_the_server_is_told_counts_too():
    assert attached(error(1, 11, src_ip="s", src_port=80, dst_ip="c", dst_port=5)) == {"x": 1}
