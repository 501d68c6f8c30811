"""Every verb's help has an example that parses, and a shell completes verbs, options, runs and Services."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
import typer

from pipeline import resources
from pipeline.cli import app
from pipeline.config import Limits
from pipeline.schema import TABLES
from pipeline.store.duckdb_engine import connect, empty_select, write_parquet
from pipeline.store.lake import Lake
from pipeline.store.manifest import Manifest

VERBS = typer.main.get_command(app).commands
EXAMPLE = re.compile(r"Example: `hopscope ([^`]+)`")
COMPLETE = "COMP_WORDS=(hopscope {}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _hopscope_completion hopscope"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the command as pip installs it, and a lake of two runs with a Service each."""
    folder = tmp_path_factory.mktemp("place")
    script = folder / "bin" / "hopscope"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom pipeline.__main__ import main\nmain()\n")
    script.chmod(0o755)
    columns = empty_select(TABLES["services"], skip=("run",)).removesuffix("WHERE FALSE")
    for run, service in (("peak-1", "default/web"), ("peak-2", "shop/api")):
        with Lake(folder / "lake").stage(Manifest(run, {})) as staging:
            select = f"SELECT * REPLACE ('{service}' AS service) FROM ({columns})"
            write_parquet(connect(Limits()), select, staging / "services" / "part.parquet")
    (folder / "completion.bash").write_text(shell(folder, "bash", "-c", "hopscope --show-completion; true"))
    return folder


def shell(place, *command, **variables):
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "PYTHONPATH": str(resources.folder("sql").parent), **variables}
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.parametrize("name", VERBS)
def test_an_example_of_every_verb_parses(name):
    examples = EXAMPLE.findall(VERBS[name].help)
    assert examples
    for example in examples:
        verb, *words = shlex.split(example.partition(" > ")[0])
        assert verb == name
        VERBS[name].make_context(name, words)


@pytest.mark.parametrize("words", [["--nodes", "a=b"], ["--keep-packets", "most", "x"], []])
def test_an_example_with_other_words_would_not_parse(words):
    with pytest.raises(Exception, match=r"No such option|is not one of|Missing parameter"):
        VERBS["run"].make_context("run", words)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("r", ["run", "report", "runs"]),
        ("sql --ti", ["--timeout"]),
        ("sql --run ''", ["peak-1", "peak-2"]),
        ("report --lake elsewhere --run ''", []),
        ("compare peak-1 ''", ["peak-1", "peak-2"]),
        ("runs --delete p", ["peak-1", "peak-2"]),
        ("label --run peak-1 --service d", ["default/web"]),
        ("label --lake elsewhere --service d", []),
    ],
)
def test_bash_completes(typed, offered, place):
    script = f'. ./completion.bash; {COMPLETE.format(typed)}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    assert shell(place, "bash", "-c", script).split() == offered


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_the_script_for_other_shells_asks_what_is_answered(name, place):
    script = shell(place, "hopscope", "--show-completion", name, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    asked = dict(reversed(re.findall(r"(\w*_COMPLETE_?\w*)=([a-z][\w-]*)", script)))
    assert asked["_HOPSCOPE_COMPLETE"] == f"complete_{name}"
    told = shell(place, "hopscope", **asked, _TYPER_COMPLETE_ARGS="hopscope r")
    assert re.findall(r"\b(run|report|runs)(?:\t|\":)", told) == ["run", "report", "runs"]
