"""What is wrong with a dump itself: rules that the printing tool left something out of, chains that are not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

_FROM_IPTABLES = r"^(KUBE-|PREROUTING$|POSTROUTING$)"
_NEEDS_CHAIN = r"^KUBE-(SVC|SEP|EXT|FW|XLB|SVL)-|^KUBE-(MARK-MASQ|NODEPORTS|SERVICES)$"
LOST_MATCHES = "the tool that printed these rules left matches out of them (ports, marks)"
CUT_SHORT = "(cut short)"  # the chain of a row that stands for rules which may be missing, and says why
CUT = "the dump ends early: rules may be missing at its end"
UNREAD = "lines of the dump could not be read: rules may be missing"
INFERRED_PORTS = "ports that it left out are taken from the Services"
LOSSY_VIEW = "nft shows rules that iptables-nft wrote and leaves parts of them out"


@dataclass(frozen=True, slots=True)
class Fault:
    """Its name, what was found, what to do, and the row it shows in; `blurs` if no decision can be certain."""

    name: str
    message: str
    remedy: str
    row: int | None = None
    blurs: bool = False


def faults(rows: pl.DataFrame) -> list[Fault]:
    """Look through the rows once, without compiling them."""
    import polars as pl

    rules = rows.select("chain", "target", "spec", "rule_number").with_row_index("row")
    rules = rules.with_columns(is_rule=pl.col("rule_number") > 0)
    lost = [Fault(name, *_BLURRING[name], row, blurs=True) for row, name in _blurring(rules)]
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


def _gaps(rows: pl.DataFrame) -> Iterable[Fault]:
    """Rules that may be missing, of a dump that ends early or has lines that cannot be read."""
    for row in (rows["chain"] == CUT_SHORT).arg_true():
        if rows["spec"][row] == CUT:
            yield Fault(
                "truncated-file", CUT, "dump again, and copy the whole file; end its last line", row, blurs=True
            )
        else:
            yield Fault("unread-rules", UNREAD, "see the table `rejects` for the lines; dump again", row, blurs=True)


def _blurring(rules: pl.DataFrame) -> Iterable[tuple[int, str]]:
    """The first of each kind of rules that kube-proxy never writes like this."""
    import polars as pl

    chain, spec = pl.col("chain"), pl.col("spec").fill_null("")
    foreign = spec.str.contains("^[^-!]")
    bare = spec.str.contains(" -p ", literal=True) & ~spec.str.contains("--dport", literal=True)
    bare |= spec.str.contains("-m inferred", literal=True)
    bare &= (chain == "KUBE-SERVICES") & pl.col("target").str.contains("^KUBE-(SVC|EXT|FW)-")
    unmarked = (chain == "KUBE-POSTROUTING") & (pl.col("rule_number") == 1) & (spec == "-j RETURN")
    lossy, lost = foreign & chain.str.contains(_FROM_IPTABLES), ~foreign & (bare | unmarked)
    found = rules.select("row", "is_rule", lossy=lossy, lost=lost).filter("is_rule", pl.col("lossy") | pl.col("lost"))
    name = pl.when("lossy").then(pl.lit("lossy-view")).otherwise(pl.lit("lost-matches"))
    return found.select("row", name=name).unique("name", keep="first", maintain_order=True).iter_rows()


def _losses(rules: pl.DataFrame) -> Iterable[tuple[int, str]]:
    """The first rule of each kind that the printing tool says it lost a part of."""
    import polars as pl

    for mark, name in _LOST.items():
        losing = pl.col("is_rule") & pl.col("spec").str.contains(mark, literal=True)
        yield from ((row, name) for row in rules.select(pl.col("row").filter(losing).head(1)).to_series())


def _missing(rules: pl.DataFrame, shown: pl.Series) -> Iterable[tuple[int, str]]:
    """Where each chain of kube-proxy that is not shown is jumped to first."""
    import polars as pl

    target = pl.col("target")
    missing = pl.col("is_rule") & target.str.contains(_NEEDS_CHAIN) & ~target.is_in(shown.implode())
    found = rules.select(pl.col("row", "target").filter(missing))
    return found.unique("target", keep="first", maintain_order=True).iter_rows()


def _open_shares(rules: pl.DataFrame) -> Iterable[tuple[int, str]]:
    """Service chains whose last rule takes a share only: the rest of the connections goes nowhere."""
    import polars as pl

    choosing = pl.col("is_rule") & pl.col("chain").str.contains("^KUBE-SV[CL]-")
    chosen = rules.select(pl.col("row", "chain", "spec").filter(choosing))
    followed = pl.col("chain").eq_missing(pl.col("chain").shift(-1))  # most are: few are left to compare by name
    endings = chosen.filter(~followed).unique("chain", keep="last", maintain_order=True)
    return endings.filter(pl.col("spec").str.contains("--probability", literal=True)).select("row", "chain").iter_rows()


_WHOLE_TABLE, _WHOLE = "dump the whole table: iptables-save", "dump the whole chain"
_LOST = {"[unsupported revision]": "unsupported-revision", "--to-destination :0 --persistent": "lost-destination"}
_LOSSES = {
    "unsupported-revision": (
        "the tool that printed this is older than the one that wrote the rules: what it says of a rule is missing",
        "dump with the kube-proxy container's own iptables-save",
    ),
    "lost-destination": (
        "DNAT to :0: the tool that printed this lost the destination",
        "dump with a tool as new as the one that wrote the rules",
    ),
}
_BLURRING = {
    "lossy-view": (LOSSY_VIEW, "dump with iptables-save instead"),
    "lost-matches": (LOST_MATCHES, "dump with a tool as new as the one that wrote the rules: kube-proxy's own"),
}
