"""Every form of tshark output: rows, rejects and findings, and that the forms agree."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import Keep, Limits
from pipeline.formats import recognise
from pipeline.formats.source import Source
from pipeline.formats.tshark.layout import read_layout
from pipeline.formats.tshark.packet_row import is_true
from pipeline.formats.tshark.summary_export import FORMAT as SUMMARY
from pipeline.ingest.capture import Capture, InputFile
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.store.duckdb_engine import connect

SAMPLES = Path(__file__).parent / "samples"
SOCKETS = "src_ip, src_port, dst_ip, dst_port, protocol"
FLOW = f"ts_us, {SOCKETS}, frame_bytes, tcp_flags, tcp_seq, tcp_payload_bytes"
tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark")


@dataclass
class Read:
    """One file, read as a run would read it."""

    capture: dict[str, object]
    findings: list[str]
    packets: list[tuple[object, ...]] = field(default_factory=list)
    rejects: list[tuple[int, str]] = field(default_factory=list)

    @property
    def counts(self) -> tuple[object, object]:
        return self.capture["kept_count"], self.capture["rejected_count"]


def read(path: Path, out: Path, columns: str = SOCKETS, fields: tuple[str, ...] = ()) -> Read:
    source = Source(path, path.name, "node-a")
    con = connect(Limits())
    taken = InputTables(out, silent=True)
    file = InputFile(source, recognise(source.head()), "0" * 64, [])
    read_capture(con, taken, [file], Capture(path, fields, Keep.ALL))
    capture = taken.captures[0]
    found = Read(capture, [str(f["finding"]) for f in taken.findings if f["file"]])
    assert capture["row_count"] == capture["kept_count"] + capture["rejected_count"]
    if files := list(out.glob("packets/*/*.parquet")):
        listed = [str(f) for f in files]
        select = f"SELECT {columns} FROM read_parquet({listed}) ORDER BY line_number"
        found.packets = con.sql(select).fetchall()
        assert len(found.packets) == capture["kept_count"]
    if files := list(out.glob("rejects/*.parquet")):
        listed = [str(f) for f in files]
        found.rejects = con.sql(f"SELECT line_number, reason FROM read_parquet({listed}) ORDER BY 1").fetchall()
    assert len(found.rejects) == capture["rejected_count"]
    return found


@pytest.fixture
def take(tmp_path):
    """Read a sample."""
    return lambda name, columns=SOCKETS, fields=(): read(SAMPLES / name, tmp_path / "out", columns, fields)


@pytest.fixture
def take_text(tmp_path):
    """Read a text."""

    def take_it(text: str, columns: str = SOCKETS, fields: tuple[str, ...] = ()) -> Read:
        path = tmp_path / "export"
        path.write_text(text, newline="")
        return read(path, tmp_path / "out", columns, fields)

    return take_it


# sample: rows kept, rows rejected, findings, columns with anything in them
TABLE = json.loads((Path(__file__).parent / "tshark-samples.json").read_text())


@pytest.mark.parametrize("name", [n for n in TABLE if not n.startswith("pcap/")])
def test_a_sample_has_the_expected_packets_rejects_and_findings(name, take):
    assert summary(take(name, "COLUMNS(*)")) == TABLE[name]


@tshark
@pytest.mark.tshark
@pytest.mark.parametrize("name", [n for n in TABLE if n.startswith("pcap/")])
def test_a_capture_file_has_the_expected_packets_and_findings(name, take):
    assert summary(take(name, "COLUMNS(*)")) == TABLE[name]


def summary(found: Read) -> dict[str, object]:
    filled = sum(any(value is not None for value in column) for column in zip(*found.packets, strict=True))
    kept, rejected = found.counts
    return {"kept": kept, "rejected": rejected, "findings": sorted(set(found.findings)), "filled": filled}


def test_every_sample_is_in_the_table():
    forms = ("pcap", "tshark-")
    assert {p.relative_to(SAMPLES).as_posix() for p in SAMPLES.rglob("*.*") if p.parent.name.startswith(forms)} == set(
        TABLE
    )


NESTED = f"{SOCKETS}, outer_src_ip, outer_protocol, quoted_src_ip, quoted_src_port, quoted_protocol"
ICMP_ERROR = ("10.220.1.5", None, "71.246.222.12", None, "icmp", None, None, "71.246.222.12", 58796, "tcp")
VXLAN = ("10.244.1.3", 33000, "10.244.2.9", 8080, "tcp", "10.220.1.4", "udp", None, None, None)
IP_IN_IP = ("192.168.1.7", 33001, "192.168.2.8", 443, "tcp", "10.220.1.4", "4", None, None, None)


@pytest.mark.parametrize(
    "name",
    [
        "tshark-fields/tunnels-and-icmp-errors.tsv",
        "tshark-fields/quoted.csv",
        "tshark-fields/commas-aggregator-semicolon.csv",
        "tshark-fields/semicolons.csv",
        "tshark-ek/some-fields.ndjson",
        "tshark-json/some-fields.json",
        pytest.param("pcap/crafted.pcap", marks=[tshark, pytest.mark.tshark]),
    ],
)
def test_a_tunnel_packet_is_its_inner_packet_and_an_icmp_error_is_no_packet_of_the_flow_it_quotes(name, take):
    packets = take(name, NESTED).packets
    assert len(packets) == 39
    assert packets[22] == ICMP_ERROR
    assert packets[25:28] == [VXLAN, VXLAN, IP_IN_IP]


@pytest.mark.parametrize("name", ["tshark-ek/some-fields.ndjson", "tshark-json/some-fields.json"])
@tshark
@pytest.mark.tshark
def test_json_exports_have_the_packets_of_their_capture_file(name, take, tmp_path):
    whole = read(SAMPLES / "pcap/crafted.pcap", tmp_path / "pcap", FLOW).packets
    found = take(name, FLOW).packets
    apart = (24, 32)  # VXLAN on a port that was not decoded; SCTP, whose ports are not among the fields
    assert [p for n, p in enumerate(found) if n not in apart] == [p for n, p in enumerate(whole) if n not in apart]


def test_an_export_of_first_occurrences_has_no_invented_flow(take):
    found = take("tshark-fields/occurrence-first.tsv")
    assert ("10.220.1.4", None, "10.220.1.5", None, "udp") in found.packets
    assert not [p for p in found.packets if p[1] in (33000, 33001)]
    assert "occurrence-trap" in found.findings


def test_quoted_ports_in_an_export_of_last_occurrences_are_rejected(take_text):
    names = "ip.src\tip.dst\tip.proto\ttcp.srcport\ttcp.dstport\ttcp.stream\n"
    found = take_text(names + "10.0.0.1\t10.0.0.2\t6\t1000\t80\t0\n10.0.0.2\t10.0.0.3\t6\t1000\t80\t\n")
    assert found.counts == (1, 1)
    assert "quotes" in found.rejects[0][1]


def test_a_header_in_between_applies_to_the_lines_after_it(take):
    found = take("tshark-fields/several-headers.tsv", f"ts_us, {SOCKETS}").packets
    assert len(found) == 10
    assert found[7] == (1700000000001000, "10.0.0.1", 1000, "10.0.0.2", 80, "tcp")
    assert found[8][:3] == (None, "71.246.222.12", 58796)


def test_other_lines_do_not_change_line_numbers(take_text):
    talk = "\n\nCapturing on 'eth0'\n"
    names = "ip.src\ttcp.srcport\tip.dst\ttcp.dstport\tip.proto\n"
    row, tunnel = "10.0.0.1\t1\t10.0.0.2\t80\t6\n", "10.0.0.1,10.0.0.9\t1\t10.0.0.2,10.0.0.8\t80\t17,6\n"
    found = take_text(talk + names + row + "\n" + tunnel + names + "rubbish\n" + row, "line_number, src_ip")
    assert found.packets == [(5, "10.0.0.1"), (7, "10.0.0.9"), (10, "10.0.0.1")]
    assert [line for line, _ in found.rejects] == [9]


@pytest.mark.parametrize("joint", [",", ";", "|", " "])
def test_requests_are_counted_with_any_aggregator(joint, take_text):
    names = "ip.src\ttcp.srcport\tip.proto\thttp.request.method\n"
    found = take_text(f"{names}10.0.0.1\t5\t6\tGET{joint}M-SEARCH\n10.0.0.1\t5\t6\t\n", "request_count")
    assert found.packets == [(2,), (None,)]


def test_two_kinds_of_line_ends_in_one_file_are_read(take_text):
    found = take_text("ip.src\ttcp.srcport\r\n10.0.0.1\t1\r\n10.0.0.2\t2\n10.0.0.3\t3\r\n", "line_number, src_ip")
    assert found.packets == [(2, "10.0.0.1"), (3, "10.0.0.2"), (4, "10.0.0.3")]


@pytest.mark.parametrize(
    ("inner", "outer"),
    [("4", ("10.0.0.1", "fd00::1")), ("41", ("fd00::1", "10.0.0.1"))],
    ids=["4-in-6", "6-in-4"],
)
def test_ipv4_and_ipv6_headers_of_one_packet_are_ordered(inner, outer, take_text):
    names = "ip.src\tip.dst\tipv6.src\tipv6.dst\tip.proto\tipv6.nxt\ttcp.srcport\ttcp.dstport\n"
    numbers = ("6", "4") if inner == "4" else ("41", "6")
    plain = "10.0.0.5\t10.0.0.6\t\t\t6\t\t7\t8\n"
    line = f"10.0.0.1\t10.0.0.2\tfd00::1\tfd00::2\t{numbers[0]}\t{numbers[1]}\t1000\t80\n"
    found = take_text(names + plain + line + plain, f"line_number, {SOCKETS}, outer_src_ip").packets
    assert found[1][:2] == (3, outer[0])
    assert (found[1][2], found[1][5], found[1][6]) == (1000, "tcp", outer[1])
    assert [f[0] for f in found] == [2, 3, 4]


@pytest.mark.parametrize(("text", "truth"), [("1", True), ("True", True), ("0", False), ("False", False), ("", False)])
def test_booleans_of_old_and_new_releases(text, truth):
    assert is_true(text) is truth


def test_relative_sequence_numbers_are_not_used_as_raw_ones(take_text):
    found = take_text("ip.src\ttcp.seq\ttcp.flags.str\n10.0.0.1\t1\t·······A··S·\n", "tcp_seq, tcp_flags")
    assert found.packets == [(None, 18)]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("10.0.0.1\t50001\t10.0.0.2\t80\t6", "ip.src tcp.srcport ip.dst tcp.dstport ip.proto"),
        ("10.0.0.1\t10.0.0.2\t50001\t80", "ip.src ip.dst tcp.srcport tcp.dstport"),
        ("10.0.0.1,10.0.0.2,17,50001,53", "ip.src ip.dst ip.proto udp.srcport udp.dstport"),
        ("1700000000.5;fd00::1;50001;fd00::2;80", "frame.time_epoch ipv6.src tcp.srcport ipv6.dst tcp.dstport"),
        ("10.0.0.1 50001   10.0.0.2 80    6", "ip.src tcp.srcport ip.dst tcp.dstport ip.proto"),
    ],
)
def test_columns_without_names_are_inferred_from_their_content(line, fields):
    assert read_layout(f"{line}\n" * 5).fields == tuple(fields.split())


@pytest.mark.parametrize("line", ["10.0.0.1\t50001\t10.0.0.2\t80\t6\t1460\t52", "10.0.0.1\t50001", "a,b,c,d,e"])
def test_ambiguous_columns_are_not_guessed(line):
    assert read_layout(f"{line}\n" * 5) is None


def test_given_fields_name_the_columns(tmp_path):
    path = tmp_path / "export.tsv"
    path.write_text("6\t10.0.0.1\t10.0.0.2\t50001\t80\t60\n" * 2)
    names = ("ip.proto", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "frame.len")
    layout = read_layout(path.read_text(), names)
    assert (layout.delimiter, layout.fields) == ("\t", names)


# Round trip: packets, written in every form, are the same packets again.
NAMES = ("frame.time_epoch", "frame.len", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.proto", "ipv6.nxt",
         "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "tcp.flags", "tcp.seq_raw", "tcp.len")  # fmt: skip
PORT = st.integers(1, 65535)
US = st.integers(1_500_000_000_000_000, 1_900_000_000_000_000)


@st.composite
def packets(draw):
    """A packet as `packets` holds it: time, sockets, protocol, bytes, flags, sequence number, payload."""
    ips = draw(st.lists(st.ip_addresses(v=draw(st.sampled_from((4, 6)))).map(str), min_size=2, max_size=2))
    ips = [ip if "::ffff:" not in ip else "fd00::1" for ip in ips]
    tcp = (draw(st.integers(0, 255)), draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 1460)))
    is_tcp = draw(st.booleans())
    sockets = (ips[0], draw(PORT), ips[1], draw(PORT), "tcp" if is_tcp else "udp")
    return (draw(US), *sockets, draw(st.integers(60, 9000)), *(tcp if is_tcp else (None, None, None)))


def cells(packet: tuple[object, ...]) -> dict[str, str]:
    """The cells that tshark would fill for a packet."""
    us, src, sport, dst, dport, protocol, size, flags, seq, length = packet
    family, number = ("ipv6", "ipv6.nxt") if ":" in str(src) else ("ip", "ip.proto")
    texts = {f"{family}.src": src, f"{family}.dst": dst, number: 6 if protocol == "tcp" else 17,
            f"{protocol}.srcport": sport, f"{protocol}.dstport": dport, "frame.len": size,
            "frame.time_epoch": f"{us // 1_000_000}.{us % 1_000_000:06}000"}  # fmt: skip
    if protocol == "tcp":
        texts |= {"tcp.flags": f"0x{flags:04x}", "tcp.seq_raw": seq, "tcp.len": length}
    return {name: str(value) for name, value in texts.items()}


def delimited(rows: list[dict[str, str]], separator: str, quote: str = "") -> str:
    lines = [separator.join(f"{quote}{r[n]}{quote}" if n in r else "" for n in NAMES) for r in rows]
    return "\n".join([separator.join(NAMES), *lines]) + "\n"


def ek(rows: list[dict[str, str]]) -> str:
    layers = ({k.replace(".", "_"): [v] for k, v in r.items()} for r in rows)
    return "".join(f'{{"index":{{"_index":"packets-2023-11-14"}}}}\n{json.dumps({"timestamp": "1", "layers": x})}\n'
                   for x in layers)  # fmt: skip


def json_array(rows: list[dict[str, str]]) -> str:
    documents = [{"_index": "packets-2023-11-14", "_source": {"layers": {k: [v] for k, v in r.items()}}} for r in rows]
    return json.dumps(documents, indent=2) + "\n"


WRITERS = {
    "tabs": lambda rows: delimited(rows, "\t").encode(),
    "semicolons": lambda rows: delimited(rows, ";").encode(),
    "bars": lambda rows: delimited(rows, "|").encode(),
    "commas": lambda rows: delimited(rows, ",").encode(),
    "blanks": lambda rows: delimited(rows, " ").encode(),
    "double quotes": lambda rows: delimited(rows, ",", '"').encode(),
    "single quotes": lambda rows: delimited(rows, "\t", "'").encode(),
    "crlf": lambda rows: delimited(rows, "\t").replace("\n", "\r\n").encode(),
    "bom": lambda rows: b"\xef\xbb\xbf" + delimited(rows, "\t").encode(),
    "gzip": lambda rows: gzip.compress(delimited(rows, "\t").encode(), mtime=0),
    "zstd": lambda rows: pa.compress(delimited(rows, "\t").encode(), "zstd", asbytes=True),
    "stderr": lambda rows: b"Capturing on 'eth0'\n" + delimited(rows, "\t").encode() + b"2 packets captured\n",
    "two files": lambda rows: (delimited(rows[:1], "\t") + delimited(rows[1:], "\t")).encode(),
    "ek": lambda rows: ek(rows).encode(),
    "json": lambda rows: json_array(rows).encode(),
}


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expected=st.lists(packets(), min_size=1, max_size=6))
def test_packets_survive_a_round_trip_through_every_form(writer, expected, tmp_path):
    path, out = tmp_path / "export", tmp_path / "out"
    path.write_bytes(WRITERS[writer]([cells(p) for p in expected]))
    shutil.rmtree(out, ignore_errors=True)
    found = read(path, out, FLOW)
    assert found.packets == expected
    assert not found.rejects


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expected=st.lists(packets(), min_size=1, max_size=4), kept=st.floats(0.3, 1))
def test_a_text_cut_anywhere_has_no_changed_packet(writer, expected, kept, tmp_path):
    path, out = tmp_path / "export", tmp_path / "out"
    whole = WRITERS[writer]([cells(p) for p in expected])
    path.write_bytes(whole[: int(kept * len(whole))])
    shutil.rmtree(out, ignore_errors=True)
    if recognise(Source(path, path.name).head()):
        found = read(path, out, FLOW)
        assert found.packets == expected[: len(found.packets)]


@pytest.mark.parametrize(
    ("names", "row", "packets"),
    [
        ("ip.src tcp.srcport ip.dst tcp.dstport ip.proto", "10.0.0.1 50001 10.0.0.2 8080 6", 2),
        ("ip.proto ip.src tcp.srcport ip.dst tcp.dstport", "6 10.0.0.1 50001 10.0.0.2 8080", 1),
        ("ip.proto ip.src tcp.srcport ip.dst tcp.dstport", '"6" "10.0.0.1" "50001" "10.0.0.2" "8080"', 2),
    ],
    ids=["a last cell to spare", "a last cell that matters", "a last cell in quotes"],
)
def test_an_unterminated_last_line_is_read_if_its_last_cell_is_optional(names, row, packets, take_text):
    found = take_text("\n".join((names, row, row)).replace(" ", "\t"))
    assert found.packets == [("10.0.0.1", 50001, "10.0.0.2", 8080, "tcp")] * packets
    assert [reason for _, reason in found.rejects] == [
        "the last line has no end and may be cut short in its tcp.dstport"
    ] * (2 - packets)


@tshark
@pytest.mark.tshark
@pytest.mark.shared
def test_capture_files_have_the_packets_of_their_exports(shared, tmp_path):
    lab = shared / "data" / "lab" / "single-pod"
    columns = f"{FLOW}, interface, tcp_ack, tcp_tsval, tcp_stream, ip_id, ip_ttl"
    for path in sorted((lab / "pcap").glob("*.pcapng")):
        node = path.name.split(".")[0]
        exported = read(lab / "run" / "nodes" / node / "eth0.tsv.gz", tmp_path / node / "run", columns)
        captured = read(path, tmp_path / node / "pcap", columns)
        assert captured.counts == exported.counts
        pairs = zip(captured.packets, exported.packets, strict=True)
        assert all(c == e for c, e in pairs if c[1] is None or ":" not in str(c[1]))  # the export has no IPv6 fields


def test_without_tshark_a_capture_file_has_a_remedy(take, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = take("pcap/crafted.pcap")
    assert found.findings == ["unreadable-file"]
    assert found.counts == (0, 0)


@pytest.mark.parametrize(("printed", "flags"), [("SYN", 2), ("SYN, ACK", 18), ("FIN, PSH, ACK", 25)])
def test_flags_in_the_info_column_are_numbers(printed, flags, tmp_path):
    assert summary_flags(printed, tmp_path) == str(flags)


@pytest.mark.parametrize("printed", ["FINACK", "SYN, ", "SYN,ACK", ", ACK", ""])
def test_flags_in_another_notation_are_none(printed, tmp_path):
    assert summary_flags(printed, tmp_path) is None


def summary_flags(printed: str, folder: Path) -> str | None:
    """What the packet of a line with these flags has for tcp.flags."""
    path = folder / "default.txt"
    path.write_text(f"    1   0.000000 10.0.0.1 → 10.0.0.2 TCP 54 58796 → 80 [{printed}] Seq=0 Win=8192 Len=0\n")
    (_, row), *_ = SUMMARY.lines(Source(path, path.name))
    return row.get("tcp.flags")
