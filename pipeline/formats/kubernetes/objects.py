"""Rows of many Kubernetes objects: those of used kinds become rows, others are counted, broken ones are rejected."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject
from pipeline.formats.kubernetes.object_rows import KINDS, heartbeat_us, object_rows
from pipeline.formats.row_collector import RowCollector
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from pipeline.formats.json_stream import LocatedValue
    from pipeline.formats.kubernetes.object_rows import Json

_MOST_DIGITS = 19  # of a number that a BIGINT can hold
_KEY = re.compile(r"""^[\s{\[-]*["']?[\w./-]+["']?\s*:""")


def parse_objects(values: Iterable[LocatedValue | Reject]) -> Parsed:
    """Return the rows of every object of a used kind; objects of other kinds are counted in findings."""
    collector, parsed, unused = RowCollector(), Parsed(), Counter[str]()
    newest_version: int | None = None
    for located in values:
        parsed.row_count += 1
        if isinstance(located, Reject):
            parsed.rejects.append(located)
            continue
        try:
            kind, o = _checked_object(located.value)
            version, heartbeat = _resource_version(o), heartbeat_us(o)
            collector.add(object_rows(kind, o))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as e:
            parsed.rejects.append(Reject(located.line_number, _reason(e), _title(located.value)))
            continue
        unused[kind] += kind not in KINDS
        newest_version = max(newest_version or 0, version) or None
        parsed.taken_us = max(parsed.taken_us or 0, heartbeat) or None
    parsed.tables = {table: _with_version(rows, newest_version) for table, rows in collector.frames().items()}
    parsed.findings = [not_used(f"objects of kind {kind}", n) for kind, n in sorted(unused.items()) if n]
    return parsed


def not_used(what: str, count: int) -> Finding:
    """Return the finding about input that is valid and not needed."""
    return Finding.declared("not-used", f"{count} {what} are not used", "nothing to do")


def without_values(line: str) -> str:
    """Return a line of an object as `rejects` may store it: only its key, because the value may be a secret."""
    key = _KEY.match(line)
    return f"{key[0]} …" if key else "…"


def _checked_object(value: object) -> tuple[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected, not {type(value).__name__}")
    return str(value["kind"]), value


def _resource_version(o: Json) -> int:
    """Return the version of an object, which grows with every change in the cluster; 0 if it has none."""
    version = str((o.get("metadata") or {}).get("resourceVersion") or "")
    return int(version) if version.isdecimal() and len(version) < _MOST_DIGITS else 0


def _with_version(rows: pl.DataFrame, newest_version: int | None) -> pl.DataFrame:
    """Add the version of the listing to tables of objects; they have `valid_from_us`."""
    import polars as pl

    is_object_table = "valid_from_us" in rows.columns
    return rows.with_columns(listing_version=pl.lit(newest_version, pl.Int64)) if is_object_table else rows


def _reason(error: Exception) -> str:
    return f"the object has no {error}" if isinstance(error, KeyError) else f"a field does not fit the kind: {error}"


def _title(value: object) -> str:
    if not isinstance(value, dict):
        return "…"
    meta = value.get("metadata")
    return f"{value.get('kind')} {meta.get('namespace')}/{meta.get('name')}" if isinstance(meta, dict) else "…"
