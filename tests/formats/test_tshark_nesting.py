"""Several headers in one packet, exported by the installed tshark: no export has a flow that the capture lacks."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import lacking
from tests.formats.test_tshark import SAMPLES, SOCKETS, read

if TYPE_CHECKING:
    from pathlib import Path

CAPTURE = SAMPLES / "pcap" / "crafted.pcap"
PORTS = ["tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport"]
CLASSIC = ["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ip.proto"]
TOLD = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.proto", "ipv6.nxt", *PORTS]
TUNNELS = {4789, 6081, 8472}

pytestmark = pytest.mark.tshark


def export(folder: Path, fields: list[str], *options: str) -> Path:
    """The crafted capture, exported by the real tshark."""
    if not shutil.which("tshark"):
        lacking("no tshark")
    path = folder / "export.tsv"
    each = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(CAPTURE), *options, "-T", "fields", "-E", "header=y", *each]
    path.write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)
    return path


def flows(packets: list[tuple[object, ...]]) -> set[tuple[object, ...]]:
    """Sockets of packets that have two whole ones, and are no tunnel's own."""
    return {p for p in packets if None not in p[:4] and not TUNNELS & {p[1], p[3]}}


@pytest.fixture
def truth(tmp_path) -> set[tuple[object, ...]]:
    """Every flow that is in the capture."""
    decoded = export(tmp_path, [*TOLD, "frame.protocols"], "-d", "udp.port==8472,vxlan", "-E", "occurrence=a")
    return flows(read(decoded, tmp_path / "truth", SOCKETS).packets)


@pytest.mark.parametrize(
    ("fields", "occurrence", "findings", "rejects"),
    [
        pytest.param(CLASSIC, "a", set(), 0, id="classic-a"),
        pytest.param(CLASSIC, "f", {"occurrence-trap"}, 0, id="classic-f"),
        pytest.param(TOLD, "f", {"occurrence-trap", "tunnel-not-decoded"}, 0, id="all-f"),
        pytest.param([*TOLD, "frame.protocols"], "l", {"tunnel-not-decoded"}, 3, id="protocols-l"),
        pytest.param([*CLASSIC, "tcp.seq_raw"], "l", set(), 1, id="sequence-numbers-l"),
        pytest.param([*CLASSIC, "tcp.len"], "l", set(), 1, id="lengths-l"),
        pytest.param([*CLASSIC[:4], "frame.protocols"], "f", set(), 6, id="protocols-instead-of-numbers-f"),
        pytest.param(CLASSIC[:4], "a", {"no-protocols"}, 6, id="no-protocols-a"),
    ],
)
def test_an_export_has_no_flow_that_its_capture_lacks(fields, occurrence, findings, rejects, truth, tmp_path):
    found = read(export(tmp_path, fields, "-E", f"occurrence={occurrence}"), tmp_path / "out", SOCKETS)
    known = truth if "ip.proto" in fields or "frame.protocols" in fields else {(*t[:4], "tcp") for t in truth}
    assert flows(found.packets) <= known
    assert set(found.findings) == findings
    assert found.counts == (39 - rejects, rejects)


def test_an_undecoded_tunnel_is_a_finding_and_its_remedy_shows_the_inner_packets(tmp_path):
    before = read(export(tmp_path, TOLD), tmp_path / "before", f"{SOCKETS}, outer_src_ip")
    assert "tunnel-not-decoded" in before.findings
    after = read(export(tmp_path, TOLD, "-d", "udp.port==8472,vxlan"), tmp_path / "after", f"{SOCKETS}, outer_src_ip")
    assert "tunnel-not-decoded" not in after.findings
    assert after.packets[24][5] == before.packets[24][0]
    assert after.packets[24][:5] != before.packets[24][:5]


def test_pipelined_requests_are_counted(tmp_path):
    fields = [*TOLD, "http.request.method"]
    found = read(export(tmp_path, fields), tmp_path / "out", "request_count").packets
    assert sorted(count for (count,) in found if count) == [1, 1, 1, 2]
