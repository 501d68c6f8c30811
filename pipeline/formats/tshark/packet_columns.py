"""The columns of `packets` made of tshark's cells, for many packets at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.formats.tshark.field_names import EXTENSIONS, NOT_QUOTED, PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_PROTOCOLS = PORTS | {1: "icmp", 58: "icmpv6"}
_TWO_HEADERS = r":ip(v6)?:(.*:)?ip(v6)?(:|$)"
_NUMBERS = {
    "line_number": ("line_number", pa.int64()),
    "ts_us": ("frame.time_epoch", pa.int64()),
    "frame_bytes": ("frame.len", pa.int32()),
    "tcp_flags": ("tcp.flags", pa.int32()),
    "tcp_seq": ("tcp.seq_raw", pa.int64()),
    "tcp_ack": ("tcp.ack_raw", pa.int64()),
    "tcp_payload_bytes": ("tcp.len", pa.int32()),
    "tcp_tsval": ("tcp.options.timestamp.tsval", pa.int64()),
    "tcp_stream": ("tcp.stream", pa.int64()),
    "ip_id": ("ip.id", pa.int32()),
    "quoted_src_port": ("quoted.srcport", pa.int32()),
    "quoted_dst_port": ("quoted.dstport", pa.int32()),
}
_TEXTS = {
    "interface": "frame.interface_name",
    "outer_src_ip": "outer.src",
    "outer_dst_ip": "outer.dst",
    "quoted_src_ip": "quoted.src",
    "quoted_dst_ip": "quoted.dst",
}


def packets(cells: pa.Table, capture_id: str) -> pa.Table:
    """Rows of `packets`, all columns but the partitions, of cells named as tshark names its fields.

    Texts are dictionary-encoded. A tunnel gives its inner packet, outer addresses beside it; an ICMP error gives no
    ports but the flow it quotes.
    """
    known = _Cells(cells)
    made = {name: known.number(field, kind) for name, (field, kind) in _NUMBERS.items()}
    made |= {name: known.text(field) for name, field in _TEXTS.items()}
    made["capture_id"] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(cells), np.int32)), [capture_id])
    made["protocol"] = _words(known.protocols(), lambda n: _PROTOCOLS.get(n, str(n)))
    made["outer_protocol"] = _words(known.integers("outer.proto"), lambda n: "udp" if n == 17 else str(n))
    made["quoted_protocol"] = _words(known.integers("quoted.proto"), lambda n: PORTS.get(n, str(n)))
    made["ip_ttl"] = known.first(("ip.ttl", "ipv6.hlim"), pa.int32())
    for part in ("type", "code"):
        made[f"icmp_{part}"] = known.first((f"icmp.{part}", f"icmpv6.{part}"), pa.int32())
    for end in ("src", "dst"):
        made[f"{end}_ip"] = known.either(f"ip.{end}", f"ipv6.{end}")
        made[f"{end}_port"] = known.first([f"{name}.{end}port" for name in PORTS.values()], pa.int32())
    made["request_count"] = known.requests()
    return pa.table(made)


def doubtful(cells: pa.Table, fields: Collection[str]) -> pa.Array:
    """Which rows need a second look: more than one header may have filled their cells."""
    known = _Cells(cells)
    proto = known.protocol_numbers()
    ports = {number: known.filled(f"{name}.srcport") for number, name in PORTS.items()}
    any_port = np.logical_or.reduce(list(ports.values()))
    foreign = (proto >= 0) & any_port & ~np.isin(proto, (*PORTS, *EXTENSIONS))
    for number in PORTS:
        others = np.logical_or.reduce([has for other, has in ports.items() if other != number])
        foreign |= (proto == number) & others
    doubt = foreign | (known.filled("ip.src") & known.filled("ipv6.src"))
    for name in NOT_QUOTED:
        if name in fields:
            doubt |= ports[6] & ~known.filled(name)
    doubt |= known.matches("frame.protocols", _TWO_HEADERS)
    if not {"ip.proto", "ip.id", "ip.ttl"} & set(fields):
        doubt |= known.matches("ip.src", ",")
    if not {"ipv6.nxt", "ipv6.hlim"} & set(fields):
        doubt |= known.matches("ipv6.src", ",")
    return pa.array(doubt)


class _Cells:
    """The columns of a table; those that it lacks are empty."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()
        self.length = len(table)
        self.names = frozenset(n for n in table.column_names if table[n].null_count < self.length)

    def column(self, name: str) -> pa.Array:
        chunks = self.table[name].chunks
        return chunks[0] if chunks else pa.array([], self.table[name].type)

    def filled(self, name: str) -> np.ndarray:
        if name not in self.names:
            return np.zeros(self.length, bool)
        column = self.column(name)
        return _booleans(column.is_valid()) if column.null_count else np.ones(self.length, bool)

    def number(self, name: str, kind: pa.DataType) -> pa.Array:
        return self.column(name).cast(kind) if name in self.names else pa.nulls(self.length, kind)

    def first(self, names: Collection[str], kind: pa.DataType) -> pa.Array:
        """The first of some columns that a row has."""
        there = [self.number(name, kind) for name in names if name in self.names]
        return there[0] if len(there) == 1 else pc.coalesce(*there) if there else pa.nulls(self.length, kind)

    def integers(self, *names: str) -> np.ndarray:
        """The first of some columns that a row has; -1 where it has none."""
        return np.asarray(self.first(names, pa.int32()).fill_null(-1))

    def protocol_numbers(self) -> np.ndarray:
        return self.integers("ip.proto", "ipv6.nxt")

    def protocols(self) -> np.ndarray:
        """Protocol numbers, told by the ports where no header says them."""
        numbers = self.protocol_numbers().copy()
        numbers[self.filled("sctp.srcport") & ~np.isin(numbers, (6, 17))] = 132
        numbers[self.filled("udp.srcport") & (numbers != 6)] = 17
        numbers[self.filled("tcp.srcport")] = 6
        return numbers

    def text(self, name: str) -> pa.Array:
        if name not in self.names:
            return pa.nulls(self.length, pa.dictionary(pa.int32(), pa.string()))
        column = self.column(name)
        return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()

    def either(self, name: str, other: str) -> pa.Array:
        """The one column where it is filled, else the other."""
        if name not in self.names or other not in self.names:
            return self.text(name if name in self.names else other)
        one, two = self.text(name), self.text(other)
        codes = pc.coalesce(one.indices, pc.add(two.indices, pa.scalar(len(one.dictionary), pa.int32())))
        return pa.DictionaryArray.from_arrays(codes, pa.concat_arrays([one.dictionary, two.dictionary]))

    def matches(self, name: str, pattern: str) -> np.ndarray:
        """Which texts of a column hold a pattern."""
        if name not in self.names:
            return np.zeros(self.length, bool)
        column = self.text(name)
        hits = pc.match_substring_regex(column.dictionary, pattern)
        return _booleans(hits.take(column.indices).fill_null(False))

    def requests(self) -> pa.Array:
        """How many HTTP requests a packet holds: methods with a comma, or what the export has for one, between them."""
        if "http.request.method" not in self.names:
            return pa.nulls(self.length, pa.int32())
        column = self.text("http.request.method")
        counts = pc.count_substring_regex(column.dictionary, "[A-Za-z]+(-[A-Za-z]+)*")
        return counts.take(column.indices).cast(pa.int32())


def _booleans(column: pa.Array) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), bool)


def _words(numbers: np.ndarray, word: Callable[[int], str]) -> pa.Array:
    """A text for each number, none where it is negative."""
    places = np.bincount(numbers + 1, minlength=1) > 0
    places[0] = False
    codes = (np.cumsum(places) - 1).astype(np.int32)[numbers + 1]
    texts = pa.array([word(int(n)) for n in np.flatnonzero(places) - 1], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=numbers < 0), texts)
