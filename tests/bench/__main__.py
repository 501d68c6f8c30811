"""`make bench`: hopscope against what a user could type instead, on captures made for it.

Every round runs everything once, one after another, so that a slow minute of the machine hits all; ratios are of one
round. Tables are Markdown on stdout; what goes on is told on stderr.

usage: python -m tests.bench [--packets N ...] [--rounds N] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.bench import against, one_more, questions, stages, start
from tests.bench.cost import apart, tell


def main() -> None:
    """All tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--packets", nargs="*", type=int, default=[1_000_000, 10_000_000, 50_000_000])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--folder", type=Path, help="where captures are kept from one time to the next")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as spare:
        found: dict[int, against.Costs] = {}
        for packets in asked.packets:
            place = Path(spare, str(packets))
            place.mkdir()
            capture = against.made(asked.folder or Path(spare), packets)
            found[packets] = against.compared(capture, packets, asked.rounds, place)
            against.show(packets, found[packets])
            apart(against.show_sizes, packets, place)
            if packets <= against.FEW:
                one_more.show(capture, asked.rounds, place)
                stages.show(capture, place)
                apart(questions.show, place / against.LAKE)
            shutil.rmtree(place)
        against.show_growth(found)
        start.show(asked.rounds, Path(spare))
    tell("the rules' part: python tests/bench/rules_growth.py; the report's: python -m tests.bench.report_load")


if __name__ == "__main__":
    main()
