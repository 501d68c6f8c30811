"""`ip -j addr`: the addresses of one node, and the pod range that its bridge spans.

Text before and after the JSON list (as in Retina's ip-resources.txt) is skipped. Loopback and link-local addresses, and
those of kube-proxy's own interfaces, give no rows.
"""

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

# Bridges whose range is exactly this node's pods. docker0 has other containers, azure0 the node's own network, and
# weave the range of the whole cluster: an unlisted bridge gives no range.
POD_BRIDGES = {"cbr0", "cni0", "kube-bridge"}
# They have addresses of Services, the same on every node.
SERVICE_INTERFACES = {"kube-ipvs0", "nodelocaldns"}
_LIST_START = re.compile(r"^\s*\[", re.MULTILINE)


class IpAddr:
    """Addresses of one node."""

    name = "ip-addr-json"
    kind: Kind = "addresses"
    sign = "keys ifname and addr_info"

    def recognise(self, head: str) -> int:
        """Return 90 if a JSON list starts in a line, and the keys of interfaces are there."""
        return 90 if _LIST_START.search(head) and '"ifname"' in head and '"addr_info"' in head else 0

    def parse(self, source: Source) -> Parsed:
        """Return the rows of all interfaces; `row_count` counts addresses, also those that give no row."""
        text, parsed, rows = JsonText(source.text()), Parsed(), list[Row]()
        interfaces: list[tuple[int, object]] = []
        try:
            start = _LIST_START.search(text.text)
            text.read_list(start.end() - 1 if start else -1, interfaces)
        except BrokenJsonError as e:
            parsed.rejects.append(Reject(text.line_number(e.position), str(e), text.line_at(e.position)))
        parsed.row_count = len(parsed.rejects)
        for position, interface in interfaces:
            for info in _address_infos(interface):
                parsed.row_count += 1
                try:
                    rows += [checked("node_addresses", row) for row in _address_rows(interface, info)]
                except (KeyError, TypeError, ValueError) as e:
                    reject = Reject(text.line_number(position), f"not an address: {e}", text.line_at(position))
                    parsed.rejects.append(reject)
        parsed.tables = {"node_addresses": frame("node_addresses", rows)} if rows else {}
        return parsed


def _address_infos(interface: object) -> list[Any]:
    """Return the addresses of an interface; a value that is no interface or no list is returned as one bad address."""
    infos = interface.get("addr_info") or [] if isinstance(interface, dict) else [interface]
    return infos if isinstance(infos, list) else [infos]


def _address_rows(interface: Any, info: Any) -> Iterator[Row]:  # noqa: ANN401 - any JSON; the caller catches a wrong one
    """Yield the row of an address and, on a pod bridge, that of its range."""
    address, name = ip_interface(f"{info['local']}/{info['prefixlen']}"), interface["ifname"]
    if address.is_loopback or address.is_link_local or name in SERVICE_INTERFACES:
        return
    yield {"cidr": f"{address.ip}/{address.max_prefixlen}", "kind": "interface", "interface": name}
    if name in POD_BRIDGES and address.network.prefixlen < address.max_prefixlen:
        yield {"cidr": str(address.network), "kind": "pods", "interface": name}


FORMAT = IpAddr()
