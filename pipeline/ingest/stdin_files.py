"""Copies stdin and pipes to files: they can be read only once, and every input is read several times."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError, UsageError
from pipeline.ingest.capture import STDIN, is_stream

if TYPE_CHECKING:
    from pipeline.ingest.capture import Capture


def copy_streams(capture: Capture) -> Capture:
    """Return the capture with a copy in place of each stream; the copies are deleted when hopscope ends.

    A capture that is itself a stream becomes a folder with one file, `stdin`.

    Raises:
        InputError: there is no room for a copy.
        UsageError: stdin is a terminal.
    """
    temp_dir = capture.limits.temp_dir
    return replace(
        capture,
        path=_copy(capture.path, temp_dir, "stdin").parent if is_stream(capture.path) else capture.path,
        nodes={node: [_as_file(p, temp_dir) for p in paths] for node, paths in capture.nodes.items()},
        cluster=[_as_file(p, temp_dir) for p in capture.cluster],
    )


def _as_file(path: Path, temp_dir: Path | None) -> Path:
    return _copy(path, temp_dir, "stdin" if path == STDIN else path.name) if is_stream(path) else path


def _copy(path: Path, temp_dir: Path | None, name: str) -> Path:
    if path == STDIN and sys.stdin.isatty():
        raise UsageError("`-` reads stdin, and nothing is piped into it", hint="e.g. `zcat FILE | hopscope inputs -`")
    folder = Path(tempfile.mkdtemp(prefix="hopscope-", dir=temp_dir))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / name
    try:
        with sys.stdin.buffer if path == STDIN else path.open("rb") as stream, copy.open("wb") as f:
            shutil.copyfileobj(stream, f, 1 << 20)
    except OSError as e:
        raise InputError(f"cannot be copied: {e.strerror}", where=str(path), hint="give room with --temp-dir") from e
    return copy
