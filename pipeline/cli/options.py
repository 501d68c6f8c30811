"""The options that every verb has, declared once, and how words of the command line become values."""

from __future__ import annotations

import inspect
from collections import defaultdict
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.completions import run_names
from pipeline.config import DEFAULT_LAKE, Limits, Window
from pipeline.diagnostics import VERBOSITY
from pipeline.errors import UsageError
from pipeline.schema.times import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Callable

_PANEL = "Everywhere"
_COMMON = {
    "lake": (Path, DEFAULT_LAKE, ["--lake"], "Folder that keeps the runs.", "HOPSCOPE_LAKE"),
    "run": (str | None, None, ["--run"], "Run that is meant; default: the only or the newest.", None),
    "memory_limit": (
        str | None,
        None,
        ["--memory-limit"],
        "Memory to use at most, e.g. 2GB; from 512MB on.",
        "HOPSCOPE_MEMORY_LIMIT",
    ),
    "threads": (int | None, None, ["--threads"], "Threads to use; default: all cores.", "HOPSCOPE_THREADS"),
    "temp_dir": (Path | None, None, ["--temp-dir"], "Where to spill what memory cannot hold.", "HOPSCOPE_TEMP_DIR"),
    "quiet": (bool, False, ["-q", "--quiet"], "Say only what is wrong.", None),
    "verbose": (bool, False, ["-v", "--verbose"], "Say more.", None),
    "debug": (bool, False, ["--debug"], "Show a traceback when something fails.", None),
}
_ADDED = [
    inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[
            kind,
            typer.Option(
                *flags,
                help=text,
                envvar=variable,
                autocompletion=run_names if name == "run" else None,
                rich_help_panel=_PANEL,
            ),
        ],
    )
    for name, (kind, default, flags, text, variable) in _COMMON.items()
]


@dataclass(frozen=True, slots=True)
class Common:
    """What the common options said."""

    lake: Path
    run: str | None
    limits: Limits


def with_common(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the common options; it gets them as its first argument, a `Common`."""

    @wraps(verb)
    def wrapper(**options: object) -> None:
        common = _gather({name: options.pop(name) for name in _COMMON})
        verb(common, **options)

    _, *own = inspect.signature(verb, eval_str=True).parameters.values()
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    wrapper.__signature__ = inspect.Signature([*own, *_ADDED])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in [*own, *_ADDED]}
    return wrapper


def _gather(options: dict[str, object]) -> Common:
    VERBOSITY.level = 0 if options["quiet"] else 2 if options["verbose"] else 1
    VERBOSITY.debug = bool(options["debug"])
    limits = Limits(options["memory_limit"], options["threads"], options["temp_dir"])  # type: ignore[arg-type]
    return Common(options["lake"], options["run"], limits)  # type: ignore[arg-type]


def node_paths(pairs: list[str]) -> dict[str, list[Path]]:
    """Paths by node from NAME=PATH words.

    Raises:
        UsageError: a word is not NAME=PATH.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not (name and sign and path):
            raise UsageError(f"--node {pair} is not NAME=PATH", hint="e.g. --node node-a=./a.tsv")
        found[name].append(Path(path))
    return found


def time_zeros(pairs: list[str]) -> dict[str, str]:
    """Times that relative ones count from, in seconds since 1970 UTC, by file, from FILE=TIME words.

    Raises:
        UsageError: a word is not FILE=TIME.
    """
    from pipeline.formats.tshark.timestamps import epoch_seconds

    found = {}
    for pair in pairs:
        file, _, time = pair.rpartition("=")
        try:
            found[file or pair] = epoch_seconds(time if file else "")
        except ValueError as e:
            raise UsageError(f"--time-zero {pair}: {e}", hint="e.g. --time-zero a.tsv=2026-11-22T14:02:10.5Z") from e
    return found


def window(service: list[str] | None, since: str | None, until: str | None) -> Window:
    """What connections to keep, from the words of the command line.

    Raises:
        UsageError: a time is not in ISO 8601.
    """
    return Window(tuple(service or ()), _microseconds(since, "--since"), _microseconds(until, "--until"))


def _microseconds(text: str | None, flag: str) -> int | None:
    """A time as integer microseconds since 1970 UTC; without a zone it is taken for UTC."""
    if text is None:
        return None
    try:
        return to_microseconds(text)
    except ValueError as e:
        raise UsageError(f"{flag} {text} is no time", hint="e.g. 2026-11-22T14:02:10Z") from e
