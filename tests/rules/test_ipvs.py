"""IPVS: from a service to its real servers, with shares where the scheduler has fixed ones; the source stays open."""

from __future__ import annotations

import pytest

from pipeline.query.trace_command import Packet, answer, read_rules

SERVERS = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.200.0.1:80 {scheduler}
  -> 10.100.0.1:8080              Masq    {0}      0          0
  -> 10.100.0.2:8080              Masq    {1}      0          0
"""
RULES = """*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -j KUBE-SERVICES
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j MARK --or-mark 0x4000
COMMIT
"""


@pytest.fixture
def ask(tmp_path):
    def trace(scheduler, *weights, rules=""):
        (tmp_path / "ipvs.txt").write_text(SERVERS.format(*weights, scheduler=scheduler))
        (tmp_path / "rules.txt").write_text(rules)
        loaded = read_rules(*(tmp_path / name for name in (("ipvs.txt", "rules.txt") if rules else ("ipvs.txt",))))
        return answer(loaded, Packet("203.0.113.9", "tcp", "10.200.0.1", 80), ["10.220.1.4"], None)

    return trace


@pytest.mark.parametrize(
    ("scheduler", "weights", "shares"),
    [
        ("rr", (1, 1), {"10.100.0.1": 0.5, "10.100.0.2": 0.5}),
        ("rr", (3, 1), {"10.100.0.1": 0.5, "10.100.0.2": 0.5}),  # going round does not look at weights
        ("wrr", (3, 1), {"10.100.0.1": 0.75, "10.100.0.2": 0.25}),
        ("rr", (0, 1), {"10.100.0.2": 1.0}),
        ("wrr", (1, 0), {"10.100.0.1": 1.0}),
        ("wrr", (0, 0), {}),
    ],
)
def test_shares_of_schedulers_that_have_fixed_ones(ask, scheduler, weights, shares):
    given = ask(scheduler, *weights)
    assert {e["ip"]: e["probability"] for e in given["endpoints"]} == pytest.approx(shares)


@pytest.mark.parametrize("scheduler", ["lc", "wlc", "sed", "nq", "sh", "dh", "mh", "lblc", "fo", "ovf"])
def test_other_schedulers_have_candidates_and_no_shares(ask, scheduler):
    given = ask(scheduler, 3, 1)
    assert {e["ip"]: e["probability"] for e in given["endpoints"]} == {"10.100.0.1": None, "10.100.0.2": None}
    assert any(f"scheduler {scheduler} gives no fixed shares" in why for why in given["uncertain_because"])


@pytest.mark.parametrize("rules", ["", RULES])
def test_whether_the_source_is_rewritten_is_never_claimed(ask, rules):
    given = ask("rr", 1, 1, rules=rules)
    assert given["source_nat"] is None
    assert not given["certain"]
    assert any("whether the source is rewritten is not traced" in why for why in given["uncertain_because"])


def test_persistence_is_affinity(ask):
    assert ask("rr persistent 10800", 1, 1)["affinity_s"] == 10800
