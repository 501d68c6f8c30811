"""Verbs that create, list and report runs: demo, run, ingest, inputs, label, report, runs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import app
from pipeline.cli.capture_options import (
    CapturePath,
    Cluster,
    Data,
    Fields,
    Nodes,
    Packets,
    Report,
    Services,
    Since,
    Strict,
    Until,
    Zeros,
    capture_value,
)
from pipeline.cli.choices import ListForm
from pipeline.cli.completions import run_names
from pipeline.cli.options import Common, window, with_common
from pipeline.config import Keep, Window
from pipeline.diagnostics import note, warn
from pipeline.errors import RejectedError

if TYPE_CHECKING:
    from pipeline.ingest.capture import Capture
    from pipeline.run import Job

REPORT = Path("report.html")


@app.command()
@with_common
def demo(common: Common) -> None:
    """Run the packaged sample, from capture to report.

    Example: `hopscope demo --lake ./demo-lake`
    """
    from pipeline import resources
    from pipeline.ingest.capture import Capture
    from pipeline.run import Job, run_whole
    from pipeline.store.lake import Lake

    sample = Capture(resources.folder("samples") / "single-pod", limits=common.limits)
    job = Job(sample, Lake(common.lake), common.run or "single-pod")
    run_whole(job, Window())
    _report(common, job.run, REPORT)


@app.command()
@with_common
def run(
    common: Common,
    capture: CapturePath,
    output: Report = REPORT,
    keep_packets: Packets = Keep.SLIM,
    service: Services = None,
    since: Since = None,
    until: Until = None,
    fields: Fields = "",
    node: Nodes = None,
    cluster: Cluster = None,
    time_zero: Zeros = None,
    strict: Strict = False,
) -> None:
    """The main job: ingest, trace, label, report.

    Example: `hopscope run ./peak-2 --lake ./lake -o peak-2.html`
    """
    from pipeline.run import run_whole

    job = _job(common, capture_value(common, capture, fields, node, cluster, time_zero, keep_packets))
    manifest = run_whole(job, window(service, since, until))
    _report(common, manifest.run, output)
    _warn_if_unused(common, manifest.run, service or [])
    _stop_if_rejected(common, manifest.run, strict)


@app.command()
@with_common
def ingest(
    common: Common,
    capture: CapturePath,
    keep_packets: Packets = Keep.SLIM,
    fields: Fields = "",
    node: Nodes = None,
    cluster: Cluster = None,
    time_zero: Zeros = None,
    strict: Strict = False,
) -> None:
    """Read a capture into the lake; `label` and `report` are the next steps.

    Example: `hopscope ingest ./peak-2 --node node-a=./late/eth0.tsv.gz --keep-packets all`
    """
    from pipeline.run import ingest_only

    job = _job(common, capture_value(common, capture, fields, node, cluster, time_zero, keep_packets))
    manifest = ingest_only(job)
    note(f"run {manifest.run}: {len(manifest.inputs)} files read into {common.lake}")
    _stop_if_rejected(common, manifest.run, strict)


@app.command()
@with_common
def inputs(
    common: Common,
    capture: CapturePath,
    fields: Fields = "",
    node: Nodes = None,
    cluster: Cluster = None,
    time_zero: Zeros = None,
    form: Annotated[ListForm, typer.Option("--format", help="How to print it.")] = ListForm.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 if anything is wrong.")] = False,
) -> None:
    """List the files of a capture: form, node, time span and findings of each. Nothing is stored.

    Example: `hopscope inputs ./peak-2 --format json > inputs.json`
    """
    from pipeline.cli.inputs_table import as_text
    from pipeline.inputs import look_at

    listed = look_at(capture_value(common, capture, fields, node, cluster, time_zero))
    is_table = form is ListForm.TABLE
    sys.stdout.write(as_text(listed, _terminal_width()) if is_table else json.dumps(asdict(listed), indent=1) + "\n")
    if strict and listed.faulty:
        raise RejectedError("something is wrong with the inputs", hint="see the findings")


@app.command()
@with_common
def label(
    common: Common,
    service: Services = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Trace and label a run that is in the lake.

    Example: `hopscope label --run peak-2 --service default/web --since 2026-11-22T14:02:10Z`
    """
    from pipeline.run import label_again
    from pipeline.store.lake import Lake

    manifest = label_again(Lake(common.lake), common.run, window(service, since, until), common.limits)
    note(f"run {manifest.run}: labelled")
    _warn_if_unused(common, manifest.run, service or [])


@app.command()
@with_common
def report(common: Common, output: Report = REPORT, data: Data = None) -> None:
    """Write the HTML report of a run, and its summary to stdout.

    Example: `hopscope report --run peak-2 -o peak-2.html --data peak-2-data`
    """
    _report(common, common.run, output, data)


@app.command()
@with_common
def runs(
    common: Common,
    delete: Annotated[
        str | None, typer.Option("--delete", metavar="NAME", autocompletion=run_names, help="Remove this run.")
    ] = None,
) -> None:
    """List the runs of a lake.

    Example: `hopscope runs --lake ./lake --delete peak-1`
    """
    from pipeline.store.lake import Lake

    lake = Lake(common.lake)
    if delete:
        lake.delete(delete)
        note(f"run {delete}: removed")
        return
    for manifest in lake.runs():
        sys.stdout.write(f"{manifest.run}\n")


def _terminal_width() -> int:
    """Return the characters per line of the terminal; for a pipe, enough for a table."""
    return get_terminal_size((200, 50)).columns


def _job(common: Common, capture: Capture) -> Job:
    from pipeline.run import Job
    from pipeline.store.lake import Lake

    return Job(capture, Lake(common.lake), common.run)


def _report(common: Common, run: str | None, output: Path, data: Path | None = None) -> None:
    from pipeline.query.session import open_lake
    from pipeline.report.page import summary, write_data, write_report
    from pipeline.store.lake import Lake

    lake = Lake(common.lake)
    name = lake.run(run).run
    con = open_lake(lake, common.limits, name)
    write_report(con, name, output)
    if data:
        write_data(con, data)
    sys.stdout.write(f"{summary(con)}\nreport: {output.resolve()}\n")


def _warn_if_unused(common: Common, run: str, services: list[str]) -> None:
    """Warn about Services without a connection: a name may be mistyped."""
    from difflib import get_close_matches

    if not services:
        return
    from pipeline.query.session import open_lake
    from pipeline.store.lake import Lake

    con = open_lake(Lake(common.lake), common.limits, run)
    with_connections = {name for (name,) in con.sql("SELECT DISTINCT service FROM connections").fetchall()}
    all_names = [name for (name,) in con.sql("SELECT DISTINCT service FROM services ORDER BY service").fetchall()]
    for name in (s for s in services if s not in with_connections):
        nearest = ", ".join(get_close_matches(name, all_names, n=3)) or "none; a name is NAMESPACE/NAME"
        hint = "omit --service to see all that have some" if name in all_names else f"nearest: {nearest}"
        warn(f"run {run}: no connection to the Service {name!r}", hint=hint)


def _stop_if_rejected(common: Common, run: str, strict: bool) -> None:
    if not strict:
        return
    from pipeline.query.session import open_lake
    from pipeline.store.lake import Lake

    count = open_lake(Lake(common.lake), common.limits, run).sql("SELECT COUNT(*) FROM rejects").fetchall()[0][0]
    if count:
        hint = "hopscope sql 'SELECT file, line_number, reason, text FROM rejects'"
        raise RejectedError(f"{count} input lines were rejected", hint=hint)
