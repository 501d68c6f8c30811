"""Compiles chains that translate to one endpoint (KUBE-SEP-...). They are most of a large dump, so columns are read.

Example: the two rules of KUBE-SEP-X, `-s 10.100.0.7/32 -j KUBE-MARK-MASQ` and `-p tcp -j DNAT --to-destination
10.100.0.7:80`, become `EndpointChain(10.100.0.7, 80)` for tcp, except for packets from 10.100.0.7 itself (hairpin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.grammar.kube_proxy_patterns import COMMENT, PROBABILITY, PROTOCOL, PROTOCOLS
from pipeline.rules.model.matches import ProtocolIs, SetMark, Source
from pipeline.rules.model.targets import Continue, Dnat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.model.rule import Rule

_ADDRESS = r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})"
_OWN = rf"^-s {_ADDRESS}/32 -(?:m {COMMENT} -)?j KUBE-MARK-MASQ$"
_TO = (
    rf"^-p (?P<protocol>{PROTOCOL}) -m (?:{COMMENT} -m )?"
    r"(?:recent --set --name [0-9A-Za-z_-]+ --mask [0-9.]+ --rsource -m )?"
    rf"(?:{PROTOCOL}) -j DNAT --to-destination {_ADDRESS}:(?P<port>[0-9]{{1,5}})$"
)
_SHARE = rf"{PROBABILITY} (0\.[0-9]+) -"
_CHOICE = rf"^-(?:m (?:{COMMENT} -(?:m {_SHARE})?|{_SHARE}))?j (?P<end>KUBE-SEP-)[A-Z2-7]+$"
_PROTOCOL_SETS = {name: frozenset({name}) for name in PROTOCOLS}
_ROWS_AT_ONCE = 1 << 16  # bounds the memory of the columns of captured groups, which are larger than the results


@dataclass(slots=True)
class EndpointChain:
    """The endpoint of a chain, for packets of `protocols` (None: any) whose source is not in `excluded_sources`."""

    address: int
    port: int
    rows: tuple[int, ...] = ()
    excluded_sources: Sequence[Range] = ()
    protocols: frozenset[str] | None = None


def endpoint_chain(rules: Iterable[Rule]) -> EndpointChain | None:
    """The endpoint that a chain translates to; None if its rules test more than source and protocol before that."""
    rows: list[int] = []
    sources: list[Range] = []
    protocols: list[frozenset[str]] = []
    for rule in rules:
        first = rule.steps[0] if rule.steps else None
        if isinstance(first, Source) and all(isinstance(step, Source | ProtocolIs | SetMark) for step in rule.steps):
            sources += first.ranges
            continue
        rows.append(rule.row)
        for step in rule.steps:
            if not isinstance(step, ProtocolIs):
                return None
            protocols.append(step.names)
        if isinstance(rule.target, Dnat):
            end = endpoint_of_dnat(rule.target)
            return end and EndpointChain(end.address, end.port, tuple(rows), sources, common_protocols(protocols))
        if not isinstance(rule.target, Continue):
            return None
    return None


def endpoint_of_dnat(dnat: Dnat) -> EndpointChain | None:
    """The endpoint of a DNAT target; None if the dump does not show address and port."""
    if dnat.address is None or dnat.port is None or dnat.doubt:
        return None
    return EndpointChain(dnat.address, dnat.port)


def common_protocols(protocols: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """The protocols that all rules accept; None (any protocol) if no rule tests the protocol."""
    named = {names for names in protocols if names is not None}
    return frozenset.intersection(*named) if named else None


class EndpointRuleColumns:
    """The rules that have exactly kube-proxy's form: for each row its share and chain, or its endpoint."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """From the columns `target` and `spec` of the table `rules`."""
        import polars as pl

        self._targets = rows["target"]
        parts = [_parse(part) for part in rows.select("target", "spec").iter_slices(_ROWS_AT_ONCE)]
        columns = pl.concat(parts or [_parse(rows.select("target", "spec"))], rechunk=True)
        self._shares, self._endpoints = columns["share"], columns.select("protocol", "port", "to", "own")

    def choices(self, rows: range) -> list[tuple[float | None, str]]:
        """For each rule its share of the packets that reach it (None: no choice of an endpoint) and its target."""
        slices = (column.slice(rows.start, len(rows)).to_list() for column in (self._shares, self._targets))
        return list(zip(*slices, strict=True))

    def chain(self, rows: Sequence[int]) -> EndpointChain | None:
        """The endpoint that a chain of these rows translates to; None if it has not exactly kube-proxy's form."""
        if not 1 <= len(rows) <= 2:
            return None
        protocol, port, to, _ = self._endpoints.row(rows[-1])
        if protocol is None or port is None or to is None:
            return None
        if len(rows) == 1:
            return EndpointChain(to, port, (rows[0],), (), _PROTOCOL_SETS[protocol])
        own = self._endpoints.row(rows[0])[-1]
        if own is None or rows[0] != rows[1] - 1:
            return None
        own = to if own == to else own  # usual, and saves one int object per endpoint
        return EndpointChain(to, port, (rows[1],), ((own, own),), _PROTOCOL_SETS[protocol])


def _parse(rows: pl.DataFrame) -> pl.DataFrame:
    """Share, protocol, port, endpoint (`to`) and excluded source (`own`) of each row; NULL if it has another form."""
    import polars as pl

    target = rows["target"]
    choice = _captures(rows, target.str.starts_with("KUBE-SEP-"), _CHOICE)
    own = _captures(rows, target == "KUBE-MARK-MASQ", _OWN)
    to = _captures(rows, target == "DNAT", _TO)
    share = pl.when(pl.col("end").is_not_null()).then(pl.coalesce("1", "2").cast(pl.Float64).fill_null(1.0))
    protocol = pl.col("protocol").cast(pl.Enum(list(_PROTOCOL_SETS)))
    columns = (
        choice.select("row", share=share),
        to.select("row", protocol, pl.col("port").cast(pl.Int32), to=_address(to, 2)),
        own.select("row", own=_address(own, 1)),
    )
    return pl.concat([_scatter(part, len(rows)) for part in columns], how="horizontal")


def _captures(rows: pl.DataFrame, where: pl.Series, pattern: str) -> pl.DataFrame:
    """The captured groups of a pattern in the rows of `where`, with row numbers; a regex over all rows is slower."""
    import polars as pl

    some = pl.DataFrame([where.arg_true().alias("row"), rows["spec"].filter(where)])
    return some.select("row", pl.col("spec").str.extract_groups(pattern).struct.unnest())


def _scatter(values: pl.DataFrame, row_count: int) -> pl.DataFrame:
    """The columns with each value at its row, and NULL in all other rows."""
    import polars as pl

    empty = (pl.repeat(None, row_count, dtype=c.dtype, eager=True).alias(c.name) for c in values[:, 1:])
    return pl.DataFrame([e.scatter(values["row"], c) for e, c in zip(empty, values[:, 1:], strict=True)])


def _address(octets: pl.DataFrame, at: int) -> pl.Expr:
    """Four columns of digits as an address; NULL if a number is above 255."""
    import polars as pl

    parts = [pl.col(name).cast(pl.Int64) for name in octets.columns[at : at + 4]]
    address = parts[0] * 2**24 + parts[1] * 2**16 + parts[2] * 2**8 + parts[3]
    return pl.when(pl.max_horizontal(parts) < 256).then(address)
