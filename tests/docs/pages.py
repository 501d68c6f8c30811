"""Pages as lists of fenced blocks, and what is shown in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS = {"console", "sql", "python", "text", "sh", "toml", "json", "mermaid"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its first word, the file it is to be written to, its text, and where that lies in the page."""

    kind: str
    file: str
    text: str
    start: int
    line: int


def name(page):
    """A page's path inside the checkout."""
    return page.relative_to(ROOT).as_posix()


def blocks(text):
    found = []
    for m in FENCE.finditer(text):
        kind, _, file = m["info"].partition(" ")
        found.append(Block(kind, file.strip(), m["text"], m.start("text"), text.count("\n", 0, m.start()) + 1))
    return found


def steps(text):
    """Commands of a console block, each with the output that is shown under it."""
    found, lines = [], text.splitlines(keepends=True)
    while lines:
        first = lines.pop(0)
        assert first.startswith("$ "), f"a console block begins with `$ COMMAND`, not {first!r}"
        command = first[2:]
        while is_open(command):
            command += lines.pop(0)
        shown = ""
        while lines and not lines[0].startswith("$ "):
            shown += lines.pop(0)
        found.append((command, shown))
    return found


def is_open(command):
    try:
        shlex.split(command)
    except ValueError:
        return True
    return command.endswith("\\\n")


def tidy(output):
    return "".join(f"{line.rstrip()}\n" for line in output.rstrip("\n").split("\n")) if output.strip() else ""


def agrees(shown, output):
    """Whether what is shown is the output; a line `...` stands for any number of lines."""
    lines = (r"(?:.*\n)*" if line == "...\n" else re.escape(line) for line in tidy(shown).splitlines(keepends=True))
    return re.fullmatch("".join(lines), tidy(output)) is not None


def anew(shown, output):
    """What to show of the output: all of it, or as many lines before and after the `...` as are shown now."""
    if agrees(shown, output):
        return shown
    before, dots, after = tidy(shown).partition("...\n")
    lines, first, last = tidy(output).splitlines(keepends=True), before.count("\n"), after.count("\n")
    return "".join([*lines[:first], dots, *lines[len(lines) - last :]]) if dots else "".join(lines)
