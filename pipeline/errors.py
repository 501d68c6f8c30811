"""Exit codes, and errors that a user can act on: what is wrong, where, and what to do."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """Exit codes of every verb, and their meanings."""

    about: str

    def __new__(cls, code: int, about: str) -> Self:
        """Make a member with its meaning in `about`."""
        member = int.__new__(cls, code)
        member._value_, member.about = code, about
        return member

    OK = 0, "Done."
    FAILED = 1, "A check or a query failed, or hopscope itself did."
    USAGE = 2, "The command line asks for something that cannot be."
    UNREADABLE = 3, "An input is missing or cannot be read; so is a run, or a lake."
    REJECTED = 4, "Done, but some input was rejected, and `--strict` was given."
    INTERRUPTED = 130, "Stopped by Ctrl-C."


class HopscopeError(Exception):
    """Base of all errors shown without a traceback."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        """`where` is a file, or file:line; `hint` is what to do."""
        super().__init__(message)
        self.where = where
        self.hint = hint


class UsageError(HopscopeError):
    """The command line asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class InputError(HopscopeError):
    """An input is missing or cannot be read."""

    exit_code = ExitCode.UNREADABLE


class QueryError(HopscopeError):
    """A query is wrong or was refused."""

    exit_code = ExitCode.FAILED


class RejectedError(HopscopeError):
    """The work is done, but lines were rejected and --strict was given."""

    exit_code = ExitCode.REJECTED


class CheckError(HopscopeError):
    """A threshold is breached, or two runs differ."""

    exit_code = ExitCode.FAILED
