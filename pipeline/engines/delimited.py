"""Reads delimited text with DuckDB: typed cells, bad lines set aside with line number and reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.engines.duckdb import create_view, identifier, literal, write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.engines.duckdb import Connection
    from pipeline.formats.source import Survey
    from pipeline.formats.tshark_layout import Layout

_BATCH = 10_000


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

    @property
    def blank_lines(self) -> list[int]:
        """Numbers of the blank lines among its rows."""
        return [n for n in self.survey.blank_lines if n > self.layout.header_lines]

    def copy(self, select: str, doubt: str, out: Path) -> int:
        """Write what `select` makes of the view `export_lines` to `out`, line numbers as in the file; how many rows.

        Rows for which the condition `doubt` holds are left out.
        """
        create_view(self.con, "export_lines", f"SELECT * FROM ({self._scan()}) WHERE NOT COALESCE({doubt}, FALSE)")
        draft = out.with_suffix(".draft")
        kept = write_parquet(self.con, select, draft)
        lost = sorted({*self._rejected(), *self.blank_lines})
        if lost:
            write_parquet(self.con, self._renumbered(draft, lost), out)
            draft.unlink()
        else:
            draft.rename(out)
        return kept

    def leave_out(self, out: Path, columns: Sequence[str], is_good: Callable[[str], bool]) -> int:
        """Take the rows out of `out` that hold in `columns` a value which is not good; how many.

        Each distinct value is looked at once.
        """
        rows = f"read_parquet({literal(str(out))})"
        distinct = " UNION ".join(f"SELECT {c} FROM {rows} WHERE {c} IS NOT NULL" for c in columns)
        bad = [value for (value,) in self.con.sql(distinct).fetchall() if not is_good(value)]
        if not bad:
            return 0
        self.con.execute("CREATE OR REPLACE TEMP TABLE not_good AS SELECT unnest($1::VARCHAR[]) AS value", [bad])
        conditions = " AND ".join(f"COALESCE({c} NOT IN (FROM not_good), TRUE)" for c in columns)
        draft = out.with_suffix(".draft")
        found = self.con.sql(f"SELECT count(*) FROM {rows} WHERE NOT ({conditions})").fetchall()[0][0]
        write_parquet(self.con, f"SELECT * FROM {rows} WHERE {conditions}", draft)
        draft.replace(out)
        return int(found)

    def rejected_lines(self) -> Iterator[tuple[int, str]]:
        """Number and text of the lines that have a cell of another type, or another number of cells."""
        text = "min(ltrim(csv_line, chr(10) || chr(13)))"
        lines = self.con.execute(f"SELECT line, {text} FROM {self.rejects_table} GROUP BY line ORDER BY line")
        while batch := lines.fetchmany(_BATCH):
            yield from ((int(line), str(text)) for line, text in batch)

    def doubtful_lines(self, out: Path) -> set[int]:
        """Numbers of the lines that `copy` left out of `out` though their cells could be read."""
        lines = self.con.sql(
            f"""SELECT range FROM range({self.layout.header_lines + 1}, {self.survey.line_count + 1})
            ANTI JOIN read_parquet({literal(str(out))}) ON range = line_number ORDER BY 1"""
        ).fetchall()
        cut = {self.survey.cut[0]} if self.survey.cut else set()
        return {int(line) for (line,) in lines} - {*self._rejected(), *self.blank_lines, *cut}

    def forget(self) -> None:
        """Drop what the scan left in the database."""
        for table in (self.rejects_table, f"scan_{self.capture_id}"):
            self.con.execute(f"DROP TABLE IF EXISTS {table}")

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

    def _rejected(self) -> list[int]:
        rows = self.con.sql(f"SELECT DISTINCT line FROM {self.rejects_table}").fetchall()
        return [int(line) for (line,) in rows]

    def _renumbered(self, draft: Path, lost: list[int]) -> str:
        """Rows of `draft`, each line number raised by the lost lines before it."""
        steps = {line - place: place for place, line in enumerate(lost, start=1)}
        values = ", ".join(f"({before}, {raised})" for before, raised in steps.items())
        return f"""SELECT p.* REPLACE (p.line_number + COALESCE(s.raised, 0) AS line_number)
        FROM read_parquet({literal(str(draft))}) AS p
        ASOF LEFT JOIN (VALUES {values}) AS s(before, raised) ON p.line_number > s.before"""


def prepared_rows(path: Path, delimiter: str, capture_id: str, types: Mapping[str, str]) -> str:
    """A SELECT over a file of our own making: no header, a line number before the cells of `types`."""
    columns = ", ".join(f"'{name.replace('.', '_')}': '{kind}'" for name, kind in types.items())
    return f"""SELECT *, {literal(capture_id)} AS capture_id FROM read_csv({literal(str(path))},
      delim = {literal(delimiter)}, quote = '', escape = '', header = false, auto_detect = false,
      columns = {{'line_number': 'BIGINT', {columns}}})"""


def _unique(names: tuple[str, ...]) -> list[str]:
    """Names made distinct: of two columns with one name, the last keeps it (tshark leaves the first empty)."""
    last = {name: place for place, name in enumerate(names)}
    return [name if last[name] == place else f"{name} ({place})" for place, name in enumerate(names)]
