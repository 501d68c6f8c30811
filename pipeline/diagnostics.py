"""Owns stderr and exit codes. stdout is data and nothing else."""

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
class Talk:
    """How much to say: 0 errors and warnings only, 1 the usual, 2 details."""

    level: int = 1
    debug: bool = False


TALK = Talk()


def note(text: str) -> None:
    """What is going on, in one line."""
    if TALK.level >= 1:
        _write(text)


def detail(text: str) -> None:
    """What only `-v` wants to know."""
    if TALK.level >= 2:
        _write(text)


def warn(text: str, *, where: str | None = None, hint: str | None = None) -> None:
    """Something is wrong, the work goes on."""
    _report("warning", text, where, hint)


def fail(error: HopscopeError) -> ExitCode:
    """Say what stopped the work; its exit code."""
    _report("error", str(error), error.where, error.hint)
    return error.exit_code


@dataclass(slots=True)
class Progress:
    """How far a job over files is, in bytes: `file` at the start of each, `text` at any time."""

    file_count: int
    total_bytes: int
    started: float = field(default_factory=time.monotonic)
    number: int = 0
    name: str = ""
    size: int = 0
    before: int = 0
    done: Callable[[], int] = int

    def file(self, name: str, size: int, done: Callable[[], int]) -> None:
        """The next file, of `size` bytes; `done` tells how many of them are read."""
        self.before += self.size
        self.number, self.name, self.size, self.done = self.number + 1, name, size, done

    def text(self) -> str:
        """Which file, how much of it and of all, how fast, and how long it may still take."""
        here = min(self.done(), self.size)
        done, seconds = self.before + here, time.monotonic() - self.started
        shares = f"{here / max(self.size, 1):.0%}, all {done / max(self.total_bytes, 1):.0%}"
        told = f"{self.number} of {self.file_count} files: {self.name} {shares}"
        if seconds < 1 or not done:
            return told
        left = seconds * (self.total_bytes - done) / done
        return f"{told}, {done / seconds / 1e6:.1f} MB/s, about {timedelta(seconds=round(left))} left"


@contextmanager
def progress(file_count: int, total_bytes: int) -> Iterator[Progress]:
    """Shown on stderr while the block lasts, if that is a terminal and the talk is not quiet."""
    shown, over = Progress(file_count, total_bytes), threading.Event()
    if TALK.level < 1 or not sys.stderr.isatty():
        yield shown
        return
    ticker = threading.Thread(target=_draw, args=(shown, over), daemon=True)
    ticker.start()
    try:
        yield shown
    finally:
        over.set()
        ticker.join()
        _write("")


def _draw(shown: Progress, over: threading.Event) -> None:
    while not over.wait(_TICK_S):
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"{_ERASE}{shown.text()[:width]}" if shown.name else "")
        sys.stderr.flush()


def _report(kind: str, text: str, where: str | None, hint: str | None) -> None:
    _write(f"{_paint(kind, kind + ':')} {where + ': ' if where else ''}{text}")
    if hint:
        _write(f" {_paint('hint', 'hint:')} {hint}")


def _paint(style: str, text: str) -> str:
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured else text


def _write(text: str) -> None:
    sys.stdout.flush()
    over_progress = _ERASE if sys.stderr.isatty() else ""
    sys.stderr.write(over_progress + (text + "\n" if text else ""))
    sys.stderr.flush()
