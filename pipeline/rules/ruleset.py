"""The rules of one node, compiled when they are first followed."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.rules import ipsets, iptables, nft
from pipeline.rules.addresses import written
from pipeline.rules.faults import faults
from pipeline.rules.front import Front, Frontend, exact, protocol_of
from pipeline.rules.hooks import BaseChain, assumed, builtin, declared
from pipeline.rules.nft_sets import Elements
from pipeline.rules.outcomes import Obscure
from pipeline.rules.sight import Sight
from pipeline.rules.steps import Unclear, bare
from pipeline.rules.values import endpoint_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pipeline.rules.outcomes import Rule

_PLACE = ("family", "table_name", "chain", "rule_number", "file", "line_number", "text")
COLUMNS = (*_PLACE, "source", "target", "comment", "spec")
_SMALL = 8
_POD_RANGE = re.compile(r"(?:! -s|saddr !=) (\S+/\d+)")


@dataclass(frozen=True, slots=True)
class Dispute:
    """Two dumps of one node show a chain differently: what to say, and the destinations it matters to (None: all)."""

    reason: str
    destinations: frozenset[int] | None

    def touches(self, dst: int) -> bool:
        """Whether what differs could match this destination."""
        return self.destinations is None or dst in self.destinations


@dataclass(slots=True)
class Chain:
    """A chain's rules, with an index for long ones by the address or port that a rule names."""

    name: str
    rules: list[Rule]
    by_dst: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_port: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    always: list[int] = field(default_factory=list)
    dispute: Dispute | None = None

    def __post_init__(self) -> None:
        """Sort the rules by what they name."""
        for i, rule in enumerate(self.rules):
            address, port = exact(rule)
            if address is not None:
                self.by_dst[address].append(i)
            elif port is not None:
                self.by_port[port].append(i)
            else:
                self.always.append(i)

    def candidates(self, dst: int, port: int) -> Sequence[Rule]:
        """The rules that could match this destination, in order."""
        if len(self.rules) <= _SMALL:
            return self.rules
        found = [*self.by_dst.get(dst, ()), *self.by_port.get(port, ()), *self.always]
        return [self.rules[i] for i in sorted(found)]


class RuleSet:
    """Every rule of one node, from rows of the table `rules`."""

    def __init__(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Columns as named in COLUMNS; use `from_columns` or `from_rows`."""
        self.columns = columns
        self._specs = [str(spec or "") for spec in columns["spec"]]
        self._rows: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._declarations: dict[tuple[str, str, str], int] = {}
        self._compiled: dict[tuple[str, str, str], Chain] = {}
        self._again: dict[tuple[str, str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._sights: dict[str, Sight] = {}
        self._sort()
        self.hooks = {family: self._hooks(family) for family in ("ip", "ip6")}

    @classmethod
    def from_columns(cls, columns: Mapping[str, Sequence[object]]) -> RuleSet:
        """From column lists, as a frame gives them."""
        size = len(columns.get("chain", ()))
        return cls({name: columns[name] if name in columns else [None] * size for name in COLUMNS})

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> RuleSet:
        """From rows as mappings."""
        listed = list(rows)
        return cls({name: [row.get(name) for row in listed] for name in COLUMNS})

    def _sort(self) -> None:
        """Rows by family, table and chain; where two files show one chain, the first file is followed."""
        c = self.columns
        files: dict[tuple[object, object, object], object] = {}
        keys = zip(c["family"], c["table_name"], c["chain"], strict=True)
        for i, (key, place, file) in enumerate(zip(keys, c["rule_number"], c["file"], strict=True)):
            family, table, chain = (str(part) for part in key)
            if files.setdefault(key, file) != file:
                if place != 0:
                    self._again[family, table, chain][str(file)].append(i)
                continue
            rows = self._rows[family, table][chain]
            if place == 0:
                self._declarations[family, table, chain] = i
            else:
                rows.append(i)

    def _hooks(self, family: str) -> dict[str, list[BaseChain]]:
        found: dict[str, list[BaseChain]] = defaultdict(list)
        for (table_family, table), chains in self._rows.items():
            if table_family in (family, "inet"):
                for hook, base in self._base_chains(table_family, table, chains):
                    found[hook].append(base)
        return {hook: sorted(bases) for hook, bases in found.items()}

    def _base_chains(self, family: str, table: str, chains: Mapping[str, object]) -> Iterable[tuple[str, BaseChain]]:
        for chain in chains:
            row = self._declarations.get((family, table, chain))
            spec, policy = (self.columns["spec"][row], self.columns["target"][row]) if row is not None else ("", "")
            yield from declared(table, chain, str(spec)) or builtin(table, chain, str(policy or "accept"))
        if not any(self._specs[i].startswith("type ") for i in self._declared_in(family, table)):
            yield from assumed(table, set(chains))

    def _declared_in(self, family: str, table: str) -> Iterable[int]:
        return (i for (f, t, _), i in self._declarations.items() if (f, t) == (family, table))

    def chain(self, family: str, table: str, name: str) -> Chain | None:
        """A chain, compiled; None if the dump does not show it."""
        for known in (family, "inet"):
            key = (known, table, name)
            if key in self._compiled:
                return self._compiled[key]
            rows = self._rows.get((known, table), {}).get(name)
            if rows is not None:
                chain = Chain(name, [self._compile(i, known, table) for i in rows])
                chain.dispute = self._dispute(key, rows)
                return self._compiled.setdefault(key, chain)
        return None

    def _dispute(self, key: tuple[str, str, str], rows: Sequence[int]) -> Dispute | None:
        """How other dumps of the node differ on a chain; the order of its rules alone is no difference."""
        known, table, name = key
        followed = {self._specs[i]: i for i in rows}
        for file, others in self._again.get(key, {}).items():
            shown = {self._specs[i]: i for i in others}
            if followed.keys() != shown.keys():
                differing = [(followed | shown)[spec] for spec in followed.keys() ^ shown.keys()]
                named = [exact(self._compile(i, known, table))[0] for i in differing]
                where = f"{self.columns['file'][rows[0]] if rows else 'another dump'} and {file}"
                destinations = frozenset(d for d in named if d is not None) if None not in named else None
                return Dispute(f"chain {name} differs between {where}", destinations)
        return None

    def _compile(self, row: int, family: str, table: str) -> Rule:
        """A rule in the grammar it is written in: iptables' options start with a dash."""
        spec = self._specs[row]
        if not spec or spec[0] in "-!":
            return self._named(iptables.compile_rule(row, spec, self._ip_set))
        return self._named(nft.compile_rule(row, spec, lambda name: self._elements(family, table, name)))

    def _named(self, rule: Rule) -> Rule:
        """The rule, its open questions naming it: two rules that look alike may be answered differently."""
        if not any(isinstance(bare(step), Unclear) for step in rule.steps) and not isinstance(rule.outcome, Obscure):
            return rule
        return rule.naming(f"{self.columns['file'][rule.row]}:{self.columns['line_number'][rule.row]}")

    def _elements(self, family: str, table: str, name: str) -> Elements | None:
        """An nft set or map."""
        rows = self._rows[family, table].get(f"@{name}")
        if rows is None:
            return None
        declaration = self._declarations.get((family, table, f"@{name}"))
        spec = "" if declaration is None else self._specs[declaration]
        return Elements(spec, [(i, self._specs[i]) for i in rows])

    def _ip_set(self, name: str) -> Elements | None:
        """An ipset; iptables rules of both families may ask for it."""
        found = (self._elements(family, ipsets.TABLE, name) for family in ("ip", "ip6"))
        return next((elements for elements in found if elements is not None), None)

    @cached_property
    def front(self) -> Front:
        """The service addresses these rules know."""
        return Front(self)

    def sight(self, family: str) -> Sight:
        """What the rules after the choice of an endpoint can see of it."""
        if family not in self._sights:
            self._sights[family] = Sight(self, family)
        return self._sights[family]

    @property
    def frontends(self) -> tuple[Frontend, ...]:
        """(protocol, address, port) of every service address the rules know; node ports are not among them."""
        return tuple(sorted(self.front.frontends))

    @cached_property
    def pod_ranges(self) -> tuple[str, ...]:
        """The cluster's pod ranges, as the rules that masquerade for everyone else show them."""
        rules = zip(self.columns["spec"], self.columns["target"], strict=True)
        marking = (str(spec) for spec, target in rules if target == "KUBE-MARK-MASQ" or "0x00004000" in str(spec))
        found = (m[1] for spec in marking if (m := _POD_RANGE.search(spec)))
        return tuple(sorted(dict.fromkeys(found)))

    def frontends_of(self, endpoints: Collection[tuple[str, int]]) -> set[Frontend]:
        """The service addresses from which rules lead to any of these (address, port)."""
        jumps: dict[object, list[int]] = defaultdict(list)
        for i, target in enumerate(self.columns["target"]):
            jumps[target].append(i)
        specs, owners = self.columns["spec"], self.columns["chain"]
        chains = {owners[i] for i in jumps["DNAT"] if endpoint_of(str(specs[i])) in endpoints}
        found, todo = set[Frontend](), list(chains)
        while todo:
            for i in jumps[todo.pop()]:
                frontend = self._frontend(i)
                if frontend:
                    found.add(frontend)
                elif owners[i] not in chains:
                    chains.add(owners[i])
                    todo.append(owners[i])
        return found & self.front.frontends

    def _frontend(self, row: int) -> Frontend | None:
        """What a rule names, if it is a service address."""
        rule = self._compile(row, str(self.columns["family"][row]), str(self.columns["table_name"][row]))
        (address, port), protocol = exact(rule), protocol_of(rule)
        if address is None or port is None or protocol is None:
            return None
        return protocol, written(address, "ip6" if self.columns["family"][row] == "ip6" else "ip"), port

    @cached_property
    def blurs(self) -> tuple[str, ...]:
        """What is so wrong with the dump that no decision is certain."""
        return tuple(fault.message for fault in faults(self.columns) if fault.blurs)

    def lacks_filter(self, family: str) -> bool:
        """Whether there is an iptables nat table but no filter table."""
        return (family, "nat") in self._rows and (family, "filter") not in self._rows
