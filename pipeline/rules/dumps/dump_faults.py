"""Faults of a dump as a whole: parts that the printing tool left out, missing chains, a file that ends early.

Example: `-A KUBE-SERVICES -d 10.200.0.1/32 -p tcp -j KUBE-SVC-X` has no `--dport`, which kube-proxy always writes: an
older tool printed newer rules. This is the fault `lost-matches`, and every trace is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

_FROM_IPTABLES = r"^(KUBE-|PREROUTING$|POSTROUTING$)"
_NEEDS_CHAIN = r"^KUBE-(SVC|SEP|EXT|FW|XLB|SVL)-|^KUBE-(MARK-MASQ|NODEPORTS|SERVICES)$"
LOST_MATCHES = "the tool that printed these rules left matches out of them (ports, marks)"
CUT_SHORT = "(cut short)"  # the chain of a row that represents rules which may be missing; its spec contains why
CUT = "the dump ends early: rules may be missing at its end"
UNREAD = "lines of the dump could not be read: rules may be missing"
INFERRED_PORTS = "ports that it left out are taken from the Services"
LOSSY_VIEW = "nft shows rules that iptables-nft wrote and leaves parts of them out"


@dataclass(frozen=True, slots=True)
class Fault:
    """Name, message, remedy and row of a fault; `makes_uncertain` if no trace of the dump can be certain."""

    name: str
    message: str
    remedy: str
    row: int | None = None
    makes_uncertain: bool = False


def faults(rows: pl.DataFrame) -> list[Fault]:
    """The faults of a dump, from its rows of the table `rules`, without compiling a rule."""
    import polars as pl

    rules = rows.select("chain", "target", "spec", "rule_number").with_row_index("row")
    rules = rules.with_columns(is_rule=pl.col("rule_number") > 0)
    lost = [Fault(name, *_DISTORTED[name], row, makes_uncertain=True) for row, name in _distorted(rules)]
    lost += [Fault(name, *_LOSSES[name], row) for row, name in _losses(rules)]
    missing = [
        Fault("missing-chain", f"chain {target} is jumped to and not in the dump", _WHOLE_TABLE, row)
        for row, target in _missing(rules, rows["chain"])
    ]
    shares = [
        Fault("open-shares", f"the shares of chain {chain} do not sum to 1: rules are missing at its end", _WHOLE, row)
        for row, chain in _open_shares(rules)
    ]
    return sorted(lost + missing, key=lambda fault: fault.row or 0) + shares + list(_gaps(rows))


def uncertain_because(rows: pl.DataFrame) -> Iterable[Reason]:
    """Why every trace of a dump is uncertain; nothing if none of its faults has that effect."""
    yield from (Reason("dump-damaged", fault.message) for fault in faults(rows) if fault.makes_uncertain)
    if rows["spec"].str.contains("-m inferred", literal=True).any():
        yield Reason("ports-inferred", INFERRED_PORTS)


def _gaps(rows: pl.DataFrame) -> Iterable[Fault]:
    """Faults of a dump that ends early or has lines that cannot be read."""
    for row in (rows["chain"] == CUT_SHORT).arg_true():
        if rows["spec"][row] == CUT:
            yield Fault(
                "truncated-file",
                CUT,
                "dump again, and copy the whole file; end its last line",
                row,
                makes_uncertain=True,
            )
        else:
            yield Fault(
                "unread-rules", UNREAD, "see the table `rejects` for the lines; dump again", row, makes_uncertain=True
            )


def _distorted(rules: pl.DataFrame) -> Iterable[tuple[int, str]]:
    """The first row of each kind of rule that kube-proxy never writes in this form."""
    import polars as pl

    chain, spec = pl.col("chain"), pl.col("spec").fill_null("")
    foreign = spec.str.contains("^[^-!]")
    bare = spec.str.contains(" -p ", literal=True) & ~spec.str.contains("--dport", literal=True)
    bare |= spec.str.contains("-m inferred", literal=True)
    bare &= (chain == "KUBE-SERVICES") & pl.col("target").str.contains("^KUBE-(SVC|EXT|FW)-")
    unmarked = (chain == "KUBE-POSTROUTING") & (pl.col("rule_number") == 1) & (spec == "-j RETURN")
    lossy, lost = foreign & chain.str.contains(_FROM_IPTABLES), ~foreign & (bare | unmarked)
    rules = rules.select("row", "is_rule", lossy=lossy, lost=lost).filter("is_rule", pl.col("lossy") | pl.col("lost"))
    name = pl.when("lossy").then(pl.lit("lossy-view")).otherwise(pl.lit("lost-matches"))
    return rules.select("row", name=name).unique("name", keep="first", maintain_order=True).iter_rows()


def _losses(rules: pl.DataFrame) -> Iterable[tuple[int, str]]:
    """The first row of each kind of text that the printing tool writes if it cannot print a part of a rule."""
    import polars as pl

    for text, name in _LOST.items():
        losing = pl.col("is_rule") & pl.col("spec").str.contains(text, literal=True)
        yield from ((row, name) for row in rules.select(pl.col("row").filter(losing).head(1)).to_series())


def _missing(rules: pl.DataFrame, shown: pl.Series) -> Iterable[tuple[int, str]]:
    """The first jump to each of kube-proxy's chains that the dump does not show."""
    import polars as pl

    target = pl.col("target")
    missing = pl.col("is_rule") & target.str.contains(_NEEDS_CHAIN) & ~target.is_in(shown.implode())
    jumps = rules.select(pl.col("row", "target").filter(missing))
    return jumps.unique("target", keep="first", maintain_order=True).iter_rows()


def _open_shares(rules: pl.DataFrame) -> Iterable[tuple[int, str]]:
    """Service chains whose last rule matches a share only: the other connections have no endpoint."""
    import polars as pl

    choosing = pl.col("is_rule") & pl.col("chain").str.contains("^KUBE-SV[CL]-")
    chosen = rules.select(pl.col("row", "chain", "spec").filter(choosing))
    followed = pl.col("chain").eq_missing(pl.col("chain").shift(-1))  # true for most rows, so few names are compared
    endings = chosen.filter(~followed).unique("chain", keep="last", maintain_order=True)
    return endings.filter(pl.col("spec").str.contains("--probability", literal=True)).select("row", "chain").iter_rows()


_WHOLE_TABLE, _WHOLE = "dump the whole table: iptables-save", "dump the whole chain"
_LOST = {"[unsupported revision]": "unsupported-revision", "--to-destination :0 --persistent": "lost-destination"}
_LOSSES = {
    "unsupported-revision": (
        "the tool that printed this is older than the one that wrote the rules: some of its matches are missing",
        "dump with the kube-proxy container's own iptables-save",
    ),
    "lost-destination": (
        "DNAT to :0: the tool that printed this lost the destination",
        "dump with a tool as new as the one that wrote the rules",
    ),
}
_DISTORTED = {
    "lossy-view": (LOSSY_VIEW, "dump with iptables-save instead"),
    "lost-matches": (LOST_MATCHES, "dump with a tool as new as the one that wrote the rules: kube-proxy's own"),
}
