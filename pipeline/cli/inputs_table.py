"""The text output of `hopscope inputs`: a table, or a few lines per file if it is too wide; then the findings."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from pipeline.display import count, fine_moment, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.inputs import Inputs
    from pipeline.schema import Row

_COLUMNS = ("file", "taken for", "because of", "node", "interface", "time (UTC)", "rows", "rejects", "findings")
_RIGHT = {"rows", "rejects"}
_INDENT = "  "
_WORST_FIRST = ("error", "warning", "note")


def as_text(inputs: Inputs, width: int) -> str:
    """Return every file, then every finding with its remedy, in lines of `width` characters."""
    rows = [_cells(file) for file in inputs.files]
    lines = _table(rows)
    if len(lines[1]) > width:
        lines = [line for file, row in zip(inputs.files, rows, strict=True) for line in _block(file, row, width)]
    findings = [f | {"file": file["file"]} for file in inputs.files for f in file["findings"]]  # type: ignore[attr-defined]
    return "\n".join([*lines, *_findings([*findings, *inputs.findings], width), ""])


def _cells(file: Row) -> dict[str, str]:
    """Return a file's cells; the folder of its own node is left out of its name."""
    node, first, last = str(file["node"] or ""), file["first_us"], file["last_us"]
    names = sorted({str(f["finding"]) for f in file["findings"]})  # type: ignore[attr-defined]
    time = f"{fine_moment(first)} to {moment(last, '%H:%M:%S')}" if first is not None else ""
    texts = (
        str(file["file"]).removeprefix(f"nodes/{node}/"),
        str(file["format"]),
        str(file["sign"] or ""),
        node,
        ", ".join(file["interfaces"]),  # type: ignore[arg-type]
        time,
        count(file["row_count"]),
        count(file["rejected_count"]),
        ", ".join(names),
    )
    return dict(zip(_COLUMNS, texts, strict=True))


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Return one line per file under a header, with columns as wide as their longest cell."""
    widths = {c: max(len(c), *(len(row[c]) for row in rows)) for c in _COLUMNS}
    shown = [c for c in _COLUMNS if any(row[c] for row in rows)]

    def line(row: dict[str, str]) -> str:
        return "  ".join(row[c].rjust(widths[c]) if c in _RIGHT else row[c].ljust(widths[c]) for c in shown)

    header = line(dict(zip(_COLUMNS, _COLUMNS, strict=True)))
    return [header.rstrip(), "  ".join("─" * widths[c] for c in shown), *(line(row).rstrip() for row in rows)]


def _block(file: Row, row: dict[str, str], width: int) -> Iterator[str]:
    """Yield the lines of one file, for a terminal too narrow for the table."""
    form = f"{row['taken for']} ({row['because of']})" if row["because of"] else row["taken for"]
    capture = "".join(f", {x}" for x in (row["interface"], row["time (UTC)"]) if x)
    yield str(file["file"])
    for text in (form, f"{count(file['row_count'], 'row')}, {row['rejects']} rejected{capture}", row["findings"]):
        yield from _wrapped(text, width)


def _findings(findings: Iterable[Row], width: int) -> Iterator[str]:
    """Yield the findings, the most severe first; those of one name, file and remedy are one group."""

    def key(f: Row) -> tuple[int, str, str, str]:
        return _WORST_FIRST.index(str(f["severity"])), str(f["finding"]), str(f.get("file") or ""), str(f["remedy"])

    for (severity, name, file, remedy), same in groupby(sorted(findings, key=key), key):
        yield ""
        yield f"{_WORST_FIRST[severity]} {name}{': ' if file else ''}{file}"
        for f in same:
            line = f"line {f['line_number']}: " if f["line_number"] else ""
            yield from _wrapped(f"{line}{f['message']}", width)
        yield from _wrapped(f"→ {remedy}", width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 2,
        break_long_words=False,
        break_on_hyphens=False,
    )
