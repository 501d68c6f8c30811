"""Decisions of a whole cluster: the packaged sample's three nodes."""

from __future__ import annotations

import json
from collections import defaultdict

import polars as pl
import pytest

from pipeline.formats.rule_dumps.iptables_save import FORMAT
from pipeline.formats.source import Source
from pipeline.labelling.decisions import decide
from pipeline.query.trace_command import read_rules
from pipeline.rules import NodeFacts, RuleSet
from pipeline.schema import TABLES

CLIENT = "203.0.113.9"
STRANGER = "198.18.0.1"


@pytest.fixture(scope="module")
def cluster(root):
    rules, facts = {}, {}
    for folder in sorted((root / "samples/single-pod/nodes").iterdir()):
        rows = FORMAT.parse(Source(folder / "iptables-save.txt", "iptables-save.txt")).tables["rules"]
        rules[folder.name] = RuleSet(rows.with_columns(file=pl.lit("save")))
        shown = json.loads((folder / "ip-addr.json").read_text())
        facts[folder.name] = NodeFacts(frozenset(a["local"] for i in shown for a in i.get("addr_info", [])))
    return rules, facts


@pytest.fixture(scope="module")
def decided(cluster):
    rules, facts = cluster
    wanted = {node: {("tcp", "20.185.96.169", 80), ("tcp", "9.9.9.9", 80)} for node in rules}
    sources = {node: {CLIENT, STRANGER, "10.100.0.11", "10.220.1.4"} for node in rules}
    services = [
        {"service": "default/testapp", "protocol": "tcp", "kind": "cluster-ip", "ip": "10.200.170.118", "port": 80}
        | {"service_port": 80, "port_name": None}
    ]
    return decide(rules, facts, wanted, sources, services)


def test_the_load_balancer_address_leads_to_the_one_pod_with_source_nat(decided):
    classes = {(r["node"], r["src_ip"]): r["source_class"] for r in decided.source_classes}
    rows = [
        r
        for r in decided.decisions
        if r["dst_ip"] == "20.185.96.169" and r["source_class"] == classes[r["node"], STRANGER]
    ]
    assert len(rows) == 3
    for row in rows:
        assert (row["endpoint_ip"], row["endpoint_port"], row["probability"]) == ("10.100.0.11", 80, 1.0)
        assert row["source_nat"] is True
        assert row["certain"] is True
        assert row["service"] == "default/testapp"


def test_rows_have_the_schema_and_their_key(decided):
    for name in ("decisions", "trace_steps", "source_classes"):
        table, rows = TABLES[name], getattr(decided, name)
        rows = pl.concat(rows).to_dicts() if name == "trace_steps" else rows
        assert rows
        assert all(set(r) == set(table.names) - {"run"} for r in rows)
        keys = [tuple(r[k] for k in table.key if k != "run") for r in rows]
        assert len(keys) == len(set(keys))


def test_shares_of_a_decision_sum_to_one_and_its_steps_are_there(decided):
    sums = defaultdict(float)
    for r in decided.decisions:
        if r["verdict"] == "dnat":
            sums[r["node"], r["protocol"], r["dst_ip"], r["dst_port"], r["source_class"]] += r["probability"]
    assert all(abs(total - 1) < 1e-6 for total in sums.values())
    assert {r["trace_id"] for r in decided.decisions} == set(pl.concat(decided.trace_steps)["trace_id"])


def test_a_destination_that_no_rule_knows_gives_no_row(decided):
    assert not any(r["dst_ip"] == "9.9.9.9" for r in decided.decisions)


def test_the_pod_range_is_seen_in_the_rules(cluster):
    rules, _ = cluster
    assert {cidr for rule_set in rules.values() for cidr in rule_set.pod_ranges} == {"10.100.0.0/16"}


def test_classes_exist_without_any_source_and_do_not_depend_on_the_order(cluster, decided):
    rules, facts = cluster
    nobody = decide(rules, facts, {}, {})
    assert {r["source"] for r in nobody.decisions} == {"any other address"}
    assert {r["source_class"] for r in nobody.decisions} == {0}
    again = decide(rules, facts, {}, {})
    assert (again.decisions, again.source_classes) == (nobody.decisions, nobody.source_classes)
    assert pl.concat(again.trace_steps).equals(pl.concat(nobody.trace_steps))


def test_one_services_frontends_are_found_from_its_endpoint(cluster):
    rules, _ = cluster
    for rule_set in rules.values():
        found = rule_set.frontends_of({("10.100.0.11", 80)})
        assert ("tcp", "20.185.96.169", 80) in found
        assert found <= set(rule_set.frontends)


def test_a_rule_with_a_source_and_a_range_of_sources_tells_all_of_them_apart(tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
        "-A PREROUTING -s 203.0.113.0/24 -d 10.200.0.1/32 -p tcp -m tcp --dport 80 -m iprange "
        "--src-range 203.0.113.8-203.0.114.9 -j DNAT --to-destination 10.100.0.1:80\nCOMMIT\n"
    )
    rules = read_rules(path)
    sources = ("203.0.113.7", "203.0.113.8", "203.0.114.9", "203.0.114.10")
    found = decide({"a": rules}, {}, {"a": {("tcp", "10.200.0.1", 80)}}, {"a": set(sources)})
    classes = {r["src_ip"]: r["source_class"] for r in found.source_classes}
    translated = {r["source_class"] for r in found.decisions if r["verdict"] == "dnat"}
    assert [classes[source] in translated for source in sources] == [False, True, False, False]
