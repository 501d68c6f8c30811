"""kube-proxy's own packet-flow expectations, from every form of dump."""

from __future__ import annotations

import json

import pytest

from pipeline.query.trace_command import Packet, trace_files

pytestmark = pytest.mark.shared

FORMS = [
    ("iptables", ["iptables_save"], 246),
    ("iptables", ["iptables_nat_nL", "iptables_filter_nL"], 246),
    ("iptables", ["iptables_nat_nvL_line_numbers", "iptables_filter_nL"], 246),
    ("nftables", ["nft_list_ruleset"], 218),
    ("nftables", ["nft_json"], 218),
]


def expected(case):
    verdict = (case["expected_verdict"] or ("dnat" if case["expected_endpoints"] else "none")).lower()
    return verdict, {e.strip("[]").replace("]:", ":") for e in case["expected_endpoints"]}


def wrong(case, answer):
    """What an answer gets wrong; None where it is right, certain and whole."""
    got = answer["verdict"], {f"{e['ip']}:{e['port']}" for e in answer["endpoints"]}
    if got != expected(case) or not answer["certain"]:
        return case["name"], got, answer["uncertain_because"]
    shares = sum(e["probability"] for e in answer["endpoints"])
    if got[0] == "dnat" and (answer["source_nat"] != case["masq"] or abs(shares - 1) > 1e-6):
        return case["name"], answer["source_nat"], shares
    return None


@pytest.mark.parametrize(("mode", "forms", "count"), FORMS, ids=lambda v: v if isinstance(v, str) else None)
def test_every_case_is_right_and_certain(shared, tmp_path, mode, forms, count):
    seen, failures = 0, []
    for line in (shared / "data/flow-cases" / f"{mode}.jsonl").read_text().splitlines():
        group = json.loads(line)
        dump = tmp_path / "rules.txt"
        dump.write_text("\n".join(group["dumps"][form] for form in forms))
        packets = [Packet(c["source_ip"], c["protocol"] or "tcp", c["dest_ip"], c["dest_port"]) for c in group["cases"]]
        answers = list(trace_files([dump], packets, group["node_ips"]))
        seen += len(answers)
        failures += [w for c, a in zip(group["cases"], answers, strict=True) if (w := wrong(c, a))]
    assert failures == []
    assert seen == count
