"""Holds a run against thresholds: for CI, so every answer is pass, breach, or nothing to measure."""

from __future__ import annotations

import operator
import re
import tomllib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pipeline import resources
from pipeline.display import shown
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pipeline.store.duckdb_engine import Connection

USUAL = {"unlabelled_share": "< 0.05", "rejected_share": "< 0.01", "snat_ports_share": "< 0.8"}
MEASURES = (
    "forwarded_share",
    "snat_forwarded_share",
    "client_kept_share",
    "unlabelled_share",
    "dropped_share",
    "pinned_share",
    "moved_share",
    "rejected_share",
    "snat_ports_share",
    "p_value",
    "peak_ratio",
    "jain_index",
)
_RULE = re.compile(r"\s*(<=|>=|<|>)\s*(\d+(?:\.\d*)?(?:e-?\d+)?)\s*(%?)\s*", re.ASCII)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one measure must be, of one service or, without, of the whole run."""

    service: str | None
    measure: str
    sign: str
    limit: float

    @property
    def text(self) -> str:
        """As it was written: `snat_forwarded_share < 0.05`."""
        return f"{self.measure} {self.sign} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One threshold held against one run: `passed` is None where there is nothing to measure."""

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
        UsageError: the file cannot be read, or says something that is no threshold.
    """
    if path is None:
        return [_threshold(None, measure, rule, "") for measure, rule in USUAL.items()]
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else e
        hint = "`hopscope check --help` has an example"
        raise UsageError(f"the thresholds cannot be read: {why}", where=str(path), hint=hint) from e
    sections: dict[str | None, object] = {None: given.pop("thresholds", {}), **given.pop("services", {})}
    found = [
        _threshold(service, measure, rule, str(path))
        for service, rules in sections.items()
        for measure, rule in (rules.items() if isinstance(rules, dict) else [("", rules)])
    ]
    if given or not found:
        odd = f"it has {', '.join(given)}" if given else "it has none"
        raise UsageError(f'thresholds stand in [thresholds] and [services."namespace/name"]; {odd}', where=str(path))
    return found


def _threshold(service: str | None, measure: str, rule: object, where: str) -> Threshold:
    if measure not in MEASURES:
        raise UsageError(f"nothing is called {measure!r}", where=where, hint=f"there are: {', '.join(MEASURES)}")
    match = _RULE.fullmatch(str(rule))
    if not match:
        raise UsageError(f"{measure}: {rule!r} is no threshold", where=where, hint='e.g. "< 0.05", or ">= 90 %"')
    sign, limit, per_cent = match.groups()
    return Threshold(service, measure, sign, float(limit) / (100 if per_cent else 1))


def check(con: Connection, thresholds: Iterable[Threshold]) -> list[Outcome]:
    """Hold the run that `con` shows against each threshold."""
    rows = con.sql((resources.folder("reports") / "measures.sql").read_text(encoding="utf-8")).to_dicts()
    known = {(row["service"], row["measure"]): row for row in rows}
    services = {row["service"] for row in rows} | {None}
    outcomes = []
    for t in thresholds:
        row = known.get((t.service, t.measure), dict.fromkeys(("value", "part_count", "whole_count")))
        found = None if row["value"] is None else _OPERATORS[t.sign](row["value"], t.limit)
        passed = found if t.service in services else False  # a name that is mistyped must not pass for ever
        counts = row["part_count"], row["whole_count"]
        outcomes.append(Outcome(t.text, t.service, t.measure, row["value"], *counts, passed))
    return outcomes


def as_dicts(outcomes: Iterable[Outcome]) -> list[dict[str, object]]:
    """Outcomes for JSON."""
    return [asdict(outcome) for outcome in outcomes]


def as_junit(run: str, outcomes: list[Outcome]) -> str:
    """Outcomes as CI servers read them: one test case each."""
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
