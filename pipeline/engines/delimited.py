"""Reads delimited text with DuckDB: typed cells, bad lines set aside with line number and reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.engines.duckdb import create_view, identifier, literal, write_parquet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.engines.duckdb import Connection
    from pipeline.formats.source import Survey
    from pipeline.formats.tshark_fields import Layout

_REASON = """CASE CAST(error_type AS VARCHAR)
  WHEN 'CAST' THEN 'cell ' || column_idx || ' (' || column_name || ') holds no single number of its kind'
  WHEN 'MISSING COLUMNS' THEN 'too few cells: ' || lower(error_message)
  WHEN 'TOO MANY COLUMNS' THEN 'too many cells: ' || lower(error_message)
  ELSE lower(replace(CAST(error_type AS VARCHAR), '_', ' '))
END"""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan did: rows kept, lines rejected."""

    kept_count: int
    rejected_count: int


class DelimitedFile:
    """One delimited file on its way to Parquet."""

    def __init__(
        self, con: Connection, survey: Survey, layout: Layout, capture_id: str, types: Mapping[str, str]
    ) -> None:
        """`types` are the types of the fields we know."""
        self.con = con
        self.survey = survey
        self.layout = layout
        self.capture_id = capture_id
        self.types = types
        self.rejects_table = f"rejects_{capture_id}"

    def copy(self, select: str, out: Path) -> Scan:
        """Write what `select` makes of the view `export_lines` to `out`, line numbers as in the file."""
        create_view(self.con, "export_lines", self._scan())
        draft = out.with_suffix(".draft")
        kept = write_parquet(self.con, select, draft)
        lost = self._lost_lines()
        if lost:
            write_parquet(self.con, self._renumbered(draft, lost), out)
            draft.unlink()
        else:
            draft.rename(out)
        return Scan(kept, len(lost) - len(self.survey.blank_lines))

    def write_rejects(self, file: str, out: Path) -> None:
        """Write the rejected lines to `out`, one row a line, in the columns of `rejects`."""
        text = "ltrim(csv_line, chr(10) || chr(13))"
        write_parquet(
            self.con,
            f"""SELECT {literal(self.capture_id)} AS capture_id, {literal(file)} AS file,
              CAST(line AS BIGINT) AS line_number, min({_REASON}) AS reason, left(min({text}), 500) AS text
            FROM {self.rejects_table} GROUP BY line ORDER BY line""",
            out,
        )

    def _scan(self) -> str:
        names = _unique(self.layout.fields)
        columns = ", ".join(f"{literal(n)}: {literal(self.types.get(n, 'VARCHAR'))}" for n in names)
        cells = ", ".join(
            f"{identifier(name) if name in names else f'CAST(NULL AS {kind})'} AS {name.replace('.', '_')}"
            for name, kind in self.types.items()
        )
        return f"""SELECT {cells}, {literal(self.capture_id)} AS capture_id,
          CAST(row_number() OVER () AS BIGINT) + {self.layout.header_lines} AS line_number
        FROM read_csv({literal(str(self.survey.path))},
          compression = '{self.survey.compression or "none"}',
          delim = {literal(self.layout.delimiter)}, quote = '', escape = '', header = false,
          skip = {self.layout.header_lines}, auto_detect = false, columns = {{{columns}}},
          store_rejects = true, rejects_table = '{self.rejects_table}', rejects_scan = 'scan_{self.capture_id}')"""

    def _lost_lines(self) -> list[int]:
        rejected = self.con.sql(f"SELECT DISTINCT line FROM {self.rejects_table}").fetchall()
        return sorted({*(int(r[0]) for r in rejected), *self.survey.blank_lines})

    def _renumbered(self, draft: Path, lost: list[int]) -> str:
        """Rows of `draft`, each line number raised by the lost lines before it."""
        steps = {line - place: place for place, line in enumerate(lost, start=1)}
        values = ", ".join(f"({before}, {raised})" for before, raised in steps.items())
        return f"""SELECT p.* REPLACE (p.line_number + COALESCE(s.raised, 0) AS line_number)
        FROM read_parquet({literal(str(draft))}) AS p
        ASOF LEFT JOIN (VALUES {values}) AS s(before, raised) ON p.line_number > s.before"""


def _unique(names: tuple[str, ...]) -> list[str]:
    """Names made distinct: of two columns with one name, the last keeps it (tshark leaves the first empty)."""
    last = {name: place for place, name in enumerate(names)}
    return [name if last[name] == place else f"{name} ({place})" for place, name in enumerate(names)]
