"""Maps an address to its node, pod range and network; each distinct address is looked up once."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from pipeline.labelling.node_rules import NodeRules
    from pipeline.labelling.workspace import Workspace
    from pipeline.schema import Row

Network = IPv4Network | IPv6Network
# What a cluster's own networks use: RFC 1918, RFC 6598 (shared), RFC 4193 (IPv6 unique local).
_PRIVATE = [ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


class AddressBook:
    """The addresses of nodes, and the ranges of pods."""

    def __init__(self, node_addresses: Iterable[Row], pod_ranges: Iterable[str]) -> None:
        """`node_addresses` are rows of that table; `pod_ranges` are CIDRs of pods whose node is not known."""
        self._nodes_by_address: dict[str, set[str]] = defaultdict(set)
        self._node_ranges: list[tuple[Network, str]] = []
        for row in node_addresses:
            network, node = ip_network(str(row["cidr"])), str(row["node"])
            if row["kind"] == "pods":
                self._node_ranges.append((network, node))
            else:
                self._nodes_by_address[str(network.network_address)].add(node)
        listed = frozenset(self._nodes_by_address)
        for network, node in self._node_ranges:
            bridge = str(network.network_address + 1)  # pods use it as their gateway
            if bridge not in listed:
                self._nodes_by_address[bridge].add(node)
        self._pod_ranges: Sequence[Network] = [*(n for n, _ in self._node_ranges), *map(ip_network, sorted(pod_ranges))]

    def owner(self, ip: str) -> str | None:
        """The node that has `ip` on an interface; None if no input shows one, or several nodes have it."""
        return _only(self._nodes_by_address.get(ip, set()))

    def own_addresses(self, node: str) -> list[str]:
        """The addresses that `node` has on its interfaces."""
        return sorted(ip for ip, nodes in self._nodes_by_address.items() if node in nodes)

    def pod_ranges(self, node: str) -> list[str]:
        """The ranges that the pods of `node` have their addresses from."""
        return sorted({str(network) for network, host in self._node_ranges if host == node})

    def row(self, ip: str) -> Row | None:
        """A row of `addresses`; None if the text is no address."""
        try:
            address = ip_address(ip)
        except ValueError:
            return None
        same_family = [n for n in self._pod_ranges if n.version == address.version]
        return {
            "ip": ip,
            "owner_node": self.owner(ip),
            "host_node": _only(self._hosts(address)),
            "is_private": any(address in n for n in _PRIVATE if n.version == address.version),
            "in_pod_range": any(address in n for n in same_family) if same_family else None,
        }

    def _hosts(self, address: IPv4Address | IPv6Address) -> set[str]:
        """The nodes of the narrowest pod ranges around `address`."""
        around = [(network.prefixlen, node) for network, node in self._node_ranges if address in network]
        return {node for length, node in around if length == max(around)[0]}


def read_address_book(work: Workspace, rules: NodeRules) -> AddressBook:
    """Collect the addresses of nodes and pods from objects, interfaces and rules.

    Reads: matched_node_addresses, and the pod ranges that rules mention.
    """
    of_nodes = work.rows("SELECT node, cidr, kind FROM matched_node_addresses WHERE node IS NOT NULL")
    of_no_node = work.rows("SELECT cidr FROM matched_node_addresses WHERE node IS NULL AND kind = 'pods'")
    return AddressBook(of_nodes, rules.pod_ranges | {str(row["cidr"]) for row in of_no_node})


def write_addresses(work: Workspace, book: AddressBook) -> None:
    """Look up every address that occurs in packets or decisions.

    Reads: client_sockets, decisions. Writes: addresses.
    """
    addresses = work.con.sql(
        "SELECT src_ip FROM client_sockets UNION SELECT dst_ip FROM client_sockets "
        "UNION SELECT endpoint_ip FROM decisions WHERE endpoint_ip IS NOT NULL ORDER BY ALL"
    )
    work.write("addresses", (row for (ip,) in addresses.fetchall() if (row := book.row(str(ip)))))


def _only(nodes: set[str]) -> str | None:
    return next(iter(nodes)) if len(nodes) == 1 else None
