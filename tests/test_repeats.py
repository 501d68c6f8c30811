"""Two exports of the same packets in one node's folder: no packet is counted twice, and no conversation is lost."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import Keep, Limits
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.store.duckdb_engine import connect

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("frame.time_epoch", "frame.interface_name", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ip.proto",
         "tcp.flags", "tcp.seq_raw", "tcp.len")  # fmt: skip
FEW = ("frame.time_epoch", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ip.proto")
CLASSIC = FEW[1:]
CONNECTIONS = 12


def packets() -> list[dict[str, str]]:
    """Twelve connections of four packets, three of them open at any time; the last four use ports again."""
    rows = []
    for c in range(CONNECTIONS):
        client, server = ("10.0.0.1", str(50000 + c % 8)), ("10.0.0.2", "80")
        for n, flags in enumerate((2, 18, 24, 17)):
            (src, sport), (dst, dport) = (client, server) if n % 2 == 0 else (server, client)
            at, seq = 1000 * c + 900 * n, 1000 * c + n + 5 * (n % 2)
            rows.append((at, {
                "frame.time_epoch": f"1700000000.{at:06}000", "frame.interface_name": "eth0", "ip.src": src,
                "tcp.srcport": sport, "ip.dst": dst, "tcp.dstport": dport, "ip.proto": "6", "tcp.flags": str(flags),
                "tcp.seq_raw": str(seq), "tcp.len": str(100 * (n == 2)),
            }))  # fmt: skip
    return [row for _, row in sorted(rows, key=lambda r: r[0])]


PACKETS = packets()


def text(rows: list[dict[str, str]], names: tuple[str, ...]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (names, *([r[n] for n in names] for r in rows)))


def taken(folder: Path, files: dict[str, str], keep: Keep = Keep.ALL) -> tuple[InputTables, Counter, Counter]:
    """The exports as a run reads them: packets of each pair of ports, by `packets` and by `conversations`."""
    home, out = folder / "capture" / "nodes" / "node-a", folder / "out"
    shutil.rmtree(folder, ignore_errors=True)
    home.mkdir(parents=True)
    for name, content in files.items():
        (home / name).write_text(content)
    con = connect(Limits())
    found, capture = InputTables(out, silent=True), Capture(folder / "capture", keep_packets=keep)
    read_capture(con, found, discover(capture), capture)
    ports = "LEAST(src_port, dst_port), GREATEST(src_port, dst_port)"
    by_packets = counted(con, out, "packets", f"{ports}, COUNT(*)")
    lower = "LEAST(lower_port, upper_port), GREATEST(lower_port, upper_port)"
    by_conversations = counted(con, out, "conversations", f"{lower}, SUM(lower_packets + upper_packets)")
    con.close()
    return found, by_packets, by_conversations


def counted(con, out: Path, table: str, columns: str) -> Counter:
    paths = [str(p) for p in (out / table).rglob("*.parquet")]
    rows = con.sql(f"SELECT {columns} FROM read_parquet({paths}) GROUP BY ALL").fetchall() if paths else []
    return Counter({(low, high): int(count) for low, high, count in rows})


def ports(rows: list[dict[str, str]]) -> Counter:
    """Packets by pair of ports."""
    return Counter(tuple(sorted((int(p["tcp.srcport"]), int(p["tcp.dstport"])))) for p in rows)


TRUTH = ports(PACKETS)


@pytest.mark.parametrize("keep", [Keep.ALL, Keep.NONE])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((PACKETS, NAMES), (PACKETS, FEW), id="fewer columns"),
        pytest.param((PACKETS, NAMES), (PACKETS, CLASSIC), id="five columns and no times"),
        pytest.param((PACKETS, NAMES), (PACKETS[2::4], CLASSIC), id="five columns of requests only"),
        pytest.param((PACKETS, CLASSIC), (PACKETS, ("ip.src", "tcp.flags", *CLASSIC[1:])), id="none has times"),
        pytest.param((PACKETS, NAMES), (PACKETS, ("frame.time_epoch", "ip.src", "ip.dst")), id="addresses only"),
    ],
)
def test_an_export_of_less_beside_the_whole_one_changes_nothing(one, other, keep, tmp_path):
    found, by_packets, by_conversations = taken(tmp_path / "x", {"one": text(*one), "other": text(*other)}, keep)
    assert by_conversations == TRUTH
    assert by_packets == (TRUTH if keep is Keep.ALL else Counter())
    assert sorted((c["file"], c["kept_count"]) for c in found.captures) == [
        ("nodes/node-a/one", len(PACKETS) * (one[1] is NAMES)),
        ("nodes/node-a/other", len(PACKETS) * (one[1] is not NAMES)),
    ]
    (told,) = (f for f in found.findings if f["finding"] == "same-packets")
    assert "it has no others" in told["message"]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_two_exports_share_is_counted_once_and_nothing_is_lost(data, tmp_path):
    begin = data.draw(st.integers(0, 30), "where the one ends before")
    end = data.draw(st.integers(begin + 4, len(PACKETS)), "where the other ends")
    some = st.sets(st.sampled_from(("frame.interface_name", "tcp.flags", "tcp.seq_raw", "tcp.len")))
    columns = [(*FEW, *sorted(data.draw(some))) for _ in range(2)]
    parts = [PACKETS[:end], PACKETS[begin:]]
    files = {f"{n}": text(rows, names) for n, rows, names in zip("ab", parts, columns, strict=True)}
    found, by_packets, by_conversations = taken(tmp_path / "x", files)
    assert by_conversations.keys() == TRUTH.keys()
    assert all(count <= TRUTH[k] for k, count in by_conversations.items())
    assert all(count >= min(n for part in parts if (n := ports(part)[k])) for k, count in by_conversations.items())
    assert by_packets == by_conversations
    assert sum(c["kept_count"] for c in found.captures) == by_conversations.total()
    assert [f for f in found.findings if f["finding"] == "same-packets"]


@pytest.mark.parametrize("names", [NAMES, CLASSIC])
def test_rotated_files_with_ports_used_again_are_all_used(names, tmp_path):
    half = len(PACKETS) // 2
    files = {"1": text(PACKETS[:half], names), "2": text(PACKETS[half:], names)}
    found, by_packets, _ = taken(tmp_path / "x", files)
    assert by_packets == TRUTH
    assert not [f for f in found.findings if f["finding"] == "same-packets"]


def test_what_was_left_out_comes_back_when_the_other_export_is_gone(tmp_path):
    from pipeline.config import Window
    from pipeline.run import Job, run_whole
    from pipeline.store.lake import Lake

    home = tmp_path / "capture" / "nodes" / "node-a"
    home.mkdir(parents=True)
    (home / "few").write_text(text(PACKETS, FEW))
    (home / "rich").write_text(text(PACKETS[:30], NAMES))
    lake = Lake(tmp_path / "lake")
    run_whole(Job(Capture(tmp_path / "capture"), lake), Window())
    (home / "rich").unlink()
    run_whole(Job(Capture(tmp_path / "capture"), lake), Window())
    con = connect(Limits())
    assert counted(con, lake.root, "packets", "1, 1, COUNT(*)").total() == len(PACKETS)
