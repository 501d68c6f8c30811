"""Views and macros for frequent queries: one file each in sql/macros/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pipeline import resources
from pipeline.schema import TABLES
from pipeline.store.duckdb_engine import literal

if TYPE_CHECKING:
    from pipeline.store.duckdb_engine import Connection

_CATALOG_WORDS = {"show", "describe", "summarize", "pragma", "information_schema"}
_CATALOG_PREFIXES = ("duckdb_", "pg_", "sqlite_", "pragma_")


@dataclass(frozen=True, slots=True)
class Macro:
    """A view, or with `parameters` a macro: `body` is one SELECT, or an expression of the parameters."""

    name: str
    about: str
    parameters: str
    body: str

    @property
    def returns_rows(self) -> bool:
        """Whether it is used in FROM, like a table."""
        return self.body.startswith("SELECT")

    @property
    def usage(self) -> str:
        """How a query uses it."""
        return f"{self.name}({self.parameters})" if self.parameters else self.name

    @property
    def statement(self) -> str:
        """The SQL statement that creates it."""
        if not self.parameters:
            return f"CREATE VIEW {self.name} AS {self.body}"
        return f"CREATE MACRO {self.usage} AS {'TABLE ' if self.returns_rows else ''}{self.body}"


@cache
def all_macros() -> tuple[Macro, ...]:
    """Every file of sql/macros/; a macro that others use comes before them."""
    macros = []
    for path in sorted((resources.folder("sql") / "macros").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        header = resources.header(text)
        parameters = header["parameters"][0] if "parameters" in header else ""
        body = resources.HEADER.sub("", text).strip()
        macros.append(Macro(path.stem, " ".join(header["about"]), parameters, body))
    return tuple(sorted(macros, key=lambda m: (any(f"{other.name}(" in m.body for other in macros), m.name)))


def named_tables(sql: str) -> frozenset[str] | None:
    """The tables that a query names; None if it uses a view, a macro or the catalog, and so may read any table."""
    words = re.findall(r"\w+", sql.lower())
    indirect = _CATALOG_WORDS | {m.name for m in all_macros()}
    if words[:1] == ["desc"] or any(w in indirect or w.startswith(_CATALOG_PREFIXES) for w in words):
        return None
    return frozenset(words) & TABLES.keys()


def create_macros(con: Connection) -> None:
    """Create all views and macros. Each, and each table, has a comment that `duckdb_views()` and the like show."""
    for macro in all_macros():
        con.execute(macro.statement)
        kind = "VIEW" if not macro.parameters else "MACRO TABLE" if macro.returns_rows else "MACRO"
        con.execute(f"COMMENT ON {kind} {macro.name} IS {literal(macro.about)}")
    for table in TABLES.values():
        con.execute(f"COMMENT ON VIEW {table.name} IS {literal(f'One row per {table.grain}.')}")


def macros_text() -> str:
    """Every view and macro with its meaning."""
    lines = "".join(f"  {m.usage:<26}{m.about}\n" for m in sorted(all_macros(), key=lambda m: m.name))
    return f"views and macros\n{lines}"
