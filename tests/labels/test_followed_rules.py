"""Of several views of a node's rules, those that show less and nothing else are not followed."""

from __future__ import annotations

import pytest

from tests.labels.database import built

FORMATS = {"s": "iptables-save", "l": "iptables-list", "n": "nft-list", "i": "ipvsadm"}


def followed(**dumps: str) -> set[str]:
    """Which dumps are followed of one node; a dump is the chains it shows, by the first letter of its form."""
    captures = [{"capture_id": name, "format": FORMATS[name[0]]} for name in dumps]
    rules = [
        {"node": "a", "family": "ip", "table_name": "nat", "capture_id": name, "line_number": 1, "rule_number": 1}
        | {"chain": chain, "text": "x"}
        for name, chains in dumps.items()
        for chain in chains.split()
    ]
    return {r["capture_id"] for r in built("rules_in_use", {"captures": captures, "rules": rules})}


@pytest.mark.parametrize(
    ("dumps", "expected"),
    [
        ({"s": "A B", "l": "A"}, {"s"}),
        ({"s": "A B", "n": "B A"}, {"s"}),
        ({"s": "A B", "n": "A C"}, {"s", "n"}),
        ({"l": "A", "n": "A"}, {"l", "n"}),
        ({"s": "A", "s2": "A B", "l": "A B"}, {"s", "s2"}),
        ({"s": "A", "i": "A"}, {"s", "i"}),
    ],
)
def test_a_view_that_adds_no_chain_to_iptables_save_is_left_out(dumps, expected):
    assert followed(**dumps) == expected
