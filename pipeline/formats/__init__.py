"""Input forms, one module each, in a package per family; `all_formats` finds every module that has a `FORMAT`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.formats.base import Format


@cache
def all_formats() -> tuple[Format, ...]:
    """Every input form, by name."""
    modules = (import_module(m.name) for m in walk_packages(__path__, f"{__name__}."))
    return tuple(sorted((m.FORMAT for m in modules if hasattr(m, "FORMAT")), key=lambda f: f.name))


def recognise(head: str) -> Format | None:
    """The form that is surest of this text; None where none is."""
    scored = [(f.recognise(head), f.name, f) for f in all_formats()]
    best = max(scored, key=lambda s: s[:2], default=None)
    return best[2] if best and best[0] > 0 else None
