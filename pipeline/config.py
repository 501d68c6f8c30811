"""Settings that every verb shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DEFAULT_LAKE = Path("lake")
_SIZE = re.compile(r"\s*([\d.]+)\s*([KMGT])(I?)B\s*", re.IGNORECASE)
_BESIDE_BYTES = 500_000_000  # Python with its libraries, lines on their way into columns, what DuckDB does not count
_LEAST_DATABASE_BYTES = 192_000_000  # with less, DuckDB cannot sum up the conversations of a large export
LEAST_PIECE, _BEST_PIECE = 4 * 1024 * 1024, 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine may spend: memory as DuckDB writes sizes ("2GB"), threads, where to spill."""

    memory_limit: str | None = None
    threads: int | None = None
    temp_dir: Path | None = None

    @property
    def database_memory(self) -> str | None:
        """What DuckDB may use of the memory."""
        if (limit := self._bytes) is None:
            return self.memory_limit
        return f"{max(limit - _BESIDE_BYTES, _LEAST_DATABASE_BYTES) // 1000}KB"

    @property
    def piece_bytes(self) -> int:
        """How much of an export is read at once; it takes about ten times as much memory on its way."""
        return _BEST_PIECE if self._bytes is None else max(LEAST_PIECE, min(_BEST_PIECE, self._bytes // 64))

    @property
    def _bytes(self) -> int | None:
        if not (found := _SIZE.fullmatch(self.memory_limit or "")):
            return None
        return int(float(found[1]) * (1024 if found[3] else 1000) ** ("KMGT".index(found[2].upper()) + 1))


@dataclass(frozen=True, slots=True)
class Window:
    """Which connections to keep: by service (`namespace/name`) and by time of start, in microseconds."""

    services: tuple[str, ...] = ()
    since_us: int | None = None
    until_us: int | None = None


class Form(StrEnum):
    """How the result of a query is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


SUFFIXES = {".txt": Form.TABLE, ".md": Form.MARKDOWN, ".ndjson": Form.JSONL} | {
    f".{form}": form for form in (Form.CSV, Form.JSON, Form.JSONL, Form.PARQUET)
}


class Keep(StrEnum):
    """How much of its packets a run keeps: all, what questions about packets need, or none."""

    ALL = "all"
    SLIM = "slim"
    NONE = "none"


class StoryForm(StrEnum):
    """How a story about one thing is written."""

    TEXT = "text"
    JSON = "json"


class Origin(StrEnum):
    """Where a packet comes from, seen from the node that translates it."""

    POD = "pod"
    NODE = "node"
    EXTERNAL = "external"


class ListForm(StrEnum):
    """How a list of inputs is written."""

    TABLE = "table"
    JSON = "json"


class CheckForm(StrEnum):
    """How the outcomes of thresholds are written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
