"""Two dumps of one node: alike they are one; where they differ, nothing that rests on the difference is certain."""

from __future__ import annotations

from pipeline.formats.base import frame
from pipeline.rules import RuleSet
from pipeline.rules.addresses import number
from pipeline.rules.state import Scene
from pipeline.rules.trace import Tracer

HEAD = [("PREROUTING", "-j KUBE-SERVICES")]
WEB = ("KUBE-SERVICES", "-d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A")
API = ("KUBE-SERVICES", "-d 10.200.0.2/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-B")
OLD = [("KUBE-SVC-A", "-j KUBE-SEP-1"), ("KUBE-SEP-1", "-p tcp -m tcp -j DNAT --to-destination 10.100.0.1:80")]
NEW = [("KUBE-SVC-A", "-j KUBE-SEP-2"), ("KUBE-SEP-2", "-p tcp -m tcp -j DNAT --to-destination 10.100.0.2:80")]
ELSE = [("KUBE-SVC-B", "-j KUBE-SEP-3"), ("KUBE-SEP-3", "-p tcp -m tcp -j DNAT --to-destination 10.100.0.3:80")]
POST = [("POSTROUTING", "-j KUBE-POSTROUTING"), ("KUBE-POSTROUTING", "-m mark ! --mark 0x4000/0x4000 -j RETURN")]


def dump(file, rules):
    """Rows of the table `rules`, as one file gives them."""
    counts: dict[str, int] = {}
    for line, (chain, spec) in enumerate([*HEAD, *rules, *POST], start=1):
        counts[chain] = counts.get(chain, 0) + 1
        yield {
            "family": "ip", "table_name": "nat", "chain": chain, "rule_number": counts[chain], "file": file,
            "line_number": line, "text": f"-A {chain} {spec}", "spec": spec,
            "target": spec.split("-j ")[-1].split()[0],
        }  # fmt: skip


def traced(dumps, address):
    rules = RuleSet(frame("rules", [row for d in dumps for row in d]))
    scene = Scene("ip", "tcp", [number("10.100.9.9")], "pod", frozenset({number("10.220.0.4")}))
    (found,) = Tracer(rules, scene).trace(number(address), 80)
    return found


def doubts(found):
    return [why for why in found.uncertain_because if "differs between" in why]


def test_two_dumps_that_say_the_same_are_one():
    before, after = dump("a.txt", [WEB, *OLD]), dump("b.txt", [WEB, *OLD])
    assert doubts(traced([before, after], "10.200.0.1")) == []


def test_a_changed_service_is_uncertain_and_names_both_dumps():
    found = traced([dump("a.txt", [WEB, *OLD]), dump("b.txt", [WEB, *NEW])], "10.200.0.1")
    assert doubts(found) == ["chain KUBE-SVC-A differs between a.txt and b.txt"]
    assert not found.certain


def test_another_service_is_not_touched():
    dumps = [dump("a.txt", [WEB, API, *OLD, *ELSE]), dump("b.txt", [API, *ELSE])]
    assert doubts(traced(dumps, "10.200.0.2")) == []
    dumps = [dump("a.txt", [WEB, API, *OLD, *ELSE]), dump("b.txt", [API, *ELSE])]
    assert doubts(traced(dumps, "10.200.0.1")) == ["chain KUBE-SERVICES differs between a.txt and b.txt"]
