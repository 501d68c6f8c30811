"""Locates sql/, reports/ and samples/, in a wheel or next to the package in a checkout; reads headers of SQL files."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

_PACKAGE = Path(__file__).parent
HEADER = re.compile(r"^-- (\w+): (.+)$", re.MULTILINE)


def folder(name: str) -> Path:
    """Return the folder `name` ("sql", "reports" or "samples") that is installed with the package.

    Raises:
        FileNotFoundError: the folder is missing, for example from a wheel.
    """
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"the folder {name}/ is missing from the package; reinstall hopscope")


def models() -> list[Path]:
    """Return the files of the SQL models, by name; the macros are not among them."""
    root = folder("sql")
    return sorted((p for p in root.rglob("*.sql") if p.parent.name != "macros"), key=lambda p: p.stem)


def header(sql: str) -> dict[str, list[str]]:
    """Return the header of a file of sql/ by keyword, such as `about`: each line `-- keyword: text` is one text."""
    texts: dict[str, list[str]] = defaultdict(list)
    for keyword, text in HEADER.findall(sql):
        texts[keyword].append(text)
    return texts
