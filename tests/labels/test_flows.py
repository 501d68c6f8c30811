"""Flows from packets: small captures, each named by its quirk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

SYN, SYNACK, ACK, PUSH, FIN, RST = 2, 18, 16, 24, 17, 4
HEAD = (
    "frame.time_epoch frame.interface_name frame.len ip.src ip.dst ip.proto tcp.srcport tcp.dstport udp.srcport "
    "udp.dstport sctp.srcport sctp.dstport tcp.flags tcp.seq_raw tcp.ack_raw tcp.len tcp.stream"
)
C, S = ("10.9.0.1", 40000), ("10.9.0.2", 80)
Packet = tuple[object, ...]


def tcp(at: float, flags: int, seq: int, *, back: bool = False, length: int = 0, interface: str = "eth0") -> Packet:
    (a, ap), (b, bp) = (S, C) if back else (C, S)
    return (
        f"{1_790_000_000 + at:.6f}",
        interface,
        66 + length,
        a,
        b,
        6,
        ap,
        bp,
        "",
        "",
        "",
        "",
        f"0x{flags:04x}",
        seq,
        1,
        length,
    )


def other(at: float, proto: int, *, back: bool = False) -> Packet:
    (a, ap), (b, bp) = (S, C) if back else (C, S)
    ports = {17: ("", "", ap, bp, "", ""), 132: ("", "", "", "", ap, bp)}[proto]
    return (f"{1_790_000_000 + at:.6f}", "eth0", 90, a, b, proto, *ports, "", "", "", "")


HANDSHAKE = [
    tcp(0, SYN, 100),
    tcp(0.001, SYNACK, 500, back=True),
    tcp(0.002, ACK, 101),
    tcp(0.003, PUSH, 101, length=10),
]
CAPTURES: dict[str, tuple[list[Packet], list[tuple[object, ...]]]] = {
    "one request": (HANDSHAKE, [(40000, 3, 1, 1)]),
    "the SYN was sent three times": (
        [tcp(-3, SYN, 100), tcp(-1, SYN, 100), *HANDSHAKE],
        [(40000, 5, 1, 3)],
    ),
    "refused": ([tcp(0, SYN, 100), tcp(0.001, RST, 0, back=True)], [(40000, 1, 1, 1)]),
    "only the way back was seen": (
        [tcp(0.001, SYNACK, 500, back=True), tcp(0.1, PUSH, 501, back=True, length=9)],
        [(40000, 0, 2, 0)],
    ),
    "begun before the capture": ([tcp(0, PUSH, 7, length=5), tcp(0.1, ACK, 8, back=True)], [(40000, 1, 1, 0)]),
    "the port is used again": (
        [*HANDSHAKE, tcp(0.5, FIN, 111), tcp(1, SYN, 9000), tcp(1.001, SYNACK, 700, back=True), tcp(1.002, ACK, 9001)],
        [(40000, 4, 1, 1), (40000, 2, 1, 1)],
    ),
    "UDP, asked and answered": ([other(0, 17), other(0.001, 17, back=True)], [(40000, 1, 1, None)]),
    "UDP, again within two minutes": (
        [other(0, 17), other(0.1, 17, back=True), other(119, 17), other(119.1, 17, back=True)],
        [(40000, 2, 2, None)],
    ),
    "UDP, again after two minutes": (
        [other(0, 17), other(0.1, 17, back=True), other(120.2, 17), other(120.3, 17, back=True)],
        [(40000, 1, 1, None), (40000, 1, 1, None)],
    ),
    "UDP, a packet every minute": ([other(60.0 * n, 17) for n in range(6)], [(40000, 6, 0, None)]),
    "SCTP": ([other(0, 132), other(0.1, 132, back=True), other(0.2, 132)], [(40000, 2, 1, None)]),
}


def flows(capture: Path, lake: Path, columns: str) -> list[tuple[object, ...]]:
    run = run_whole(Job(Capture(capture), Lake(lake), "flows"), Window()).run
    return (
        open_lake(Lake(lake), Limits(), run).sql(f"SELECT {columns} FROM flows ORDER BY start_us, interface").fetchall()
    )


def export(folder: Path, packets: list[Packet], *, streams: bool) -> Path:
    """A capture folder with one export; tshark's stream numbers are a column of it, or not."""
    path = folder / "capture" / "nodes" / "node-a" / "any.tsv"
    path.parent.mkdir(parents=True)
    names, syns, lines = HEAD.split(), {}, []
    for packet in sorted(packets):
        if packet[5] == 6 and packet[12] == "0x0002":
            syns.setdefault(packet[13], None)
        cells = (*packet, max(len(syns) - 1, 0) if packet[5] == 6 else "")
        lines.append("\t".join(map(str, cells if streams else cells[:-1])))
    path.write_text("\n".join(["\t".join(names if streams else names[:-1]), *lines]) + "\n")
    return folder / "capture"


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_gives_its_flows(name, streams, tmp_path):
    packets, expected = CAPTURES[name]
    columns = "src_port, packet_count, reply_packet_count, syn_count"
    assert flows(export(tmp_path, packets, streams=streams), tmp_path / "lake", columns) == expected


def test_packets_seen_on_two_interfaces_are_one_connection(tmp_path):
    twice = [*HANDSHAKE, *((*p[:1], "cbr0", *p[2:]) for p in HANDSHAKE)]
    capture = export(tmp_path, twice, streams=True)
    found = flows(capture, tmp_path / "lake", "interface, packet_count, connection_id")
    assert [(interface, count) for interface, count, _ in found] == [("cbr0", 3), ("eth0", 3)]
    assert len({c for *_, c in found}) == 1


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize(("interface", "count"), [("any", 3), ("", 3), ("eth0", 6)])
def test_an_export_of_all_interfaces_that_names_none_shows_each_packet_at_each(interface, count, streams, tmp_path):
    capture = export(tmp_path, [(*p[:1], interface, *p[2:]) for p in HANDSHAKE], streams=streams)
    path = capture / "nodes" / "node-a" / "any.tsv"
    head, *lines = path.read_text().splitlines()
    numbered = [f"{line}\t0x{number:04x}" for number, line in enumerate(lines, 1)]
    path.write_text("\n".join([f"{head}\tip.id", *(line for line in numbered for _ in range(2))]) + "\n")
    found = flows(capture, tmp_path / "lake", "packet_count, reply_packet_count, syn_count")
    assert found == [(count, count // 3, count // 3)]
