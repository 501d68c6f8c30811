"""The clients that session affinity pins: xt_recent lists of iptables, and affinity sets of nftables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline.formats import all_formats
from pipeline.formats.source import Source

SAMPLES = Path(__file__).parent / "samples"
LIST = "affinity-NWBZK7IH-demo/hostnames/tcp/__10.0.1.{}/9376"


@pytest.mark.parametrize("name", ["nft-list/affinity-sets.txt", "nft-json/affinity-sets.json"])
def test_live_elements_of_affinity_sets_are_rows(name):
    form = next(f for f in all_formats() if f.name == name.partition("/")[0])
    rows = form.parse(Source(SAMPLES / name, name)).tables["recent_clients"].to_dicts()
    assert [(r["list_name"], r["ip"], r["expires_s"]) for r in rows] == [
        (LIST.format(2), None, None),
        (LIST.format(2), "71.246.1.2", 3 * 3600 - 1),
        (LIST.format(2), "71.246.1.3", 26 * 3600 - 1),
        (LIST.format(2), "71.246.1.4", 3599),
        (LIST.format(2), "71.246.1.5", 0),
        (LIST.format(3), None, None),
    ]


def test_other_sets_and_rules_are_no_clients():
    form = next(f for f in all_formats() if f.name == "nft-list")
    parsed = form.parse(Source(SAMPLES / "nft-list" / "iptables-nft.txt", "x"))
    assert "recent_clients" not in parsed.tables


@pytest.mark.parametrize(
    ("command", "titles"),
    [
        ("tail -n +1 proc/net/xt_recent/*", True),
        ("head -v -n 99 proc/net/xt_recent/*", True),
        ("cd proc/net/xt_recent && tail -n +1 *", True),
        ("cd proc/net/xt_recent && more * | cat", True),
        ("grep -r . proc/net/xt_recent | sort", False),
        ("cd proc/net/xt_recent && grep . *", False),
    ],
)
def test_xt_recent_lists_are_read_from_the_output_of_any_tool(command, titles, tmp_path):
    folder = tmp_path / "proc" / "net" / "xt_recent"
    folder.mkdir(parents=True)
    line = "src=10.0.0.{} ttl: 63 last_seen: 4295351894 oldest_pkt: 1 4295351894\n"
    for name, text in (("A", line.format(1) + line.format(2)), ("B", line.format(3)), ("C", "")):
        (folder / f"KUBE-SEP-{name * 16}").write_text(text)
    shown = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "shown").write_text(shown)
    form = next(f for f in all_formats() if f.name == "xt_recent")
    assert form.recognise(shown) == 95
    parsed = form.parse(Source(tmp_path / "shown", "shown"))
    rows = parsed.tables["recent_clients"].to_dicts()
    assert parsed.rejects == []
    assert [(r["list_name"][-1], r["ip"]) for r in rows if r["ip"]] == [
        ("A", "10.0.0.1"),
        ("A", "10.0.0.2"),
        ("B", "10.0.0.3"),
    ]
    assert [r["list_name"][-1] for r in rows if not r["ip"]] == (["A", "B", "C"] if titles else [])
