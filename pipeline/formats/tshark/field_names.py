"""Names of tshark's fields: those that become columns, with their types, and others with the same information."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# Fields that become columns of `packets`, with the type of a cell; other fields are left out.
FIELD_TYPES: dict[str, str] = {
    "frame.time_epoch": "DECIMAL(19,9)",
    "frame.interface_name": "VARCHAR",
    "frame.len": "INTEGER",
    "ip.src": "VARCHAR",
    "ip.dst": "VARCHAR",
    "ipv6.src": "VARCHAR",
    "ipv6.dst": "VARCHAR",
    "ip.proto": "USMALLINT",
    "ipv6.nxt": "USMALLINT",
    "ip.id": "USMALLINT",
    "ip.ttl": "USMALLINT",
    "ipv6.hlim": "USMALLINT",
    "tcp.srcport": "USMALLINT",
    "tcp.dstport": "USMALLINT",
    "udp.srcport": "USMALLINT",
    "udp.dstport": "USMALLINT",
    "sctp.srcport": "USMALLINT",
    "sctp.dstport": "USMALLINT",
    "tcp.flags": "USMALLINT",
    "tcp.seq_raw": "UINTEGER",
    "tcp.ack_raw": "UINTEGER",
    "tcp.len": "INTEGER",
    "tcp.options.timestamp.tsval": "UINTEGER",
    "tcp.stream": "UINTEGER",
    "http.request.method": "VARCHAR",
    "icmp.type": "USMALLINT",
    "icmp.code": "USMALLINT",
    "icmpv6.type": "USMALLINT",
    "icmpv6.code": "USMALLINT",
}
# Values that a packet has only if it contains several IP headers: a tunnel, or an ICMP error.
NESTED_TYPES: dict[str, str] = {
    "outer.src": "VARCHAR",
    "outer.dst": "VARCHAR",
    "outer.proto": "USMALLINT",
    "quoted.src": "VARCHAR",
    "quoted.dst": "VARCHAR",
    "quoted.proto": "USMALLINT",
    "quoted.srcport": "USMALLINT",
    "quoted.dstport": "USMALLINT",
}
TYPES = FIELD_TYPES | NESTED_TYPES | {"frame.protocols": "VARCHAR"}
# Fields with the same information as a field above, in another notation; a file with only these is read line by line.
ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "frame.time_epoch": ("frame.time", "frame.time_utc", "frame.time_relative"),
    "tcp.flags": ("tcp.flags.str", "tcp.flags.syn", "tcp.flags.ack", "tcp.flags.fin", "tcp.flags.reset"),
    "ip.src": ("ip.src_host",),
    "ip.dst": ("ip.dst_host",),
}
LIMITS = {"USMALLINT": 0xFFFF, "UINTEGER": 0xFFFFFFFF, "INTEGER": 0x7FFFFFFF}
ICMP_PROTOCOLS = (1, 58)
ICMP_FIELDS = ("icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code")
PORT_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
EXTENSION_HEADERS = (0, 43, 44, 51, 60)
TCP_FIELDS = ("tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.options.timestamp.tsval", "tcp.stream")
# Every TCP packet has these. In the part of a packet that an ICMP error quotes, some are empty; which, depends on
# tshark's release.
NOT_QUOTED = ("tcp.stream", "tcp.seq_raw", "tcp.len")
TCP_FLAG_BITS = {"tcp.flags.fin": 1, "tcp.flags.syn": 2, "tcp.flags.reset": 4, "tcp.flags.push": 8, "tcp.flags.ack": 16}
HEADER_FIELDS = [n for n in FIELD_TYPES if n.split(".")[0] in ("ip", "ipv6", "tcp", "udp", "sctp")]
# Fields that may be empty without making it another packet.
OPTIONAL_FIELDS = {"ip.proto", "ipv6.nxt", "ip.id", "ip.ttl", "ipv6.hlim", "frame.len", "frame.protocols",
                   "tcp.ack_raw", "tcp.options.timestamp.tsval", "http.request.method", *ICMP_FIELDS}  # fmt: skip
# Every field that a row is read from.
ALL_FIELDS = {*FIELD_TYPES, "frame.protocols", *(o for others in ALTERNATIVES.values() for o in others)}


def are_vectorisable(fields: Collection[str]) -> bool:
    """Whether typed columns can hold all that these fields contain: the vectorised reader can then read them."""
    if any(f.startswith("_ws.col.") for f in fields):
        return False
    return not any(f not in fields and any(o in fields for o in others) for f, others in ALTERNATIVES.items())
