"""Counts of one or two columns: summed, the smallest folded together, put in order, and named in short."""

from __future__ import annotations

from collections import defaultdict
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Record = dict[str, object]
Cells = dict[tuple[str, str], int]

MOST = 20
_OTHERS = " others"
_LONGEST = 20
_SHORTEST = 5
_LONG_BEGINNING = 8
_MARKS = "/-"


def number(value: object) -> int:
    """A count out of a record; NULL counts nothing."""
    return int(str(value or 0))


def crosstab(records: Iterable[Record], value: str, first: str, second: str = "", *, fold: bool = True) -> Cells:
    """`value` summed by one or two columns; what is not among the largest of a column is folded into `n others`."""
    cells: Cells = defaultdict(int)
    for record in records:
        cells[str(record[first]), str(record[second]) if second else ""] += number(record[value])
    return _folded(_folded(cells, 0), 1) if fold else dict(cells)


def by_size(cells: Cells, place: int) -> list[str]:
    """The names of one column, the largest first and the folded rest last."""
    sizes = _sizes(cells, place)
    return sorted(sizes, key=lambda n: (n.endswith(_OTHERS), -sizes[n], n))


def largest(sizes: Mapping[str, int]) -> list[str]:
    """The names with the largest sizes, as many as one picture takes."""
    return sorted(sizes, key=lambda n: (-sizes[n], n))[:MOST]


def short_names(names: Sequence[str]) -> list[str]:
    """Names without the beginning they share with others, where it is long; of a name still too long the end."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[name[:_LONG_BEGINNING]].append(name)
    cuts = {beginning: _cut(group) for beginning, group in alike.items()}
    return [_without(name, cuts[name[:_LONG_BEGINNING]]) for name in names]


def _cut(names: Sequence[str]) -> int:
    """How many letters up to a mark the names share."""
    shared = "".join(a for a, *_ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))
    return max(shared.rfind(mark) for mark in _MARKS) + 1 if len(names) > 1 else 0


def _without(name: str, cut: int) -> str:
    cut = cut if cut >= _LONG_BEGINNING else 0
    if len(name) - cut > _LONGEST:
        marks = [at + 1 for at in range(len(name) - _LONGEST - 1, len(name) - _SHORTEST) if name[at] in _MARKS]
        cut = marks[0] if marks else len(name) - _LONGEST
    return "…" + name[cut:] if cut else name


def _folded(cells: Cells, place: int) -> Cells:
    sizes = _sizes(cells, place)
    kept = set(largest(sizes))
    rest = f"{len(sizes) - len(kept):,}{_OTHERS}"
    folded: Cells = defaultdict(int)
    for key, count in cells.items():
        first, second = (k if i != place or k in kept else rest for i, k in enumerate(key))
        folded[first, second] += count
    return dict(folded)


def _sizes(cells: Cells, place: int) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    for key, count in cells.items():
        sizes[key[place]] += count
    return sizes
