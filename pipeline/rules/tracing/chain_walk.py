"""Walks branches through the chains of one table, rule by rule, and applies the targets of the rules that match.

Example: a packet to 10.200.0.1:80 enters nat PREROUTING, jumps to KUBE-SERVICES and then to KUBE-SVC-X. The choice
among the endpoints there ends the walk with one branch per group of endpoints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.rules.dumps.frontends import POLICY_CHAINS
from pipeline.rules.model import reasons
from pipeline.rules.model import targets as t
from pipeline.rules.model.branch import Branch, Doubt
from pipeline.rules.model.context import loopback
from pipeline.rules.model.matches import field_values
from pipeline.rules.tracing.branches import EndedBranch, merge_equal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.rules.dumps.hooks import BaseChain
    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.model.context import TraceContext
    from pipeline.rules.model.rule import Rule
    from pipeline.rules.tracing.endpoint_partition import EndpointPartition

MASQUERADE_MARK = 0x4000
BRANCH_LIMIT = 4096
_DEPTH_LIMIT = 60
_ROUNDING = 1e-9
_SERVICE_CHAIN = re.compile(r"^KUBE-(?:FW|EXT|XLB|SVL)-(\w+)$")
_MARK_OF_CHAIN = {"KUBE-MARK-MASQ": MASQUERADE_MARK, "KUBE-MARK-DROP": 0x8000}


@dataclass(slots=True)
class Flow:
    """Branches by where they continue: ended by a verdict, at the next rule, or back in the calling chain."""

    ended: list[EndedBranch]
    next_rule: list[Branch] = field(default_factory=list)
    returned: list[Branch] = field(default_factory=list)


class TooManyBranchesError(Exception):
    """The open questions make more branches than BRANCH_LIMIT."""


class ChainWalk:
    """Walks of packets in one trace context through the chains of one node."""

    def __init__(self, rules: RuleSet, context: TraceContext, partition: EndpointPartition) -> None:
        """Walk nothing yet."""
        self._rules = rules
        self._context = context
        self._partition = partition
        self._table = ""
        self._call_stack: list[str] = []
        self._branches_left = BRANCH_LIMIT
        self.skipped_policies = False

    def start_trace(self) -> None:
        """Allow BRANCH_LIMIT new branches, and forget the chains that an aborted trace was in."""
        self._branches_left = BRANCH_LIMIT
        self._call_stack.clear()

    def walk(self, base: BaseChain, branch: Branch) -> Flow:
        """Walk a branch through a base chain; `next_rule` has the branches that reach the chain's end.

        Raises:
            TooManyBranchesError: the trace makes more than BRANCH_LIMIT branches.
        """
        self._table, self.skipped_policies = base.table, False
        flow = Flow([])
        self._walk_chain(base.chain, [branch], flow.ended, flow.next_rule)
        return flow

    def _walk_chain(self, name: str, branches: list[Branch], ended: list[EndedBranch], returned: list[Branch]) -> None:
        """Walk through a chain; branches that reach its end, or a RETURN, are added to `returned`."""
        if name in self._call_stack or len(self._call_stack) > _DEPTH_LIMIT:
            returned += [b.add_doubt(Doubt(reasons.endless_chain(name), shares=True)) for b in branches]
            return
        self._call_stack.append(name)
        choice = self._rules.endpoint_choice(self._context.family, self._table, name)
        if choice:
            branches = self._walk_rules(choice.earlier_rules, branches, ended, returned)
            branches = self._partition.choose(choice, branches, ended)
        if branches:
            self._walk_from(choice.start if choice else 0, name, branches, ended, returned)
        self._call_stack.pop()

    def _walk_from(
        self, start: int, name: str, branches: list[Branch], ended: list[EndedBranch], returned: list[Branch]
    ) -> None:
        """Walk through a chain rule by rule, from the rule at `start` on."""
        chain = self._rules.chain(self._context.family, self._table, name)
        if chain is None:
            self._walk_missing_chain(name, branches, ended, returned)
            return
        for conflict in chain.conflicts:
            if conflict.affects(branches[0].dst, branches[0].port):
                branches = [b.add_doubt(Doubt(conflict.reason, shares=True, source_nat=True)) for b in branches]
        rules = chain.rules[start:] if start else chain.candidates(branches[0].dst, branches[0].port)
        returned += self._walk_rules(rules, branches, ended, returned)

    def _walk_rules(
        self, rules: Iterable[Rule], branches: list[Branch], ended: list[EndedBranch], returned: list[Branch]
    ) -> list[Branch]:
        """The branches that reach the end of these rules."""
        for rule in rules:
            if not branches:
                break
            next_rule: list[Branch] = []
            if matching := self._match(rule, branches, next_rule):
                self._apply(rule.target, matching, Flow(ended, next_rule, returned))
            branches = merge_equal(next_rule)
        return branches

    def _match(self, rule: Rule, branches: list[Branch], next_rule: list[Branch]) -> list[Branch]:
        """The branches that a rule matches; the others are added to `next_rule`."""
        matching = []
        for branch in branches:
            yes: Branch | None = branch
            for step in rule.steps:
                if yes is None:
                    break
                yes, no = step.split(yes, self._context)
                if no is not None:
                    next_rule.append(no)
                    if yes is not None and yes.assumptions:
                        self._count_branch()
            if yes is not None:
                yes.trail = ((rule.row,), yes.trail)
                matching.append(yes)
        return matching

    def _count_branch(self) -> None:
        self._branches_left -= 1
        if self._branches_left < 0:
            raise TooManyBranchesError

    def _apply(self, target: t.Target, branches: list[Branch], flow: Flow) -> None:
        """Apply a target to branches."""
        match target:
            case t.Jump():
                self._jump(target, branches, flow)
            case t.Continue():
                flow.next_rule += branches
            case t.Return():
                flow.returned += branches
            case t.Verdict(name):
                flow.ended += [EndedBranch(b, name) for b in branches]
            case t.Dnat() | t.Redirect():
                flow.ended += [EndedBranch(self._translate(b, target), "accept") for b in branches]
            case t.Snat():
                for branch in branches:
                    branch.source_nat = True
                flow.ended += [EndedBranch(b, "accept") for b in branches]
            case t.RandomChoice(options):
                self._choose(options, branches, flow)
            case t.VerdictMap():
                self._look_up(target, branches, flow)
            case t.UnknownTarget(why, shares):
                doubt = Doubt(reasons.unread_target(why), shares, source_nat=True)
                flow.next_rule += [b.add_doubt(doubt) for b in branches]

    def _jump(self, jump: t.Jump, branches: list[Branch], flow: Flow) -> None:
        """Walk through another chain; the policies of network plugins are not followed."""
        if self._table == "filter" and jump.chain.startswith(POLICY_CHAINS):
            self.skipped_policies = True
            flow.next_rule += branches
        else:
            self._walk_chain(jump.chain, branches, flow.ended, flow.returned if jump.goto else flow.next_rule)

    def _choose(self, options: tuple[tuple[float, t.Target], ...], branches: list[Branch], flow: Flow) -> None:
        """Apply each of several targets to its share of the connections."""
        for share, option in options:
            self._apply(option, [branch.part(share) for branch in branches], flow)
        remaining = 1 - sum(share for share, _ in options)
        if remaining > _ROUNDING:
            flow.next_rule += [branch.part(remaining) for branch in branches]

    def _look_up(self, verdict_map: t.VerdictMap, branches: list[Branch], flow: Flow) -> None:
        """Apply the target in a verdict map; all branches in a chain have the same destination."""
        entry = verdict_map.entries.get(field_values(verdict_map.fields, branches[0], self._context))
        if entry is None:
            flow.next_rule += branches
            return
        target, row = entry
        for branch in branches:
            branch.trail = ((row,), branch.trail)
        self._apply(target, branches, flow)

    def _translate(self, branch: Branch, target: t.Dnat | t.Redirect) -> Branch:
        branch.translated = True
        if target.port is not None:
            branch.port = target.port
        if isinstance(target, t.Redirect):
            return self._redirect(branch)
        if target.address is not None:
            branch.dst = target.address
        return branch.add_doubt(Doubt(target.doubt, shares=True)) if target.doubt else branch

    def _redirect(self, branch: Branch) -> Branch:
        """Translate to the node itself: to the address of the interface that the packet arrives at."""
        addresses = self._context.node_addresses or ()
        if self._context.origin == "node":
            branch.dst = loopback(self._context.family)[0] | (self._context.family == "ip")
        elif len(addresses) == 1:
            branch.dst = min(addresses)
        else:
            branch.add_doubt(Doubt(reasons.UNKNOWN_REDIRECT))
        return branch

    def _walk_missing_chain(
        self, name: str, branches: list[Branch], ended: list[EndedBranch], returned: list[Branch]
    ) -> None:
        """Continue at a jump to a chain that the dump does not show, with a doubt."""
        if name in _MARK_OF_CHAIN:
            for branch in branches:
                branch.mark |= _MARK_OF_CHAIN[name]
                branch.add_doubt(Doubt(reasons.missing_chain(name, "; its usual mark is assumed")))
            returned += branches
            return
        may_translate = self._table != "filter"
        doubt = Doubt(reasons.missing_chain(name), shares=may_translate, source_nat=may_translate)
        doubtful = [b.add_doubt(doubt) for b in branches]
        service = _SERVICE_CHAIN.match(name)
        if service and self._rules.chain(self._context.family, self._table, f"KUBE-SVC-{service[1]}"):
            self._walk_chain(f"KUBE-SVC-{service[1]}", doubtful, ended, returned)
        else:
            returned += doubtful
