"""Check a run against thresholds, for CI: each threshold is met, breached, or has nothing to measure."""

from __future__ import annotations

import operator
import re
import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pipeline.display import shown
from pipeline.errors import UsageError
from pipeline.statistics.measures import MEASURES, read_measures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pipeline.store.duckdb_engine import Connection

DEFAULTS = {"unlabelled_share": "< 0.05", "rejected_share": "< 0.01", "snat_ports_share": "< 0.8"}
_CONDITION = re.compile(r"\s*(<=|>=|<|>)\s*(\d+(?:\.\d*)?(?:e-?\d+)?)\s*(%?)\s*", re.ASCII)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition on one measure, of one service or (None) of the whole run."""

    service: str | None
    measure: str
    sign: str
    limit: float

    @property
    def text(self) -> str:
        """The condition as text: `snat_forwarded_share < 0.05`."""
        return f"{self.measure} {self.sign} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one threshold; `passed` is None if there is nothing to measure."""

    threshold: str
    service: str | None
    measure: str
    value: float | None
    part_count: int | None
    whole_count: int | None
    passed: bool | None

    @property
    def text(self) -> str:
        """One line for people."""
        state = {True: "ok", False: "BREACH", None: "not measured"}[self.passed]
        missing = ": no such service in this run" if self.passed is False else ""
        value = missing if self.value is None else f": {shown(self.measure, self.value)}"
        counts = f" ({self.part_count:,} of {self.whole_count:,})" if self.whole_count else ""
        return f"{state:<13}{self.service or 'run'}: {self.threshold}{value}{counts}"


def read_thresholds(path: Path | None) -> list[Threshold]:
    """Thresholds of a TOML file: `[thresholds]` for the run, `[services."namespace/name"]` for one service.

    Raises:
        UsageError: the file cannot be read, or has an entry that is no threshold.
    """
    if path is None:
        return [_threshold(None, measure, condition, "") for measure, condition in DEFAULTS.items()]
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else e
        hint = "`hopscope check --help` has an example"
        raise UsageError(f"the thresholds cannot be read: {why}", where=str(path), hint=hint) from e
    sections: dict[str | None, object] = {None: content.pop("thresholds", {}), **content.pop("services", {})}
    thresholds = [
        _threshold(service, measure, condition, str(path))
        for service, conditions in sections.items()
        for measure, condition in (conditions.items() if isinstance(conditions, dict) else [("", conditions)])
    ]
    if content or not thresholds:
        problem = f"the file has {', '.join(content)}" if content else "the file has none"
        message = f'thresholds belong in [thresholds] or [services."namespace/name"]; {problem}'
        raise UsageError(message, where=str(path))
    return thresholds


def _threshold(service: str | None, measure: str, condition: object, where: str) -> Threshold:
    if measure not in MEASURES:
        raise UsageError(f"there is no measure {measure!r}", where=where, hint=f"measures: {', '.join(MEASURES)}")
    match = _CONDITION.fullmatch(str(condition))
    if not match:
        raise UsageError(f"{measure}: {condition!r} is no threshold", where=where, hint='e.g. "< 0.05", or ">= 90 %"')
    sign, limit, per_cent = match.groups()
    return Threshold(service, measure, sign, float(limit) / (100 if per_cent else 1))


def check(con: Connection, thresholds: Iterable[Threshold]) -> list[Outcome]:
    """Check the run that `con` shows against each threshold."""
    rows = read_measures(con)
    by_measure = {(row["service"], row["measure"]): row for row in rows}
    services = {row["service"] for row in rows} | {None}
    outcomes = []
    for t in thresholds:
        row = by_measure.get((t.service, t.measure), dict.fromkeys(("value", "part_count", "whole_count")))
        is_met = None if row["value"] is None else _OPERATORS[t.sign](row["value"], t.limit)
        passed = is_met if t.service in services else False  # a mistyped name must not pass
        counts = row["part_count"], row["whole_count"]
        outcomes.append(Outcome(t.text, t.service, t.measure, row["value"], *counts, passed))
    return outcomes


def as_dicts(outcomes: Iterable[Outcome]) -> list[dict[str, object]]:
    """Outcomes for JSON."""
    return [asdict(outcome) for outcome in outcomes]


def as_junit(run: str, outcomes: list[Outcome]) -> str:
    """Outcomes as JUnit XML, which CI servers read: one test case each."""
    count = {state: sum(o.passed is state for o in outcomes) for state in (False, None)}
    numbers = {"tests": str(len(outcomes)), "failures": str(count[False]), "skipped": str(count[None])}
    suite = Element("testsuite", {"name": f"hopscope {run}", **numbers})
    for o in outcomes:
        case = SubElement(suite, "testcase", {"classname": o.service or "run", "name": o.threshold})
        if o.passed is False:
            SubElement(case, "failure", {"message": o.text})
        elif o.passed is None:
            SubElement(case, "skipped", {"message": "nothing to measure"})
    indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suite, encoding="unicode")}\n'
