"""Names of tshark's fields: which become columns, with which types, and which others say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# Fields that become columns of `packets`, with the type a cell is read as; other fields are left out.
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
# What only several headers in one packet give.
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
# Fields that say what a field above says, in other words; a file that has them is read line by line.
OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "frame.time_epoch": ("frame.time", "frame.time_utc", "frame.time_relative"),
    "tcp.flags": ("tcp.flags.str", "tcp.flags.syn", "tcp.flags.ack", "tcp.flags.fin", "tcp.flags.reset"),
    "ip.src": ("ip.src_host",),
    "ip.dst": ("ip.dst_host",),
}
LIMITS = {"USMALLINT": 0xFFFF, "UINTEGER": 0xFFFFFFFF, "INTEGER": 0x7FFFFFFF}
ICMP = (1, 58)
ICMP_FIELDS = ("icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code")
PORTS = {6: "tcp", 17: "udp", 132: "sctp"}
EXTENSIONS = (0, 43, 44, 51, 60)
TCP = ("tcp.flags", "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "tcp.options.timestamp.tsval", "tcp.stream")
# What every TCP packet has, and the part of one that an ICMP error quotes has not; which, depends on the release.
NOT_QUOTED = ("tcp.stream", "tcp.seq_raw", "tcp.len")
BITS = {"tcp.flags.fin": 1, "tcp.flags.syn": 2, "tcp.flags.reset": 4, "tcp.flags.push": 8, "tcp.flags.ack": 16}
IN_HEADERS = [n for n in FIELD_TYPES if n.split(".")[0] in ("ip", "ipv6", "tcp", "udp", "sctp")]
# What a packet can be without and still be the same packet.
DISPENSABLE = {"ip.proto", "ipv6.nxt", "ip.id", "ip.ttl", "ipv6.hlim", "frame.len", "frame.protocols", "tcp.ack_raw",
               "tcp.options.timestamp.tsval", "http.request.method", *ICMP_FIELDS}  # fmt: skip
# Every field that a row can be made of.
ALL_FIELDS = {*FIELD_TYPES, "frame.protocols", *(w for words in OTHER_WORDS.values() for w in words)}


def fast(fields: Collection[str]) -> bool:
    """Whether typed columns say all that these fields can say."""
    if any(f.startswith("_ws.col.") for f in fields):
        return False
    return not any(f not in fields and any(w in fields for w in words) for f, words in OTHER_WORDS.items())
