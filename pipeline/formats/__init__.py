"""Input forms, one module each; `all_formats` finds them by looking in this folder."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.formats.base import Format


@cache
def all_formats() -> tuple[Format, ...]:
    """Every input form, by name."""
    modules = (import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__))
    return tuple(sorted((m.FORMAT for m in modules if hasattr(m, "FORMAT")), key=lambda f: f.name))


def recognise(head: str) -> Format | None:
    """The form that is surest of this text; None where none is."""
    scored = [(f.recognise(head), f.name, f) for f in all_formats()]
    best = max(scored, key=lambda s: s[:2], default=None)
    return best[2] if best and best[0] > 0 else None
