"""Kubernetes objects in a row: rows of the kinds that labels need, counts of the others, rejects of the broken."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject
from pipeline.formats.kubernetes.object_rows import KINDS, heartbeat_us, rows_of
from pipeline.formats.row_collector import RowCollector
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from pipeline.formats.json_stream import LocatedValue
    from pipeline.formats.kubernetes.object_rows import Json

_DIGITS = 19
_KEY = re.compile(r"""^[\s{\[-]*["']?[\w./-]+["']?\s*:""")


def parse_objects(found: Iterable[LocatedValue | Reject]) -> Parsed:
    """Rows of every object of a known kind; the others are counted, by kind, in a finding."""
    gathered, parsed, unused = RowCollector(), Parsed(), Counter[str]()
    newest: int | None = None
    for one in found:
        parsed.row_count += 1
        if isinstance(one, Reject):
            parsed.rejects.append(one)
            continue
        try:
            kind, o = _object(one.value)
            version, heartbeat = _version(o), heartbeat_us(o)
            gathered.add(rows_of(kind, o))
            unused[kind] += kind not in KINDS
            newest = max(newest or 0, version) or None
            parsed.taken_us = max(parsed.taken_us or 0, heartbeat) or None
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as e:
            parsed.rejects.append(Reject(one.line_number, _reason(e), _title(one.value)))
    parsed.tables = {table: _of_listing(rows, newest) for table, rows in gathered.frames().items()}
    parsed.findings = [not_used(f"objects of kind {kind}", n) for kind, n in sorted(unused.items()) if n]
    return parsed


def not_used(what: str, count: int) -> Finding:
    """Something that was understood and is not needed."""
    return Finding.declared("not-used", f"{count} {what}: nothing is taken from them", "nothing to do")


def without_values(line: str) -> str:
    """A line of an object for `rejects`: its key only, because its value may be a secret."""
    key = _KEY.match(line)
    return f"{key[0]} …" if key else "…"


def _object(value: object) -> tuple[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"an object was expected, not {type(value).__name__}")
    return str(value["kind"]), value


def _version(o: Json) -> int:
    """The version of an object, which grows with every change in the cluster; 0 where it does not say."""
    version = str((o.get("metadata") or {}).get("resourceVersion") or "")
    return int(version) if version.isdecimal() and len(version) < _DIGITS else 0


def _of_listing(rows: pl.DataFrame, newest: int | None) -> pl.DataFrame:
    import polars as pl

    is_listed = "valid_from_us" in rows.columns
    return rows.with_columns(listing_version=pl.lit(newest, pl.Int64)) if is_listed else rows


def _reason(error: Exception) -> str:
    return f"the object has no {error}" if isinstance(error, KeyError) else f"not the shape of its kind: {error}"


def _title(value: object) -> str:
    if not isinstance(value, dict):
        return "…"
    meta = value.get("metadata")
    return f"{value.get('kind')} {meta.get('namespace')}/{meta.get('name')}" if isinstance(meta, dict) else "…"
