"""What a docstring must tell where it applies: errors, units, what a row is, and whose output an input form is."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from pipeline.formats import all_formats

ROOT = Path(__file__).parent.parent
MODULES = {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text()) for p in sorted((ROOT / "pipeline").rglob("*.py"))}
NUMBER = re.compile(r"\b(int|float)\b")
MEASURED = re.compile(r"(^|_)(age|at|delay|duration|gap|idle|interval|length|memory|size|time|timeout|width)$")
UNIT = re.compile(
    r"\b(bytes?|characters?|hours?|lines?|(micro|milli)?seconds?|minutes?|packets?|rows?|share|µs|ms|s)\b"
)
MANY = re.compile(r"\b(DataFrame|ndarray|Numbers|pa\.Table)\b")
SHAPE = re.compile(r"\b(axes|axis|by|cells|columns?|counts|each|rows?|tables?)\b|\bindex\b", re.IGNORECASE)
Function = ast.FunctionDef


def publics(tree: ast.Module) -> list[tuple[str, Function]]:
    """Functions of a module, and methods of its classes, that others may call; verbs are told of by their help."""
    found = []
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        found += [
            (owner + f.name, f)
            for f in inside
            if isinstance(f, Function) and not f.name.startswith("_") and not is_verb(f)
        ]
    return found


def is_verb(function: Function) -> bool:
    return any("app.c" in ast.unparse(d) for d in function.decorator_list)


def told(node: Function | ast.ClassDef) -> str:
    return ast.get_docstring(node) or ""


def raised(function: Function, helpers: dict[str, Function], seen: frozenset[str] = frozenset()) -> set[str]:
    """What it raises itself, or by private functions of its module."""
    names = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            names.add(ast.unparse(node.exc.func).rpartition(".")[2])
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if called in helpers and called not in seen:
            names |= raised(helpers[called], helpers, seen | {called})
    return {n for n in names if n.endswith(("Error", "Interrupt"))} - caught(function)


def caught(function: Function) -> set[str]:
    return {
        name.rpartition(".")[2]
        for handler in ast.walk(function)
        if isinstance(handler, ast.ExceptHandler) and handler.type
        for name in re.findall(r"[\w.]+", ast.unparse(handler.type))
    }


def untold_errors(tree: ast.Module) -> list[tuple[str, str]]:
    helpers = {f.name: f for f in tree.body if isinstance(f, Function) and f.name.startswith("_")}
    return [(name, error) for name, f in publics(tree) for error in raised(f, helpers) if error not in told(f)]


def unmeasured(tree: ast.Module) -> list[tuple[str, str]]:
    """Numbers whose name, and whose function's or class's words, say no unit."""
    numbers = [
        (name, told(f), a.arg, a.annotation) for name, f in publics(tree) for a in (*f.args.args, *f.args.kwonlyargs)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            fields = [f for f in node.body if isinstance(f, ast.AnnAssign) and isinstance(f.target, ast.Name)]
            numbers += [(node.name, told(node), f.target.id, f.annotation) for f in fields]
    return [
        (name, number)
        for name, words, number, kind in numbers
        if kind and NUMBER.search(ast.unparse(kind)) and MEASURED.search(number) and not UNIT.search(words)
    ]


def unshaped(tree: ast.Module) -> list[str]:
    """Functions that give many values at once and say neither rows, columns nor axes of them."""
    many = [(name, f) for name, f in publics(tree) if f.returns and MANY.search(ast.unparse(f.returns))]
    return [name for name, f in many if not SHAPE.search(told(f))]


@pytest.mark.parametrize("module", MODULES)
def test_errors_units_and_shapes_are_told(module):
    tree = MODULES[module]
    assert untold_errors(tree) == []
    assert unmeasured(tree) == []
    assert unshaped(tree) == []


def test_the_rules_can_fail():
    tree = ast.parse(
        "def read(timeout: float) -> pl.DataFrame:\n    '''Reads it.'''\n    _look()\n"
        "def _look() -> None:\n    raise InputError('no')\n"
    )
    assert (untold_errors(tree), unmeasured(tree), unshaped(tree)) == (
        [("read", "InputError")],
        [("read", "timeout")],
        ["read"],
    )


@pytest.mark.parametrize("form", all_formats(), ids=lambda f: f.name)
def test_an_input_form_says_whose_output_it_is(form):
    words = importlib.import_module(type(form).__module__).__doc__
    tool = form.name.partition("-")[0]
    assert tool in words.lower()
