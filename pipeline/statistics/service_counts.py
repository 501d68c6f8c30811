"""What the marts count of each service, as arrays that can be tested."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.statistics import significance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.schema import Row
    from pipeline.statistics.significance import Numbers
    from pipeline.store.duckdb_engine import Connection

_MARTS = {"cells": "distribution_choices", "arrivals": "distribution_arrivals", "clients": "distribution_clients"}
_COLUMNS = ("rule_share", "connection_count", "choice_count", "request_count", "byte_count")
_ROUNDED = 1e-3
Group = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Counts by group of like rules (down) and place (across): a pod, or pods of one node that cannot be told apart."""

    groups: list[Group]
    places: list[str]
    columns: dict[str, Numbers]

    def __getitem__(self, column: str) -> Numbers:
        """A column of the mart, by group and place."""
        return self.columns[column]

    @property
    def expected_split(self) -> Numbers:
        """Each place's share by the rules, weighted by what each group received."""
        return _split(self["connection_count"], self["rule_share"])

    @property
    def even_split(self) -> Numbers:
        """The same shares, by group and place, if every node had received alike."""
        import numpy as np

        by_node: dict[str, list[int]] = defaultdict(list)
        for row, (node, _) in enumerate(self.groups):
            by_node[node].append(row)
        connections, shares = self["connection_count"], self["rule_share"]
        kept = [rows for rows in by_node.values() if connections[rows].sum()]
        return np.asarray(np.mean([_split(connections[rows], shares[rows]) for rows in kept], axis=0))


@dataclass(slots=True)
class Service:
    """One service's rows of the marts."""

    name: str
    cells: list[Row] = field(default_factory=list)
    arrivals: list[Row] = field(default_factory=list)
    clients: list[Row] = field(default_factory=list)

    @property
    def lost(self) -> dict[Group, int]:
        """By group, connections of whose pod not even the node is known."""
        found: dict[Group, int] = defaultdict(int)
        for c in self.cells:
            if c["rule_group"] and c["served_by"] is None and c["pod_node"] is None:
                found[_group(c)] += count(c, "connection_count")
        return found

    @property
    def outside_count(self) -> int:
        """Connections that reached a pod which their node's rules do not have."""
        ruled = [c for c in self.cells if c["rule_group"] and c["served_by"] is not None]
        return sum(count(c, "connection_count") for c in ruled if c["rule_share"] is None)

    @property
    def effective_clients(self) -> float:
        """As many clients of equal weight would make shares as unsteady."""
        total, squares = (float(sum(count(c, k) for c in self.clients)) for k in ("connection_count", "square_count"))
        return significance.effective_number(total, squares)

    def table(self, *, one_view: bool) -> Table:
        """The cells that the rules have; a node's own pods are one place where it is not known which of them it was.

        Tests can bear that for one node's choices and not for another's; `one_view` has each pod in one place only.
        """
        import numpy as np

        blurred = {_blur(c, one_view=one_view) for c in self.cells if _is_near(c)}
        left_out = self._open_groups
        known = [c for c in self.cells if _group(c) not in left_out and (c["rule_share"] is not None or _is_near(c))]
        placed = [
            (_group(c), _near(c) if _blur(c, one_view=one_view) in blurred else str(c["served_by"]), c) for c in known
        ]
        groups, places = sorted({g for g, _, _ in placed}), sorted({p for _, p, _ in placed})
        down, across = ({name: i for i, name in enumerate(names)} for names in (groups, places))
        columns = {name: np.zeros((len(groups), len(places))) for name in _COLUMNS}
        for group, place, c in placed:
            for name, found in columns.items():
                found[down[group], across[place]] += float(str(c[name] or 0))
        columns["rule_share"] /= columns["rule_share"].sum(-1, keepdims=True)  # a third is written as 0.33333333349
        return Table(groups, places, columns)

    @property
    def _open_groups(self) -> set[Group]:
        """Groups whose shares do not make a whole: rules are missing, or nothing is known of them."""
        sums: dict[Group, float] = defaultdict(float)
        for c in self.cells:
            sums[_group(c)] += float(str(c["rule_share"] or 0))
        return {group for group, whole in sums.items() if abs(whole - 1) > _ROUNDED}

    def lost_counts(self, groups: Sequence[Group]) -> Numbers:
        """What is lost of each group."""
        import numpy as np

        lost = self.lost
        return np.array([float(lost.get(group, 0)) for group in groups])


def all_services(con: Connection) -> list[Service]:
    """Every service of the run whose marts `con` shows, by name."""
    found: dict[str, Service] = {}
    for part, mart in _MARTS.items():
        for row in con.sql(f"SELECT * FROM {mart} ORDER BY ALL").to_dicts():
            name = str(row["service"])
            getattr(found.setdefault(name, Service(name)), part).append(row)
    return [found[name] for name in sorted(found)]


def count(row: Mapping[str, object], column: str) -> int:
    """A count out of a row; NULL counts nothing."""
    return int(str(row[column] or 0))


def _split(counts: Numbers, shares: Numbers) -> Numbers:
    expected: Numbers = (counts.sum(-1, keepdims=True) * shares).sum(0)
    return expected / max(1.0, float(expected.sum()))


def _group(cell: Mapping[str, object]) -> Group:
    return str(cell["node"]), str(cell["rule_group"])


def _is_near(cell: Mapping[str, object]) -> bool:
    """Whether the node of the pod is known and the pod is not."""
    return cell["served_by"] is None and cell["pod_node"] is not None


def _near(cell: Mapping[str, object]) -> str:
    return f"pods on {cell['pod_node']}"


def _blur(cell: Mapping[str, object], *, one_view: bool) -> tuple[object, ...]:
    """What cells have in common that are one place: the pods' node, seen from that node or from all."""
    return (cell["pod_node"],) if one_view else (cell["pod_node"], cell["node"], cell["rule_group"])
