"""Packets of one export on their way into the lake: kept as far as asked, and summed up into conversations.

Rows come piece by piece. Those whose conversation must be told by looking at the whole file wait for its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import models
from pipeline.config import Keep
from pipeline.engines.delimited import microseconds
from pipeline.engines.duckdb import identifier, literal, write_parquet
from pipeline.formats.tshark_names import TYPES

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from pipeline.engines.duckdb import Connection

_TIME = "frame.time_epoch"
_NOT_IN_SLIM = ("tcp_ack", "tcp_tsval", "ip_id", "ip_ttl")


@dataclass(slots=True)
class Conversations:
    """Where the rows of one export go: `packets`, `conversations` (folders), and `spare` on the way there."""

    con: Connection
    capture_id: str
    packets: Path
    conversations: Path
    spare: Path
    keep: Keep
    first_us: int | None = None
    last_us: int | None = None
    _kept: list[Path] = field(default_factory=list)
    _waiting: list[Path] = field(default_factory=list)
    _started: bool = False

    def show(self, table: pa.Table) -> None:
        """Make the view `export_lines` stand for rows of typed cells, named as tshark names its fields."""
        if _TIME in table.column_names:
            table = table.append_column("ts_us", microseconds(table[_TIME]))
        self.con.register("cells", table)
        there = set(table.column_names)
        cells = ", ".join(
            f"{identifier(name) if name in there else f'CAST(NULL AS {kind})'} AS {name.replace('.', '_')}"
            for name, kind in (TYPES | {"ts_us": "BIGINT"}).items()
            if name != _TIME
        )
        select = f"SELECT line_number, {literal(self.capture_id)} AS capture_id, {cells} FROM cells"
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW export_lines AS {select}")

    def add(self) -> None:
        """Take the rows of `export_lines`; what they say of a conversation adds up."""
        self._take(models.all_models()["packets"].sql)

    def defer(self) -> None:
        """Take the rows of `export_lines` when all are there."""
        path = self.spare / f"waiting-{len(self._waiting)}.parquet"
        write_parquet(self.con, models.all_models()["packets"].sql, path)
        self._waiting.append(path)

    def finish(self) -> None:
        """Write the conversations of all rows."""
        if self._waiting:
            waiting = ", ".join(literal(str(p)) for p in self._waiting)
            self._take(f"SELECT * FROM read_parquet([{waiting}])")
        if self._started:
            out = self.conversations / f"{self.capture_id}.parquet"
            write_parquet(self.con, models.all_models()["conversations"].sql, out)
        self._clear()

    def forget(self) -> None:
        """Undo all that was taken."""
        for path in (*self._kept, *self._waiting):
            path.unlink()
        self._clear()
        self._kept, self._waiting, self._started = [], [], False
        self.first_us = self.last_us = None

    def _clear(self) -> None:
        for view in ("segments", "packets", "export_lines"):
            self.con.execute(f"DROP VIEW IF EXISTS temp.{view}")
        self.con.execute("DROP TABLE IF EXISTS temp.halves")
        self.con.unregister("cells")

    def _take(self, packets: str) -> None:
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW packets AS {packets}")
        if self.keep is not Keep.NONE:
            path = self.packets / f"{self.capture_id}-{len(self._kept):04}.parquet"
            write_parquet(self.con, f"SELECT {_columns(self.keep)} FROM packets", path)
            self._kept.append(path)
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW segments AS {models.all_models()['segments'].sql}")
        into = "INSERT INTO halves" if self._started else "CREATE OR REPLACE TEMP TABLE halves AS"
        self.con.execute(f"{into} {models.all_models()['halves'].sql}")
        self._started = True
        first, last = self.con.sql("SELECT MIN(ts_us), MAX(ts_us) FROM packets").fetchall()[0]
        self.first_us = min((t for t in (self.first_us, first) if t is not None), default=None)
        self.last_us = max((t for t in (self.last_us, last) if t is not None), default=None)


def _columns(keep: Keep) -> str:
    if keep is Keep.ALL:
        return "*"
    return f"* REPLACE ({', '.join(f'CAST(NULL AS BIGINT) AS {c}' for c in _NOT_IN_SLIM)})"
