"""The command-line application; the verbs in the other modules register with it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline import __version__

app = typer.Typer(
    name="hopscope",
    help="Who got the traffic of a Kubernetes load test: traced through each node's own rules, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_versions(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed_version

        libraries = ", ".join(f"{name} {installed_version(name)}" for name in ("duckdb", "polars", "pyarrow", "plotly"))
        sys.stdout.write(f"hopscope {__version__} ({libraries})\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_versions, is_eager=True, help="Show versions and stop.")
    ] = False,
) -> None:
    """Who got the traffic of a Kubernetes load test: traced through each node's own rules, with proof."""
