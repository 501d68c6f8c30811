"""Why a trace is not certain: each reason has a declared code, and SQL tests for declared codes only."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.rules.model.matches import OWNER_QUESTIONS
from pipeline.rules.model.reasons import CODES

ROOT = Path(__file__).parents[2]
MADE = re.compile(r'Reason\(\s*"([\w-]+)"')
TESTED = re.compile(r"uncertain_codes, ', '\), '([\w-]+)'")


def codes(pattern: re.Pattern[str], folder: str, files: str) -> set[str]:
    return {code for path in (ROOT / folder).rglob(files) for code in pattern.findall(path.read_text(encoding="utf-8"))}


def test_every_code_is_declared_and_made():
    asked = {reason.code for reason in OWNER_QUESTIONS.values()}
    assert codes(MADE, "pipeline/rules", "*.py") | asked == CODES.keys()


def test_sql_tests_for_declared_codes():
    tested = codes(TESTED, "sql", "*.sql")
    assert tested
    assert tested <= CODES.keys()


def test_the_documentation_lists_every_code():
    page = (ROOT / "docs/explanation/how-rules-are-traced.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", page, re.MULTILINE)) == CODES
