"""Where the kernel enters the rules: base chains by hook and priority, for iptables and nft alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TABLES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
VIRTUAL_SERVERS = "VIRTUAL-SERVERS"
_HOOKS = {name: name.lower() for name in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}
_DECLARATION = re.compile(
    r"type (\w+) hook (\w+)(?: device \S+)? priority (-?\w+)(?: ([+-]) (\d+))?(?:; policy (\w+))?"
)
# What kube-proxy hooks in where: enough to enter a dump that shows only its own chains.
_ASSUMED = {
    ("nat", "prerouting"): ("KUBE-SERVICES",),
    ("nat", "output"): ("KUBE-SERVICES",),
    ("nat", "postrouting"): ("KUBE-POSTROUTING",),
    ("filter", "input"): ("KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"),
    ("filter", "forward"): ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"),
    ("filter", "output"): ("KUBE-SERVICES", "KUBE-PROXY-FIREWALL"),
}
ENTERED_CHAINS = frozenset({*_HOOKS, VIRTUAL_SERVERS}.union(*_ASSUMED.values()))


@dataclass(frozen=True, slots=True, order=True)
class BaseChain:
    """A chain the kernel calls; `shown` is False where the dump shows only the chains behind it."""

    priority: int
    table: str
    chain: str
    nat: bool
    policy: str = "accept"
    shown: bool = True


def builtin(table: str, chain: str, policy: str) -> list[tuple[str, BaseChain]]:
    """Hooks and base chains of an iptables chain with a built-in name, or of IPVS."""
    if table == "ipvs" and chain == VIRTUAL_SERVERS:
        after_nat = _TABLES["nat"] + 1  # rules of the nat table mark what is to be masqueraded before IPVS takes it
        return [(hook, BaseChain(after_nat, table, chain, nat=True)) for hook in ("prerouting", "output")]
    if table not in _TABLES or chain not in _HOOKS:
        return []
    late = table == "nat" and chain in ("INPUT", "POSTROUTING")
    priority = 100 if late else _TABLES[table]
    return [(_HOOKS[chain], BaseChain(priority, table, chain, table == "nat", policy.lower()))]


def declared(table: str, chain: str, spec: str) -> list[tuple[str, BaseChain]]:
    """Hook and base chain of an nft chain, by its declaration."""
    if not (found := _DECLARATION.search(spec)):
        return []
    kind, hook, word, sign, offset, policy = found.groups()
    base = _PRIORITIES[word] if word in _PRIORITIES else int(word) if word.lstrip("-").isdigit() else 0
    priority = base + int(f"{sign}{offset}") if sign else base
    return [(hook, BaseChain(priority, table, chain, kind == "nat", policy or "accept"))]


def assumed(table: str, shown: set[str]) -> list[tuple[str, BaseChain]]:
    """Base chains to enter an iptables table by whose built-in chains the dump leaves out."""
    found = []
    for (name, hook), chains in _ASSUMED.items():
        if name == table and hook.upper() not in shown:
            priority = 100 if hook == "postrouting" else _TABLES[table]
            found += [(hook, BaseChain(priority, table, c, table == "nat", shown=False)) for c in chains if c in shown]
    return found
