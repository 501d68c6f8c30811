"""The verbs of the command line. Heavy libraries are imported only when a verb runs."""

from __future__ import annotations

import sys

import typer

from pipeline.cli import ci_commands, query_commands, run_commands
from pipeline.cli.app import app
from pipeline.diagnostics import VERBOSITY, fail
from pipeline.errors import ExitCode, HopscopeError, UsageError

__all__ = ["app", "ci_commands", "query_commands", "run_app", "run_commands"]


def run_app() -> int:
    """Run the command line, and return its exit code."""
    try:
        app(standalone_mode=False)
    except HopscopeError as e:
        if VERBOSITY.debug:
            raise
        return fail(e)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click raises SystemExit if the reader of stdout has left
        sys.stderr.close()
        return ExitCode.OK
    except Exception as e:
        if VERBOSITY.debug:
            raise
        return _other_error(e)
    return ExitCode.OK


def _other_error(error: Exception) -> int:
    """Report a usage error of click, or of a file; any other exception is a defect. Return the exit code."""
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, OSError) and error.filename:
        is_missing = isinstance(error, FileNotFoundError)
        hint = "check that the file or its folder exists" if is_missing else "check free space and permissions"
        return fail(UsageError(str(error.strerror), where=str(error.filename), hint=hint))
    if not hasattr(error, "format_message"):
        hint = "this is a defect of hopscope: please report it with the traceback that --debug shows"
        return fail(HopscopeError(f"{type(error).__name__}: {error}", hint=hint))
    if not error.format_message():
        return ExitCode.USAGE
    context = getattr(error, "ctx", None)
    verb = f"{context.info_name} " if context and context.parent else ""
    return fail(UsageError(error.format_message(), hint=f"see hopscope {verb}--help"))
