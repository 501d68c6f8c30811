"""What it costs to start: `--help` beside an empty typer app, and the smallest query."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline import resources
from tests.bench.cost import cost, hopscope, spread

if TYPE_CHECKING:
    from pathlib import Path

_EMPTY = """import typer
app = typer.Typer()
@app.command()
def one() -> None:
    "One."
@app.command()
def two() -> None:
    "Two."
app()
"""
_TIMES = 4  # starts of a round


def _lake(spare: Path) -> Path:
    lake = spare / "small-lake"
    if not lake.exists():
        cost(hopscope("ingest", str(resources.folder("samples") / "origin"), "--lake", str(lake)))
    return lake


def show(rounds: int, spare: Path) -> None:
    """The table."""
    script = spare / "empty.py"
    script.write_text(_EMPTY)
    commands = {
        "an empty typer app, `--help`": [sys.executable, str(script), "--help"],
        "`hopscope --help`": hopscope("--help"),
        "`hopscope sql 'SELECT 1'`": hopscope("sql", "SELECT 1", "--lake", str(_lake(spare))),
    }
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds * _TIMES):
        for name, command in commands.items():
            found[name].append(cost(command).wall_s * 1000)
    first = found[next(iter(commands))]
    print("\n### Start\n\n| what | wall ms | of the empty app | goal |\n| --- | ---: | ---: | ---: |")
    for name, numbers in found.items():
        ratios = [n / f for n, f in zip(numbers, first, strict=True)]
        goal = "1.30" if "hopscope --help" in name else ""
        print(f"| {name} | {spread(numbers, 0)} | {spread(ratios)} | {goal} |")
