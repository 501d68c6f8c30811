"""Counts by one or two columns: sums, order, and short names for axes."""

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
_SEPARATORS = "/-"
_PREFIX = "pods on "  # stays in front of a shortened node name
_ARROW = " to "  # between the two names of a path


def number(value: object) -> float:
    """Return a number of a record, a count as an integer; NULL is 0."""
    return value if isinstance(value, float) else int(str(value or 0))


def crosstab(records: Iterable[Record], value: str, first: str, second: str = "") -> Cells:
    """Return the sums of `value` by one or two columns."""
    cells: Cells = defaultdict(int)
    for record in records:
        cells[str(record[first]), str(record[second]) if second else ""] += number(record[value])
    return dict(cells)


def sum_by(records: Iterable[Record], value: str, column: str) -> dict[str, float]:
    """Return the sums of `value` by one column."""
    return {name: count for (name, _), count in crosstab(records, value, column).items()}


def by_size(sizes: Mapping[str, float]) -> list[str]:
    """Return the names, the largest first."""
    return sorted(sizes, key=lambda n: (-sizes[n], n))


def short_names(names: Sequence[str]) -> list[str]:
    """Return names without a long beginning that they share; a name that is still too long keeps its end only."""
    if names and all(_ARROW in name for name in names):
        both_ends = zip(*(name.split(_ARROW, 1) for name in names), strict=True)
        return [_ARROW.join(pair) for pair in zip(*(short_names(ends) for ends in both_ends), strict=True)]
    prefixes = ["".join(name.rpartition(_PREFIX)[:2]) for name in names]
    names = [name.rpartition(_PREFIX)[2] for name in names]
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[name[:_LONG_BEGINNING]].append(name)
    cuts = {beginning: _shared_length(group) for beginning, group in groups.items()}
    return [p + _shorten(name, cuts[name[:_LONG_BEGINNING]]) for p, name in zip(prefixes, names, strict=True)]


def _shared_length(names: Sequence[str]) -> int:
    """Return the number of letters, up to a separator, that the names share; 0 if no name is too long."""
    if len(names) == 1 or max(map(len, names)) <= _LONGEST:
        return 0
    shared = "".join(a for a, *_ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))
    return max(shared.rfind(separator) for separator in _SEPARATORS) + 1


def _shorten(name: str, cut: int) -> str:
    cut = cut if cut >= _LONG_BEGINNING else 0
    if len(name) - cut > _LONGEST:
        starts = [at + 1 for at in range(len(name) - _LONGEST - 1, len(name) - _SHORTEST) if name[at] in _SEPARATORS]
        cut = starts[0] if starts else len(name) - _LONGEST
    return "…" + name[cut:] if cut else name
