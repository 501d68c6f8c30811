"""What nodes remember of clients: the kernel's lists, and the sets of nftables."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.formats import all_formats
from pipeline.formats.base import Source

SAMPLES = Path(__file__).parent / "samples"
LIST = "affinity-NWBZK7IH-demo/hostnames/tcp/__10.0.1.{}/9376"


@pytest.mark.parametrize("name", ["nft-list/remembered-clients.txt", "nft-json/remembered-clients.json"])
def test_live_elements_of_affinity_sets_are_remembered_clients(name):
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
