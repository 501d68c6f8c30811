"""The main job as a list of steps: find the inputs, ingest them, label, keep; and the same in parts."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.config import Limits, Window
from pipeline.diagnostics import note
from pipeline.discover import discover, run_name
from pipeline.engines.duckdb import connect, literal, write_parquet
from pipeline.errors import InputError, UsageError
from pipeline.ingest import Ingest
from pipeline.label import label
from pipeline.lake import Lake, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.discover import Input
    from pipeline.engines.duckdb import Connection

_NOT_IN_SLIM = ("tcp_ack", "tcp_tsval", "ip_id", "ip_ttl")


@dataclass(frozen=True, slots=True)
class Job:
    """What to run on, where to keep it, and how."""

    capture: Path
    lake: Lake
    run: str | None = None
    fields: tuple[str, ...] = ()
    nodes: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    cluster: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    zeros: Mapping[str, str] = field(default_factory=dict)


def run_whole(job: Job, window: Window, keep_packets: str) -> Manifest:
    """Ingest and label a capture; the same inputs with the same options are not done again.

    Raises:
        InputError: nothing in the capture can be read.
        UsageError: a run of that name was made from other inputs.
    """
    inputs = _inputs(job)
    manifest = _manifest(job, inputs, _options(window, keep_packets))
    if not _is_news(job.lake, manifest):
        return manifest
    with job.lake.stage(manifest) as folder, _database(job.limits) as con:
        _ingest(con, folder, inputs, job)
        label(con, folder, window)
        _keep_packets(con, folder, keep_packets)
    return manifest


def ingest_only(job: Job) -> Manifest:
    """Read a capture into the lake, whole, without labels; `label_again` adds these.

    Raises:
        InputError: nothing in the capture can be read.
        UsageError: a run of that name was made from other inputs.
    """
    inputs = _inputs(job)
    manifest = _manifest(job, inputs, {"labelled": False})
    if _is_news(job.lake, manifest):
        with job.lake.stage(manifest) as folder, _database(job.limits) as con:
            _ingest(con, folder, inputs, job)
    return manifest


def label_again(lake: Lake, run: str | None, window: Window, keep_packets: str, limits: Limits) -> Manifest:
    """Label a run from what the lake holds of its inputs.

    Raises:
        UsageError: its packets were not kept whole, so that labels would rest on less than before.
    """
    before = lake.run(run)
    if before.options.get("keep_packets", "all") != "all":
        message = f"run {before.run!r} does not hold its packets whole any more"
        remedy = "run it again from the capture, or keep packets with `--keep-packets all`"
        raise UsageError(message, where=str(lake.root), hint=remedy)
    manifest = Manifest(before.run, before.inputs, _options(window, keep_packets), __version__)
    with lake.stage(manifest) as folder, _database(limits) as con:
        lake.link_inputs(before.run, folder)
        label(con, folder, window)
        _keep_packets(con, folder, keep_packets)
    return manifest


def _inputs(job: Job) -> list[Input]:
    inputs = discover(job.capture, job.nodes, job.cluster, job.fields, job.limits.temp_dir, job.zeros)
    if not any(one.form for one in inputs):
        first = next(f for one in inputs for f in one.findings)
        message = f"none of its {len(inputs)} files can be used; {inputs[0].source.name} {first.message}"
        raise InputError(message, where=str(job.capture), hint=first.remedy)
    return inputs


def _options(window: Window, keep_packets: str) -> dict[str, object]:
    kept = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(window).items()}
    return {"labelled": True, "keep_packets": keep_packets, **kept}


def _manifest(job: Job, inputs: Sequence[Input], options: dict[str, object]) -> Manifest:
    hashes = {one.source.name: one.sha256 for one in inputs}
    return Manifest(
        job.run or run_name(job.capture),
        hashes,
        options | {"fields": list(job.fields), "zeros": dict(job.zeros)},
        __version__,
    )


def _is_news(lake: Lake, manifest: Manifest) -> bool:
    before = lake.find(manifest.run)
    if before == manifest:
        note(f"run {manifest.run}: nothing new since it was made; kept as it is")
        return False
    if before and not set(before.inputs.values()) & set(manifest.inputs.values()):
        message = f"run {manifest.run!r} was made from other inputs"
        remedy = f"give another name with --run, or `hopscope runs --delete {manifest.run}` first"
        raise UsageError(message, where=str(lake.root), hint=remedy)
    return True


def _ingest(con: Connection, folder: Path, inputs: Sequence[Input], job: Job) -> None:
    Ingest(con, folder, job.fields).take_all(inputs)


def _keep_packets(con: Connection, folder: Path, keep: str) -> None:
    """Drop packets (`none`), or what only joining needs (`slim`); `all` leaves them as they are."""
    for path in sorted((folder / "packets").rglob("*.parquet")):
        if keep == "slim":
            without = ", ".join(f"CAST(NULL AS BIGINT) AS {c}" for c in _NOT_IN_SLIM)
            slim = path.with_suffix(".slim")
            write_parquet(con, f"SELECT * REPLACE ({without}) FROM read_parquet({literal(str(path))})", slim)
            slim.replace(path)
        elif keep == "none":
            path.unlink()


@contextmanager
def _database(limits: Limits) -> Iterator[Connection]:
    con = connect(limits)
    try:
        yield con
    finally:
        con.close()
