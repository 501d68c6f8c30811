"""Whose address is it: node, pod range, private or not. Decided once for each distinct address."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.schema import Row

Network = IPv4Network | IPv6Network
# What a cluster's own networks use: RFC 1918, RFC 6598 (shared), RFC 4193 (IPv6 unique local).
_PRIVATE = [ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


class AddressBook:
    """What is known of a cluster's addresses."""

    def __init__(self, node_addresses: Iterable[Row], pod_ranges: Iterable[str]) -> None:
        """`node_addresses` are rows of that table; `pod_ranges` are CIDRs that rules take for the pods'."""
        self._owners: dict[str, str] = {}
        self._hosts: list[tuple[Network, str]] = []
        rows = sorted(node_addresses, key=lambda r: (str(r["kind"]), str(r["node"]), str(r["cidr"])))
        for row in rows:
            network, node = ip_network(str(row["cidr"])), str(row["node"])
            if row["kind"] == "pods":
                self._hosts.append((network, node))
            else:
                self._owners.setdefault(str(network.network_address), node)
        for network, node in self._hosts:
            self._owners.setdefault(str(network.network_address + 1), node)  # the bridge pods use as their gateway
        self._pods: Sequence[Network] = [*(n for n, _ in self._hosts), *(ip_network(r) for r in sorted(pod_ranges))]

    def owner(self, ip: str) -> str | None:
        """The node that has `ip` on an interface; None where no input tells."""
        return self._owners.get(ip)

    def own_addresses(self, node: str) -> list[str]:
        """The addresses that `node` has on its interfaces."""
        return sorted(ip for ip, owner in self._owners.items() if owner == node)

    def pod_ranges(self, node: str) -> list[str]:
        """The ranges that the pods of `node` have their addresses from."""
        return [str(network) for network, host in self._hosts if host == node]

    def row(self, ip: str) -> Row | None:
        """A row of `addresses`; None where the text is no address."""
        try:
            address = ip_address(ip)
        except ValueError:
            return None
        same_family = [n for n in self._pods if n.version == address.version]
        return {
            "ip": ip,
            "owner_node": self._owners.get(ip),
            "host_node": next((node for network, node in self._hosts if address in network), None),
            "is_private": any(address in n for n in _PRIVATE if n.version == address.version),
            "in_pod_range": any(address in n for n in same_family) if same_family else None,
        }
