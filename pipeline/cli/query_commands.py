"""Verbs that answer questions about a lake, one connection or one dump: sql, explain, trace, capture-kit."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import app
from pipeline.cli.choices import Origin, StoryForm
from pipeline.cli.options import Common, with_common
from pipeline.config import Form
from pipeline.errors import UsageError

_FORM_BY_SUFFIX = {".txt": Form.TABLE, ".md": Form.MARKDOWN, ".ndjson": Form.JSONL} | {
    f".{form}": form for form in (Form.CSV, Form.JSON, Form.JSONL, Form.PARQUET)
}


@app.command()
@with_common
def sql(
    common: Common,
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="One SELECT; `-` reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="File with the query.")] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="How to print the result; default: by -o's suffix, else table.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the result here.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print every table, column and macro, and stop.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.001, help="Stop a query after S seconds.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Let queries also read files outside the lake, and the network.")
    ] = False,
) -> None:
    """Run read-only SQL on the lake; without a query, on a terminal, open a prompt.

    Example: `hopscope sql "SELECT label, count(*) FROM connections GROUP BY label" --format csv`
    """
    from pipeline.query.macros import macros_text
    from pipeline.schema import schema_text

    if schema:
        sys.stdout.write(f"{schema_text()}\n{macros_text()}")
        return
    from pipeline.query.session import open_for, query_session
    from pipeline.store.lake import Lake

    text = _query_text(query, file)
    chosen = _form(form, output)
    lake = Lake(common.lake)
    lake.run(common.run)
    with query_session(open_for(lake, common.limits, common.run, text), lake, timeout, unsafe=unsafe) as session:
        if text is not None:
            session.answer(text, chosen, output)
        elif output is not None:
            raise UsageError("-o needs a query", hint="give it in quotes, or with -f")
        else:
            from pipeline.query.prompt import run_prompt

            run_prompt(session, chosen)


@app.command()
@with_common
def explain(
    common: Common,
    connection_id: Annotated[str, typer.Argument(metavar="CONNECTION_ID", help="From the table connections.")],
    form: Annotated[StoryForm, typer.Option("--format", help="How to print it.")] = StoryForm.TEXT,
) -> None:
    """Show one connection: its legs, the rules it followed, missing evidence, and display filters for tshark.

    Example: `hopscope explain 3f9fcf13-6 --run peak-2`
    """
    from pipeline.query.explain import explain as explain_connection
    from pipeline.query.explain_text import render_text
    from pipeline.query.session import open_lake
    from pipeline.store.lake import Lake

    lake = Lake(common.lake)
    story = explain_connection(open_lake(lake, common.limits, lake.run(common.run).run), connection_id)
    sys.stdout.write(render_text(story) if form is StoryForm.TEXT else json.dumps(story, indent=1) + "\n")


@app.command()
def trace(
    rules: Annotated[
        list[Path],
        typer.Option("--rules", metavar="FILE", help="A dump of the node's rules, in any form; may be repeated."),
    ],
    src: Annotated[str | None, typer.Option("--src", metavar="IP", help="Source address.")] = None,
    dst: Annotated[str | None, typer.Option("--dst", metavar="IP", help="Destination address.")] = None,
    dport: Annotated[int | None, typer.Option("--dport", metavar="N", help="Destination port.")] = None,
    proto: Annotated[str, typer.Option("--proto", help="tcp, udp or sctp.")] = "tcp",
    packets: Annotated[
        Path | None,
        typer.Option("--packets", metavar="FILE.csv", help="Many packets: src_ip,protocol,dst_ip,dst_port."),
    ] = None,
    node_ip: Annotated[
        list[str] | None, typer.Option("--node-ip", metavar="IP", help="An address of the node that the dump is from.")
    ] = None,
    origin: Annotated[Origin | None, typer.Option("--from", help="Where the packet comes from.")] = None,
    form: Annotated[StoryForm, typer.Option("--format", help="How to print it; with --packets always JSON lines.")] = (
        StoryForm.TEXT
    ),
) -> None:
    """Trace a packet through one node's rules, and show the rules that it follows.

    Example: `hopscope trace --rules iptables-save.txt --src 71.246.124.116 --dst 20.185.96.169 --dport 80`
    """
    from pipeline.query.trace_command import packet, read_packets, render_text, trace_files

    if (packets is None) == (src is None or dst is None):
        raise UsageError("give either --src and --dst, or --packets", hint="see hopscope trace --help")
    packet_list = read_packets(packets) if packets else [packet(src or "", proto, dst or "", dport)]
    for answer in trace_files(rules, packet_list, node_ip or [], origin):
        as_text = form is StoryForm.TEXT and packets is None
        sys.stdout.write(render_text(answer) if as_text else json.dumps(answer) + "\n")


@app.command("capture-kit")
def capture_kit() -> None:
    """Print a script that captures on the nodes and lists the cluster's objects, in the forms that suit hopscope best.

    Example: `hopscope capture-kit > kit.sh`
    """
    from pipeline.capture_kit import script

    sys.stdout.write(script())


def _query_text(query: str | None, file: Path | None) -> str | None:
    """Return the query; None if a prompt is to ask for it."""
    if file is not None:
        try:
            return file.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as e:
            raise UsageError(f"cannot be read: {e.strerror}", where=str(file)) from e
    if query == "-" or (query is None and not sys.stdin.isatty()):
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    if query is None and not sys.stdout.isatty():
        raise UsageError("no query given", hint='e.g. hopscope sql "SELECT * FROM connections LIMIT 5"')
    return query


def _form(form: Form | None, output: Path | None) -> Form:
    """Return the form that was given, else that of the suffix of `output`, else a table."""
    if form is Form.PARQUET and output is None and sys.stdout.isatty():
        raise UsageError("Parquet cannot be printed on a terminal", hint="write it with -o FILE, or use a pipe")
    if form is None and output is not None and output.suffix:
        if output.suffix.lower() not in _FORM_BY_SUFFIX:
            hint = f"add --format, or use one of {', '.join(_FORM_BY_SUFFIX)}"
            raise UsageError(f"the suffix {output.suffix} names no format", where=str(output), hint=hint)
        return _FORM_BY_SUFFIX[output.suffix.lower()]
    return form or Form.TABLE
