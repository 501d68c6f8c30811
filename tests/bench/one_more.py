"""What the last node's file costs where the other nodes' are in the lake."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.bench.baselines import BARE, baseline, exports
from tests.bench.cost import cost, hopscope, spread, tell

if TYPE_CHECKING:
    from pathlib import Path


def show(capture: Path, rounds: int, spare: Path) -> None:
    """The table: reading it against its own bare copy, labelling all again against the bare copy of all."""
    grown, alone, lake, out = spare / "grown" / capture.name, spare / "alone", spare / "grown-lake", spare / "copy.out"
    shutil.copytree(capture, grown, copy_function=os.link)
    last = exports(grown)[-1]
    (alone / "nodes" / "last").mkdir(parents=True)
    (alone / "nodes" / "last" / last.name).hardlink_to(last)
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}: one more node's file")
        shutil.rmtree(lake, ignore_errors=True)
        hidden = last.rename(spare / "hidden")
        ingest = hopscope("ingest", str(grown), "--lake", str(lake))
        cost(ingest)
        hidden.rename(last)
        for name, command in (
            ("ingest", ingest),
            ("label", hopscope("label", "--lake", str(lake))),
            ("own copy", baseline(BARE, alone, out)),
            ("whole copy", baseline(BARE, capture, out)),
        ):
            found[name].append(cost(command).cpu_s)
    print("\n#### One more node's file\n")
    print("| what | CPU s | against | ratio | goal |\n| --- | ---: | --- | ---: | ---: |")
    for what, name, against, by, goal in (
        ("reading it", "ingest", "bare copy of that file", "own copy", 0.7),
        ("labelling all", "label", "bare copy of all files", "whole copy", 0.1),
    ):
        ratios = [a / b for a, b in zip(found[name], found[by], strict=True)]
        print(f"| {what} | {spread(found[name])} | {against} | {spread(ratios)} | {goal:.2f} |", flush=True)
