"""Pages that are made from the code, or have tables that are."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import get_args

import typer

from pipeline.cli import app
from pipeline.errors import ExitCode
from pipeline.query.macros import all_macros
from pipeline.schema import DOUBTS, EVENTS, EVIDENCE, LABELS, PARTS, REASONS, TABLES
from pipeline.schema.findings import FINDINGS
from tests.docs.architecture import package_rows, picture
from tests.docs.pages import FENCE, ROOT

ROOT_COMMAND = typer.main.get_command(app)
EVERYWHERE = "Everywhere"
TABLES_INTRO = """# Tables

Generated from the code; `hopscope sql --schema` prints the same. `run` is the first column of every table. Units are
in the names: `_us` microseconds (since 1970 UTC for a time), `_s` seconds, `_bytes`, `_count`, `_share` 0 to 1. NULL
means unknown. Views and macros for frequent questions are at the [end](#views-and-macros). The
[glossary](glossary.md) explains the words.
"""
COMMANDS_INTRO = """# Commands

Generated from the code; `hopscope VERB --help` prints the same. stdout has data only; messages go to stderr, with
progress only on a terminal. `NO_COLOR` turns colours off.

"""
OPTIONS_INTRO = """
## Options everywhere

Options of every verb except `trace` and `capture-kit`, which need no lake. Without the option, the environment variable
counts.

"""
WORDS_OF = {"verdicts.doubt": DOUBTS, "distribution_events.event": EVENTS, "skew_parts.part": PARTS}
WORDS = {Path: "PATH", str: "TEXT", int: "N", float: "SECONDS"}


def row(*cells):
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |\n"


def head(*cells):
    return row(*cells) + row(*("---" for _ in cells))


def tables_page():
    text = TABLES_INTRO
    for table in TABLES.values():
        text += f"\n## {table.name}\n\nOne row per {table.grain}; key: {', '.join(table.key)}.\n\n"
        text += head("column", "type", "meaning")
        text += "".join(row(f"`{c.name}`", c.type, c.about) for c in table.columns)
    text += "\n## Words\n\nSee also [labels, evidence and reasons](labels.md), and [findings](findings.md).\n\n"
    text += head("column", "word", "means")
    for column, words in WORDS_OF.items():
        text += "".join(row(f"`{column}`", f"`{word}`", about) for word, about in words.items())
    text += "\n## Views and macros\n\n" + head("in a query", "gives")
    return text + "".join(row(f"`{q.usage}`", q.about) for q in sorted(all_macros(), key=lambda q: q.name))


def given(parameter):
    """What the word after an option is: one of the choices, or of this kind."""
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{c.value}`" for c in annotation)
    if parameter.is_flag:
        return ""
    one = (get_args(annotation) or (annotation,))[0]
    return (parameter.metavar or WORDS[one]) + (", repeated" if parameter.multiple else "")


def option(parameter):
    """Its cells: names, what is given, meaning, default."""
    is_argument = parameter.param_type_name == "argument"
    names = f"`{parameter.metavar}`" if is_argument else ", ".join(f"`{o}`" for o in parameter.opts)
    needed = " Must be given." if parameter.required and not is_argument else ""
    default = parameter.default
    shown = "" if default in (None, False, "") else f"`{getattr(default, 'value', default)}`"
    return names, "" if is_argument else given(parameter), parameter.help + needed, shown


def is_common(parameter):
    return getattr(parameter, "rich_help_panel", None) == EVERYWHERE


def cli_page():
    verbs = ROOT_COMMAND.commands
    text = COMMANDS_INTRO
    text += head("verb", "does")
    text += "".join(row(f"[`{n}`](#hopscope-{n})", v.help.partition("\n")[0]) for n, v in verbs.items())
    text += OPTIONS_INTRO
    text += head("option", "given", "means", "default", "variable")
    text += "".join(row(*option(p), f"`{p.envvar}`" if p.envvar else "") for p in verbs["run"].params if is_common(p))
    text += "\nBefore the verb:\n\n" + head("option", "means")
    text += "".join(row(option(p)[0], p.help) for p in ROOT_COMMAND.params)
    text += "\n## Exit codes\n\n" + head("code", "when") + "".join(row(str(int(c)), c.about) for c in ExitCode)
    for name, verb in verbs.items():
        text += f"\n## hopscope {name}\n\n{verb.help.strip()}\n"
        own = [option(p) for p in verb.params if not is_common(p)]
        text += "\n" + head("option", "given", "means", "default") + "".join(row(*o) for o in own) if own else ""
    return text


def with_rows(page, *tables):
    """A page of ours, where the tables with these heads have these rows."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for names, rows in tables:
        before, top, after = text.partition(head(*names))
        assert top, f"{page}: no table {names}"
        text = before + top + "".join(row(*cells) for cells in rows) + re.sub(r"\A(\|.*\n)*", "", after)
    return text


def labels_page():
    words = {"label": LABELS, "evidence": EVIDENCE, "reason": REASONS}
    tables = [
        ((name, "means"), [(f"`{word}`", about) for word, about in known.items()]) for name, known in words.items()
    ]
    return with_rows("docs/reference/labels.md", *tables)


def findings_page():
    rows = [(f"`{name}`", k.severity, k.about, k.remedy) for name, k in FINDINGS.items()]
    return with_rows("docs/reference/findings.md", (("finding", "severity", "means", "what to do"), rows))


def architecture_page():
    page = "docs/explanation/architecture.md"
    text = with_rows(page, (("package", "purpose"), package_rows()))
    return FENCE.sub(lambda m: f"```mermaid\n{picture()}```" if m["info"] == "mermaid" else m[0], text)


MADE = {
    "docs/explanation/architecture.md": architecture_page,
    "docs/reference/tables.md": tables_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/labels.md": labels_page,
    "docs/reference/findings.md": findings_page,
}
