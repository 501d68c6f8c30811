"""Texts keep to the glossary: the words that docs/reference/glossary.md rules out appear in no text of the project."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from pipeline.cli import app
from pipeline.schema import TABLES
from pipeline.schema.findings import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"

# Files, folders and texts of the program whose words are checked: texts() explains the names.
CHECKED = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "docs",
    "findings",
    "help",
    "pipeline",
    "reports",
    "sql",
    "tables",
)
# Files and folders among them that are not checked yet.
UNCHECKED = ()
KINDS = {".md", ".toml", ".j2", ".py", ".sql"}

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")


@dataclass(frozen=True)
class Rule:
    """A row of the table: a pattern that texts must not contain, what to write, and the lines that are exempt."""

    pattern: re.Pattern[str]
    instead: str
    exception: re.Pattern[str] | None

    def hits(self, text: str) -> list[str]:
        return [
            f"{line.strip()[:100]!r}: not {m[0]!r} but {self.instead}"
            for line in CODE.sub("``", text).splitlines()
            if (m := self.pattern.search(line)) and not (self.exception and self.exception.search(line))
        ]


def read_rules() -> list[Rule]:
    table = GLOSSARY.read_text(encoding="utf-8").partition("## Words we do not use")[2].partition("| --- |")[2]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()[1:] if line.startswith("|")]
    cells = [[cell.strip().strip("`").replace(r"\|", "|") for cell in row] for row in rows]
    return [
        Rule(
            re.compile(rf"\b(?:{word})\b", re.IGNORECASE), instead, re.compile(other, re.IGNORECASE) if other else None
        )
        for word, instead, other, _ in cells
    ]


RULES = read_rules()


def markdown_text(text: str) -> str:
    """Prose of a page: without blocks, and without the table that lists the words."""
    return FENCE.sub("", text.partition("## Words we do not use")[0])


def toml_text(text: str) -> str:
    """All values of strings, and comments."""

    def strings(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from strings(part)

    return "\n".join([*strings(tomllib.loads(text)), *re.findall(r"^#.*", text, re.MULTILINE)])


def template_text(text: str) -> str:
    """Text outside of tags, and strings inside."""
    inside = [a or b for tag in TAG.findall(text) for a, b in QUOTED.findall(tag)]
    return "\n".join([TAG.sub(" ", text), *inside])


def python_text(text: str) -> str:
    """Docstrings and comments."""
    comments = [t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]
    owners = ast.Module, ast.ClassDef, ast.FunctionDef
    docs = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, owners)]
    return "\n".join([*docs, *comments])


def sql_text(text: str) -> str:
    """Comments, among them the header with the meaning of table and columns."""
    return "\n".join(re.findall(r"--\s*(.*)$", text, re.MULTILINE))


TEXT_OF = {".md": markdown_text, ".toml": toml_text, ".j2": template_text, ".py": python_text, ".sql": sql_text}


def texts(place: str) -> dict[str, str]:
    """Texts to check by name: of `help`, `findings`, `tables`, or of the files of a folder."""
    if place == "help":
        return {f"hopscope {verb.name}": help_text(verb) for verb in typer.main.get_command(app).commands.values()}
    if place == "findings":
        return {f"finding {name}": f"{f.about}\n{f.remedy}" for name, f in FINDINGS.items()}
    if place == "tables":
        return {f"table {t.name}": "\n".join([t.grain, *(c.about for c in t.columns)]) for t in TABLES.values()}
    path = ROOT / place
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in KINDS)
    names = {file.relative_to(ROOT).as_posix(): file for file in files}
    checked = {name: file for name, file in names.items() if not name.startswith(UNCHECKED)}
    return {name: TEXT_OF[file.suffix](file.read_text(encoding="utf-8")) for name, file in checked.items()}


def help_text(verb: typer.core.TyperCommand) -> str:
    return "\n".join([verb.help or "", *(getattr(p, "help", None) or "" for p in verb.params)])


def hits(text: str) -> list[str]:
    return [hit for rule in RULES for hit in rule.hits(text)]


ALL_TEXTS = {name: text for place in CHECKED for name, text in texts(place).items()}


@pytest.mark.parametrize("name", ALL_TEXTS)
def test_a_text_keeps_to_the_glossary(name: str) -> None:
    assert hits(ALL_TEXTS[name]) == []


@pytest.mark.parametrize(
    ("text", "is_hit"),
    [
        ("the lists of remembered clients", True),
        ("The Marks of a packet", True),
        ("the netfilter mark", False),
        ("`mark` is code", False),
        ("remarkable benchmarks", False),
        ("the address that was dialled", True),
        ("the finding witnesses-disagree", False),
        ("a witness", True),
        ("what the export tells", True),
    ],
)
def test_the_rules_find_words_and_nothing_else(text: str, is_hit: bool) -> None:
    assert bool(hits(text)) is is_hit


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".md", "a witness\n```sh\necho\n```\n"),
        (".toml", 'help = """a witness"""\n'),
        (".toml", '[[chart]]\ntitle = "a witness"\n'),
        (".j2", "{% if x %}a witness{% endif %}"),
        (".j2", '{{ "a witness" if x }}'),
        (".py", 'def f():\n    """A witness."""\n'),
        (".py", "x = 1  # a witness\n"),
        (".sql", "-- column: a VARCHAR A witness.\nSELECT 1\n"),
        (".sql", "SELECT 1 -- a witness\n"),
    ],
)
def test_a_word_is_found_in_every_kind_of_text(suffix: str, text: str) -> None:
    assert len(hits(TEXT_OF[suffix](text))) == 1


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".md", "```text\na witness\n```\n"),
        (".j2", "{% set witness = 1 %}"),
        (".py", "witness = 1\n"),
        (".sql", "SELECT 'a' AS witness\n"),
    ],
)
def test_code_is_not_text(suffix: str, text: str) -> None:
    assert hits(TEXT_OF[suffix](text)) == []


def test_the_glossary_is_a_table_of_terms() -> None:
    text = GLOSSARY.read_text(encoding="utf-8").partition("## Words we do not use")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    terms = [row[0].strip("| ") for row in rows if row[0] != "| term"]
    assert len(terms) == len(set(terms)) > 40
    assert all(len(row) == 3 for row in rows)
    assert len(RULES) > 20
