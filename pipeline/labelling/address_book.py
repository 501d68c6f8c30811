"""Whose address is it: node, pod range, private or not. Decided once for each distinct address."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from pipeline.schema import Row

Network = IPv4Network | IPv6Network
# What a cluster's own networks use: RFC 1918, RFC 6598 (shared), RFC 4193 (IPv6 unique local).
_PRIVATE = [ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


class AddressBook:
    """What is known of a cluster's addresses."""

    def __init__(self, node_addresses: Iterable[Row], pod_ranges: Iterable[str]) -> None:
        """`node_addresses` are rows of that table; `pod_ranges` are CIDRs that rules take for the pods'."""
        self._owners: dict[str, set[str]] = defaultdict(set)
        self._hosts: list[tuple[Network, str]] = []
        for row in node_addresses:
            network, node = ip_network(str(row["cidr"])), str(row["node"])
            if row["kind"] == "pods":
                self._hosts.append((network, node))
            else:
                self._owners[str(network.network_address)].add(node)
        told = frozenset(self._owners)
        for network, node in self._hosts:
            bridge = str(network.network_address + 1)  # pods use it as their gateway
            if bridge not in told:
                self._owners[bridge].add(node)
        self._pods: Sequence[Network] = [*(n for n, _ in self._hosts), *(ip_network(r) for r in sorted(pod_ranges))]

    def owner(self, ip: str) -> str | None:
        """The node that has `ip` on an interface; None where no input tells, or several nodes have it."""
        return _only(self._owners.get(ip, set()))

    def own_addresses(self, node: str) -> list[str]:
        """The addresses that `node` has on its interfaces."""
        return sorted(ip for ip, owners in self._owners.items() if node in owners)

    def pod_ranges(self, node: str) -> list[str]:
        """The ranges that the pods of `node` have their addresses from."""
        return sorted({str(network) for network, host in self._hosts if host == node})

    def row(self, ip: str) -> Row | None:
        """A row of `addresses`; None where the text is no address."""
        try:
            address = ip_address(ip)
        except ValueError:
            return None
        same_family = [n for n in self._pods if n.version == address.version]
        return {
            "ip": ip,
            "owner_node": self.owner(ip),
            "host_node": _only(self._hosts_of(address)),
            "is_private": any(address in n for n in _PRIVATE if n.version == address.version),
            "in_pod_range": any(address in n for n in same_family) if same_family else None,
        }

    def _hosts_of(self, address: IPv4Address | IPv6Address) -> set[str]:
        """The nodes of the narrowest pod ranges around `address`."""
        around = [(network.prefixlen, node) for network, node in self._hosts if address in network]
        return {node for length, node in around if length == max(around)[0]}


def _only(nodes: set[str]) -> str | None:
    return next(iter(nodes)) if len(nodes) == 1 else None
