"""House rules that no linter checks."""

from __future__ import annotations

import ast
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

from pipeline import __version__
from pipeline.formats import all_formats
from pipeline.resources import header
from pipeline.schema import LABELS, TABLES
from pipeline.schema.findings import FINDINGS
from pipeline.schema.words import REASONS
from pipeline.store.sql_models import all_models
from tests.imports import imported_names
from tests.test_glossary import TEXT_OF

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "pipeline").rglob("*.py"))
MODELS = all_models()
HEAVY = {"duckdb", "numpy", "plotly", "polars", "pyarrow", "scipy", "sqlglot"}
TYPES = {"BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "VARCHAR"}
# Put together here so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:" + "|".join(("work", "tmp", "root", "home/[a-z]+")) + r")/\w")

FINDING_MAKERS = {"Finding", "declared", "Fault"}
FINDING_IN_SQL = re.compile(r"(?:^SELECT|UNION ALL\s+SELECT)\s+'([a-z-]+)'(?: AS finding)?,", re.MULTILINE)


def module_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize(("option", "answer"), [("--help", "demo"), ("--version", __version__)])
def test_nothing_heavy_is_loaded_to_answer(option, answer):
    command = [sys.executable, "-X", "importtime", "-m", "pipeline", option]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & HEAVY
    assert answer in done.stdout


def import_graph(modules: list[Path]) -> dict[str, set[str]]:
    """The modules of the project with their imports; a package's face, which only hands names on, is no module."""
    path_by_name = {module_id(p).removesuffix(".py").replace("/", "."): p for p in modules if p.stem != "__init__"}
    return {name: imported_names(path) & path_by_name.keys() for name, path in path_by_name.items()}


def test_no_module_imports_itself_by_way_of_others():
    assert list(TopologicalSorter(import_graph(MODULES)).static_order())


def test_an_import_cycle_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("from b import y\n")
    (tmp_path / "b.py").write_text("if TYPE_CHECKING:\n    from a import x\n")
    with pytest.raises(CycleError):
        list(TopologicalSorter(import_graph([tmp_path / "a.py", tmp_path / "b.py"])).static_order())


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_files_and_functions_are_small(path):
    line_count = path.read_bytes().count(b"\n")
    assert line_count <= 300
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(path) if f.end_lineno - f.lineno >= 60}
    assert not long


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_every_function_says_what_it_takes_and_gives(path):
    bare = []
    for f in functions(path):
        named = [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs, f.args.vararg, f.args.kwarg]
        untyped = [a.arg for a in named if a and a.annotation is None and a.arg not in ("self", "cls")]
        if untyped or f.returns is None:
            bare.append((f.name, untyped))
    assert not bare


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_tracked_file_names_a_place_on_one_machine():
    files = tracked_files()
    assert ROOT / "pyproject.toml" in files
    found = []
    for path in files:
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [(module_id(path), text[m.start() : m.end() + 30]) for m in MACHINE_PATH.finditer(text)]
    assert not found


@pytest.mark.parametrize("path", ["work/main/x", "tmp/x", "home/jo/x"])
def test_the_rule_about_machine_paths_can_fail(path):
    assert MACHINE_PATH.search(f"in '/{path}'")


# A file name or path, or a folder below a top-level one; `<name>` and `*` in it match anything.
REFERENCE = re.compile(
    r"(?<![\w./*<>:-])(?:(?:[\w.*-]+/|<[\w-]+>/)*(?:[\w*-]|<[\w-]+>)+\.(?:py|sql|md)"
    r"|(?:pipeline|sql|reports|tests|docs|samples)/(?:[\w*-]+/|<[\w-]+>/)*)(?![\w/*<(]|\.\w)"
)
REFERRING = ("pipeline/", "sql/", "reports/", "docs/", "CONTRIBUTING.md", "README.md")


def dead_references(text: str, folder: Path, paths: Iterable[str]) -> list[str]:
    """Names of files and folders in a text that are not in the tree, by path from its root or `folder`, or by name."""
    patterns = {name: re.sub(r"<[\w-]+>", "*", name) for name in REFERENCE.findall(text)}
    missing = [
        name for name, pattern in patterns.items() if not fnmatch.filter(paths, f"*/{pattern}".replace("//", "/"))
    ]
    return [name for name in missing if not (folder / patterns[name]).exists()]


def paths_in_tree(files: Iterable[Path]) -> list[str]:
    """Paths of all files, and of all folders that contain one; each begins with `/`, and a folder ends with `/`."""
    paths = {file.relative_to(ROOT) for file in files}
    folders = {folder for path in paths for folder in path.parents} - {Path()}
    return [f"/{path.as_posix()}" for path in paths] + [f"/{folder.as_posix()}/" for folder in folders]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_files_that_texts_name_exist():
    files = tracked_files()
    paths = paths_in_tree(files)
    dead = {}
    for path in files:
        if module_id(path).startswith(REFERRING) and path.suffix in {".py", ".sql", ".md"}:
            text = TEXT_OF[path.suffix](path.read_text(encoding="utf-8"))
            dead[module_id(path)] = dead_references(text, path.parent, paths)
    assert len(dead) > 200
    assert {name: missing for name, missing in dead.items() if missing} == {}


@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("see `sql/roles.sql`", ["sql/roles.sql"]),
        ("(pipeline/ingest/sockets.py).", ["pipeline/ingest/sockets.py"]),
        ("gone.py, and one.py.", ["gone.py"]),
        ("a folder sql/questions/ and sql/flows/", ["sql/questions/"]),
        ("`sql/<stage>/<name>.sql`, `sql/flows/f*.sql`", []),
        ("`sql/<stage>/gone_<name>.sql`", ["sql/<stage>/gone_<name>.sql"]),
        ("[up](../README.md) [side](flows.md)", ["flows.md"]),
        ("`ingest/one.py`, https://host/a.md, pyspark.sql.functions", []),
    ],
)
def test_a_dead_reference_is_found(text, dead):
    paths = ["/README.md", "/pipeline/ingest/one.py", "/sql/flows/flows.sql", "/sql/flows/"]
    assert dead_references(text, ROOT / "docs", paths) == dead


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_tables_are_declared_whole(table):
    assert len(set(table.names)) == len(table.names)
    assert table.names[0] == "run"
    assert set(table.key) <= set(table.names)
    assert set(table.partitions) <= set(table.names)
    assert {c.type for c in table.columns} <= TYPES
    assert all(c.about.endswith(".") or c.about[0].islower() for c in table.columns)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: m.name)
def test_a_model_is_one_select_that_says_what_it_is(model):
    statements = sqlglot.parse(model.sql, dialect="duckdb")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Query)
    assert model.about
    assert model.grain
    assert model.key


@pytest.mark.parametrize("model", [m for m in MODELS.values() if m.stored], ids=lambda m: m.name)
def test_a_stored_model_is_a_table_with_the_same_key(model):
    of_one_export = {"capture_id"} if model.stage == "ingest" else set()
    assert set(TABLES[model.name].key) == {"run", *of_one_export, *model.key}


def tables_read(sql: str) -> tuple[set[str], set[str]]:
    """Tables that a SELECT reads, and the names of its CTEs, by a parser."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table)} - ctes, ctes


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: m.name)
def test_a_model_needs_the_tables_that_it_reads(model):
    assert model.needs == tables_read(model.sql)[0]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda m: m.name)
def test_no_cte_has_the_name_of_a_model_or_a_table(model):
    assert not tables_read(model.sql)[1] & (MODELS.keys() | TABLES.keys())


def test_the_rule_about_ctes_can_fail():
    tables, ctes = tables_read("WITH flows AS (SELECT * FROM legs) SELECT * FROM flows JOIN hosts USING (node)")
    assert (tables, ctes) == ({"legs", "hosts"}, {"flows"})


def test_every_label_that_is_given_is_declared():
    case = re.search(r"CASE((?:(?!CASE).)*?)END AS label", MODELS["connections"].sql, re.DOTALL)
    assert set(re.findall(r"(?:THEN|ELSE) '([\w-]+)'", case[1])) == LABELS.keys()


def assigned(model: str, column: str) -> set[str]:
    """The words that the CASE of a model's column gives, in branches within branches too."""
    [case] = [
        a.this
        for a in sqlglot.parse_one(MODELS[model].sql, dialect="duckdb").find_all(exp.Alias)
        if a.alias == column and isinstance(a.this, exp.Case)
    ]
    values = [branch.args["true"] for branch in case.find_all(exp.If)] + [
        c.args.get("default") for c in case.find_all(exp.Case)
    ]
    return {value.this for value in values if isinstance(value, exp.Literal)}


def test_every_situation_that_is_given_is_declared():
    declared = [line.split()[0] for line in header(MODELS["connection_outcomes"].sql)["situation"]]
    assert len(set(declared)) == len(declared)
    assert assigned("connection_outcomes", "situation") == set(declared)


def test_an_undecided_situation_is_a_reason():
    text = MODELS["connections"].sql + MODELS["connection_outcomes"].sql
    tested = set(re.findall(r"'([a-z-]+)'", " ".join(re.findall(r"situation (?:=|IN) (\([^)]*\)|'[a-z-]+')", text))))
    situations = assigned("connection_outcomes", "situation")
    assert tested <= situations
    assert situations - REASONS.keys() <= tested


def test_a_model_that_is_not_stored_takes_no_tables_name():
    assert not {m.name for m in MODELS.values() if not m.stored} & TABLES.keys()


@pytest.mark.parametrize(("ci", "failed"), [("true", True), ("", False)])
def test_a_skipped_test_fails_the_run_in_ci_only(ci, failed, tmp_path):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_one.py").write_text("import pytest\n\n\ndef test_one():\n    pytest.skip('no tool')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    env = os.environ | {"CI": ci}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 1) is failed
    assert ("test_one.py::test_one: Skipped: no tool" in done.stdout) is failed


def test_there_is_a_changelog():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def findings_made() -> list[tuple[str, str | None, str]]:
    """(name, severity, place) of every finding that is written out in the code."""
    found = []
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            maker = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if maker in FINDING_MAKERS:
                words = [a.value if isinstance(a, ast.Constant) else None for a in node.args[:2]]
                severity = words[1] if maker == "Finding" else None
                found += [(words[0], severity, f"{place}:{node.lineno}")] if words and words[0] else []
    for path in sorted((ROOT / "sql" / "findings").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        found += [(name, None, path.relative_to(ROOT).as_posix()) for name in FINDING_IN_SQL.findall(text)]
    return found


@pytest.mark.parametrize(("name", "severity", "place"), findings_made(), ids=str)
def test_a_finding_that_is_made_is_declared_with_its_severity(name, severity, place):
    assert name in FINDINGS, "declare it in pipeline/schema/findings.py"
    assert severity in (None, FINDINGS[name].severity)


def test_what_is_declared_is_made_somewhere():
    text = "\n".join(
        p.read_text(encoding="utf-8") for p in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "sql").rglob("*.sql")]
    )
    assert [name for name in FINDINGS if not re.search(rf"(?<!\n){re.escape(name)}[\"']", text)] == []


def test_findings_are_in_order():
    assert list(FINDINGS) == sorted(FINDINGS)


@pytest.mark.parametrize("form", all_formats(), ids=lambda f: f.name)
def test_a_form_says_what_it_is_taken_by_in_a_few_words(form):
    assert 5 < len(form.sign) < 40
