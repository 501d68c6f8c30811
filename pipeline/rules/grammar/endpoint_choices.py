"""Compiles chains that end in a random choice among endpoints: the tracer follows such a choice as one step.

Example: KUBE-SVC-X has three rules with the probabilities 0.33333333349, 0.5 and none, each with a jump to a KUBE-SEP
chain. It becomes an EndpointChoice of three endpoints with the shares 1/3, (1 - 1/3) * 1/2 = 1/3 and the remaining 1/3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.rules.grammar.endpoint_chains import common_protocols, endpoint_of_dnat
from pipeline.rules.model.branch import WeightedEndpoint
from pipeline.rules.model.matches import ProtocolIs, RandomShare
from pipeline.rules.model.targets import Dnat, Jump, RandomChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.rules.grammar.endpoint_chains import EndpointChain
    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.model.rule import Rule
    from pipeline.rules.model.targets import Target

    ChainByName = Callable[[str], EndpointChain | None]  # the endpoint that the chain of this name translates to

_ROUNDING = 1e-9


@dataclass(slots=True, eq=False)
class EndpointChoice:
    """From the rule at `start` on, a chain only chooses among `endpoints`; `earlier_rules` are those before it.

    This holds for packets of `protocols` (None: any) whose source is not in `excluded_sources`. An endpoint's chain may
    do something else with the excluded ones, mostly the endpoint's own packets: they are followed rule by rule.
    """

    start: int
    earlier_rules: list[Rule] = field(default_factory=list)
    endpoints: list[WeightedEndpoint] = field(default_factory=list)
    excluded_sources: list[Range] = field(default_factory=list)
    protocols: frozenset[str] | None = None

    def covers(self, protocol: str) -> bool:
        """Whether all rules of the choice accept a protocol."""
        return self.protocols is None or protocol in self.protocols

    def add(self, share: float, rule_row: int, chain: EndpointChain) -> None:
        """Add an endpoint and the rule that jumps to its chain."""
        self.endpoints.append(WeightedEndpoint(share, chain.address, chain.port, (rule_row, *chain.rows)))
        self.excluded_sources += chain.excluded_sources


def choice_of_columns(
    rows: Sequence[int], choices: Sequence[tuple[float | None, str]], chain_of: ChainByName
) -> EndpointChoice | None:
    """The choice that a chain in exactly kube-proxy's form ends with; `choices` has each rule's share and target."""
    chains: list[EndpointChain] = []
    for share, target in reversed(choices):
        if share is None or not (chain := chain_of(target)) or (not chains and share < 1):
            break
        chains.append(chain)
    choice, remaining = EndpointChoice(len(rows) - len(chains)), 1.0
    for row, (share, _), chain in zip(rows[choice.start :], choices[choice.start :], reversed(chains), strict=True):
        choice.add(remaining * (share or 0), row, chain)
        remaining *= 1 - (share or 0)
        if not remaining:
            break
    choice.protocols = common_protocols(chain.protocols for chain in chains)
    return choice if chains else None


def choice_of_rules(rules: Sequence[Rule], chain_of: ChainByName) -> EndpointChoice | None:
    """The choice that a chain ends with; None if it has none, or if some packets reach no endpoint."""
    choosing = list[_ChoosingRule]()
    for rule in reversed(rules):
        if (choosing_rule := _parse_rule(rule, chain_of)) is None:
            break
        choosing.append(choosing_rule)
    start, remaining = len(rules) - len(choosing), 1.0
    choice = EndpointChoice(start, list(rules[:start]))
    for choosing_rule in reversed(choosing):
        for part, chain in choosing_rule.chains if choosing_rule.share else ():
            choice.add(remaining * choosing_rule.share * part, choosing_rule.rule.row, chain)
        remaining *= 1 - choosing_rule.share
        if not remaining:
            choice.protocols = common_protocols(names for c in choosing for names in c.protocols)
            return choice
    return None


@dataclass(slots=True)
class _ChoosingRule:
    """A rule that sends a share of all packets to endpoints, each with its part of that share."""

    rule: Rule
    share: float
    protocols: list[frozenset[str] | None]
    chains: list[tuple[float, EndpointChain]]


def _parse_rule(rule: Rule, chain_of: ChainByName) -> _ChoosingRule | None:
    choosing = _ChoosingRule(rule, 1.0, [], [])
    for step in rule.steps:
        if isinstance(step, RandomShare) and choosing.share == 1:
            choosing.share = min(max(step.share, 0.0), 1.0)
        elif isinstance(step, ProtocolIs):
            choosing.protocols.append(step.names)
        else:
            return None
    options = rule.target.options if isinstance(rule.target, RandomChoice) else ((1.0, rule.target),)
    for part, target in options:
        if (chain := _endpoint_chain(target, chain_of)) is None:
            return None
        choosing.chains.append((part, chain))
        choosing.protocols.append(chain.protocols)
    return choosing if abs(sum(part for part, _ in options) - 1) < _ROUNDING else None


def _endpoint_chain(target: Target, chain_of: ChainByName) -> EndpointChain | None:
    if isinstance(target, Jump):
        return chain_of(target.chain)
    return endpoint_of_dnat(target) if isinstance(target, Dnat) else None
