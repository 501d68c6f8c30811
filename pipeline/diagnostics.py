"""Owns stderr and exit codes. stdout is data and nothing else."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.errors import ExitCode, HopscopeError

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


def _report(kind: str, text: str, where: str | None, hint: str | None) -> None:
    _write(f"{_paint(kind, kind + ':')} {where + ': ' if where else ''}{text}")
    if hint:
        _write(f" {_paint('hint', 'hint:')} {hint}")


def _paint(style: str, text: str) -> str:
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured else text


def _write(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
