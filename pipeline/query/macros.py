"""Views and macros for questions that people ask often: one file each in sql/macros/."""

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

_ASKS_AROUND = {"show", "describe", "summarize", "pragma", "information_schema"}
_CATALOGS = ("duckdb_", "pg_", "sqlite_", "pragma_")


@dataclass(frozen=True, slots=True)
class Question:
    """A view, or with `parameters` a macro: `body` is one SELECT, or an expression of the parameters."""

    name: str
    about: str
    parameters: str
    body: str

    @property
    def gives_rows(self) -> bool:
        """Whether it stands in a FROM."""
        return self.body.startswith("SELECT")

    @property
    def usage(self) -> str:
        """As it is written in a query."""
        return f"{self.name}({self.parameters})" if self.parameters else self.name

    @property
    def statement(self) -> str:
        """What makes it."""
        if not self.parameters:
            return f"CREATE VIEW {self.name} AS {self.body}"
        return f"CREATE MACRO {self.usage} AS {'TABLE ' if self.gives_rows else ''}{self.body}"


@cache
def all_questions() -> tuple[Question, ...]:
    """Every file of sql/macros/; what others build on comes first."""
    found = []
    for path in sorted((resources.folder("sql") / "macros").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        header = resources.header(text)
        parameters = header["parameters"][0] if "parameters" in header else ""
        found.append(Question(path.stem, " ".join(header["about"]), parameters, resources.HEADER.sub("", text).strip()))
    return tuple(sorted(found, key=lambda q: (any(f"{o.name}(" in q.body for o in found), q.name)))


def named_tables(sql: str) -> frozenset[str] | None:
    """The tables whose names are in a query; None where it may ask for any: by one of our views, or what there is."""
    words = re.findall(r"\w+", sql.lower())
    others = _ASKS_AROUND | {q.name for q in all_questions()}
    if words[:1] == ["desc"] or any(w in others or w.startswith(_CATALOGS) for w in words):
        return None
    return frozenset(words) & TABLES.keys()


def create_questions(con: Connection) -> None:
    """Make them all, and give tables, views and macros a comment each, which `duckdb_views()` and the like show."""
    for question in all_questions():
        con.execute(question.statement)
        kind = "VIEW" if not question.parameters else "MACRO TABLE" if question.gives_rows else "MACRO"
        con.execute(f"COMMENT ON {kind} {question.name} IS {literal(question.about)}")
    for table in TABLES.values():
        con.execute(f"COMMENT ON VIEW {table.name} IS {literal(f'One row per {table.grain}.')}")


def questions_text() -> str:
    """Every view and macro with its meaning."""
    told = "".join(f"  {q.usage:<26}{q.about}\n" for q in sorted(all_questions(), key=lambda q: q.name))
    return f"views and macros\n{told}"
