"""Follows packets through the rules: one walk for iptables and nft, all sources at once.

A chain is walked by all branches together, rule by rule. A branch that a rule sends elsewhere comes back to the rule
after it or ends; branches that took opposite answers to one open question and are alike again are joined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.rules.dumps.frontends import POLICY_CHAINS
from pipeline.rules.model import reasons
from pipeline.rules.model import targets as o
from pipeline.rules.model.matches import key, unknown_owner
from pipeline.rules.tracing.branches import End, apart_from_answers, continued, doubting, joined, rows
from pipeline.rules.tracing.endpoint_partition import Spread
from pipeline.rules.tracing.state import Doubt, State, loopback, unclear

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.rules.dumps.hooks import BaseChain
    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.tracing.state import Scene

MASQUERADE_MARK = 0x4000
BRANCH_LIMIT = 4096
_DEPTH_LIMIT = 60
_SERVICE_CHAIN = re.compile(r"^KUBE-(?:FW|EXT|XLB|SVL)-(\w+)$")
_MARKING = {"KUBE-MARK-MASQ": MASQUERADE_MARK, "KUBE-MARK-DROP": 0x8000}


@dataclass(slots=True)
class _Flow:
    """Branches that go on to the next rule, come back to the calling chain, or left the base chain by a verdict."""

    left: list[End]
    going: list[State] = field(default_factory=list)
    back: list[State] = field(default_factory=list)


class TooManyBranchesError(Exception):
    """The open questions multiply beyond reason."""


class Walk:
    """One walk of a set of packets through one node's rules."""

    def __init__(self, rules: RuleSet, scene: Scene) -> None:
        """Nothing is walked yet."""
        self.rules = rules
        self.scene = scene
        self.table = ""
        self.calls: list[str] = []
        self.budget = BRANCH_LIMIT
        self.onward: dict[object, list[End]] = {}
        self.spread = Spread(rules, scene)
        self.policies_skipped = False

    def ends(self, dst: int, port: int) -> list[End]:
        """Where packets to this destination end."""
        start = State(self.scene.everyone, 1.0, dst, port)
        first = "output" if self.scene.origin == "node" else "prerouting"
        done: list[End] = []
        self.budget = BRANCH_LIMIT
        for state in self._hook(first, [start], done):
            done += self._onward(state)
        return done

    def _onward(self, state: State) -> list[End]:
        """The rest of the way, walked once for all packets that the rules cannot tell apart any more."""
        seen = self.spread.seen(state.dst, state.port), apart_from_answers(state, whole=False)
        known = self.onward.get((seen, state.assumed))
        if known is None:
            walker = state.copy()
            walker.share, walker.trail = 1.0, None
            known = self.onward[seen, state.assumed] = self._walk_on(walker)
            for end in known:
                end.state.trail = (rows(end.state.trail), None)
        return [End(continued(state, end.state), end.verdict) for end in known]

    def _walk_on(self, state: State) -> list[End]:
        """Filter and postrouting, the long way."""
        done: list[End] = []
        for hooks, branch in self._routes(state):
            live = [branch]
            for hook in hooks:
                live = self._hook(hook, live, done)
            done += [End(s, "dnat" if s.translated else "none") for s in live]
        return done

    def _routes(self, state: State) -> list[tuple[tuple[str, ...], State]]:
        """The hooks still to come, by whether the destination is the node itself."""
        node = self.scene.origin == "node"
        here = ("postrouting", "input") if node else ("input",)
        away = ("postrouting",) if node else ("forward", "postrouting")
        local = self.scene.is_local(state.dst)
        if local is not None:
            return [(here if local else away, state)]
        yes, no = unclear(state, unknown_owner(state))
        return [(hooks, branch) for hooks, branch in ((here, yes), (away, no)) if branch]

    def _hook(self, hook: str, live: list[State], done: list[End]) -> list[State]:
        """The branches that a hook's base chains let pass."""
        bases = self.rules.hooks[self.scene.family].get(hook, [])
        for base in bases:
            passed = []
            for state in live:
                if base.nat and (state.untracked or (hook != "postrouting" and state.translated)):
                    passed.append(state)
                else:
                    passed += self._base(base, state, done)
            live = joined(passed)
        return self._unseen_postrouting(live, bases) if hook == "postrouting" else live

    def _base(self, base: BaseChain, state: State, done: list[End]) -> list[State]:
        """The branches that a base chain lets pass."""
        self.table, self.policies_skipped = base.table, False
        flow = _Flow([])
        self._chain(base.chain, [state], flow.left, flow.going)
        passed = self._by_policy(base, flow)
        for end in flow.left:
            final = end.verdict != "accept" or (base.table == "filter" and not end.state.translated)
            if final:
                done.append(end)
            else:
                passed.append(end.state)
        return passed

    def _by_policy(self, base: BaseChain, flow: _Flow) -> list[State]:
        if base.policy != "drop":
            return flow.going
        passed: list[State] = []
        for state in flow.going:
            no: State | None = state
            if self.policies_skipped:
                yes, no = unclear(state, reasons.untraced_policies(base.chain))
                passed += [yes] if yes else []
            flow.left += [End(no, "drop")] if no else []
        return passed

    def _unseen_postrouting(self, live: list[State], bases: list[BaseChain]) -> list[State]:
        """Without the nat POSTROUTING chain, source NAT is what the masquerade mark says, and doubtful."""
        if any(base.nat and base.shown for base in bases):
            return live
        for state in live:
            if state.translated and not state.source_nat:
                state.source_nat = bool(state.mark & MASQUERADE_MARK)
                blurs = not state.source_nat
                doubting(state, Doubt(reasons.NO_POSTROUTING, source_nat=blurs))
        return live

    def _chain(self, name: str, states: list[State], left: list[End], back: list[State]) -> None:
        """Walk a chain; branches that come back from it are added to `back`."""
        if name in self.calls or len(self.calls) > _DEPTH_LIMIT:
            back += [doubting(s, Doubt(reasons.endless_chain(name), shares=True)) for s in states]
            return
        self.calls.append(name)
        fan = self.rules.fan(self.scene.family, self.table, name)
        if fan:
            states = self.spread.through(fan, self._through(fan.before, states, left, back), left)
        if states:
            self._singly(name, fan.start if fan else 0, states, left, back)
        self.calls.pop()

    def _singly(self, name: str, start: int, states: list[State], left: list[End], back: list[State]) -> None:
        """Walk a chain from one of its rules on."""
        chain = self.rules.chain(self.scene.family, self.table, name)
        if chain is None:
            self._missing(name, states, left, back)
            return
        for dispute in chain.disputes:
            if dispute.touches(states[0].dst, states[0].port):
                states = [doubting(s, Doubt(dispute.reason, shares=True, source_nat=True)) for s in states]
        rules = chain.rules[start:] if start else chain.candidates(states[0].dst, states[0].port)
        back += self._through(rules, states, left, back)

    def _through(self, rules: Iterable[o.Rule], live: list[State], left: list[End], back: list[State]) -> list[State]:
        """The branches that no rule sends elsewhere."""
        for rule in rules:
            if not live:
                break
            going: list[State] = []
            if on := self._matching(rule, live, going):
                self._act(rule.outcome, on, _Flow(left, going, back))
            live = joined(going)
        return live

    def _matching(self, rule: o.Rule, states: list[State], going: list[State]) -> list[State]:
        """The branches that a rule's outcome is for; the others are added to `going`."""
        matching = []
        for state in states:
            on: State | None = state
            for step in rule.steps:
                if on is None:
                    break
                on, off = step.split(on, self.scene)
                if off is not None:
                    going.append(off)
                    if on is not None and on.assumed:
                        self._count()
            if on is not None:
                on.trail = ((rule.row,), on.trail)
                matching.append(on)
        return matching

    def _act(self, outcome: o.Outcome, states: list[State], flow: _Flow) -> None:
        """What an outcome does with branches."""
        match outcome:
            case o.Jump():
                self._jump(outcome, states, flow)
            case o.Continue():
                flow.going += states
            case o.Return():
                flow.back += states
            case o.Verdict(name):
                flow.left += [End(s, name) for s in states]
            case o.Dnat() | o.Redirect():
                flow.left += [End(self._translated(s, outcome), "accept") for s in states]
            case o.Snat():
                for state in states:
                    state.source_nat = True
                flow.left += [End(s, "accept") for s in states]
            case o.Choose(options):
                self._choose(options, states, flow)
            case o.Lookup():
                self._look_up(outcome, states, flow)
            case o.Obscure(why, shares):
                flow.going += [doubting(s, Doubt(reasons.unread_target(why), shares, source_nat=True)) for s in states]

    def _jump(self, jump: o.Jump, states: list[State], flow: _Flow) -> None:
        """Through another chain; policies of network plugins are not followed."""
        if self.table == "filter" and jump.chain.startswith(POLICY_CHAINS):
            self.policies_skipped = True
            flow.going += states
        else:
            self._chain(jump.chain, states, flow.left, flow.back if jump.goto else flow.going)

    def _choose(self, options: tuple[tuple[float, o.Outcome], ...], states: list[State], flow: _Flow) -> None:
        for share, option in options:
            self._act(option, [state.part(share) for state in states], flow)
        rest = 1 - sum(share for share, _ in options)
        if rest > 1e-9:
            flow.going += [state.part(rest) for state in states]

    def _look_up(self, lookup: o.Lookup, states: list[State], flow: _Flow) -> None:
        """A verdict map: its element is followed like a rule; the branches of a chain have one destination."""
        found = lookup.entries.get(key(lookup.fields, states[0], self.scene))
        if found is None:
            flow.going += states
            return
        outcome, row = found
        for state in states:
            state.trail = ((row,), state.trail)
        self._act(outcome, states, flow)

    def _translated(self, state: State, outcome: o.Dnat | o.Redirect) -> State:
        state.translated = True
        if outcome.port is not None:
            state.port = outcome.port
        if isinstance(outcome, o.Redirect):
            return self._redirected(state)
        if outcome.address is not None:
            state.dst = outcome.address
        return doubting(state, Doubt(outcome.doubt, shares=True)) if outcome.doubt else state

    def _redirected(self, state: State) -> State:
        """To the node itself: the address of the interface it came in by."""
        own = self.scene.own or ()
        if self.scene.origin == "node":
            state.dst = loopback(self.scene.family)[0] | (self.scene.family == "ip")
        elif len(own) == 1:
            state.dst = min(own)
        else:
            doubting(state, Doubt(reasons.UNKNOWN_REDIRECT))
        return state

    def _missing(self, name: str, states: list[State], left: list[End], back: list[State]) -> None:
        """A chain that is jumped to but not shown."""
        if name in _MARKING:
            for state in states:
                state.mark |= _MARKING[name]
                doubting(state, Doubt(reasons.missing_chain(name, "; its usual mark is assumed")))
            back += states
            return
        blurs = self.table != "filter"
        doubt = Doubt(reasons.missing_chain(name), shares=blurs, source_nat=blurs)
        doubtful = [doubting(s, doubt) for s in states]
        found = _SERVICE_CHAIN.match(name)
        if found and self.rules.chain(self.scene.family, self.table, f"KUBE-SVC-{found[1]}"):
            self._chain(f"KUBE-SVC-{found[1]}", doubtful, left, back)
        else:
            back += doubtful

    def _count(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise TooManyBranchesError
