"""`ip -j addr`: which addresses a node has, and which range its pod bridge spans."""

from __future__ import annotations

import re
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from pipeline.formats.base import Parsed, Reject
from pipeline.formats.json_stream import BrokenJsonError, JsonText
from pipeline.schema import Row
from pipeline.schema.frames import checked, frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

# Bridges whose range holds this node's pods and nothing else. docker0 holds other containers, azure0 the node's own
# network, weave the whole cluster's range: a bridge that is not known gives no range.
POD_BRIDGES = {"cbr0", "cni0", "kube-bridge"}
# They carry addresses of Services, the same on every node.
SERVICE_INTERFACES = {"kube-ipvs0", "nodelocaldns"}


_START = re.compile(r"^\s*\[", re.MULTILINE)


class IpAddr:
    """Addresses of one node."""

    name = "ip-addr-json"
    kind: Kind = "addresses"
    sign = "keys ifname and addr_info"

    def recognise(self, head: str) -> int:
        """Sure where a list of interfaces starts."""
        return 90 if _START.search(head) and '"ifname"' in head and '"addr_info"' in head else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as an address; loopback and link-local ones are read, and nothing is taken from them.

        What stands before the list, and after it (as in Retina's ip-resources.txt), is not looked at.
        """
        text, parsed, rows = JsonText(source.text()), Parsed(), list[Row]()
        found: list[tuple[int, object]] = []
        try:
            begin = _START.search(text.text)
            text.read_list(begin.end() - 1 if begin else -1, found)
        except BrokenJsonError as e:
            parsed.rejects.append(Reject(text.line_number(e.position), str(e), text.line_at(e.position)))
        parsed.row_count = len(parsed.rejects)
        for position, interface in found:
            for info in _infos(interface):
                parsed.row_count += 1
                try:
                    rows += [checked("node_addresses", row) for row in _rows(interface, info)]
                except (KeyError, TypeError, ValueError) as e:
                    reject = Reject(text.line_number(position), f"not an address: {e}", text.line_at(position))
                    parsed.rejects.append(reject)
        parsed.tables = {"node_addresses": frame("node_addresses", rows)} if rows else {}
        return parsed


def _infos(interface: object) -> list[Any]:
    """The addresses of an interface; what is no interface, or no list of addresses, stands for itself."""
    infos = interface.get("addr_info") or [] if isinstance(interface, dict) else [interface]
    return infos if isinstance(infos, list) else [infos]


def _rows(interface: Any, info: Any) -> Iterator[Row]:  # noqa: ANN401 - JSON of any shape; the caller catches a wrong one
    """The address itself and, on a pod bridge, its range."""
    address, name = ip_interface(f"{info['local']}/{info['prefixlen']}"), interface["ifname"]
    if address.is_loopback or address.is_link_local or name in SERVICE_INTERFACES:
        return
    yield {"cidr": f"{address.ip}/{address.max_prefixlen}", "kind": "interface", "interface": name}
    if name in POD_BRIDGES and address.network.prefixlen < address.max_prefixlen:
        yield {"cidr": str(address.network), "kind": "pods", "interface": name}


FORMAT = IpAddr()
