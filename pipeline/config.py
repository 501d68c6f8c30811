"""Settings that all verbs share: limits, the window of connections, and the values of options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DEFAULT_LAKE = Path("lake")
_SIZE = re.compile(r"\s*([\d.]+)\s*([KMGT])(I?)B\s*", re.IGNORECASE)
_OUTSIDE_DATABASE_BYTES = 500_000_000  # Python and its libraries, text that is being parsed, what DuckDB does not count
_LEAST_DATABASE_BYTES = 192_000_000  # with less, DuckDB cannot sum up the conversations of a large export
LEAST_PIECE, _BEST_PIECE = 4 * 1024 * 1024, 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of resources: memory in DuckDB's notation ("2GB"), threads, and the folder for temporary files."""

    memory_limit: str | None = None
    threads: int | None = None
    temp_dir: Path | None = None

    @property
    def database_memory(self) -> str | None:
        """The part of the memory that DuckDB may use."""
        if (limit := self._bytes) is None:
            return self.memory_limit
        return f"{max(limit - _OUTSIDE_DATABASE_BYTES, _LEAST_DATABASE_BYTES) // 1000}KB"

    @property
    def piece_bytes(self) -> int:
        """How many bytes of an export are read at once; parsing needs about ten times as much memory."""
        return _BEST_PIECE if self._bytes is None else max(LEAST_PIECE, min(_BEST_PIECE, self._bytes // 64))

    @property
    def _bytes(self) -> int | None:
        if not (size := _SIZE.fullmatch(self.memory_limit or "")):
            return None
        return int(float(size[1]) * (1024 if size[3] else 1000) ** ("KMGT".index(size[2].upper()) + 1))


@dataclass(frozen=True, slots=True)
class Window:
    """Which connections to keep: by service (`namespace/name`) and by start time, in microseconds since 1970."""

    services: tuple[str, ...] = ()
    since_us: int | None = None
    until_us: int | None = None


class Form(StrEnum):
    """The output format of a query."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


class Keep(StrEnum):
    """How much of the packets a run keeps: all columns, the columns that queries about packets need, or none."""

    ALL = "all"
    SLIM = "slim"
    NONE = "none"
