"""The words that enum columns use, in order of precedence, with their meaning."""

from __future__ import annotations

LABELS: dict[str, str] = {
    "affinity-pinned": "Session affinity sent it to the endpoint its client had before, on the same node.",
    "snat-forwarded": "Served on another node than it entered at; the client's address was replaced.",
    "direct": "Served on the node it entered at.",
    "forwarded": "Served on another node than it entered at; the client's address was kept.",
    "pod-to-pod": "A pod's address was dialled directly.",
    "dropped": "The node's rules drop or reject it.",
    "other": "Not a Service's traffic.",
    "unlabelled": "Not decidable from what was captured; `reason` says why.",
}

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
