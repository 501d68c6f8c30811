"""Counts of one or two columns: summed, put in order, and named in short."""

from __future__ import annotations

from collections import defaultdict
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Record = dict[str, object]
Cells = dict[tuple[str, str], float]

_LONGEST = 20
_SHORTEST = 5
_LONG_BEGINNING = 8
_MARKS = "/-"
_APART = "pods on "  # the words before a node's name are kept
_WAY = " to "


def number(value: object) -> float:
    """A number out of a record, a count without a point; NULL counts nothing."""
    return value if isinstance(value, float) else int(str(value or 0))


def crosstab(records: Iterable[Record], value: str, first: str, second: str = "") -> Cells:
    """`value` summed by one or two columns."""
    cells: Cells = defaultdict(int)
    for record in records:
        cells[str(record[first]), str(record[second]) if second else ""] += number(record[value])
    return dict(cells)


def sizes_of(records: Iterable[Record], value: str, column: str) -> dict[str, float]:
    """`value` summed by one column."""
    return {name: count for (name, _), count in crosstab(records, value, column).items()}


def by_size(sizes: Mapping[str, float]) -> list[str]:
    """Names, the largest first."""
    return sorted(sizes, key=lambda n: (-sizes[n], n))


def short_names(names: Sequence[str]) -> list[str]:
    """Names without the beginning they share with others, where it is long; of a name still too long the end."""
    if names and all(_WAY in name for name in names):
        halves = zip(*(name.split(_WAY, 1) for name in names), strict=True)
        return [_WAY.join(both) for both in zip(*(short_names(half) for half in halves), strict=True)]
    words = [name.rpartition(_APART)[:2] for name in names]
    names = [name.rpartition(_APART)[2] for name in names]
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[name[:_LONG_BEGINNING]].append(name)
    cuts = {beginning: _cut(group) for beginning, group in alike.items()}
    return ["".join(w) + _without(name, cuts[name[:_LONG_BEGINNING]]) for w, name in zip(words, names, strict=True)]


def _cut(names: Sequence[str]) -> int:
    """How many letters up to a mark the names share."""
    shared = "".join(a for a, *_ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))
    return max(shared.rfind(mark) for mark in _MARKS) + 1 if len(names) > 1 and max(map(len, names)) > _LONGEST else 0


def _without(name: str, cut: int) -> str:
    cut = cut if cut >= _LONG_BEGINNING else 0
    if len(name) - cut > _LONGEST:
        marks = [at + 1 for at in range(len(name) - _LONGEST - 1, len(name) - _SHORTEST) if name[at] in _MARKS]
        cut = marks[0] if marks else len(name) - _LONGEST
    return "…" + name[cut:] if cut else name
