"""The rules of one node, compiled when they are first followed."""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pipeline.rules.dumps.chain_index import KEY, Index
from pipeline.rules.dumps.chains import Chain
from pipeline.rules.dumps.dump_conflicts import Dispute, asked, comparable, effect, element_place, lasting
from pipeline.rules.dumps.dump_faults import INFERRED_PORTS, faults
from pipeline.rules.dumps.frontends import Front, Frontend, exact, protocol_of
from pipeline.rules.dumps.hooks import ENTERED_CHAINS, BaseChain, assumed, builtin, declared
from pipeline.rules.grammar import ipsets, iptables, kube_proxy_rules, nft
from pipeline.rules.grammar.nft_sets import Elements
from pipeline.rules.model.ip_ranges import written
from pipeline.rules.model.matches import Unclear, bare
from pipeline.rules.model.reasons import Reason
from pipeline.rules.model.targets import Obscure
from pipeline.rules.tracing.endpoint_chains import PlainRules, end_of
from pipeline.rules.tracing.endpoint_choices import fan_of, plain_fan
from pipeline.rules.tracing.post_nat_fields import Sight

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import polars as pl

    from pipeline.rules.dumps.dump_conflicts import Place
    from pipeline.rules.model.targets import Rule
    from pipeline.rules.tracing.endpoint_chains import End
    from pipeline.rules.tracing.endpoint_choices import Fan

_PLACE = ("family", "table_name", "chain", "rule_number", "file", "line_number", "text")
_BLOCK = 256  # rules whose words are taken out of the columns at once
_WRITTEN = ("file", "line_number", "text")
COLUMNS = (*_PLACE, "source", "target", "comment", "spec")
_POD_RANGE = r"(?:! -s|saddr !=) (\S+/\d+)"


class RuleSet:
    """Every rule of one node."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """From rows of the table `rules`; of COLUMNS, those that are not there are NULL."""
        self.rows = _columns(rows)
        self.columns = dict(zip(COLUMNS, self.rows.get_columns(), strict=True))
        self._specs = self.columns["spec"].fill_null("")
        self._compiled: dict[tuple[str, str, str], Chain] = {}
        self._fans: dict[tuple[str, str, str], Fan | None] = {}
        self._sights: dict[str, Sight] = {}
        self._said: dict[int, list[tuple[str, str, str]]] = {}
        self._again: dict[str, Index] = {}
        self._index = self._followed()
        self.hooks = {family: self._hooks(family) for family in ("ip", "ip6")}

    def like(self, rows: pl.DataFrame) -> RuleSet | None:
        """Another node's rules that differ from these only in where they are written; None if they differ otherwise.

        All that was found out without a name of a file is shared, and every column that is equal.
        """
        other = _columns(rows)
        same = self.rows.drop(_WRITTEN).equals(other.drop(_WRITTEN))
        if not same or any(dumps["file"].n_unique() > 1 for dumps in (self.rows, other)):
            return None
        self.front, self.pod_ranges, self.blurs, self._plain  # noqa: B018 (found out once, before the copy)
        twin = copy(self)
        twin.rows = self.rows.with_columns(other[c] for c in _WRITTEN if not other[c].equals(self.rows[c]))
        twin.columns = dict(zip(COLUMNS, twin.rows.get_columns(), strict=True))
        twin._compiled = {}
        twin._said = self._said if twin.columns["text"] is self.columns["text"] else {}
        return twin

    def said(self, rows: Collection[int]) -> list[tuple[str, str, str]]:
        """Chain, comment and text of rules."""
        for block in {row // _BLOCK for row in rows} - self._said.keys():
            columns = (self.columns[name].slice(block * _BLOCK, _BLOCK) for name in ("chain", "comment", "text"))
            self._said[block] = list(zip(*(c.fill_null("").to_list() for c in columns), strict=True))
        return [self._said[row // _BLOCK][row % _BLOCK] for row in rows]

    def _followed(self) -> Index:
        """Where the rules are; where two files show one chain, the first file is followed."""
        import polars as pl

        places = self.rows.select(*KEY, "rule_number", "file").with_row_index("row")
        if places["file"].n_unique() < 2:
            return Index(places)
        first = pl.col("file").first().over(KEY)
        places = places.with_columns(followed=pl.col("file").eq_missing(first))
        again = places.filter(~pl.col("followed")).partition_by("file", as_dict=True)
        self._again = {str(file): Index(rows) for (file,), rows in again.items()}
        return Index(places.filter("followed"))

    def _hooks(self, family: str) -> dict[str, list[BaseChain]]:
        found: dict[str, list[BaseChain]] = defaultdict(list)
        for known, table in self._index.tables:
            for hook, base in self._base_chains(known, table) if known in (family, "inet") else ():
                found[hook].append(base)
        return {hook: sorted(bases) for hook, bases in found.items()}

    def _base_chains(self, family: str, table: str) -> Iterable[tuple[str, BaseChain]]:
        typed = {chain: spec for f, t, chain, spec in self._typed if (f, t) == (family, table)}
        shown = {c for c in ENTERED_CHAINS | typed.keys() if self._index.rules(family, table, c) is not None}
        for chain in shown:
            row = self._index.declaration(family, table, chain)
            policy = "accept" if row is None else str(self.columns["target"][row] or "accept")
            yield from declared(table, chain, typed.get(chain, "")) or builtin(table, chain, policy)
        if not any(spec.startswith("type ") for spec in typed.values()):
            yield from assumed(table, shown)

    @cached_property
    def _typed(self) -> Sequence[tuple[str, str, str, str]]:
        """Family, table, chain and spec of declarations in nft's grammar."""
        import polars as pl

        typed = (pl.col("rule_number") == 0) & pl.col("spec").str.contains("type ", literal=True)
        return self.rows.select(*KEY, "spec", "rule_number").filter(typed).drop("rule_number").rows()

    def chain(self, family: str, table: str, name: str) -> Chain | None:
        """A chain, compiled; None if the dump does not show it."""
        for known in (family, "inet"):
            if (known, table, name) in self._compiled:
                return self._compiled[known, table, name]
        known, rows = self._place(family, table, name)
        if rows is None:
            return None
        chain = Chain(name, self._compiled_rules(rows, known, table))
        chain.disputes = tuple(self._disputes(known, table, name, rows)) if self._again else ()
        return self._compiled.setdefault((known, table, name), chain)

    def fan(self, family: str, table: str, name: str) -> Fan | None:
        """How a chain ends, if it ends in a choice among endpoints on which all dumps of the node agree."""
        key = (family, table, name)
        if key not in self._fans:
            self._fans[key] = None if self._again else self._fan(family, table, name)
        return self._fans[key]

    def _fan(self, family: str, table: str, name: str) -> Fan | None:
        known, rows = self._place(family, table, name)
        end_of = partial(self._end, family, table)
        if isinstance(rows, range) and (fan := plain_fan(rows, self._plain.choices(rows), end_of)):
            fan.before = self._compiled_rules(rows[: fan.start], known, table)
            return fan
        chain = self.chain(family, table, name)
        return fan_of(chain.rules, end_of) if chain else None

    def _end(self, family: str, table: str, name: str) -> End | None:
        """Where a chain translates to, if that is all it does."""
        known, rows = self._place(family, table, name)
        return None if rows is None else self._plain.end(rows) or end_of(self._compiled_rules(rows, known, table))

    def _place(self, family: str, table: str, name: str) -> tuple[str, Sequence[int] | None]:
        """The family that a chain is declared for, and its rules; None if the dump does not show it."""
        rows = self._index.rules(family, table, name)
        return (family, rows) if rows is not None else ("inet", self._index.rules("inet", table, name))

    @cached_property
    def _plain(self) -> PlainRules:
        return PlainRules(self.rows)

    def _disputes(self, family: str, table: str, name: str, rows: Sequence[int]) -> Iterable[Dispute]:
        """How other dumps of the node differ on a chain, apart from the order of rules, and on the sets it asks."""
        followed = {lasting(self._specs[i]): i for i in rows}
        for file, index in self._again.items():
            others = index.rules(family, table, name)
            if others is not None:
                shown = {lasting(self._specs[i]): i for i in others}
                if not comparable(followed, shown):
                    continue
                here = self._effects((followed[spec] for spec in followed.keys() - shown), family, table)
                there = self._effects((shown[spec] for spec in shown.keys() - followed), family, table)
                differing = [(here | there)[key] for key in here.keys() ^ there.keys()]
                yield from self._dispute(f"chain {name}", rows, file, map(exact, differing))
        for asked_for in asked(self._specs[i] for i in rows):
            yield from self._disputed_sets(family, table, asked_for)

    def _effects(self, rows: Iterable[int], family: str, table: str) -> dict[str, Rule]:
        return {effect(rule): rule for rule in (self._compile(i, family, table) for i in rows)}

    def _disputed_sets(self, family: str, table: str, name: str) -> Iterable[Dispute]:
        """How other dumps differ on an nft set or map, or an ipset; what packets add to it is no difference."""
        for place in ((family, table), ("ip", ipsets.TABLE), ("ip6", ipsets.TABLE)):
            rows = self._index.rules(*place, f"@{name}")
            known = self._elements(*place, name)
            if rows is None or known is None or known.dynamic:
                continue
            followed = {lasting(self._specs[i]) for i in rows}
            for file, index in self._again.items():
                if (others := index.rules(*place, f"@{name}")) is not None:
                    differing = followed ^ {lasting(self._specs[i]) for i in others}
                    yield from self._dispute(f"set {name}", rows, file, map(element_place, differing))

    def _dispute(self, what: str, rows: Sequence[int], file: str, places: Iterable[Place]) -> Iterable[Dispute]:
        """The dispute over these places, if there are any."""
        if found := frozenset(places):
            first = self.columns["file"][rows[0]] if rows else "another dump"
            yield Dispute(Reason("dumps-differ", f"{what} differs between {first} and {file}"), found)

    def _compiled_rules(self, rows: Sequence[int], family: str, table: str) -> list[Rule]:
        specs = self._specs.slice(rows.start, len(rows)) if isinstance(rows, range) else self._specs.gather(list(rows))
        found = zip(rows, specs.to_list(), strict=True)
        return [kube_proxy_rules.plain_rule(row, spec) or self._compile(row, family, table) for row, spec in found]

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
        rows = self._index.rules(family, table, f"@{name}")
        if rows is None:
            return None
        declaration = self._index.declaration(family, table, f"@{name}")
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
        import polars as pl

        spec = pl.col("spec")
        marking = (pl.col("target") == "KUBE-MARK-MASQ") | spec.str.contains("0x00004000", literal=True)
        found = self.rows.filter(marking).select(spec.str.extract(_POD_RANGE)).to_series()
        return tuple(found.drop_nulls().unique().sort())

    def frontends_of(self, endpoints: Collection[tuple[str, int]]) -> set[Frontend]:
        """The service addresses from which rules lead to any of these (address, port)."""
        import polars as pl

        rows = self.rows.select("chain", "target", "spec").with_row_index()
        named = [text for address, port in endpoints for text in (f"{address}:{port}", f"[{address}]:{port}")]
        to = pl.col("spec").str.extract(r"--to-destination (\S+)")
        todo = set(rows.filter(pl.col("target") == "DNAT", to.is_in(named))["chain"])
        found, chains = set[Frontend](), set(todo)
        while todo:
            callers = rows.filter(pl.col("target").is_in(todo)).select("index", "chain").rows()
            named_by = {row: self._frontend(row) for row, _ in callers}
            found |= {frontend for frontend in named_by.values() if frontend}
            todo = {chain for row, chain in callers if not named_by[row]} - chains
            chains |= todo
        return found & self.front.frontends

    def _frontend(self, row: int) -> Frontend | None:
        """What a rule names, if it is a service address."""
        rule = self._compile(row, str(self.columns["family"][row]), str(self.columns["table_name"][row]))
        (address, port), protocol = exact(rule), protocol_of(rule)
        if address is None or port is None or protocol is None:
            return None
        return protocol, written(address, "ip6" if self.columns["family"][row] == "ip6" else "ip"), port

    @cached_property
    def blurs(self) -> tuple[Reason, ...]:
        """What is so wrong with the dump that no decision is certain."""
        found = tuple(Reason("dump-damaged", fault.message) for fault in faults(self.rows) if fault.blurs)
        inferred = self._specs.str.contains("-m inferred", literal=True).any()
        return (*found, Reason("ports-inferred", INFERRED_PORTS)) if inferred else found

    def lacks_filter(self, family: str) -> bool:
        """Whether there is an iptables nat table but no filter table."""
        return (family, "nat") in self._index.tables and (family, "filter") not in self._index.tables


def _columns(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    missing = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in rows.columns]
    return rows.with_columns(missing).select(COLUMNS)
