"""Settings that every verb shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DEFAULT_LAKE = Path("lake")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine may spend: memory as DuckDB writes sizes ("2GB"), threads, where to spill."""

    memory_limit: str | None = None
    threads: int | None = None
    temp_dir: Path | None = None


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
