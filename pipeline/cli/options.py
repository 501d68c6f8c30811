"""The options that every verb has, and the conversion of option texts to values."""

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
    "lake": (Path, DEFAULT_LAKE, ["--lake"], "Folder with the runs.", "HOPSCOPE_LAKE"),
    "run": (str | None, None, ["--run"], "Run to use (default: latest).", None),
    "memory_limit": (
        str | None,
        None,
        ["--memory-limit"],
        "Most memory to use, e.g. 2GB; at least 512MB.",
        "HOPSCOPE_MEMORY_LIMIT",
    ),
    "threads": (int | None, None, ["--threads"], "Threads to use (default: all cores).", "HOPSCOPE_THREADS"),
    "temp_dir": (Path | None, None, ["--temp-dir"], "Folder for temporary files.", "HOPSCOPE_TEMP_DIR"),
    "quiet": (bool, False, ["-q", "--quiet"], "Print problems only.", None),
    "verbose": (bool, False, ["-v", "--verbose"], "Print more messages.", None),
    "debug": (bool, False, ["--debug"], "Show a traceback on failure.", None),
}
_PARAMETERS = [
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
    """The values of the common options."""

    lake: Path
    run: str | None
    limits: Limits


def with_common(verb: Callable[..., None]) -> Callable[..., None]:
    """Add the common options to a verb; it receives them as its first argument, a `Common`."""

    @wraps(verb)
    def wrapper(**options: object) -> None:
        common = _common_values({name: options.pop(name) for name in _COMMON})
        verb(common, **options)

    _, *own = inspect.signature(verb, eval_str=True).parameters.values()
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    wrapper.__signature__ = inspect.Signature([*own, *_PARAMETERS])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in [*own, *_PARAMETERS]}
    return wrapper


def _common_values(options: dict[str, object]) -> Common:
    VERBOSITY.level = 0 if options["quiet"] else 2 if options["verbose"] else 1
    VERBOSITY.debug = bool(options["debug"])
    limits = Limits(options["memory_limit"], options["threads"], options["temp_dir"])  # type: ignore[arg-type]
    return Common(options["lake"], options["run"], limits)  # type: ignore[arg-type]


def node_paths(pairs: list[str]) -> dict[str, list[Path]]:
    """Return the paths of each node, from texts NAME=PATH.

    Raises:
        UsageError: a text is not NAME=PATH.
    """
    paths: dict[str, list[Path]] = defaultdict(list)
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not (name and sign and path):
            raise UsageError(f"--node {pair} is not NAME=PATH", hint="e.g. --node node-a=./a.tsv")
        paths[name].append(Path(path))
    return paths


def time_zeros(pairs: list[str]) -> dict[str, str]:
    """Return the start of each file's relative times, in seconds since 1970 UTC, from texts FILE=TIME.

    Raises:
        UsageError: a text is not FILE=TIME.
    """
    from pipeline.formats.tshark.timestamps import epoch_seconds

    zeros = {}
    for pair in pairs:
        file, _, time = pair.rpartition("=")
        try:
            zeros[file or pair] = epoch_seconds(time if file else "")
        except ValueError as e:
            raise UsageError(f"--time-zero {pair}: {e}", hint="e.g. --time-zero a.tsv=2026-11-22T14:02:10.5Z") from e
    return zeros


def window(service: list[str] | None, since: str | None, until: str | None) -> Window:
    """Return which connections to keep.

    Raises:
        UsageError: a time is not in ISO 8601.
    """
    return Window(tuple(service or ()), _microseconds(since, "--since"), _microseconds(until, "--until"))


def _microseconds(text: str | None, flag: str) -> int | None:
    """Return a time in microseconds since 1970 UTC; without a zone it is taken as UTC."""
    if text is None:
        return None
    try:
        return to_microseconds(text)
    except ValueError as e:
        raise UsageError(f"{flag} {text} is not a time", hint="e.g. 2026-11-22T14:02:10Z") from e
