"""Rules of Azure's load balancer: how it distributes clients over nodes, and the findings together with affinity."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.formats.azure_lb import FORMAT
from pipeline.formats.source import Source
from tests.labels.database import built

SAMPLES = Path(__file__).parent / "samples" / "azure-lb"
UIDS = "7d1f6a2e-0c5b-4a53-9d6e-2f6f3b1c9a01", "0b8ad5c1-77aa-4c1e-8a55-90f1f2aa7c02"
NO_LOSS = {"capture_id": "x", "due_count": 1, "missing_count": 0}


@pytest.mark.parametrize("name", ["rule-list.json", "balancers-list.json"])
def test_listed_rules_equal_those_inside_load_balancers(name):
    rules = FORMAT.parse(Source(SAMPLES / name, name)).tables["load_balancer_rules"].to_dicts()
    assert [(r["protocol"], r["port"], r["backend_port"], r["floating_ip"], r["distribution"]) for r in rules] == [
        ("tcp", 80, 80, True, "Default"),
        ("tcp", 443, 443, True, "Default"),
        ("udp", 53, 30053, False, "SourceIP"),
    ]


@pytest.mark.parametrize(
    ("affinities", "expected"),
    [
        (("None", "ClientIP"), {("clients-to-one-node", "default/b")}),
        (("ClientIP", "ClientIP"), {("clients-to-one-node", "default/b"), ("clients-to-any-node", "default/a")}),
    ],
)
def test_a_balancers_distribution_is_a_finding_at_its_service(affinities, expected):
    rules = FORMAT.parse(Source(SAMPLES / "rule-list.json", "x")).tables["load_balancer_rules"].to_dicts()
    services = [
        {"service": name, "uid": uid, "session_affinity": a}
        for name, uid, a in zip(("default/a", "default/b"), UIDS, affinities, strict=True)
    ]
    given = {"load_balancer_rules": rules, "services": services, "clock_offsets": [], "capture_losses": [NO_LOSS]}
    rows = built("capture_findings", given)
    assert {
        (r["finding"], name) for r in rows for name in ("default/a", "default/b") if name in r["message"]
    } == expected
