"""Inputs that are read only once, stdin and pipes: copied to a file first, as every input is read several times."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.errors import InputError, UsageError

STDIN = Path("-")


def is_stream(path: Path) -> bool:
    """Whether the path is stdin (`-`) or a pipe."""
    return path == STDIN or path.is_fifo()


def as_file(path: Path, spare: Path | None) -> Path:
    """The path itself, or of a stream a copy under `spare` that is gone when hopscope ends.

    Raises:
        InputError: there is no room for the copy.
        UsageError: stdin is a terminal.
    """
    if not is_stream(path):
        return path
    if path == STDIN and sys.stdin.isatty():
        raise UsageError("`-` reads stdin, and nothing is piped into it", hint="e.g. `zcat FILE | hopscope inputs -`")
    folder = Path(tempfile.mkdtemp(prefix="hopscope-", dir=spare))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / ("stdin" if path == STDIN else path.name)
    try:
        with sys.stdin.buffer if path == STDIN else path.open("rb") as stream, copy.open("wb") as f:
            shutil.copyfileobj(stream, f, 1 << 20)
    except OSError as e:
        raise InputError(f"cannot be kept: {e.strerror}", where=str(path), hint="give room with --temp-dir") from e
    return copy
