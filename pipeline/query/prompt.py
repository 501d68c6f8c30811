"""The interactive prompt of `hopscope sql`: history, several lines, completion."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from pipeline.diagnostics import fail, note, warn
from pipeline.errors import HopscopeError
from pipeline.query.macros import all_macros
from pipeline.schema import TABLES

if TYPE_CHECKING:
    from prompt_toolkit.history import History

    from pipeline.config import Form
    from pipeline.query.session import QuerySession

SHOWN_ROWS = 200
_LEAVE = ("exit", "quit")


def run_prompt(queries: QuerySession, form: Form) -> None:
    """Read and run queries until the user leaves. Ctrl-C stops a query or discards the typed text."""
    note("End a query with ; or an empty line. Tab completes, Ctrl-C stops a query, exit or Ctrl-D leaves.")
    session: PromptSession[str] = PromptSession(
        "hopscope> ",
        prompt_continuation="     ...> ",
        multiline=Condition(lambda: not _is_complete(get_app().current_buffer.text)),
        history=_history(),
        completer=_completer(queries),
        complete_while_typing=False,
        lexer=PygmentsLexer(SqlLexer),
    )
    while True:
        try:
            text = session.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text.rstrip("; ").lower() in _LEAVE:
            return
        if text:
            _answer(queries, text, form)


def _answer(queries: QuerySession, text: str, form: Form) -> None:
    try:
        queries.answer(text, form, shown_rows=SHOWN_ROWS)
    except HopscopeError as e:
        fail(e)
    except KeyboardInterrupt:
        warn("the query was stopped")
    sys.stdout.flush()


def _is_complete(text: str) -> bool:
    """Whether the typed text is a complete query, and not continued on the next line."""
    typed = text.strip()
    return not typed or typed.endswith(";") or text.endswith("\n") or typed.lower() in _LEAVE


def _completer(queries: QuerySession) -> WordCompleter:
    """Completes SQL keywords, tables, columns and macros; the last three with their meaning."""
    words = "SELECT upper(keyword_name) FROM duckdb_keywords() WHERE keyword_category = 'reserved' ORDER BY 1"
    meanings = {str(row[0]): "" for row in queries.con.sql(words).fetchall()}
    for table in TABLES.values():
        meanings |= {c.name: c.about for c in table.columns}
    meanings |= {t.name: f"one row per {t.grain}" for t in TABLES.values()}
    meanings |= {m.name: m.about for m in all_macros()}
    return WordCompleter(list(meanings), ignore_case=True, meta_dict={**meanings})


def _history() -> History:
    """Earlier queries, in a file that only the user can read; in memory if the file cannot be written."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "hopscope" / "sql_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as e:
        warn(f"the history of queries cannot be saved: {e.strerror}", where=str(path))
        return InMemoryHistory()
    return FileHistory(str(path))
