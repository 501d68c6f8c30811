"""The two values that the stages of ingest pass on: a capture (where its files are, how to read them), and one file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import Keep, Limits
from pipeline.schema.times import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.formats.base import Format
    from pipeline.formats.source import Source
    from pipeline.schema.findings import Finding

STDIN = Path("-")
KINDS_OF_NO_NODE = ("objects", "requests")
_TIME = re.compile(r"(?<!\d)(\d{8})T?(\d{6})(?:Z|UTC)")
_ARCHIVE_SUFFIX = re.compile(r"\.(tar(\.(gz|zst))?|tgz)$")


@dataclass(frozen=True, slots=True)
class Capture:
    """Where the files of one run are, and how to read them.

    `path` is a folder, an archive, a pipe or `-`. `nodes` and `cluster` are files and folders given explicitly.
    `fields` are the columns of exports without a header. `zeros` has the start of relative times, by file.
    """

    path: Path
    fields: tuple[str, ...] = ()
    keep_packets: Keep = Keep.SLIM
    nodes: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    cluster: Sequence[Path] = ()
    zeros: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def run_name(self) -> str:
        """The default name of the run: the folder's own, or its parent's where the folder is called `run`."""
        if is_stream(self.path):
            return "stdin"
        folder = self.path.resolve()
        return folder.parent.name if folder.name == "run" and folder.parent.name else plain_name(folder.name)


@dataclass(slots=True)
class InputFile:
    """One file of a capture: its form (None if no form recognises it), the hash of its content, and its findings."""

    source: Source
    form: Format | None
    sha256: str
    findings: list[Finding]

    @property
    def kind(self) -> str:
        """What its form holds; `unknown` if no form recognises it."""
        return self.form.kind if self.form else "unknown"

    @property
    def capture_id(self) -> str:
        """8 hex digits made of node and content: the same file has the same id wherever it lies."""
        return hashlib.sha256(f"{self.source.node}\n{self.sha256}".encode()).hexdigest()[:8]

    @property
    def time_in_name_us(self) -> int | None:
        """The last time in its name, `20261122T211434Z` or Retina's `20230320013600UTC`, in microseconds since 1970."""
        times = _TIME.findall(self.source.name)
        try:
            moment = datetime.strptime("".join(times[-1]), "%Y%m%d%H%M%S").replace(tzinfo=UTC) if times else None
        except ValueError:
            return None
        return to_microseconds(moment) if moment else None


def is_stream(path: Path) -> bool:
    """Whether the path is stdin (`-`) or a pipe, which can be read only once."""
    return path == STDIN or path.is_fifo()


def plain_name(part: str) -> str:
    """The name of a folder or an archive without the archive's suffix."""
    return _ARCHIVE_SUFFIX.sub("", part)
