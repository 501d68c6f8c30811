"""The values of enum columns, with their meaning; evidence in order of precedence."""

from __future__ import annotations

EVIDENCE: dict[str, str] = {
    "conntrack": "A conntrack entry names both sides of the NAT.",
    "stitched": "The same packets were captured before and after NAT, matched exactly by fingerprint.",
    "rules": "The node's rules allow only this outcome.",
    "addresses": "The source and destination addresses alone decide it.",
    "absence": "No leg to another node was captured, although the captures would show one.",
    "time": "Legs are matched by time; no other match fits the rules.",
    "assumed": "A private source outside the pod range is assumed to be a node.",
    "unknown": "Nothing decides.",
}

REASONS: dict[str, str] = {
    "uncertain-rules": "The node's rules are incomplete or hold a match that cannot be evaluated; see uncertain_because in `decisions`.",
    "no-rules": "There is no rule dump of the ingress node.",
    "rules-drifted": "The rule dump is older or newer than the traffic: connections reached endpoints that it lacks, were answered although it rejects them, the Service lists other endpoints, or the dump sends to another node what the Service keeps on its own.",
    "ambiguous-endpoint": "The rules allow endpoints on this node and on others, and nothing else decides.",
    "witnesses-disagree": "conntrack or xt_recent contradicts the packets, or a leg cannot be on the node where it was captured; see `findings`.",
    "ambiguous-pod": "Two pods have the endpoint's address at that time.",
    "endpoint-node-unknown": "The endpoint's node is unknown; add pods, EndpointSlices or `ip -j addr`.",
    "source-nat-unknown": "It is unknown whether the connection was SNATed.",
    "capture-incomplete": "A node that may have received the connection was not captured.",
    "capture-may-exclude-forward-leg": "The captures show no leg to another node on that port at all, so a capture filter may exclude such legs.",
    "capture-lossy": "No leg to another node was captured, but the captures lost so many packets that they may have lost it.",
    "leg-not-joined": "An unmatched leg to an endpoint was captured at that time; it may belong to this connection.",
    "affinity-unknown": "The endpoint of the client's previous connection is unknown, so it is unknown whether affinity held.",
    "affinity-hidden": "The Service has session affinity and SNAT hides the client, so it is unknown whether affinity held.",
    "capture-began-later": "The capture began while connections were open, so the client may have had a previous connection.",
    "capture-start": "The client's first captured connection; the capture began less than the affinity timeout before it, so an earlier connection may exist.",
    "ingress-leg-not-captured": "Only the leg to the endpoint was captured; the original destination and the ingress node are unknown.",
    "node-originated": "The source is the endpoint's own node: the node itself or a client behind its SNAT; both look the same.",
    "source-is-no-known-node": "Its private source is assumed to be a node that no input names; a list of nodes would prove it.",
    "endpoint-gone": "The endpoint of the client's previous connection was removed from the rules, the Service's endpoints or the pods.",
    "list-overflow": "An xt_recent list holds 100 clients per endpoint, and 100 other clients followed.",
    "unexplained": "The captures do not show why the client was sent to another endpoint.",
    "settings-differ": "The rules and the Service object differ in session affinity or its timeout.",
    "other-node": "The client's previous connection had another ingress node, which keeps its own list.",
}

EVENTS: dict[str, str] = {
    "first-chosen": "The node's rules began to choose the pod: before, it got no connection although 20 or more were expected.",
    "last-chosen": "The node's rules stopped choosing the pod: after, it got no connection although 20 or more were expected.",
    "pod-began": "The pod started, according to its object.",
    "pod-ended": "The pod ended or was to end, according to its object.",
    "endpoint-gone": "A client returned, and its previous endpoint had been removed.",
    "rules-dumped": "A dump of the node's rules was taken.",
}

DOUBTS: dict[str, str] = {
    "no-certain-rules": "The rules of most connections are missing or uncertain: add the rule dumps of their ingress nodes.",
    "rules-drifted": "Connections reached pods that the rules lack, so the rules changed during the run or the dump is of another time.",
    "no-choice": "There was nothing to choose: one node received every connection, and its rules have one pod.",
    "lost-connections": "The pod of too many connections is unknown; they could make the load balanced or unbalanced.",
}

PARTS: dict[str, str] = {
    "nodes": "Nodes received unequal numbers of connections: the load balancer's hash, or the location of the clients.",
    "rules": "Nodes did not spread the connections by their own rules.",
    "clients": "Session affinity or the load balancer keeps a client's connections together, and clients are few or unequal.",
    "chance": "The remainder, which chance alone explains.",
}
