"""What the readers of iptables texts share: which table and family a chain is of, rows, and findings."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pipeline.formats.base import Finding
from pipeline.rules.faults import faults

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

BUILTINS = frozenset({"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"})
_NAT_CHAIN = re.compile(
    r"^(KUBE-((SVC|SEP|EXT|FW|XLB|SVL|HP)-|POSTROUTING|MARK-MASQ|MARK-DROP|PORTALS|NODEPORT-)|PREROUTING$|POSTROUTING$"
    r"|CNI-|IP-MASQ|AWS-SNAT|cali-nat|cali-fip|CILIUM_PRE_nat|CILIUM_POST_nat|CILIUM_OUTPUT_nat|OVN-KUBE)"
)
_FILTER_CHAIN = re.compile(
    r"^(KUBE-(FORWARD|FIREWALL|EXTERNAL-SERVICES|PROXY-FIREWALL|ROUTER|NWPLCY|POD-FW)|FORWARD$|DOCKER-|WEAVE-NPC"
    r"|AZURE-NPM|cali-(FORWARD|INPUT|OUTPUT|tw|fw|pi|po|pri|pro|from|to|wl)|CILIUM_FORWARD|CILIUM_INPUT)"
)
_NAT_TARGETS = frozenset({"DNAT", "SNAT", "MASQUERADE", "REDIRECT", "KUBE-MARK-MASQ", "KUBE-NODEPORTS", "NETMAP"})
_KUBE = re.compile(r"\bKUBE-(?!KUBELET)[A-Z]")
COMMAND = re.compile(r"\b(?P<tool>ip6?tables)(?:-legacy|-nft)?(?P<save>-save)?\b(?P<rest>[^|]*)")
_CHAIN_OPTION = re.compile(r"(?:^|\s)(?:-\w*L\w*|--list)\s+([A-Za-z][\w-]+)")
UNKNOWN_CHAIN = "(unknown)"
APPENDED = re.compile(r"^\s*(?:\[(\d+):(\d+)\]\s*)?-A ([^\s{}]+)(?:\s+(.*?))?\s*$")
_TABLE_OPTION = re.compile(r"(?:^|\s)(?:-t|--table)[ =]?(\w+)|\s-\w*t (\w+)")


@dataclass(slots=True)
class Section:
    """A stretch of a file that is one table: what a command or `*table` line said of it, and what its chains say.

    `listed` is the one chain a command asked for.
    """

    table: str | None = None
    family: str | None = None
    listed: str | None = None
    chains: dict[str, Counter[str]] = field(default_factory=dict)

    def see(self, chain: str, target: str = "") -> None:
        """Note a chain, or a rule's target in it."""
        seen = self.chains.setdefault(chain, Counter())
        if target:
            seen[target] += 1

    def table_of(self, chain: str) -> str:
        """The table a chain is of: as told, else by its name, its company, its targets."""
        if self.table:
            return self.table
        by_company = _by_builtins(BUILTINS & set(self.chains))
        if by_company and (chain in BUILTINS or not by_company_conflicts(chain, by_company)):
            return by_company
        return _by_name(chain) or _by_targets(self.chains.get(chain, Counter())) or self._by_majority()

    def _by_majority(self) -> str:
        votes = Counter(v for c, t in self.chains.items() if (v := _by_name(c) or _by_targets(t)))
        return votes.most_common(1)[0][0] if votes else "filter"


def by_company_conflicts(chain: str, table: str) -> bool:
    """Whether the chain's name says another table than its company."""
    named = _by_name(chain)
    return named is not None and named != table


def _by_builtins(found: frozenset[str] | set[str]) -> str | None:
    if {"PREROUTING", "FORWARD"} <= found:
        return "mangle"
    if "POSTROUTING" in found:
        return "nat"
    if "FORWARD" in found:
        return "filter"
    return None


def _by_name(chain: str) -> str | None:
    return "nat" if _NAT_CHAIN.match(chain) else "filter" if _FILTER_CHAIN.match(chain) else None


def _by_targets(targets: Counter[str]) -> str | None:
    if any(t in _NAT_TARGETS or t.startswith(("KUBE-SVC-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-FW-")) for t in targets):
        return "nat"
    return "filter" if "REJECT" in targets or "DROP" in targets else None


def command_section(line: str) -> Section | None:
    """The section that a command line with iptables in it opens; None if it lists nothing."""
    found = COMMAND.search(line)
    if not found:
        return None
    rest = found["rest"]
    family = "ip6" if found["tool"] == "ip6tables" else "ip"
    table = _TABLE_OPTION.search(rest)
    if found["save"]:
        return Section(family=family)
    if re.search(r"(^|\s)(-\w*[LS]\w*|--list(-rules)?)\b", rest):
        chain = _CHAIN_OPTION.search(rest)
        return Section((table[1] or table[2]) if table else "filter", family, chain[1] if chain else None)
    return None


def rule_findings(rows: pl.DataFrame, text_has: set[str]) -> list[Finding]:
    """What a dump of rules lacks or warns of."""
    found = fault_findings(rows)
    names = (name for column in ("chain", "target") for name in (rows[column] if len(rows) else ()))
    if not any(name and _KUBE.match(name) for name in names):
        found.append(
            Finding(
                "no-kube-chains",
                "warning",
                "no KUBE chain is in these rules",
                "dump the rules in the node's own network namespace, as root, with the backend kube-proxy uses "
                "(iptables-nft-save or iptables-legacy-save)",
            )
        )
    for mark, finding in _WARNINGS.items():
        if mark in text_has:
            found.append(finding)
    return found


def fault_findings(rows: pl.DataFrame) -> list[Finding]:
    """The faults of a dump, with their lines; of many chains that are missing, the first few."""
    if not len(rows):
        return []
    columns = cast("dict[str, Sequence[object]]", rows.to_dict())
    shown, more = list[Finding](), Counter[str]()
    for fault in faults(columns):
        more[fault.name] += 1
        if more[fault.name] <= SHOWN:
            line = None if fault.row is None else rows["line_number"][fault.row]
            shown.append(Finding(fault.name, "warning", fault.message, fault.remedy, line))
    rest = {name: count - SHOWN for name, count in more.items() if count > SHOWN}
    return shown + [Finding(n, "note", f"{count} more of these", "see the first ones") for n, count in rest.items()]


SHOWN = 5
LEGACY_WARNING = "iptables-legacy tables present"
_WARNINGS = {
    LEGACY_WARNING: Finding(
        "legacy-tables-present",
        "warning",
        "the tool warns that there are rules of the other backend, which this dump does not show",
        "dump both: iptables-nft-save and iptables-legacy-save",
    ),
    "[unsupported revision]": Finding(
        "unsupported-revision",
        "warning",
        "the tool that printed this is older than the one that wrote the rules: matches are missing",
        "dump with the kube-proxy container's own iptables-save",
    ),
    "--to-destination :0 --persistent": Finding(
        "lost-destination",
        "warning",
        "DNAT to :0: the tool that printed this lost the destination",
        "dump with a tool as new as the one that wrote the rules",
    ),
}
WARNING_MARKS = tuple(_WARNINGS)
