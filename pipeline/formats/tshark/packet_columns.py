"""The columns of `packets`, computed from columns of tshark's cells for many packets at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.formats.tshark.field_names import EXTENSION_HEADERS, NOT_QUOTED, PORT_PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_PROTOCOLS = PORT_PROTOCOLS | {1: "icmp", 58: "icmpv6"}
_TWO_IP_HEADERS = r":ip(v6)?:(.*:)?ip(v6)?(:|$)"
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


def packet_table(cells: pa.Table, capture_id: str) -> pa.Table:
    """Return rows of `packets` with all columns but the partitions, from cells named as tshark names its fields.

    Texts are dictionary-encoded. A packet in a tunnel is the inner one, with the outer addresses beside it. An ICMP
    error has no ports of its own; the five-tuple that it quotes is in the `quoted_*` columns.
    """
    fields = _Cells(cells)
    columns = {name: fields.number(field, kind) for name, (field, kind) in _NUMBERS.items()}
    columns |= {name: fields.text(field) for name, field in _TEXTS.items()}
    columns["capture_id"] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(cells), np.int32)), [capture_id])
    columns["protocol"] = _number_names(fields.protocols(), lambda n: _PROTOCOLS.get(n, str(n)))
    columns["outer_protocol"] = _number_names(fields.integers("outer.proto"), lambda n: "udp" if n == 17 else str(n))
    quoted = fields.integers("quoted.proto")
    columns["quoted_protocol"] = _number_names(quoted, lambda n: PORT_PROTOCOLS.get(n, str(n)))
    columns["ip_ttl"] = fields.first(("ip.ttl", "ipv6.hlim"), pa.int32())
    for part in ("type", "code"):
        columns[f"icmp_{part}"] = fields.first((f"icmp.{part}", f"icmpv6.{part}"), pa.int32())
    for end in ("src", "dst"):
        columns[f"{end}_ip"] = fields.first_text(f"ip.{end}", f"ipv6.{end}")
        columns[f"{end}_port"] = fields.first([f"{name}.{end}port" for name in PORT_PROTOCOLS.values()], pa.int32())
    columns["request_count"] = fields.requests()
    return pa.table(columns)


def needs_line_reader(cells: pa.Table, fields: Collection[str]) -> pa.Array:
    """Return which rows the line-by-line reader must read: several headers may have filled their cells."""
    columns = _Cells(cells)
    proto = columns.protocol_numbers()
    has_port = {number: columns.filled(f"{name}.srcport") for number, name in PORT_PROTOCOLS.items()}
    has_any_port = np.logical_or.reduce(list(has_port.values()))
    ports_of_another = (proto >= 0) & has_any_port & ~np.isin(proto, (*PORT_PROTOCOLS, *EXTENSION_HEADERS))
    for number in PORT_PROTOCOLS:
        others = np.logical_or.reduce([has for other, has in has_port.items() if other != number])
        ports_of_another |= (proto == number) & others
    doubtful = ports_of_another | (columns.filled("ip.src") & columns.filled("ipv6.src"))
    for name in NOT_QUOTED:
        if name in fields:
            doubtful |= has_port[6] & ~columns.filled(name)
    doubtful |= columns.matches("frame.protocols", _TWO_IP_HEADERS)
    if not {"ip.proto", "ip.id", "ip.ttl"} & set(fields):
        doubtful |= columns.matches("ip.src", ",")
    if not {"ipv6.nxt", "ipv6.hlim"} & set(fields):
        doubtful |= columns.matches("ipv6.src", ",")
    return pa.array(doubtful)


class _Cells:
    """The columns of a table by field name; a column that the table lacks is empty."""

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
        """Return the first filled cell of each row among some columns."""
        columns = [self.number(name, kind) for name in names if name in self.names]
        return columns[0] if len(columns) == 1 else pc.coalesce(*columns) if columns else pa.nulls(self.length, kind)

    def integers(self, *names: str) -> np.ndarray:
        """Return the first filled cell of each row among some columns, -1 if all are empty."""
        return np.asarray(self.first(names, pa.int32()).fill_null(-1))

    def protocol_numbers(self) -> np.ndarray:
        return self.integers("ip.proto", "ipv6.nxt")

    def protocols(self) -> np.ndarray:
        """Return protocol numbers; the ports decide if no header contains the number."""
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

    def first_text(self, name: str, fallback: str) -> pa.Array:
        """Return the cells of one text column, and of the other where they are empty."""
        if name not in self.names or fallback not in self.names:
            return self.text(name if name in self.names else fallback)
        first, second = self.text(name), self.text(fallback)
        codes = pc.coalesce(first.indices, pc.add(second.indices, pa.scalar(len(first.dictionary), pa.int32())))
        return pa.DictionaryArray.from_arrays(codes, pa.concat_arrays([first.dictionary, second.dictionary]))

    def matches(self, name: str, pattern: str) -> np.ndarray:
        """Return which texts of a column contain a pattern."""
        if name not in self.names:
            return np.zeros(self.length, bool)
        column = self.text(name)
        hits = pc.match_substring_regex(column.dictionary, pattern)
        return _booleans(hits.take(column.indices).fill_null(False))

    def requests(self) -> pa.Array:
        """Return the number of HTTP requests in each packet: its methods, joined by an aggregator."""
        if "http.request.method" not in self.names:
            return pa.nulls(self.length, pa.int32())
        column = self.text("http.request.method")
        counts = pc.count_substring_regex(column.dictionary, "[A-Za-z]+(-[A-Za-z]+)*")
        return counts.take(column.indices).cast(pa.int32())


def _booleans(column: pa.Array) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), bool)


def _number_names(numbers: np.ndarray, name: Callable[[int], str]) -> pa.Array:
    """Return the name of each number, null for a negative one."""
    occurs = np.bincount(numbers + 1, minlength=1) > 0
    occurs[0] = False
    codes = (np.cumsum(occurs) - 1).astype(np.int32)[numbers + 1]
    names = pa.array([name(int(n)) for n in np.flatnonzero(occurs) - 1], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=numbers < 0), names)
