"""Nodes whose rules do different things with one service; the text of the rules may differ as it likes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Endpoints = frozenset[tuple[object, object, object]]  # address, port, share


@dataclass(frozen=True, slots=True)
class Drift:
    """A node that sends a service's connections elsewhere than most nodes do."""

    node: str
    service: str
    chain: str
    only_here: tuple[str, ...]
    missing_here: tuple[str, ...]


def drifts(decisions: Iterable[Mapping[str, object]]) -> list[Drift]:
    """Compare the chains that are the same on every node; those for local endpoints (KUBE-SVL-, local-) are not."""
    found: dict[tuple[str, str], dict[str, set[tuple[object, object, object]]]] = defaultdict(lambda: defaultdict(set))
    for row in decisions:
        chain = str(row["chain"])
        if row["verdict"] == "dnat" and chain.startswith(("KUBE-SVC-", "service-")):
            share = row["endpoint_ip"], row["endpoint_port"], row["probability"]
            found[chain, str(row["service"] or chain)][str(row["node"])].add(share)
    return [drift for (chain, service), nodes in sorted(found.items()) for drift in _differing(chain, service, nodes)]


def _differing(chain: str, service: str, nodes: Mapping[str, set[tuple[object, object, object]]]) -> Iterable[Drift]:
    says = {node: frozenset(endpoints) for node, endpoints in sorted(nodes.items())}
    usual: Endpoints = Counter(says.values()).most_common(1)[0][0]
    for node, endpoints in says.items():
        if endpoints != usual:
            yield Drift(node, service, chain, _places(endpoints - usual), _places(usual - endpoints))


def _places(endpoints: Endpoints) -> tuple[str, ...]:
    return tuple(sorted(f"{ip}:{port}" for ip, port, _ in endpoints))
