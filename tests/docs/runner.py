"""Runs the blocks of a page in a folder of its own."""

from __future__ import annotations

import atexit
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from unittest.mock import patch

import typer

from pipeline.cli import app, run_app
from tests.docs.pages import ROOT, anew, blocks, steps

HOME = "~"
PLAIN = re.compile(r"hopscope [^|&;<>$`*(){}#~\n]*")
QUOTED = re.compile(r"'[^']*'|\"[^\"$`\\]*\"")
SCRIPT = "#!{}\nimport sys\nsys.path.insert(0, {!r})\nfrom pipeline.__main__ import main\nmain()\n"
VERBS = typer.main.get_command(app).commands


class Place:
    """An empty folder with `samples/` in it, and a shell that has the command `hopscope`."""

    def __init__(self, base: Path):
        self.folder, self.bin = base / "you", base / "bin"
        self.folder.mkdir(parents=True)
        self.bin.mkdir()
        (self.folder / "samples").symlink_to(ROOT / "samples")
        (self.bin / "hopscope").write_text(SCRIPT.format(sys.executable, str(ROOT)))
        (self.bin / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')  # a link would leave its packages
        for command in self.bin.iterdir():
            command.chmod(0o755)
        path = f"{self.bin}:{os.environ['PATH']}"
        self.env = {"PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}

    def outcome(self, command: str) -> str:
        """What a command of a shell prints; its exit code has to be 0."""
        joined = command.replace("\\\n", " ").strip()
        plain = PLAIN.fullmatch(QUOTED.sub("", joined))
        if not plain:
            return self.process("bash", "-c", command)
        words = shlex.split(joined)[1:]
        if words[0] != "run" or not words[1].startswith("samples/"):
            return self.verb(*words)
        made, printed = first_run(*words)
        shutil.copytree(made, self.folder, ignore=shutil.ignore_patterns("samples"), dirs_exist_ok=True)
        return printed

    def process(self, *words: str) -> str:
        done = subprocess.run(words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words[-1]}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return self.shown(done.stdout)

    def verb(self, *words: str) -> str:
        """The same as a process of its own, in a tenth of the time."""
        before, out = Path.cwd(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        os.chdir(self.folder)
        try:
            with (
                patch.object(sys, "argv", ["hopscope", *words]),
                patch.dict(os.environ, self.env),
                redirect_stdout(out),
            ):
                code = run_app()
        finally:
            os.chdir(before)
        out.flush()
        printed = out.buffer.getvalue().decode()
        assert code == 0, f"hopscope {shlex.join(words)}: exit code {code}\n{printed}"
        return self.shown(printed)

    def shown(self, output: str) -> str:
        return output.replace(str(self.folder.resolve()), HOME)


@cache
def first_run(*words: str) -> tuple[Path, str]:
    """The folder that a run of a packaged sample leaves, and what it prints: the same for every page."""
    base = Path(tempfile.mkdtemp(prefix="hopscope-docs-"))
    atexit.register(shutil.rmtree, base, ignore_errors=True)
    place = Place(base)
    return place.folder, place.verb(*words)


def played(text: str, place: Place) -> list[tuple[int, int, str, str]]:
    """(start, end, shown, printed) of every output in the page, after all its blocks were run in order."""
    found, todo = [], blocks(text)
    for block, after in zip(todo, [*todo[1:], None], strict=False):
        if block.file:
            (place.folder / block.file).write_text(block.text)
        if block.kind == "console":
            at = block.start
            for command, shown in steps(block.text):
                at += len("$ " + command)
                found.append((at, at + len(shown), shown, place.outcome(command)))
                at += len(shown)
        elif block.kind in READERS:
            READERS[block.kind](block.text)
        if block.kind in ("sql", "python") and not block.file and after and after.kind == "text":
            printed = (
                place.verb("sql", block.text) if block.kind == "sql" else place.process("python", "-c", block.text)
            )
            found.append((after.start, after.start + len(after.text), after.text, printed))
        shows = block.file or (after and after.kind == "text")
        assert block.kind != "sql" or shows, f"line {block.line}: no `text` after the `sql`"
    return found


def rewritten(text: str, place: Place) -> str:
    """The page with its outputs as they are now."""
    for start, end, shown, printed in reversed(played(text, place)):
        text = text[:start] + anew(shown, printed) + text[end:]
    return text


def read_sh(text: str) -> None:
    """bash can parse it, and so can hopscope what is said to it.

    Raises:
        AssertionError: bash cannot.
        Exception: as click does, where a verb or an option does not exist.
    """
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb, *words in hopscope_commands(text):
        if not verb.startswith("-"):
            VERBS[verb].make_context(verb, words)


def hopscope_commands(text: str) -> list[list[str]]:
    """Words after `hopscope` in each simple command that begins with it."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if "hopscope " not in line:
            continue
        words, current = shlex.shlex(line, posix=True, punctuation_chars=True), []
        words.whitespace_split = True
        for word in [*words, ";"]:
            if not set(word) <= set("();<>|&"):
                current.append(word)
                continue
            found += [current[1:]] if current[:1] == ["hopscope"] and current[1:] else []
            current = []
    return found


READERS = {
    "sh": read_sh,
    "toml": tomllib.loads,
    "json": json.loads,
    "python": lambda text: compile(text, "page", "exec"),
}
