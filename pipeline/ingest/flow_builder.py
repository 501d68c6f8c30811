"""Packets of one export on their way into the lake: kept as far as asked, and summed up into conversations.

Rows come piece by piece. Those whose conversation must be told by looking at the whole file wait for its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from pipeline.config import Keep
from pipeline.ingest.socket_numbers import Numbered
from pipeline.schema import TABLES
from pipeline.store import sql_models
from pipeline.store.duckdb_engine import OutOfMemory, create_temporary, literal, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.ingest.worker_pool import Helpers
    from pipeline.store.duckdb_engine import Connection

_NOT_IN_SLIM = ("tcp_ack", "tcp_tsval", "ip_id", "ip_ttl")
# A SYN that one export shows twice: all interfaces were captured, and none is named.
_DOUBLED = """SELECT 1 FROM all_packets
WHERE COALESCE(interface, 'any') = 'any' AND tcp_flags & 18 = 2 AND COALESCE(tcp_tsval, NULLIF(ip_id, 0)) IS NOT NULL
GROUP BY src, dst, tcp_seq, tcp_tsval, ip_id HAVING COUNT(*) > 1 LIMIT 1"""
_COUNTED_UP = ("line_number", "ts_us", "tcp_stream")


@dataclass(slots=True)
class Conversations:
    """Where the packets of one export go: `packets`, `conversations` (folders), and `spare` on the way there.

    What ICMP errors say goes to a folder beside that of `conversations`.
    """

    con: Connection
    capture_id: str
    packets: Path
    conversations: Path
    spare: Path
    keep: Keep
    helpers: Helpers
    first_us: int | None = None
    last_us: int | None = None
    _kept: list[Path] = field(default_factory=list)
    _waiting: list[Path] = field(default_factory=list)
    _quoting: list[pa.Table] = field(default_factory=list)
    _numbered: Numbered = field(default_factory=Numbered)
    _started: bool = False

    def add(self, rows: pa.Table) -> None:
        """Take rows of `packets`, of which those of one TCP stream are numbered so; what they say adds up."""
        with self.helpers.meanwhile(partial(self._keep, rows)):
            self.con.register("all_packets", self._numbered.rows(rows))
            self._sum_up("segments_by_tcp_stream")
            self.con.unregister("all_packets")

    def defer(self, rows: pa.Table) -> None:
        """Take rows of `packets` whose conversations can be told when all are there."""
        self._keep(rows)
        path = self.spare / f"waiting-{len(self._waiting)}.parquet"
        parquet.write_table(self._numbered.rows(rows), path)
        self._waiting.append(path)

    def finish(self) -> None:
        """Write the conversations of all rows."""
        with self.helpers.alone:
            self._finish()

    def _finish(self) -> None:
        if self._waiting:
            waiting = ", ".join(literal(str(p)) for p in self._waiting)
            self.con.execute(f"CREATE TEMP VIEW all_packets AS SELECT * FROM read_parquet([{waiting}])")
            self._sum_up("segments_by_syn")
            self.con.execute("DROP VIEW temp.all_packets")
        if self._started:
            out = self.conversations / f"{self.capture_id}.parquet"
            found = sql_models.all_models()["conversations"].sql
            self.con.register("texts", self._numbered.texts())
            for name in ("udp_idle_parts", "conversation_sums"):
                create_temporary(self.con, name, sql_models.all_models()[name].sql)
            self.con.execute("DROP TABLE temp.unidirectional_flows")
            self.con.execute("DROP TABLE temp.udp_idle_parts")
            write_parquet(self.con, f"SELECT {literal(self.capture_id)} AS capture_id, c.* FROM ({found}) AS c", out)
            self.con.execute("DROP TABLE temp.conversation_sums")
        if self._quoting:
            self.con.register("quoting", pa.concat_tables(self._quoting).unify_dictionaries())
            out = self.conversations.parents[1] / "icmp_errors" / self.conversations.name / f"{self.capture_id}.parquet"
            write_parquet(self.con, sql_models.all_models()["icmp_errors"].sql, out)
            self.con.unregister("quoting")

    def forget(self) -> None:
        """Undo all that was taken."""
        for path in (*self._kept, *self._waiting):
            path.unlink()
        self.con.execute("DROP TABLE IF EXISTS temp.unidirectional_flows")
        self._kept, self._waiting, self._quoting, self._started = [], [], [], False
        self.first_us = self.last_us = None

    def _keep(self, rows: pa.Table) -> None:
        """Note the times of rows and what they quote, and write as much of them as is asked."""
        if rows["quoted_src_ip"].null_count < len(rows):
            self._quoting.append(rows.filter(rows["quoted_src_ip"].is_valid()))
        found = pc.min_max(rows["ts_us"]).as_py()
        self.first_us = min((t for t in (self.first_us, found["min"]) if t is not None), default=None)
        self.last_us = max((t for t in (self.last_us, found["max"]) if t is not None), default=None)
        if self.keep is Keep.NONE:
            return
        if self.keep is Keep.SLIM:
            for name in _NOT_IN_SLIM:
                at = rows.schema.get_field_index(name)
                rows = rows.set_column(at, name, pa.nulls(len(rows), rows.schema.types[at]))
        path = self.packets / f"{self.capture_id}-{len(self._kept):04}.parquet"
        _write(rows, path)
        self._kept.append(path)

    def _sum_up(self, segments: str) -> None:
        """Add the packets of `all_packets` to `unidirectional_flows`; the view `segments` splits reused ports."""
        doubled = self.con.execute(_DOUBLED).fetchone()
        once = sql_models.all_models()["packets_deduplicated"].sql if doubled else "SELECT * FROM all_packets"
        self.con.execute(f"CREATE TEMP VIEW packets AS {once}")
        self.con.execute(f"CREATE TEMP VIEW segments AS {sql_models.all_models()[segments].sql}")
        into = "INSERT INTO unidirectional_flows" if self._started else "CREATE TEMP TABLE unidirectional_flows AS"
        insert = partial(self.con.execute, f"{into} {sql_models.all_models()['unidirectional_flows'].sql}")
        try:
            insert()
        except OutOfMemory:
            with self.helpers.alone:  # others that held memory have let it go
                insert()
        self.con.execute("DROP VIEW temp.segments")
        self.con.execute("DROP VIEW temp.packets")
        self._started = True


def _write(rows: pa.Table, path: Path) -> None:
    """One Parquet file of rows of `packets`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = [n for n in TABLES["packets"].names if n in rows.column_names]
    parquet.write_table(
        rows.select(there),
        path,
        compression="zstd",
        use_dictionary=[n for n in there if n not in (*_COUNTED_UP, "tcp_seq", "tcp_ack", "tcp_tsval")],
        column_encoding=dict.fromkeys(_COUNTED_UP, "DELTA_BINARY_PACKED"),
        write_statistics=list(_COUNTED_UP),
        store_schema=False,
    )
