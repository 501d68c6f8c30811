"""Packets at a choice among endpoints: the endpoints that the rest of the rules cannot tell apart stay one branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.tracing.branches import End

if TYPE_CHECKING:
    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.tracing.endpoint_choices import Fan, Pick
    from pipeline.rules.tracing.state import Scene, State


class Spread:
    """The choices that packets of one scene come to."""

    def __init__(self, rules: RuleSet, scene: Scene) -> None:
        """What is found out of a choice serves all packets that come to it."""
        self.sight = rules.sight(scene.family)
        self.scene = scene
        self._sources = frozenset(scene.sources)
        self._known: dict[Fan, tuple[int, list[list[Pick]]]] = {}

    def seen(self, dst: int, port: int) -> object:
        """What later rules can see of a destination."""
        return self.sight.of(dst, port, self.scene.protocol), self.scene.is_local(dst)

    def through(self, fan: Fan, states: list[State], left: list[End]) -> list[State]:
        """The branches that the chain's own rules must be followed for; the others are chosen for and leave."""
        if not fan.chooses_for(self.scene.protocol):
            return states
        if fan not in self._known:
            self._known[fan] = self._own(fan), self._alike(fan)
        own, groups = self._known[fan]
        for state in states:
            if others := state.only(~own) if own else state:
                left += [_chosen(others, picks) for picks in groups]
        return [others for state in states if (others := state.only(own))] if own else []

    def _own(self, fan: Fan) -> int:
        """The bit set of sources that a fan is not for."""
        singles = {first for first, last in fan.sources if first == last}
        if len(singles) == len(fan.sources) and singles.isdisjoint(self._sources):
            return 0
        return self.scene.among(fan.sources)

    def _alike(self, fan: Fan) -> list[list[Pick]]:
        groups: dict[object, list[Pick]] = {}
        for pick in fan.picks:
            groups.setdefault(self.seen(pick.address, pick.port), []).append(pick)
        return list(groups.values())


def _chosen(state: State, picks: list[Pick]) -> End:
    branch = state.copy()
    branch.translated, branch.picks = True, picks
    branch.dst, branch.port = picks[0].address, picks[0].port
    branch.trail = (tuple([row for pick in picks for row in pick.rows]), state.trail)
    return End(branch, "accept")
