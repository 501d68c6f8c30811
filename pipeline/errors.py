"""Errors a user can act on: what, where, why, and what to do."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every verb; see docs/reference."""

    OK = 0
    FAILED = 1  # a check failed, or a query did
    USAGE = 2
    UNREADABLE = 3
    REJECTED = 4  # done, but some input was rejected under --strict
    INTERRUPTED = 130


class HopscopeError(Exception):
    """Base of all errors shown without a traceback."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        """`where` is a file, or file:line; `hint` says what to do."""
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
