"""Finds sql/, reports/ and samples/, in a wheel or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder `name` ("sql", "reports" or "samples") that travels with the package.

    Raises:
        FileNotFoundError: it is not there, as where a wheel was built without it.
    """
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"the folder {name}/ did not travel with the package; reinstall hopscope")
