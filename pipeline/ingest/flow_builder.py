"""Writes the packets of one export, and builds its conversations out of them in DuckDB.

Packets arrive in batches. Batches with tshark's stream numbers are summed up immediately, to unidirectional flows.
Without these numbers a reused port is recognised only when all packets are known, so the batches wait on disk until
the file is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline.config import Keep
from pipeline.schema import TABLES
from pipeline.store.duckdb_engine import OutOfMemory, create_temporary, literal, write_parquet
from pipeline.store.sql_models import all_models

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ingest.worker_pool import WorkerPool
    from pipeline.store.duckdb_engine import Connection

_SOCKETS_PER_ADDRESS = 131072  # one for each port, and socket 0 for packets without a port
_NOT_IN_SLIM = ("tcp_ack", "tcp_tsval", "ip_id", "ip_ttl")
# An export of `-i any` without interface names shows a packet once per interface. A SYN with the same sequence number,
# timestamp and IP id is such a copy.
_HAS_DUPLICATES = """SELECT 1 FROM all_packets
WHERE COALESCE(interface, 'any') = 'any' AND tcp_flags & 18 = 2 AND COALESCE(tcp_tsval, NULLIF(ip_id, 0)) IS NOT NULL
GROUP BY src, dst, tcp_seq, tcp_tsval, ip_id HAVING COUNT(*) > 1 LIMIT 1"""
_INCREASING = ("line_number", "ts_us", "tcp_stream")
_SPREAD = ("tcp_seq", "tcp_ack", "tcp_tsval")  # a dictionary of such values would only cost space


@dataclass(slots=True)
class TextNumbers:
    """A number for each address, interface and protocol of one export; 0 is for NULL.

    DuckDB groups by numbers in less time than by texts.
    """

    numbers: dict[str | None, int] = field(default_factory=lambda: {None: 0})

    def add_columns(self, packets: pa.Table) -> pa.Table:
        """Return the rows with sockets `src`, `dst`, and `interface_and_protocol`.

        The last is interface number * 2^32 + protocol number.
        A socket is address number * 131072 + port + 1; without a port, address number * 131072.
        """
        numbers = self._encode(packets["interface"]) << 32 | self._encode(packets["protocol"])
        packets = packets.append_column("interface_and_protocol", pa.array(numbers))
        for end in ("src", "dst"):
            address = self._encode(packets[f"{end}_ip"])
            ports = packets[f"{end}_port"].fill_null(-1).to_numpy() + 1
            sockets = pa.array(address * _SOCKETS_PER_ADDRESS + ports, mask=address == 0)
            packets = packets.append_column(end, sockets)
        return packets

    def table(self) -> pa.Table:
        """Return the table that maps each `number` to its `text`: one row each."""
        return pa.table({"number": [*self.numbers.values()], "text": pa.array([*self.numbers], pa.string())})

    def _encode(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the number of each row's text."""
        if not column.num_chunks:
            return np.zeros(0, np.int64)
        encoded = column.unify_dictionaries().combine_chunks()
        numbers = [self.numbers.setdefault(text, len(self.numbers)) for text in encoded.dictionary.to_pylist()]
        row_numbers: np.ndarray = np.array([*numbers, 0])[encoded.indices.fill_null(len(numbers)).to_numpy()]
        return row_numbers


@dataclass(slots=True)
class FlowBuilder:
    """Takes the packets of one export; writes them to `packet_folder`, and conversations to `conversation_folder`.

    ICMP errors go to a folder beside that of the conversations.
    """

    con: Connection
    capture_id: str
    packet_folder: Path
    conversation_folder: Path
    temporary_folder: Path
    keep: Keep
    pool: WorkerPool
    first_us: int | None = None
    last_us: int | None = None
    _packet_files: list[Path] = field(default_factory=list)
    _deferred_files: list[Path] = field(default_factory=list)
    _icmp_errors: list[pa.Table] = field(default_factory=list)
    _numbers: TextNumbers = field(default_factory=TextNumbers)
    _table_exists: bool = False  # `unidirectional_flows`

    def add(self, packets: pa.Table) -> None:
        """Sum up a batch in which every TCP packet has tshark's stream number."""
        with self.pool.in_background(partial(self._store_packets, packets)):
            self.con.register("all_packets", self._numbers.add_columns(packets))
            self._sum_up("segments_by_tcp_stream")
            self.con.unregister("all_packets")

    def defer(self, packets: pa.Table) -> None:
        """Store a batch that can be summed up only when all packets of the export are known."""
        self._store_packets(packets)
        path = self.temporary_folder / f"deferred-{len(self._deferred_files)}.parquet"
        parquet.write_table(self._numbers.add_columns(packets), path)
        self._deferred_files.append(path)

    def discard(self) -> None:
        """Forget all packets taken so far, and delete their files."""
        for path in (*self._packet_files, *self._deferred_files):
            path.unlink()
        self.con.execute("DROP TABLE IF EXISTS temp.unidirectional_flows")
        self._packet_files, self._deferred_files, self._icmp_errors, self._table_exists = [], [], [], False
        self.first_us = self.last_us = None

    def finish(self) -> None:
        """Write the conversations and ICMP errors of all packets."""
        with self.pool.memory_lock:
            self._finish()

    def _finish(self) -> None:
        if self._deferred_files:
            paths = ", ".join(literal(str(p)) for p in self._deferred_files)
            self.con.execute(f"CREATE TEMP VIEW all_packets AS SELECT * FROM read_parquet([{paths}])")
            self._sum_up("segments_by_syn")
            self.con.execute("DROP VIEW temp.all_packets")
        if self._table_exists:
            self._write_conversations()
        if self._icmp_errors:
            self._write_icmp_errors()

    def _write_conversations(self) -> None:
        self.con.register("texts", self._numbers.table())
        create_temporary(self.con, "conversation_sums", all_models()["conversation_sums"].sql)
        self.con.execute("DROP TABLE temp.unidirectional_flows")
        select = f"SELECT {literal(self.capture_id)} AS capture_id, c.* FROM ({all_models()['conversations'].sql}) AS c"
        write_parquet(self.con, select, self.conversation_folder / f"{self.capture_id}.parquet")
        self.con.execute("DROP TABLE temp.conversation_sums")

    def _write_icmp_errors(self) -> None:
        self.con.register("icmp_error_packets", pa.concat_tables(self._icmp_errors).unify_dictionaries())
        folder = self.conversation_folder.parents[1] / "icmp_errors" / self.conversation_folder.name
        write_parquet(self.con, all_models()["icmp_errors"].sql, folder / f"{self.capture_id}.parquet")
        self.con.unregister("icmp_error_packets")

    def _store_packets(self, packets: pa.Table) -> None:
        """Update the first and last time, collect ICMP errors, and write what `keep` asks for of the packets."""
        if packets["quoted_src_ip"].null_count < len(packets):
            self._icmp_errors.append(packets.filter(packets["quoted_src_ip"].is_valid()))
        times = pc.min_max(packets["ts_us"]).as_py()
        self.first_us = min((t for t in (self.first_us, times["min"]) if t is not None), default=None)
        self.last_us = max((t for t in (self.last_us, times["max"]) if t is not None), default=None)
        if self.keep is Keep.NONE:
            return
        if self.keep is Keep.SLIM:
            for name in _NOT_IN_SLIM:
                index = packets.schema.get_field_index(name)
                packets = packets.set_column(index, name, pa.nulls(len(packets), packets.schema.types[index]))
        path = self.packet_folder / f"{self.capture_id}-{len(self._packet_files):04}.parquet"
        _write_packets(packets, path)
        self._packet_files.append(path)

    def _sum_up(self, segment_model: str) -> None:
        """Add `all_packets` to `unidirectional_flows`; `segment_model` separates the uses of a reused port."""
        has_duplicates = self.con.execute(_HAS_DUPLICATES).fetchone()
        unique = all_models()["packets_deduplicated"].sql if has_duplicates else "SELECT * FROM all_packets"
        self.con.execute(f"CREATE TEMP VIEW packets AS {unique}")
        self.con.execute(f"CREATE TEMP VIEW segments AS {all_models()[segment_model].sql}")
        into = "INSERT INTO unidirectional_flows" if self._table_exists else "CREATE TEMP TABLE unidirectional_flows AS"
        insert = partial(self.con.execute, f"{into} {all_models()['unidirectional_flows'].sql}")
        try:
            insert()
        except OutOfMemory:
            with self.pool.memory_lock:  # the other threads have released their memory by then
                insert()
        self.con.execute("DROP VIEW temp.segments")
        self.con.execute("DROP VIEW temp.packets")
        self._table_exists = True


def _write_packets(packets: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [n for n in TABLES["packets"].names if n in packets.column_names]
    parquet.write_table(
        packets.select(names),
        path,
        compression="zstd",
        use_dictionary=[n for n in names if n not in (*_INCREASING, *_SPREAD)],
        column_encoding=dict.fromkeys(_INCREASING, "DELTA_BINARY_PACKED"),
        write_statistics=list(_INCREASING),
        store_schema=False,
    )
