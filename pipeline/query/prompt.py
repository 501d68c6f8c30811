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
from pipeline.query.macros import all_questions
from pipeline.schema import TABLES

if TYPE_CHECKING:
    from prompt_toolkit.history import History

    from pipeline.config import Form
    from pipeline.query.session import Desk

SHOWN_ROWS = 200
_LEAVE = ("exit", "quit")


def converse(desk: Desk, form: Form) -> None:
    """Ask and answer until the user leaves. Ctrl-C stops a query, or drops what is typed; it does not leave."""
    note("End a query with ; or an empty line. Tab completes, Ctrl-C stops a query, exit or Ctrl-D leaves.")
    session: PromptSession[str] = PromptSession(
        "hopscope> ",
        prompt_continuation="     ...> ",
        multiline=Condition(lambda: not _is_whole(get_app().current_buffer.text)),
        history=_history(),
        completer=_completer(desk),
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
            _answer(desk, text, form)


def _answer(desk: Desk, text: str, form: Form) -> None:
    try:
        desk.answer(text, form, shown_rows=SHOWN_ROWS)
    except HopscopeError as e:
        fail(e)
    except KeyboardInterrupt:
        warn("the query was stopped")
    sys.stdout.flush()


def _is_whole(text: str) -> bool:
    """Whether what is typed is to be answered, and not to go on in the next line."""
    typed = text.strip()
    return not typed or typed.endswith(";") or text.endswith("\n") or typed.lower() in _LEAVE


def _completer(desk: Desk) -> WordCompleter:
    """Knows SQL's own words, tables, columns and macros; beside ours stands what they mean."""
    words = "SELECT upper(keyword_name) FROM duckdb_keywords() WHERE keyword_category = 'reserved' ORDER BY 1"
    meanings = {str(row[0]): "" for row in desk.con.sql(words).fetchall()}
    for table in TABLES.values():
        meanings |= {c.name: c.about for c in table.columns}
    meanings |= {t.name: f"one row per {t.grain}" for t in TABLES.values()}
    meanings |= {q.name: q.about for q in all_questions()}
    return WordCompleter(list(meanings), ignore_case=True, meta_dict={**meanings})


def _history() -> History:
    """What was asked before, kept for the user alone; for now only where it cannot be kept."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "hopscope" / "sql_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as e:
        warn(f"queries are not remembered: {e.strerror}", where=str(path))
        return InMemoryHistory()
    return FileHistory(str(path))
