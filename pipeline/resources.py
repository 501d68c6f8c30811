"""Finds sql/, reports/ and samples/, in a wheel or beside the package in a checkout, and reads headers of SQL files."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

_PACKAGE = Path(__file__).parent
HEADER = re.compile(r"^-- (\w+): (.+)$", re.MULTILINE)


def folder(name: str) -> Path:
    """The folder `name` ("sql", "reports" or "samples") that travels with the package.

    Raises:
        FileNotFoundError: it is not there, as where a wheel was built without it.
    """
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"the folder {name}/ did not travel with the package; reinstall hopscope")


def models() -> list[Path]:
    """The SELECTs of sql/ by name: one file per table or step, in the folder of its stage; not the macros."""
    root = folder("sql")
    return sorted((p for p in root.rglob("*.sql") if p.parent.name != "macros"), key=lambda p: p.stem)


def header(sql: str) -> dict[str, list[str]]:
    """What a file of sql/ says of itself, by word: `-- about: ...`, one line or several."""
    said: dict[str, list[str]] = defaultdict(list)
    for word, text in HEADER.findall(sql):
        said[word].append(text)
    return said
