"""The picture of docs/explanation/architecture.md: packages and their imports, read from the code."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from tests.docs.pages import ROOT
from tests.imports import imported_names

PACKAGE = ROOT / "pipeline"


def layers() -> list[list[str]]:
    """The layers of the import contract, highest first: names below `pipeline`, without the console script."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layered = next(c["layers"] for c in contracts if c["name"] == "Upper floors import lower ones only")
    named = [[name.strip().removeprefix("pipeline.") for name in layer.split(":")] for layer in layered]
    return [layer for layer in named if layer != ["__main__"]]


def part_of(module: str) -> str:
    """The package, or the module of the top level, that a dotted name lies in."""
    return module.split(".")[1]


def imports() -> dict[str, set[str]]:
    """Which parts each part imports, imports for type checkers included."""
    parts = {name for layer in layers() for name in layer}
    edges: dict[str, set[str]] = {name: set() for name in parts}
    for path in PACKAGE.rglob("*.py"):
        importer = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if importer in parts:
            imported = {part_of(name) for name in imported_names(path) if name.startswith("pipeline.")}
            edges[importer] |= imported & parts - {importer}
    return edges


def reduced(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The edges that no longer path implies (transitive reduction of an acyclic graph)."""

    def reachable(name: str) -> set[str]:
        return {far for near in edges[name] for far in {near} | reachable(near)}

    return {
        name: {to for to in targets if not any(to in reachable(via) for via in targets - {to})}
        for name, targets in edges.items()
    }


def about(name: str) -> str:
    """The first sentence of a part's docstring."""
    path = PACKAGE / name / "__init__.py" if (PACKAGE / name).is_dir() else PACKAGE / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def picture() -> str:
    """A mermaid flowchart: one row of boxes per layer; an arrow means "imports"."""
    lines = ["flowchart TD"]
    for number, layer in enumerate(layers()):
        lines += [f"  subgraph layer{number}[ ]", "    direction LR"]
        lines += [f"    {name}" for name in layer] + ["  end"]
    edges = reduced(imports())
    lines += [f"  {name} --> {to}" for layer in layers() for name in layer for to in sorted(edges[name])]
    return "".join(f"{line}\n" for line in lines)


def package_rows() -> list[tuple[str, str]]:
    """Name and purpose of each part, highest layer first."""
    return [
        (f"`pipeline/{name}{'/' if Path(PACKAGE / name).is_dir() else '.py'}`", about(name))
        for layer in layers()
        for name in layer
    ]
