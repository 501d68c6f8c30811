"""Walks branches through the chains of one table, rule by rule, and applies the targets of the rules that match.

Example: a packet to 10.200.0.1:80 enters nat PREROUTING, jumps to KUBE-SERVICES and then to KUBE-SVC-X. KUBE-SVC-X
chooses an endpoint. Each group of endpoints that later rules treat equally becomes one branch, and the walk ends.
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
# kube-proxy's chains that send a service's external traffic to its KUBE-SVC chain, or to the local endpoints only.
_EXTERNAL_TRAFFIC_CHAIN = re.compile(r"^KUBE-(?:FW|EXT|XLB|SVL)-(\w+)$")
_MARK_OF_CHAIN = {"KUBE-MARK-MASQ": MASQUERADE_MARK, "KUBE-MARK-DROP": 0x8000}


@dataclass(slots=True)
class WalkResult:
    """Branches that ended with a verdict, that passed the rule or chain, and that returned to the calling chain."""

    ended: list[EndedBranch]
    passed: list[Branch] = field(default_factory=list)
    returned: list[Branch] = field(default_factory=list)


class TooManyBranchesError(Exception):
    """The open questions make more branches than BRANCH_LIMIT."""


class ChainWalk:
    """Walks branches through one node's base chains, and through the chains that these jump to."""

    def __init__(self, rules: RuleSet, context: TraceContext, partition: EndpointPartition) -> None:
        """`partition` splits branches at a choice among endpoints."""
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

    def walk_base_chain(self, base: BaseChain, branch: Branch) -> WalkResult:
        """Walk a branch through a base chain; `passed` has the branches that reach the chain's end.

        Raises:
            TooManyBranchesError: the trace makes more than BRANCH_LIMIT branches.
        """
        self._table, self.skipped_policies = base.table, False
        result = WalkResult([])
        self._walk_chain(base.chain, [branch], result.ended, result.passed)
        return result

    def _walk_chain(self, name: str, branches: list[Branch], ended: list[EndedBranch], returned: list[Branch]) -> None:
        """Walk through a chain; branches that reach its end, or a RETURN, are added to `returned`."""
        if name in self._call_stack or len(self._call_stack) > _DEPTH_LIMIT:
            returned += [b.add_doubt(Doubt(reasons.endless_chain(name), affects_shares=True)) for b in branches]
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
                doubt = Doubt(conflict.reason, affects_shares=True, affects_source_nat=True)
                branches = [b.add_doubt(doubt) for b in branches]
        rules = chain.rules[start:] if start else chain.candidates(branches[0].dst, branches[0].port)
        returned += self._walk_rules(rules, branches, ended, returned)

    def _walk_rules(
        self, rules: Iterable[Rule], branches: list[Branch], ended: list[EndedBranch], returned: list[Branch]
    ) -> list[Branch]:
        """The branches that reach the end of these rules."""
        for rule in rules:
            if not branches:
                break
            passed: list[Branch] = []
            if matching := self._match(rule, branches, passed):
                self._apply(rule.target, matching, WalkResult(ended, passed, returned))
            branches = merge_equal(passed)
        return branches

    def _match(self, rule: Rule, branches: list[Branch], passed: list[Branch]) -> list[Branch]:
        """The branches that a rule matches; those that it does not match are added to `passed`."""
        matching = []
        for branch in branches:
            yes: Branch | None = branch
            for step in rule.steps:
                if yes is None:
                    break
                yes, no = step.split(yes, self._context)
                if no is not None:
                    passed.append(no)
                    if yes is not None and yes.assumptions:
                        self._use_up_branch()
            if yes is not None:
                yes.trail = ((rule.row,), yes.trail)
                matching.append(yes)
        return matching

    def _use_up_branch(self) -> None:
        self._branches_left -= 1
        if self._branches_left < 0:
            raise TooManyBranchesError

    def _apply(self, target: t.Target, branches: list[Branch], result: WalkResult) -> None:
        """Apply a target to branches."""
        match target:
            case t.Jump():
                self._jump(target, branches, result)
            case t.Continue():
                result.passed += branches
            case t.Return():
                result.returned += branches
            case t.Verdict(name):
                result.ended += [EndedBranch(b, name) for b in branches]
            case t.Dnat() | t.Redirect():
                result.ended += [EndedBranch(self._translate(b, target), "accept") for b in branches]
            case t.Snat():
                for branch in branches:
                    branch.source_nat = True
                result.ended += [EndedBranch(b, "accept") for b in branches]
            case t.RandomChoice(options):
                self._choose(options, branches, result)
            case t.VerdictMap():
                self._look_up(target, branches, result)
            case t.UnknownTarget(why, affects_shares):
                doubt = Doubt(reasons.unread_target(why), affects_shares, affects_source_nat=True)
                result.passed += [b.add_doubt(doubt) for b in branches]

    def _jump(self, jump: t.Jump, branches: list[Branch], result: WalkResult) -> None:
        """Walk through another chain; the policies of network plugins are not followed."""
        if self._table == "filter" and jump.chain.startswith(POLICY_CHAINS):
            self.skipped_policies = True
            result.passed += branches
        else:
            self._walk_chain(jump.chain, branches, result.ended, result.returned if jump.goto else result.passed)

    def _choose(self, options: tuple[tuple[float, t.Target], ...], branches: list[Branch], result: WalkResult) -> None:
        """Apply each of several targets to its share of the connections."""
        for share, option in options:
            self._apply(option, [branch.part(share) for branch in branches], result)
        remaining = 1 - sum(share for share, _ in options)
        if remaining > _ROUNDING:
            result.passed += [branch.part(remaining) for branch in branches]

    def _look_up(self, verdict_map: t.VerdictMap, branches: list[Branch], result: WalkResult) -> None:
        """Apply the target in a verdict map; all branches in a chain have the same destination."""
        entry = verdict_map.entries.get(field_values(verdict_map.fields, branches[0], self._context))
        if entry is None:
            result.passed += branches
            return
        target, row = entry
        for branch in branches:
            branch.trail = ((row,), branch.trail)
        self._apply(target, branches, result)

    def _translate(self, branch: Branch, target: t.Dnat | t.Redirect) -> Branch:
        branch.translated = True
        if target.port is not None:
            branch.port = target.port
        if isinstance(target, t.Redirect):
            return self._redirect(branch)
        if target.address is not None:
            branch.dst = target.address
        return branch.add_doubt(Doubt(target.doubt, affects_shares=True)) if target.doubt else branch

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
        doubt = Doubt(reasons.missing_chain(name), affects_shares=may_translate, affects_source_nat=may_translate)
        doubtful = [b.add_doubt(doubt) for b in branches]
        service = _EXTERNAL_TRAFFIC_CHAIN.match(name)
        if service and self._rules.chain(self._context.family, self._table, f"KUBE-SVC-{service[1]}"):
            self._walk_chain(f"KUBE-SVC-{service[1]}", doubtful, ended, returned)
        else:
            returned += doubtful
