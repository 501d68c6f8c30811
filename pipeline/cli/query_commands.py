"""Verbs that answer questions: of a lake, of one connection, of one dump."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import app
from pipeline.cli.options import Common, with_common
from pipeline.config import SUFFIXES, Form, Origin, StoryForm
from pipeline.errors import UsageError


@app.command()
@with_common
def sql(
    common: Common,
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="One SELECT; `-` reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="File that holds the query.")] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="How to print the result; default: by -o's suffix, else table.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the result here.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print every table, column and macro, and stop.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="S", min=0.001, help="Stop a query after so many seconds.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Let queries read other files, and the network, not just the lake.")
    ] = False,
) -> None:
    """Read-only SQL over the lake; on a terminal, without a query, a prompt.

    Example: `hopscope sql "SELECT label, count(*) FROM connections GROUP BY label" --format csv`
    """
    from pipeline.query.macros import questions_text
    from pipeline.schema import schema_text

    if schema:
        sys.stdout.write(f"{schema_text()}\n{questions_text()}")
        return
    from pipeline.query.session import desk, open_for
    from pipeline.store.lake import Lake

    text = _query_text(query, file)
    chosen = _form(form, output)
    lake = Lake(common.lake)
    lake.run(common.run)
    with desk(open_for(lake, common.limits, common.run, text), lake, timeout, unsafe=unsafe) as asked:
        if text is not None:
            asked.answer(text, chosen, output)
        elif output is not None:
            raise UsageError("-o needs a query", hint="give it in quotes, or with -f")
        else:
            from pipeline.query.prompt import converse

            converse(asked, chosen)


@app.command()
@with_common
def explain(
    common: Common,
    connection_id: Annotated[str, typer.Argument(metavar="CONNECTION_ID", help="As in the table connections.")],
    form: Annotated[StoryForm, typer.Option("--format", help="How to print it.")] = StoryForm.TEXT,
) -> None:
    """The story of one connection: legs, rules followed, what was missing, display filters for tshark.

    Example: `hopscope explain 3f9fcf13-6 --run peak-2`
    """
    from pipeline.query.explain import explain as tell
    from pipeline.query.explain_text import render_text
    from pipeline.query.session import open_lake
    from pipeline.store.lake import Lake

    lake = Lake(common.lake)
    story = tell(open_lake(lake, common.limits, lake.run(common.run).run), connection_id)
    sys.stdout.write(render_text(story) if form is StoryForm.TEXT else json.dumps(story, indent=1) + "\n")


@app.command()
def trace(
    rules: Annotated[
        list[Path],
        typer.Option("--rules", metavar="FILE", help="A dump, in any form that is read; give each of the node's."),
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
        list[str] | None, typer.Option("--node-ip", metavar="IP", help="An address of the node the dump is from.")
    ] = None,
    origin: Annotated[Origin | None, typer.Option("--from", help="Where the packet comes from.")] = None,
    form: Annotated[StoryForm, typer.Option("--format", help="How to print it; many packets: one JSON line each.")] = (
        StoryForm.TEXT
    ),
) -> None:
    """What one node's dumps do with a packet, and by which rules.

    Example: `hopscope trace --rules iptables-save.txt --src 71.246.124.116 --dst 20.185.96.169 --dport 80`
    """
    from pipeline.query.trace_command import packet, read_packets, render_text, trace_files

    if (packets is None) == (src is None or dst is None):
        raise UsageError("give either --src and --dst, or --packets", hint="see hopscope trace --help")
    asked = read_packets(packets) if packets else [packet(src or "", proto, dst or "", dport)]
    for answer in trace_files(rules, asked, node_ip or [], origin):
        as_text = form is StoryForm.TEXT and packets is None
        sys.stdout.write(render_text(answer) if as_text else json.dumps(answer) + "\n")


@app.command("capture-kit")
def capture_kit() -> None:
    """Print the script that captures what hopscope reads best, on nodes and from the cluster.

    Example: `hopscope capture-kit > kit.sh`
    """
    from pipeline.capture_kit import script

    sys.stdout.write(script())


def _query_text(query: str | None, file: Path | None) -> str | None:
    """The query; None where it is to be asked for."""
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
    """What was asked for; else what the suffix of `output` says, else a table."""
    if form is Form.PARQUET and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is no text to print", hint="write it with -o FILE, or pipe it on")
    if form is None and output is not None and output.suffix:
        if output.suffix.lower() not in SUFFIXES:
            hint = f"add --format, or use one of {', '.join(SUFFIXES)}"
            raise UsageError(f"the suffix {output.suffix} tells no format", where=str(output), hint=hint)
        return SUFFIXES[output.suffix.lower()]
    return form or Form.TABLE
