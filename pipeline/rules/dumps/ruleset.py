"""The rules of one node, compiled when a trace first needs them: what the tracer and the labelling step ask.

`RuleSet(rows)` takes rows of the table `rules`; `rules.chain("ip", "nat", "KUBE-SVC-X")` returns a compiled chain.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pipeline.rules.dumps.chain_index import KEY, ChainIndex
from pipeline.rules.dumps.chains import Chain
from pipeline.rules.dumps.dump_conflicts import DumpConflicts
from pipeline.rules.dumps.dump_faults import uncertain_because
from pipeline.rules.dumps.frontends import Frontend, FrontendIndex, frontends_leading_to
from pipeline.rules.dumps.hooks import base_chains
from pipeline.rules.dumps.post_nat_fields import PostNatFields
from pipeline.rules.dumps.rule_compiler import RuleCompiler
from pipeline.rules.grammar.endpoint_chains import EndpointRuleColumns, endpoint_chain
from pipeline.rules.grammar.endpoint_choices import choice_of_columns, choice_of_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import polars as pl

    from pipeline.rules.grammar.endpoint_chains import EndpointChain
    from pipeline.rules.grammar.endpoint_choices import EndpointChoice
    from pipeline.rules.model.reasons import Reason

_LOCATION = ("file", "line_number", "text")
COLUMNS = (*KEY, "rule_number", *_LOCATION, "source", "target", "comment", "spec")
_BLOCK_ROWS = 256  # rows whose texts are read from the columns at once
_POD_RANGE = r"(?:! -s|saddr !=) (\S+/\d+)"


class RuleSet:
    """Every rule of one node."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """From rows of the table `rules`; a column of COLUMNS that is missing is NULL."""
        self._read_columns(_with_all_columns(rows))
        self._specs = self.columns["spec"].fill_null("")
        self._index, others = _index_by_file(self.rows)
        self._compiler = RuleCompiler(self.columns, self._specs, self._index)
        self._conflicts = DumpConflicts(self._compiler, self.columns["file"], others)
        self._chains: dict[tuple[str, str, str], Chain] = {}
        self._endpoint_choices: dict[tuple[str, str, str], EndpointChoice | None] = {}
        self._post_nat_fields: dict[str, PostNatFields] = {}
        self._text_blocks: dict[int, list[tuple[str, str, str]]] = {}
        self.hooks = base_chains(self.rows, self._index)

    def _read_columns(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.columns = dict(zip(COLUMNS, rows.get_columns(), strict=True))

    def copy_for(self, rows: pl.DataFrame) -> RuleSet | None:
        """A copy for another node whose rows differ only in their location (file, line, text); None if more differs.

        The copy shares every result that contains no file name, and every column that is equal.
        """
        other = _with_all_columns(rows)
        equal = self.rows.drop(_LOCATION).equals(other.drop(_LOCATION))
        if not equal or any(dump["file"].n_unique() > 1 for dump in (self.rows, other)):
            return None
        self.frontend_index, self.pod_ranges, self.uncertain_because, self._endpoint_rules  # noqa: B018 (fills the cache)
        twin, texts = copy(self), self.columns["text"]
        twin._read_columns(self.rows.with_columns(other[c] for c in _LOCATION if not other[c].equals(self.rows[c])))
        twin._compiler = RuleCompiler(twin.columns, self._specs, self._index)
        twin._chains = {}
        twin._text_blocks = self._text_blocks if twin.columns["text"] is texts else {}
        return twin

    def texts(self, rows: Collection[int]) -> list[tuple[str, str, str]]:
        """Chain, comment and text of rules."""
        for block in {row // _BLOCK_ROWS for row in rows} - self._text_blocks.keys():
            slices = (
                self.columns[name].slice(block * _BLOCK_ROWS, _BLOCK_ROWS) for name in ("chain", "comment", "text")
            )
            self._text_blocks[block] = list(zip(*(part.fill_null("").to_list() for part in slices), strict=True))
        return [self._text_blocks[row // _BLOCK_ROWS][row % _BLOCK_ROWS] for row in rows]

    def chain(self, family: str, table: str, name: str) -> Chain | None:
        """A compiled chain; None if the dump does not show it."""
        for declared_family in (family, "inet"):
            if (declared_family, table, name) in self._chains:
                return self._chains[declared_family, table, name]
        declared_family, rows = self._rows_of(family, table, name)
        if rows is None:
            return None
        chain = Chain(name, self._compiler.rules(rows, declared_family, table))
        if self._conflicts:
            chain.conflicts = tuple(self._conflicts.of_chain(declared_family, table, name, rows))
        return self._chains.setdefault((declared_family, table, name), chain)

    def _rows_of(self, family: str, table: str, name: str) -> tuple[str, Sequence[int] | None]:
        """The family that a chain is declared for, and the rows of its rules; None if the dump does not show it."""
        rows = self._index.rules(family, table, name)
        return (family, rows) if rows is not None else ("inet", self._index.rules("inet", table, name))

    def endpoint_choice(self, family: str, table: str, name: str) -> EndpointChoice | None:
        """The choice among endpoints that a chain ends with; None if it has none, or if several dumps may differ."""
        key = (family, table, name)
        if key not in self._endpoint_choices:
            self._endpoint_choices[key] = None if self._conflicts else self._compile_choice(family, table, name)
        return self._endpoint_choices[key]

    def _compile_choice(self, family: str, table: str, name: str) -> EndpointChoice | None:
        declared_family, rows = self._rows_of(family, table, name)
        chain_of = partial(self._endpoint_chain, family, table)
        if isinstance(rows, range):
            choice = choice_of_columns(rows, self._endpoint_rules.choices(rows), chain_of)
            if choice:
                choice.earlier_rules = self._compiler.rules(rows[: choice.start], declared_family, table)
                return choice
        chain = self.chain(family, table, name)
        return choice_of_rules(chain.rules, chain_of) if chain else None

    def _endpoint_chain(self, family: str, table: str, name: str) -> EndpointChain | None:
        """The endpoint that a chain translates to; None if it does more than that."""
        declared_family, rows = self._rows_of(family, table, name)
        if rows is None:
            return None
        return self._endpoint_rules.chain(rows) or endpoint_chain(self._compiler.rules(rows, declared_family, table))

    @cached_property
    def _endpoint_rules(self) -> EndpointRuleColumns:
        return EndpointRuleColumns(self.rows)

    @cached_property
    def frontend_index(self) -> FrontendIndex:
        """The service addresses, node ports and ranges that these rules match."""
        return FrontendIndex(self)

    @property
    def frontends(self) -> tuple[Frontend, ...]:
        """(protocol, address, port) of every service address in the rules, without node ports."""
        return tuple(sorted(self.frontend_index.frontends))

    def frontends_of(self, endpoints: Collection[tuple[str, int]]) -> set[Frontend]:
        """The service addresses whose rules lead to any of these (address, port)."""
        return frontends_leading_to(endpoints, self.rows, self._compiler) & self.frontend_index.frontends

    def post_nat_fields(self, family: str) -> PostNatFields:
        """The destinations that the rules after DNAT test."""
        if family not in self._post_nat_fields:
            self._post_nat_fields[family] = PostNatFields(self, family)
        return self._post_nat_fields[family]

    @cached_property
    def pod_ranges(self) -> tuple[str, ...]:
        """The cluster's pod ranges: those that the masquerade rules except, `! -s 10.100.0.0/16`."""
        import polars as pl

        spec = pl.col("spec")
        marking = (pl.col("target") == "KUBE-MARK-MASQ") | spec.str.contains("0x00004000", literal=True)
        ranges = self.rows.filter(marking).select(spec.str.extract(_POD_RANGE)).to_series()
        return tuple(ranges.drop_nulls().unique().sort())

    @cached_property
    def uncertain_because(self) -> tuple[Reason, ...]:
        """The faults of the dump that make every trace uncertain."""
        return tuple(uncertain_because(self.rows))

    def lacks_filter(self, family: str) -> bool:
        """Whether there is an iptables nat table but no filter table."""
        return (family, "nat") in self._index.tables and (family, "filter") not in self._index.tables


def rule_sets_by_node(dumps: Iterable[tuple[str, pl.DataFrame]]) -> dict[str, RuleSet]:
    """The rules of each node, from its rows of the table `rules`; nodes with equal rules share the compiled ones."""
    by_node: dict[str, RuleSet] = {}
    distinct: list[RuleSet] = []
    for node, rows in dumps:
        twin = next((twin for rules in distinct if (twin := rules.copy_for(rows))), None)
        by_node[node] = twin or RuleSet(rows)
        distinct += [] if twin else [by_node[node]]
    return by_node


def _with_all_columns(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    missing = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in rows.columns]
    return rows.with_columns(missing).select(COLUMNS)


def _index_by_file(rows: pl.DataFrame) -> tuple[ChainIndex, dict[str, ChainIndex]]:
    """The index of the rules to follow, and of those that another file shows again: the first file is followed."""
    import polars as pl

    places = rows.select(*KEY, "rule_number", "file").with_row_index("row")
    if places["file"].n_unique() < 2:
        return ChainIndex(places), {}
    first_file = pl.col("file").first().over(KEY)
    places = places.with_columns(is_followed=pl.col("file").eq_missing(first_file))
    others = places.filter(~pl.col("is_followed")).partition_by("file", as_dict=True)
    return ChainIndex(places.filter("is_followed")), {str(file): ChainIndex(part) for (file,), part in others.items()}
