"""Input forms, one module each, in a package per family; every module with a `FORMAT` is one (see README.md)."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.formats.base import Format


@cache
def all_formats() -> tuple[Format, ...]:
    """Return every input form, ordered by name."""
    modules = (import_module(m.name) for m in walk_packages(__path__, f"{__name__}."))
    return tuple(sorted((m.FORMAT for m in modules if hasattr(m, "FORMAT")), key=lambda f: f.name))


def recognise(head: str) -> Format | None:
    """Return the form with the highest score for this text; None if every score is 0."""
    scores = {form: form.recognise(head) for form in all_formats()}
    best = max(scores, key=lambda form: (scores[form], form.name))
    return best if scores[best] else None
