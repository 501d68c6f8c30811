"""Messages and progress on stderr. stdout is for data only."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.errors import ExitCode, HopscopeError

_ERASE = "\r\x1b[K"
_TICK_S = 0.2
_STYLES = {"error": "31", "warning": "33", "hint": "36"}


@dataclass(slots=True)
class Verbosity:
    """How much to print: level 0 errors and warnings only, 1 the usual notes too, 2 details too."""

    level: int = 1
    debug: bool = False


VERBOSITY = Verbosity()


def note(text: str) -> None:
    """Print one line about the progress of the work, unless `-q` is given."""
    if VERBOSITY.level >= 1:
        _write(text)


def detail(text: str) -> None:
    """Print one line that only `-v` shows."""
    if VERBOSITY.level >= 2:
        _write(text)


def warn(text: str, *, where: str | None = None, hint: str | None = None) -> None:
    """Print a warning: something is wrong, and the work continues."""
    _report("warning", text, where, hint)


def fail(error: HopscopeError) -> ExitCode:
    """Print the error that stopped the work; return its exit code."""
    _report("error", str(error), error.where, error.hint)
    return error.exit_code


@dataclass(slots=True)
class Progress:
    """How much of a job over files is done, in bytes: call `file` at the start of each file, `text` at any time."""

    file_count: int
    total_bytes: int
    started: float = field(default_factory=time.monotonic)
    number: int = 0
    name: str = ""
    size: int = 0
    earlier_bytes: int = 0
    read_bytes: Callable[[], int] = int

    def file(self, name: str, size: int, read_bytes: Callable[[], int]) -> None:
        """Start the next file, of `size` bytes; `read_bytes` returns how many of them are read."""
        self.earlier_bytes += self.size
        self.number, self.name, self.size, self.read_bytes = self.number + 1, name, size, read_bytes

    def text(self) -> str:
        """Return the current file, the share of it and of all that is read, the speed, and the time left."""
        file_bytes = min(self.read_bytes(), self.size)
        done_bytes, seconds = self.earlier_bytes + file_bytes, time.monotonic() - self.started
        shares = f"{file_bytes / max(self.size, 1):.0%}, all {done_bytes / max(self.total_bytes, 1):.0%}"
        line = f"{self.number} of {self.file_count} files: {self.name} {shares}"
        if seconds < 1 or not done_bytes:
            return line
        seconds_left = seconds * (self.total_bytes - done_bytes) / done_bytes
        speed = f"{done_bytes / seconds / 1e6:.1f} MB/s"
        return f"{line}, {speed}, about {timedelta(seconds=round(seconds_left))} left"


@contextmanager
def progress(file_count: int, total_bytes: int) -> Iterator[Progress]:
    """Give a `Progress` that is shown on stderr while the block runs, if stderr is a terminal and `-q` is not given."""
    job, done = Progress(file_count, total_bytes), threading.Event()
    if VERBOSITY.level < 1 or not sys.stderr.isatty():
        yield job
        return
    ticker = threading.Thread(target=_draw, args=(job, done), daemon=True)
    ticker.start()
    try:
        yield job
    finally:
        done.set()
        ticker.join()
        _write("")


def _draw(job: Progress, done: threading.Event) -> None:
    while not done.wait(_TICK_S):
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"{_ERASE}{job.text()[:width]}" if job.name else "")
        sys.stderr.flush()


def _report(kind: str, text: str, where: str | None, hint: str | None) -> None:
    _write(f"{_paint(kind, kind + ':')} {where + ': ' if where else ''}{text}")
    if hint:
        _write(f" {_paint('hint', 'hint:')} {hint}")


def _paint(style: str, text: str) -> str:
    is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if is_coloured else text


def _write(text: str) -> None:
    sys.stdout.flush()
    erase_progress = _ERASE if sys.stderr.isatty() else ""
    sys.stderr.write(erase_progress + (text + "\n" if text else ""))
    sys.stderr.flush()
