"""A choice among endpoints that is followed as one step gives what following it rule by rule gives."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.query.trace_command import Packet, answer, read_rules
from pipeline.rules.dumps.ruleset import RuleSet
from pipeline.rules.grammar.endpoint_chains import endpoint_chain

DUMP = """*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
{filter}
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
{post}
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SVC-A ! -s 10.100.0.0/16 -j KUBE-MARK-MASQ
{service}
COMMIT
"""
MASQUERADE = "-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE"
ADDRESSES = ("10.100.0.1", "10.100.0.2", "10.100.7.3", "10.220.1.4")
OWN = st.sampled_from(
    ["-s {a}/32", '-s {a}/32 -m comment --comment "a/b"', "-s 10.100.0.0/30", "! -s {a}/32", "-p tcp", ""]
)
TO = st.sampled_from(
    [
        "-p tcp -m tcp -j DNAT --to-destination {a}:8080",
        '-p tcp -m comment --comment "a/b" -m tcp -j DNAT --to-destination {a}:80',
        "-p tcp -m recent --set --name X --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination {a}:8080",
        "-j DNAT --to-destination {a}:8080",
        "-j DNAT --to-destination {a}",
        "-p udp -m udp -j DNAT --to-destination {a}:80",
        "-p tcp -m tcp -j DNAT --to-destination :0 --persistent",
        "-j RETURN",
        "-m unheard -j DNAT --to-destination {a}:8080",
    ]
)
USUAL = st.just(("-s {a}/32", "-p tcp -m tcp -j DNAT --to-destination {a}:8080"))
ENDS = st.tuples(
    st.sampled_from(ADDRESSES), USUAL | USUAL | st.tuples(OWN, TO), st.sampled_from(["", "-j LOG", "-p tcp -j LOG"])
)
SHARES = st.sampled_from(
    ["-m statistic --mode random --probability 0.5", "", "-p tcp", "-m statistic --mode random --probability 1"]
)
LATER = [f"-A {chain} -d 10.100.0.2/32 -j DROP" for chain in ("FORWARD", "OUTPUT")]
LATER += ["-A FORWARD -d 10.100.0.0/24 -p tcp -m tcp --dport 8080 -j REJECT", "-A FORWARD -m unheard -j DROP"]
POSTS = st.lists(
    st.sampled_from([MASQUERADE, "-A POSTROUTING -d 10.100.0.1/32 -j ACCEPT", "-A POSTROUTING -o eth1 -j MASQUERADE"])
)
SERVICES = st.lists(st.tuples(SHARES, ENDS), min_size=1, max_size=4)
PACKETS = [
    (Packet(source, "tcp", "10.200.0.1", 80), own)
    for source in ("203.0.113.9", "10.100.0.1", "10.100.7.3", "10.220.1.4")
    for own in ((), ("10.220.1.4",))
]


def service(choices):
    """A service's chain and those of its endpoints; the last endpoint takes the rest, or the rest is left over."""
    lines = []
    for i, (share, (address, (own, to), between)) in enumerate(choices):
        lines.append(f"-A KUBE-SVC-A {share if i < len(choices) - 1 else ''} -j KUBE-SEP-{i}".replace("  ", " "))
        lines += [f"-A KUBE-SEP-{i} {own} -j KUBE-MARK-MASQ".replace("  ", " ")] if own else []
        lines += [f"-A KUBE-SEP-{i} {between}"] if between else []
        lines.append(f"-A KUBE-SEP-{i} {to}")
        lines[-2:] = [line.replace("{a}", address) for line in lines[-2:]]
    return "\n".join(lines).replace("{a}", "10.100.0.9")


def told(rules):
    answers = [answer(rules, packet, own, None) for packet, own in PACKETS]
    for a in answers:
        a["endpoints"] = {(e["ip"], e["port"]): e["probability"] for e in a["endpoints"]}
        a["uncertain_because"] = set(a["uncertain_because"])
    return answers, [{s["line_number"] for s in a.pop("steps")} for a in answers]


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    path = tmp_path_factory.mktemp("dump") / "rules.txt"

    def rules(text):
        path.write_text(text)
        return read_rules(path)

    return rules


def test_a_choice_in_one_step_is_the_choice_rule_by_rule(dump, monkeypatch):
    met = Counter()

    @settings(max_examples=60, deadline=None)
    @given(SERVICES, POSTS, st.lists(st.sampled_from(LATER)))
    def hold(choices, posts, later):
        text = DUMP.format(service=service(choices), post="\n".join(posts), filter="\n".join(later))
        rules = dump(text)
        fanned, steps = told(rules)
        met[rules.endpoint_choice("ip", "nat", "KUBE-SVC-A") is not None] += 1
        with monkeypatch.context() as patch:
            patch.setattr(RuleSet, "endpoint_choice", lambda *_: None)
            singly, rows = told(dump(text))
        assert fanned == singly
        assert all(some <= more for some, more in zip(rows, steps, strict=True))  # branches that are alike are joined

    hold()
    assert met[True] > 3 < met[False]


@settings(max_examples=40, deadline=None)
@given(choices=SERVICES)
def test_what_is_read_by_the_column_is_what_the_rules_say(dump, choices):
    rules = dump(DUMP.format(service=service(choices), post="", filter=""))
    for i in range(len(choices)):
        rows = rules._index.rules("ip", "nat", f"KUBE-SEP-{i}")
        if plain := rules._endpoint_rules.chain(rows):
            whole = endpoint_chain(rules.chain("ip", "nat", f"KUBE-SEP-{i}").rules)
            assert (plain.address, plain.port, plain.rows, list(plain.excluded_sources), plain.protocols) == (
                *(whole.address, whole.port, whole.rows, list(whole.excluded_sources), whole.protocols),
            )
