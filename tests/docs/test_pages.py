"""What pages show is what commands print; pages made from the code are up to date; links lead somewhere."""

from __future__ import annotations

import re

import pytest

from pipeline.formats.tshark.field_names import FIELD_TYPES
from tests.docs.made import MADE
from tests.docs.pages import FENCE, KINDS, PAGES, ROOT, agrees, anew, blocks, name, steps
from tests.docs.runner import Place, hopscope_commands, played, read_sh

LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
READMES = [
    ROOT / "CHANGELOG.md",
    *(p for top in ("pipeline", "reports", "sql") for p in sorted((ROOT / top).rglob("README.md"))),
]
REMAKE = "wrong, or old; to write it anew: python -m tests.docs"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_shows_is_what_is_printed(page, tmp_path):
    for _, _, shown, printed in played(page.read_text(encoding="utf-8"), Place(tmp_path)):
        assert agrees(shown, printed), f"{REMAKE} {name(page)}\n--- shown\n{shown}\n--- printed\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is(page):
    text = page.read_text(encoding="utf-8")
    assert [(b.line, b.kind) for b in blocks(text) if b.kind not in KINDS] == []
    assert "```" not in FENCE.sub("", text), "a fence begins at its line's start, and ends"


@pytest.mark.parametrize("page", MADE)
def test_a_page_made_from_the_code_is_up_to_date(page):
    assert (ROOT / page).read_text(encoding="utf-8") == MADE[page](), REMAKE


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, *READMES], ids=name)
def test_links_lead_somewhere(page):
    for path, anchor in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), (path, anchor)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_fields_that_a_page_asks_tshark_for_are_read(page):
    asked = [f for b in blocks(page.read_text(encoding="utf-8")) for f in re.findall(r"-e ([\w.]+)", b.text)]
    assert set(asked) <= set(FIELD_TYPES)


def test_every_page_can_be_found_from_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    found = {(ROOT / "docs" / path).resolve() for path, _ in LINK.findall(index)}
    assert [name(p) for p in PAGES if p not in found and p != ROOT / "docs" / "README.md"] == []


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb\n", "a  \nb\n\n", True),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\nd\n", "a\nb\nc\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_is_shown_is_held_to_the_letter(shown, printed, same):
    assert agrees(shown, printed) is same
    assert agrees(anew(shown, printed), printed)


def test_a_page_that_is_wrong_is_found(tmp_path):
    page = "```console\n$ echo a \\\n  'b\nc'\na b\n$ hopscope capture-kit | head -1\n#!/bin/sh\n```\n"
    (one, two) = played(page, Place(tmp_path))
    assert (one[2], one[3]) == ("a b\n", "a b\nc\n")
    assert two[3].startswith("#!")
    with pytest.raises(AssertionError, match="exit code 3"):
        played("```console\n$ hopscope runs --delete x\n```\n", Place(tmp_path / "2"))


def test_a_console_block_begins_with_a_command():
    with pytest.raises(AssertionError, match="begins with"):
        steps("hopscope runs\n")


@pytest.mark.parametrize(
    "text", ["if true\n", "hopscope rnu x\n", "cd a && hopscope run x --nodes b\n", "hopscope trace\n"]
)
def test_a_command_that_cannot_be_run_here_is_parsed(text):
    read_sh("hopscope run peak-2 \\\n  -o peak-2.html > x.txt # the main job\nhopscope sql 'SELECT 1' | head\n")
    with pytest.raises(Exception, match=r"syntax error|rnu|No such option|Missing parameter"):
        read_sh(text)


def test_every_command_of_a_line_is_found():
    text = "cd x && hopscope runs | hopscope sql - # hopscope no\n"
    assert hopscope_commands(text) == [["runs"], ["sql", "-"]]
