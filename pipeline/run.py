"""The main job as a list of steps: find the inputs, ingest them, label, keep; and the same in parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.config import Keep, Limits, Window
from pipeline.diagnostics import note
from pipeline.errors import InputError, UsageError
from pipeline.ingest.discover import discover, run_name
from pipeline.ingest.reader import Ingest
from pipeline.ingest.reuse import earlier
from pipeline.labelling.label import label
from pipeline.store.duckdb_engine import workshop
from pipeline.store.lake import Lake, Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.ingest.discover import Input
    from pipeline.store.duckdb_engine import Connection


@dataclass(frozen=True, slots=True)
class Job:
    """What to run on, where to keep it, and how."""

    capture: Path
    lake: Lake
    run: str | None = None
    fields: tuple[str, ...] = ()
    keep_packets: Keep = Keep.SLIM
    nodes: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    cluster: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    zeros: Mapping[str, str] = field(default_factory=dict)


def run_whole(job: Job, window: Window) -> Manifest:
    """Ingest and label a capture; the same inputs with the same options are not done again.

    Raises:
        InputError: nothing in the capture can be read.
        UsageError: a run of that name was made from other inputs.
    """
    inputs = _inputs(job)
    manifest = _manifest(job, inputs, _labelled(window))
    if not _is_news(job.lake, manifest):
        return manifest
    with job.lake.stage(manifest) as folder, workshop(job.limits, folder) as con:
        _ingest(con, folder, inputs, job, manifest)
        label(con, folder, window)
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
        with job.lake.stage(manifest) as folder, workshop(job.limits, folder) as con:
            _ingest(con, folder, inputs, job, manifest)
    return manifest


def label_again(lake: Lake, run: str | None, window: Window, limits: Limits) -> Manifest:
    """Label a run from what the lake holds of its inputs."""
    before = lake.run(run)
    manifest = Manifest(before.run, before.inputs, before.read_as | _labelled(window), __version__)
    with lake.stage(manifest) as folder, workshop(limits, folder) as con:
        lake.link_inputs(before.run, folder)
        label(con, folder, window)
    return manifest


def _inputs(job: Job) -> list[Input]:
    inputs = discover(job.capture, job.nodes, job.cluster, job.fields, job.limits, job.zeros)
    if not any(one.form for one in inputs):
        first = next(f for one in inputs for f in one.findings)
        message = f"none of its {len(inputs)} files can be used; {inputs[0].source.name} {first.message}"
        raise InputError(message, where=str(job.capture), hint=first.remedy)
    return inputs


def _labelled(window: Window) -> dict[str, object]:
    kept = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(window).items()}
    return {"labelled": True, **kept}


def _manifest(job: Job, inputs: Sequence[Input], options: dict[str, object]) -> Manifest:
    hashes = {one.source.name: one.sha256 for one in inputs}
    read = {"fields": list(job.fields), "zeros": dict(job.zeros), "keep_packets": str(job.keep_packets)}
    return Manifest(job.run or run_name(job.capture), hashes, read | options, __version__)


def _is_news(lake: Lake, manifest: Manifest) -> bool:
    before = lake.find(manifest.run)
    if before == manifest:
        note(f"run {manifest.run}: nothing new since it was made; kept as it is")
        return False
    if before and not set(before.inputs.values()) & set(manifest.inputs.values()):
        message = f"run {manifest.run!r} was made from other inputs"
        remedy = f"give another name with --run, or `hopscope runs --delete {manifest.run}` first"
        raise UsageError(message, where=str(lake.root), hint=remedy)
    if before and _selected(before) and _selected(manifest) not in ({}, _selected(before)):
        remedy = "another name (--run) would leave this one as it was"
        note(f"run {manifest.run}: other --service, --since or --until than before; its labels are replaced; {remedy}")
    return True


def _selected(manifest: Manifest) -> dict[str, object]:
    """Which connections a run's labels are about; nothing where it has none."""
    names = [f.name for f in fields(Window)] if manifest.options.get("labelled") else []
    return {name: manifest.options.get(name) for name in names}


def _ingest(con: Connection, folder: Path, inputs: Sequence[Input], job: Job, manifest: Manifest) -> None:
    before = earlier(job.lake, manifest)
    reader = Ingest(con, folder, job.fields, job.keep_packets, before, limits=job.limits)
    reader.take_all(inputs)
