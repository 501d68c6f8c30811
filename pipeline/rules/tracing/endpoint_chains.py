"""Chains that translate to one endpoint, and choices among them: most of a large dump, so read by the column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.model.matches import ProtocolIs, SetMark, Source
from pipeline.rules.model.targets import Continue, Dnat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from pipeline.rules.model.ip_ranges import Range
    from pipeline.rules.model.targets import Rule

# As in formats/save_plain.py: what ends an option is the dash of the next one, so no text is looked at twice.
_COMMENT = r'comment --comment (?:"[ !#-\[\]-~]*"|[0-9A-Za-z][!#-\[\]-~]*)'
_ADDRESS = r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})"
_OWN = rf"^-s {_ADDRESS}/32 -(?:m {_COMMENT} -)?j KUBE-MARK-MASQ$"
_TO = (
    rf"^-p (?P<protocol>tcp|udp|sctp) -m (?:{_COMMENT} -m )?"
    r"(?:recent --set --name [0-9A-Za-z_-]+ --mask [0-9.]+ --rsource -m )?"
    rf"(?:tcp|udp|sctp) -j DNAT --to-destination {_ADDRESS}:(?P<port>[0-9]{{1,5}})$"
)
_SHARE = r"statistic --mode random --probability"
_CHOICE = (
    rf"^-(?:m (?:{_COMMENT} -(?:m {_SHARE} (0\.[0-9]+) -)?|{_SHARE} (0\.[0-9]+) -))?j (?P<end>KUBE-SEP-)[A-Z2-7]+$"
)
_PROTOCOLS = {name: frozenset({name}) for name in ("tcp", "udp", "sctp")}
_PIECE = 1 << 16  # rows read at once: the columns that a text is taken apart into are larger than what is kept


@dataclass(slots=True)
class End:
    """Where a chain translates to: all packets of `protocols` (None: any) that do not come from `sources`."""

    address: int
    port: int
    rows: tuple[int, ...] = ()
    sources: Sequence[Range] = ()
    protocols: frozenset[str] | None = None


def end_of(rules: Iterable[Rule]) -> End | None:
    """Where a chain translates to; None if more than a packet's source and protocol can keep it from that."""
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
        if isinstance(rule.outcome, Dnat):
            end = direct(rule.outcome)
            return end and End(end.address, end.port, tuple(rows), sources, common(protocols))
        if not isinstance(rule.outcome, Continue):
            return None
    return None


def direct(to: Dnat) -> End | None:
    """Where a translation goes; None if the dump does not tell the whole of it."""
    return None if to.address is None or to.port is None or to.doubt else End(to.address, to.port)


def common(protocols: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """The protocols that all name; None, which stands for any, if none names one."""
    named = {names for names in protocols if names is not None}
    return frozenset.intersection(*named) if named else None


class PlainRules:
    """What stands in kube-proxy's words: for each row the choice of an endpoint, or the end of an endpoint's chain."""

    def __init__(self, rows: pl.DataFrame) -> None:
        """Of the columns `target` and `spec`."""
        import polars as pl

        self._targets = rows["target"]
        read = [_read(part) for part in rows.select("target", "spec").iter_slices(_PIECE)]
        whole = pl.concat(read or [_read(rows.select("target", "spec"))], rechunk=True)
        self._shares, self._known = whole["share"], whole.select("protocol", "port", "to", "own")

    def choices(self, rows: range) -> list[tuple[float | None, str]]:
        """For each rule its share of what comes to it, and the chain it sends that to; None where it is no choice."""
        slices = (column.slice(rows.start, len(rows)).to_list() for column in (self._shares, self._targets))
        return list(zip(*slices, strict=True))

    def end(self, rows: Sequence[int]) -> End | None:
        """Where the chain of these rows translates to; None if it is not written in just these words."""
        if not 1 <= len(rows) <= 2:
            return None
        protocol, port, to, _ = self._known.row(rows[-1])
        if protocol is None or port is None or to is None:
            return None
        if len(rows) == 1:
            return End(to, port, (rows[0],), (), _PROTOCOLS[protocol])
        own = self._known.row(rows[0])[-1]
        if own is None or rows[0] != rows[1] - 1:
            return None
        own = to if own == to else own  # nearly always: one number less for each endpoint
        return End(to, port, (rows[1],), ((own, own),), _PROTOCOLS[protocol])


def _read(rows: pl.DataFrame) -> pl.DataFrame:
    """What rows say in kube-proxy's words; NULL where they say it in others."""
    import polars as pl

    target = rows["target"]
    choice = _groups(rows, target.str.starts_with("KUBE-SEP-"), _CHOICE)
    own = _groups(rows, target == "KUBE-MARK-MASQ", _OWN)
    to = _groups(rows, target == "DNAT", _TO)
    share = pl.when(pl.col("end").is_not_null()).then(pl.coalesce("1", "2").cast(pl.Float64).fill_null(1.0))
    protocol = pl.col("protocol").cast(pl.Enum(list(_PROTOCOLS)))
    found = (
        choice.select("row", share=share),
        to.select("row", protocol, pl.col("port").cast(pl.Int32), to=_address(to, 2)),
        own.select("row", own=_address(own, 1)),
    )
    return pl.concat([_spread(part, len(rows)) for part in found], how="horizontal")


def _groups(rows: pl.DataFrame, where: pl.Series, pattern: str) -> pl.DataFrame:
    """What a pattern finds in some rows, each with its number: looking through the others too would take far longer."""
    import polars as pl

    some = pl.DataFrame([where.arg_true().alias("row"), rows["spec"].filter(where)])
    return some.select("row", pl.col("spec").str.extract_groups(pattern).struct.unnest())


def _spread(found: pl.DataFrame, row_count: int) -> pl.DataFrame:
    """The columns with each value at its row, NULL at all others."""
    import polars as pl

    nothing = (pl.repeat(None, row_count, dtype=c.dtype, eager=True).alias(c.name) for c in found[:, 1:])
    return pl.DataFrame([n.scatter(found["row"], c) for n, c in zip(nothing, found[:, 1:], strict=True)])


def _address(found: pl.DataFrame, at: int) -> pl.Expr:
    """Four columns of digits as an address; NULL where they are none."""
    import polars as pl

    parts = [pl.col(name).cast(pl.Int64) for name in found.columns[at : at + 4]]
    whole = parts[0] * 2**24 + parts[1] * 2**16 + parts[2] * 2**8 + parts[3]
    return pl.when(pl.max_horizontal(parts) < 256).then(whole)
