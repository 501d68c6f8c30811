"""The counts of each service as arrays that can be tested, from the distribution tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.statistics.evenness import effective_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.schema import Row
    from pipeline.statistics.significance import Numbers
    from pipeline.store.duckdb_engine import Connection

_TABLES = {"cells": "distribution_choices", "arrivals": "distribution_arrivals", "clients": "distribution_clients"}
_COLUMNS = ("rule_share", "connection_count", "choice_count", "request_count", "byte_count")
_ROUNDING = 1e-3
Group = tuple[str, str]  # an ingress node, and a group of its traces with the same shares


@dataclass(frozen=True, slots=True)
class Table:
    """The counts of one service, by group (down) and pod (across).

    An entry of `pods` is one pod, or all pods of a node where it is not known which of them served.
    """

    groups: list[Group]
    pods: list[str]
    columns: dict[str, Numbers]

    def __getitem__(self, column: str) -> Numbers:
        """One column of `distribution_choices`, by group and pod."""
        return self.columns[column]

    @property
    def expected_split(self) -> Numbers:
        """Each pod's expected share: the rules' shares, weighted by what each group received."""
        return _split(self["connection_count"], self["rule_share"])

    @property
    def even_split(self) -> Numbers:
        """Each pod's expected share if all nodes had received equally many connections."""
        import numpy as np

        by_node: dict[str, list[int]] = defaultdict(list)
        for row, (node, _) in enumerate(self.groups):
            by_node[node].append(row)
        connections, shares = self["connection_count"], self["rule_share"]
        receiving = [rows for rows in by_node.values() if connections[rows].sum()]
        return np.asarray(np.mean([_split(connections[rows], shares[rows]) for rows in receiving], axis=0))


@dataclass(slots=True)
class Service:
    """One service's rows of the distribution tables."""

    name: str
    cells: list[Row] = field(default_factory=list)
    arrivals: list[Row] = field(default_factory=list)
    clients: list[Row] = field(default_factory=list)

    @property
    def lost_by_group(self) -> dict[Group, int]:
        """Connections of which neither the pod nor its node is known, by group."""
        lost: dict[Group, int] = defaultdict(int)
        for cell in self.cells:
            if cell["rule_group"] and cell["served_by"] is None and cell["pod_node"] is None:
                lost[_group(cell)] += count(cell, "connection_count")
        return lost

    @property
    def outside_count(self) -> int:
        """Connections that reached a pod which their node's rules do not contain."""
        with_rules = [c for c in self.cells if c["rule_group"] and c["served_by"] is not None]
        return sum(count(c, "connection_count") for c in with_rules if c["rule_share"] is None)

    @property
    def effective_clients(self) -> float:
        """Kish's effective number of clients, by their connections."""
        total, squares = (float(sum(count(c, k) for c in self.clients)) for k in ("connection_count", "square_count"))
        return effective_number(total, squares)

    def table(self, *, merge_for_all: bool) -> Table:
        """The counts of the groups whose shares are complete.

        Where only the pod's node is known, the node's pods are merged into one entry: for that group alone, which tests
        can handle, or with `merge_for_all` for all groups, so that each pod is in one entry only.
        """
        import numpy as np

        merged = {_merge_key(c, for_all=merge_for_all) for c in self.cells if _is_only_node_known(c)}
        incomplete = self._incomplete_groups
        cells = [
            (_group(c), _entry(c, is_merged=_merge_key(c, for_all=merge_for_all) in merged), c)
            for c in self.cells
            if _group(c) not in incomplete and (c["rule_share"] is not None or _is_only_node_known(c))
        ]
        groups, pods = sorted({g for g, _, _ in cells}), sorted({p for _, p, _ in cells})
        row_of, column_of = ({name: i for i, name in enumerate(names)} for names in (groups, pods))
        columns = {name: np.zeros((len(groups), len(pods))) for name in _COLUMNS}
        for group, pod, cell in cells:
            for name, numbers in columns.items():
                numbers[row_of[group], column_of[pod]] += float(str(cell[name] or 0))
        columns["rule_share"] /= columns["rule_share"].sum(-1, keepdims=True)  # rules have a third as 0.33333333349
        return Table(groups, pods, columns)

    @property
    def _incomplete_groups(self) -> set[Group]:
        """Groups whose shares do not sum to 1: some of their rules are missing, or all."""
        sums: dict[Group, float] = defaultdict(float)
        for cell in self.cells:
            sums[_group(cell)] += float(str(cell["rule_share"] or 0))
        return {group for group, total in sums.items() if abs(total - 1) > _ROUNDING}

    def lost_counts(self, groups: Sequence[Group]) -> Numbers:
        """The number of lost connections of each group."""
        import numpy as np

        lost = self.lost_by_group
        return np.array([float(lost.get(group, 0)) for group in groups])


def all_services(con: Connection) -> list[Service]:
    """Every service of the run that `con` shows, by name."""
    services: dict[str, Service] = {}
    for part, table in _TABLES.items():
        for row in con.sql(f"SELECT * FROM {table} ORDER BY ALL").to_dicts():
            name = str(row["service"])
            getattr(services.setdefault(name, Service(name)), part).append(row)
    return [services[name] for name in sorted(services)]


def count(row: Mapping[str, object], column: str) -> int:
    """A count of a row; 0 for NULL."""
    return int(str(row[column] or 0))


def _split(counts: Numbers, shares: Numbers) -> Numbers:
    expected: Numbers = (counts.sum(-1, keepdims=True) * shares).sum(0)
    return expected / max(1.0, float(expected.sum()))


def _group(cell: Mapping[str, object]) -> Group:
    return str(cell["node"]), str(cell["rule_group"])


def _is_only_node_known(cell: Mapping[str, object]) -> bool:
    """Whether the node of the pod is known and the pod is not."""
    return cell["served_by"] is None and cell["pod_node"] is not None


def _entry(cell: Mapping[str, object], *, is_merged: bool) -> str:
    return f"pods on {cell['pod_node']}" if is_merged else str(cell["served_by"])


def _merge_key(cell: Mapping[str, object], *, for_all: bool) -> tuple[object, ...]:
    """Cells with one key are merged if the pod of any of them is not known."""
    return (cell["pod_node"],) if for_all else (cell["pod_node"], cell["node"], cell["rule_group"])
