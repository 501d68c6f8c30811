"""What is wrong with a dump itself: rules that the printing tool left something out of, chains that are not there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FROM_IPTABLES = re.compile(r"^(KUBE-|PREROUTING$|POSTROUTING$)")
_NEEDS_CHAIN = re.compile(r"^KUBE-(SVC|SEP|EXT|FW|XLB|SVL)-|^KUBE-(MARK-MASQ|NODEPORTS|SERVICES)$")
LOST_MATCHES = "the tool that printed these rules left matches out of them (ports, marks)"
LOSSY_VIEW = "nft shows rules that iptables-nft wrote and leaves parts of them out"


@dataclass(frozen=True, slots=True)
class Fault:
    """Its name, what was found, what to do, and the row it shows in; `blurs` if no decision can be certain."""

    name: str
    message: str
    remedy: str
    row: int | None = None
    blurs: bool = False


def faults(columns: Mapping[str, Sequence[object]]) -> Iterator[Fault]:
    """Look through the rows once, without compiling them."""
    shown = set(columns["chain"])
    told = set[object]()
    last: dict[object, int] = {}
    rows = zip(columns["chain"], columns["rule_number"], columns["target"], columns["spec"], strict=True)
    for i, (chain, number, target, spec) in enumerate(rows):
        if not number:
            continue
        if (name := _blurring(str(chain), number, str(target), str(spec or ""))) and name not in told:
            told.add(name)
            yield Fault(name, *_BLURRING[name], i, blurs=True)
        if spec and (name := next((n for mark, n in _LOST.items() if mark in str(spec)), None)) and name not in told:
            told.add(name)
            yield Fault(name, *_LOSSES[name], i)
        if target not in shown and target not in told and _NEEDS_CHAIN.match(str(target)):
            told.add(target)
            message = f"chain {target} is jumped to and not in the dump"
            yield Fault("missing-chain", message, "dump the whole table: iptables-save", i)
        last[chain] = i
    yield from _open_shares(columns["spec"], last)


def _blurring(chain: str, number: object, target: str, spec: str) -> str | None:
    """The fault of a rule that kube-proxy never writes like this."""
    if spec and spec[0] not in "-!":
        return "lossy-view" if _FROM_IPTABLES.match(chain) else None
    if chain == "KUBE-SERVICES":
        bare = " -p " in spec and "--dport" not in spec
        return "lost-matches" if bare and target.startswith(("KUBE-SVC-", "KUBE-EXT-", "KUBE-FW-")) else None
    unmarked = chain == "KUBE-POSTROUTING" and number == 1 and spec == "-j RETURN"
    return "lost-matches" if unmarked else None


def _open_shares(specs: Sequence[object], last: Mapping[object, int]) -> Iterator[Fault]:
    """Service chains whose last rule takes a share only: the rest of the connections goes nowhere."""
    for chain, i in last.items():
        if str(chain).startswith(("KUBE-SVC-", "KUBE-SVL-")) and "--probability" in str(specs[i]):
            message = f"the shares of chain {chain} do not sum to 1: rules are missing at its end"
            yield Fault("open-shares", message, "dump the whole chain", i)


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
