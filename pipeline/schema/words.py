"""The words that enum columns use, with their meaning; evidence in order of precedence."""

from __future__ import annotations

EVIDENCE: dict[str, str] = {
    "conntrack": "A conntrack dump says so.",
    "stitched": "Seen before and after translation, joined exactly.",
    "rules": "The node's rules allow only this outcome.",
    "addresses": "Source and destination alone tell.",
    "absence": "No leg to another node was captured where one would have been.",
    "time": "Legs joined by time, unique within what the rules permit.",
    "assumed": "A private source outside the pod range, taken for a node.",
    "unknown": "Nothing tells.",
}

REASONS: dict[str, str] = {
    "uncertain-rules": "The node's rules are not whole or hold a match that cannot be judged; see uncertain_because in `decisions`.",
    "no-rules": "There is no rule dump of the node it entered at.",
    "rules-drifted": "The rule dump is older or newer than the traffic: connections reached endpoints that it does not have, were answered where it rejects them, the Service lists other endpoints, or the dump sends to another node what the Service keeps on its own.",
    "ambiguous-endpoint": "The rules allow endpoints on this node and on others, and nothing else decides.",
    "witnesses-disagree": "Connection tracking, or a list of remembered clients, tells otherwise than the packets, or a leg cannot be where it was seen; see `findings`.",
    "ambiguous-pod": "Two pods claim the endpoint's address at that time.",
    "endpoint-node-unknown": "It is not known on which node the endpoint lives; pods, EndpointSlices or `ip -j addr` would tell.",
    "source-nat-unknown": "Whether the client's address was replaced is not known.",
    "capture-incomplete": "A node that could have received it was not captured.",
    "capture-may-exclude-forward-leg": "A leg to another node may be missing because the captures show none to that port at all.",
    "capture-lossy": "No leg to another node was captured, but the captures lost so many packets that they may have lost just that.",
    "leg-not-joined": "A leg to an endpoint was seen at that time that joins to nothing; it may be this connection's.",
    "affinity-unknown": "Where its client's connection before went is not known, so whether it was pinned is not either.",
    "affinity-hidden": "Its service remembers clients, and its client is hidden: whether it was pinned is not known.",
    "capture-began-later": "The capture began while connections were under way: its client may have been there before.",
    "capture-start": "Its client's first connection seen; the capture began less than the affinity's time before, so one may have been.",
    "ingress-leg-not-captured": "Only the leg to the endpoint was seen; who was dialled, and through which node, is not known.",
    "node-originated": "It comes from the endpoint's own node: by that node itself, or a client it hides; the two look the same.",
    "source-is-no-known-node": "Its private source is taken for a node that no input names; a list of nodes would prove it.",
    "endpoint-gone": "The endpoint its client had before was gone: from the rules, the Service's endpoints or the pods.",
    "list-overflow": "The node remembers 100 clients an endpoint, and 100 others had come to it since.",
    "unexplained": "Nothing that was captured tells why its client was sent to another endpoint.",
    "settings-differ": "The rules and the Service's object do not agree on whether, or how long, clients are remembered.",
    "other-node": "The same client was seen before on another node, which keeps a list of its own.",
}

EVENTS: dict[str, str] = {
    "first-chosen": "The node's rules began to choose the pod: before, it got none where twenty or more were due.",
    "last-chosen": "The node's rules ceased to choose the pod: after, it got none where twenty or more were due.",
    "pod-began": "The pod's object says that it started.",
    "pod-ended": "The pod's object says that it ended, or was to end.",
    "endpoint-gone": "A client came back, and the endpoint it had before was gone.",
    "rules-dumped": "A dump of the node's rules was taken.",
}

DOUBTS: dict[str, str] = {
    "no-certain-rules": "For most of its connections no rules are known for certain: give the rule dumps of the nodes where they entered.",
    "rules-drifted": "Connections reached pods that the rules do not have, so the rules changed during the run or the dump is not of its time.",
    "no-choice": "Nobody had a choice: one node received everything, and its rules name one pod.",
    "lost-connections": "Where too many connections went is not known; they could make it even, or uneven.",
}

PARTS: dict[str, str] = {
    "nodes": "Nodes did not receive alike: the load balancer's hash, or where the clients sit.",
    "rules": "Nodes did not spread what they received as their own rules say.",
    "clients": "Affinity or the load balancer keeps a client's connections together, and clients are few or of unequal weight.",
    "chance": "What remains; runs that are fair differ by as much.",
}
