"""What is wrong with a dump itself: rules that the printing tool left something out of, chains that are not there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    if (row := _first(columns, _lossy)) is not None:
        yield Fault("lossy-view", LOSSY_VIEW, "dump with iptables-save instead", row, blurs=True)
    if (row := _first(columns, _without_matches)) is not None:
        remedy = "dump with a tool as new as the one that wrote the rules: the kube-proxy container's own iptables-save"
        yield Fault("lost-matches", LOST_MATCHES, remedy, row, blurs=True)
    yield from _missing_chains(columns)
    yield from _open_shares(columns)


def _first(columns: Mapping[str, Sequence[object]], test: Callable[[str, object, str, str], bool]) -> int | None:
    rows = zip(columns["chain"], columns["rule_number"], columns["target"], columns["spec"], strict=True)
    for i, (chain, number, target, spec) in enumerate(rows):
        if number and test(str(chain), number, str(target), str(spec or "")):
            return i
    return None


def _lossy(chain: str, _number: object, _target: str, spec: str) -> bool:
    """A rule in nft's words in a chain that iptables-nft made."""
    return bool(spec) and spec[0] not in "-!:" and _FROM_IPTABLES.match(chain) is not None


def _without_matches(chain: str, number: object, target: str, spec: str) -> bool:
    """A rule that kube-proxy never writes like this."""
    if chain == "KUBE-SERVICES":
        return target.startswith(("KUBE-SVC-", "KUBE-EXT-", "KUBE-FW-")) and " -p " in spec and "--dport" not in spec
    return chain == "KUBE-POSTROUTING" and number == 1 and target == "RETURN" and spec == "-j RETURN"


def _missing_chains(columns: Mapping[str, Sequence[object]]) -> Iterator[Fault]:
    tables = columns["family"], columns["table_name"]
    shown = set(zip(*tables, columns["chain"], strict=True))
    told = set[object]()
    for i, key in enumerate(zip(*tables, columns["target"], strict=True)):
        target = key[2]
        if target and key not in shown and target not in told and _NEEDS_CHAIN.match(str(target)):
            told.add(target)
            message = f"chain {target} is jumped to and not in the dump"
            yield Fault("missing-chain", message, "dump the whole table: iptables-save", i)


def _open_shares(columns: Mapping[str, Sequence[object]]) -> Iterator[Fault]:
    """Service chains whose last rule takes a share only: the rest of the connections goes nowhere."""
    last = {c: i for i, c in enumerate(columns["chain"]) if str(c).startswith(("KUBE-SVC-", "KUBE-SVL-"))}
    for chain, i in last.items():
        if "--probability" in str(columns["spec"][i]):
            message = f"the shares of chain {chain} do not sum to 1: rules are missing at its end"
            yield Fault("open-shares", message, "dump the whole chain", i)
