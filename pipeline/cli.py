"""The verbs: parse, call, print. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import __version__
from pipeline.cli_options import Common, node_paths, window, with_common
from pipeline.config import Form, Keep, StoryForm, Window
from pipeline.diagnostics import TALK, fail, note
from pipeline.errors import ExitCode, HopscopeError, RejectedError, UsageError

if TYPE_CHECKING:
    from pipeline.run import Job

app = typer.Typer(
    name="hopscope",
    help="Who got the traffic of a Kubernetes load test: traced through each node's own rules, with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


Capture = Annotated[Path, typer.Argument(metavar="CAPTURE", help="Folder with nodes/NODE/ and cluster/.")]
Services = Annotated[
    list[str] | None, typer.Option("--service", metavar="NS/NAME", help="Keep this Service's connections only.")
]
Since = Annotated[str | None, typer.Option(metavar="T", help="Keep connections that start at or after T (ISO 8601).")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Keep connections that start before T (ISO 8601).")]
Packets = Annotated[Keep, typer.Option("--keep-packets", help="How much of the packets to keep.")]
Fields = Annotated[str, typer.Option(metavar="A,B,C", help="Field names of an export without a header line.")]
Nodes = Annotated[
    list[str] | None, typer.Option("--node", metavar="NAME=PATH", help="A file or folder that is from this node.")
]
Cluster = Annotated[list[Path] | None, typer.Option("--cluster", help="A file or folder of kubectl output.")]
Report = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write the report.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 4 if any input line was rejected.")]
REPORT = Path("report.html")


@app.command()
@with_common
def demo(common: Common) -> None:
    """Run the packaged sample from capture to report; the newcomer's first command."""
    from pipeline import resources
    from pipeline.lake import Lake
    from pipeline.run import Job, run_whole

    sample = resources.folder("samples") / "single-pod"
    job = Job(sample, Lake(common.lake), common.run or "single-pod", limits=common.limits)
    run_whole(job, Window(), Keep.SLIM)
    _report(common, job.run, REPORT)


@app.command()
@with_common
def run(
    common: Common,
    capture: Capture,
    output: Report = REPORT,
    keep_packets: Packets = Keep.SLIM,
    service: Services = None,
    since: Since = None,
    until: Until = None,
    fields: Fields = "",
    node: Nodes = None,
    cluster: Cluster = None,
    strict: Strict = False,
) -> None:
    """The main job: ingest, trace, label, report.

    Example: `hopscope run ./peak-2 --lake ./lake -o peak-2.html`
    """
    from pipeline.run import run_whole

    manifest = run_whole(_job(common, capture, fields, node, cluster), window(service, since, until), keep_packets)
    _report(common, manifest.run, output)
    _stop_if_rejected(common, manifest.run, strict)


@app.command()
@with_common
def ingest(
    common: Common,
    capture: Capture,
    fields: Fields = "",
    node: Nodes = None,
    cluster: Cluster = None,
    strict: Strict = False,
) -> None:
    """Read a capture into the lake; `label` and `report` do the rest."""
    from pipeline.run import ingest_only

    manifest = ingest_only(_job(common, capture, fields, node, cluster))
    note(f"run {manifest.run}: {len(manifest.inputs)} files read into {common.lake}")
    _stop_if_rejected(common, manifest.run, strict)


@app.command()
@with_common
def label(
    common: Common,
    keep_packets: Packets = Keep.SLIM,
    service: Services = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Trace and label a run that is in the lake."""
    from pipeline.lake import Lake
    from pipeline.run import label_again

    chosen = window(service, since, until)
    manifest = label_again(Lake(common.lake), common.run, chosen, keep_packets, common.limits)
    note(f"run {manifest.run}: labelled")


@app.command()
@with_common
def report(common: Common, output: Report = REPORT) -> None:
    """Write the HTML report of a run, and its summary to stdout."""
    _report(common, common.run, output)


@app.command()
@with_common
def runs(
    common: Common,
    delete: Annotated[str | None, typer.Option("--delete", metavar="NAME", help="Remove this run.")] = None,
) -> None:
    """List the runs of a lake."""
    from pipeline.lake import Lake

    lake = Lake(common.lake)
    if delete:
        lake.delete(delete)
        note(f"run {delete}: removed")
        return
    for manifest in lake.runs():
        sys.stdout.write(f"{manifest.run}\n")


@app.command()
@with_common
def sql(
    common: Common,
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="One SELECT; `-` reads it from stdin.")] = None,
    file: Annotated[Path | None, typer.Option("-f", "--file", help="File that holds the query.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How to print the result.")] = Form.TABLE,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the result here.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print every table and column, and stop.")] = False,
) -> None:
    """Read-only SQL over the lake; every table is in `--schema`.

    Example: `hopscope sql "SELECT label, count(*) FROM connections GROUP BY label" --format csv`
    """
    from pipeline.schema import schema_text

    if schema:
        sys.stdout.write(schema_text())
        return
    from pipeline.lake import Lake
    from pipeline.query import open_lake, run_query

    text = _query_text(query, file)
    lake = Lake(common.lake)
    lake.run(common.run)
    run_query(open_lake(lake, common.limits, common.run), lake, text, form, output)


@app.command()
@with_common
def explain(
    common: Common,
    connection_id: Annotated[str, typer.Argument(metavar="CONNECTION_ID", help="As in the table connections.")],
    form: Annotated[StoryForm, typer.Option("--format", help="How to print it.")] = StoryForm.TEXT,
) -> None:
    """The story of one connection: legs, rules followed, what was missing, display filters for tshark."""
    from pipeline.explain import explain as tell
    from pipeline.explain import render_text
    from pipeline.lake import Lake
    from pipeline.query import open_lake

    lake = Lake(common.lake)
    story = tell(open_lake(lake, common.limits, lake.run(common.run).run), connection_id)
    sys.stdout.write(render_text(story) if form is StoryForm.TEXT else json.dumps(story, indent=1) + "\n")


def run_app() -> int:
    """Run the command line; its exit code."""
    try:
        app(standalone_mode=False)
    except HopscopeError as e:
        if TALK.debug:
            raise
        return fail(e)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return ExitCode.OK
    except Exception as e:
        if TALK.debug:
            raise
        return _other_error(e)
    return ExitCode.OK


def _other_error(error: Exception) -> int:
    """What click found wrong with the command line, in our words; anything else is a defect."""
    if isinstance(error, typer.Exit):
        return error.exit_code
    if not hasattr(error, "format_message"):
        hint = "this is a defect of hopscope: please report it with what --debug shows"
        return fail(HopscopeError(f"{type(error).__name__}: {error}", hint=hint))
    if not error.format_message():
        return ExitCode.USAGE
    return fail(UsageError(error.format_message(), hint="see hopscope --help"))


def _version(wanted: bool) -> None:
    if wanted:
        with_them = ", ".join(f"{name} {installed(name)}" for name in ("duckdb", "polars", "pyarrow", "plotly"))
        sys.stdout.write(f"hopscope {__version__} ({with_them})\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show versions and stop.")
    ] = False,
) -> None:
    """Who got the traffic of a Kubernetes load test: traced through each node's own rules, with proof."""


def _job(common: Common, capture: Path, fields: str, node: list[str] | None, cluster: list[Path] | None) -> Job:
    from pipeline.lake import Lake
    from pipeline.run import Job

    names = tuple(f.strip() for f in fields.split(",") if f.strip())
    return Job(capture, Lake(common.lake), common.run, names, node_paths(node or []), cluster or [], common.limits)


def _query_text(query: str | None, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except OSError as e:
            raise UsageError(f"cannot be read: {e.strerror}", where=str(file)) from e
    if query == "-" or (query is None and not sys.stdin.isatty()):
        return sys.stdin.read()
    if query is None:
        raise UsageError("no query given", hint='e.g. hopscope sql "SELECT * FROM connections LIMIT 5"')
    return query


def _report(common: Common, run: str | None, output: Path) -> None:
    from pipeline.lake import Lake
    from pipeline.query import open_lake
    from pipeline.report import summary, write_report

    lake = Lake(common.lake)
    name = lake.run(run).run
    con = open_lake(lake, common.limits, name)
    write_report(con, name, output)
    sys.stdout.write(f"{summary(con)}\nreport: {output.resolve()}\n")


def _stop_if_rejected(common: Common, run: str, strict: bool) -> None:
    if not strict:
        return
    from pipeline.lake import Lake
    from pipeline.query import open_lake

    count = open_lake(Lake(common.lake), common.limits, run).sql("SELECT COUNT(*) FROM rejects").fetchall()[0][0]
    if count:
        hint = "hopscope sql 'SELECT file, line_number, reason, text FROM rejects'"
        raise RejectedError(f"{count} input lines were rejected", hint=hint)
