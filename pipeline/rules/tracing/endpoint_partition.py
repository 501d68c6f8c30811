"""Splits branches at a choice among endpoints: the endpoints that later rules treat equally stay in one branch.

Example: a service has 1,000 endpoints, and the only later rule with a destination drops packets to one of them. The
choice makes two branches: one for that endpoint (share 1/1000), and one for the other 999.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.tracing.branches import EndedBranch

if TYPE_CHECKING:
    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.grammar.endpoint_choices import EndpointChoice
    from pipeline.rules.model.branch import Branch, WeightedEndpoint
    from pipeline.rules.model.context import TraceContext


class EndpointPartition:
    """Splits branches of one trace context at endpoint choices."""

    def __init__(self, rules: RuleSet, context: TraceContext) -> None:
        """Each choice is partitioned once, by the fields that later rules test; the groups are cached."""
        self._fields = rules.post_nat_fields(context.family)
        self._context = context
        self._sources = frozenset(context.sources)
        self._cache: dict[EndpointChoice, tuple[int, list[list[WeightedEndpoint]]]] = {}

    def group_key(self, dst: int, port: int) -> object:
        """Equal for destinations that later rules treat equally."""
        return self._fields.group_key(dst, port, self._context.protocol), self._context.is_local(dst)

    def choose(self, choice: EndpointChoice, branches: list[Branch], ended: list[EndedBranch]) -> list[Branch]:
        """Translate the branches and add them to `ended`; return those that must follow the chain rule by rule."""
        if not choice.covers(self._context.protocol):
            return branches
        if choice not in self._cache:
            self._cache[choice] = self._excluded(choice), self._groups(choice)
        excluded, groups = self._cache[choice]
        for branch in branches:
            if covered := branch.only(~excluded) if excluded else branch:
                ended += [_translate(covered, endpoints) for endpoints in groups]
        return [part for branch in branches if (part := branch.only(excluded))] if excluded else []

    def _excluded(self, choice: EndpointChoice) -> int:
        """The bit set of the sources that the choice does not cover."""
        single = {first for first, last in choice.excluded_sources if first == last}
        if len(single) == len(choice.excluded_sources) and single.isdisjoint(self._sources):
            return 0
        return self._context.sources_in(choice.excluded_sources)

    def _groups(self, choice: EndpointChoice) -> list[list[WeightedEndpoint]]:
        groups: dict[object, list[WeightedEndpoint]] = {}
        for endpoint in choice.endpoints:
            groups.setdefault(self.group_key(endpoint.address, endpoint.port), []).append(endpoint)
        return list(groups.values())


def _translate(branch: Branch, endpoints: list[WeightedEndpoint]) -> EndedBranch:
    translated = branch.copy()
    translated.translated, translated.endpoints = True, endpoints
    translated.dst, translated.port = endpoints[0].address, endpoints[0].port
    translated.trail = (tuple([row for endpoint in endpoints for row in endpoint.rows]), branch.trail)
    return EndedBranch(translated, "accept")
