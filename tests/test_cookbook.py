"""The queries of the cookbook give what it shows; `python -m tests.test_cookbook` makes their outputs anew."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from pipeline.config import Form, Limits, Window
from pipeline.lake import Lake
from pipeline.query import desk, open_lake
from pipeline.run import Job, run_whole

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "cookbook.md"
PAIR = re.compile(r"```sql\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
RUNS = re.findall(r"^hopscope run (samples/\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
PAIRS = PAIR.findall(PAGE.read_text(encoding="utf-8"))


def answers(folder: Path) -> list[str]:
    """What each query gives, as the terminal shows it."""
    lake = Lake(folder / "lake")
    for sample in RUNS:
        run_whole(Job(ROOT / sample, lake, None), Window())
    given = []
    with desk(open_lake(lake, Limits()), lake) as asked:
        for query, _ in PAIRS:
            asked.answer(query, Form.TABLE, folder / "answer")
            lines = (folder / "answer").read_text(encoding="utf-8").splitlines()
            given.append("".join(f"{line.rstrip()}\n" for line in lines))
    return given


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return answers(tmp_path_factory.mktemp("cookbook"))


def test_there_are_twenty_questions_or_more():
    assert len(PAIRS) >= 20
    assert PAGE.read_text(encoding="utf-8").count("```sql") == len(PAIRS)


@pytest.mark.parametrize("place", range(len(PAIRS)))
def test_a_query_gives_what_the_page_shows(place, given):
    assert given[place] == PAIRS[place][1]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        made = iter(answers(Path(place)))
    text = PAIR.sub(lambda m: f"```sql\n{m[1]}```\n\n```text\n{next(made)}```", PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
