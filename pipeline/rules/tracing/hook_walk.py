"""Walks packets through the hooks of one node, for iptables and nft, for all sources at once.

Example: a packet from outside passes `prerouting`, where DNAT chooses its endpoint, and then, by where the endpoint is,
`forward` and `postrouting` or `input`. These decide on drop and source NAT.
Branches that assumed opposite answers to an open question and are otherwise equal are merged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.model import reasons
from pipeline.rules.model.branch import Branch, Doubt, split_by_assumption
from pipeline.rules.model.matches import unknown_owner
from pipeline.rules.tracing.branches import EndedBranch, continue_as, key_without_destination, merge_equal, rows_of
from pipeline.rules.tracing.chain_walk import MASQUERADE_MARK, ChainWalk
from pipeline.rules.tracing.endpoint_partition import EndpointPartition

if TYPE_CHECKING:
    from pipeline.rules.dumps.hooks import BaseChain
    from pipeline.rules.dumps.ruleset import RuleSet
    from pipeline.rules.model.context import TraceContext
    from pipeline.rules.tracing.chain_walk import WalkResult


class HookWalk:
    """Walks packets of one trace context through one node's hooks; a ChainWalk follows the chains of each hook."""

    def __init__(self, rules: RuleSet, context: TraceContext) -> None:
        """One object serves any number of destinations: it caches what the hooks after DNAT do."""
        self._hooks = rules.hooks[context.family]
        self._context = context
        self._partition = EndpointPartition(rules, context)
        self._chain_walk = ChainWalk(rules, context, self._partition)
        self._post_nat_cache: dict[object, list[EndedBranch]] = {}

    def ends(self, dst: int, port: int) -> list[EndedBranch]:
        """The ends of all branches of packets to this destination.

        Raises:
            TooManyBranchesError: the open questions make too many branches.
        """
        start = Branch(self._context.all_sources, 1.0, dst, port)
        first_hook = "output" if self._context.origin == "node" else "prerouting"
        ended: list[EndedBranch] = []
        self._chain_walk.start_trace()
        for branch in self._walk_hook(first_hook, [start], ended):
            ended += self._after_nat(branch)
        return ended

    def _after_nat(self, branch: Branch) -> list[EndedBranch]:
        """The ends after the first hook, walked once for all branches that later rules treat equally."""
        group = self._partition.group_key(branch.dst, branch.port), key_without_destination(branch)
        cached = self._post_nat_cache.get((group, branch.assumptions))
        if cached is None:
            walker = branch.copy()
            walker.share, walker.trail = 1.0, None
            cached = self._post_nat_cache[group, branch.assumptions] = self._walk_later_hooks(walker)
            for end in cached:
                end.branch.trail = (rows_of(end.branch.trail), None)
        return [EndedBranch(continue_as(branch, end.branch), end.verdict) for end in cached]

    def _walk_later_hooks(self, start: Branch) -> list[EndedBranch]:
        """The ends of a branch in the filter and postrouting chains."""
        ended: list[EndedBranch] = []
        for hooks, branch in self._routes(start):
            branches = [branch]
            for hook in hooks:
                branches = self._walk_hook(hook, branches, ended)
            ended += [EndedBranch(b, "dnat" if b.translated else "none") for b in branches]
        return ended

    def _routes(self, branch: Branch) -> list[tuple[tuple[str, ...], Branch]]:
        """The later hooks of a branch; they differ by whether the destination is the node itself."""
        from_node = self._context.origin == "node"
        to_node = ("postrouting", "input") if from_node else ("input",)
        onward = ("postrouting",) if from_node else ("forward", "postrouting")
        is_local = self._context.is_local(branch.dst)
        if is_local is not None:
            return [(to_node if is_local else onward, branch)]
        yes, no = split_by_assumption(branch, unknown_owner(branch))
        return [(hooks, part) for hooks, part in ((to_node, yes), (onward, no)) if part]

    def _walk_hook(self, hook: str, branches: list[Branch], ended: list[EndedBranch]) -> list[Branch]:
        """The branches that a hook's base chains let pass; the others are added to `ended`."""
        bases = self._hooks.get(hook, [])
        for base in bases:
            passed = []
            for branch in branches:
                if base.nat and (branch.untracked or (hook != "postrouting" and branch.translated)):
                    passed.append(branch)
                else:
                    passed += self._walk_base(base, branch, ended)
            branches = merge_equal(passed)
        return self._without_postrouting(branches, bases) if hook == "postrouting" else branches

    def _walk_base(self, base: BaseChain, branch: Branch, ended: list[EndedBranch]) -> list[Branch]:
        """The branches that a base chain lets pass."""
        result = self._chain_walk.walk_base_chain(base, branch)
        passed = self._apply_policy(base, result)
        for end in result.ended:
            if end.verdict != "accept" or (base.table == "filter" and not end.branch.translated):
                ended.append(end)
            else:
                passed.append(end.branch)
        return passed

    def _apply_policy(self, base: BaseChain, result: WalkResult) -> list[Branch]:
        """The branches that the policy of a base chain accepts."""
        if base.policy != "drop":
            return result.passed
        passed: list[Branch] = []
        for branch in result.passed:
            dropped: Branch | None = branch
            if self._chain_walk.skipped_policies:
                accepted, dropped = split_by_assumption(branch, reasons.untraced_policies(base.chain))
                passed += [accepted] if accepted else []
            result.ended += [EndedBranch(dropped, "drop")] if dropped else []
        return passed

    def _without_postrouting(self, branches: list[Branch], bases: list[BaseChain]) -> list[Branch]:
        """If the dump lacks the nat POSTROUTING chain, the masquerade mark decides on source NAT, with a doubt."""
        if any(base.nat and base.shown for base in bases):
            return branches
        for branch in branches:
            if branch.translated and not branch.source_nat:
                branch.source_nat = bool(branch.mark & MASQUERADE_MARK)
                branch.add_doubt(Doubt(reasons.NO_POSTROUTING, affects_source_nat=not branch.source_nat))
        return branches
