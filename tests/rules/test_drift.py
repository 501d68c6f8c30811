"""Drift is what rules do differently, not how they are written."""

from __future__ import annotations

from pipeline.rules.drift import drifts


def row(node, ip, share=1.0, chain="KUBE-SVC-A"):
    return {"node": node, "verdict": "dnat", "chain": chain, "service": "default/web"} | {
        "endpoint_ip": ip,
        "endpoint_port": 80,
        "probability": share,
    }


def test_a_node_with_an_old_endpoint_is_named():
    rows = [row("a", "10.0.0.1"), row("b", "10.0.0.1"), row("c", "10.0.0.9")]
    assert [(d.node, d.only_here, d.missing_here) for d in drifts(rows)] == [("c", ("10.0.0.9:80",), ("10.0.0.1:80",))]


def test_alike_nodes_and_local_chains_are_no_drift():
    assert drifts([row("a", "10.0.0.1"), row("b", "10.0.0.1")]) == []
    assert drifts([row("a", "10.0.0.1", chain="KUBE-SVL-A"), row("b", "10.0.0.2", chain="KUBE-SVL-A")]) == []
