"""The main job: discover the inputs, read them into the lake, label the connections; and the same in parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pipeline import __version__
from pipeline.ingest.discover import discover_usable
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.ingest.reuse import take_over
from pipeline.labelling.label import label
from pipeline.store.duckdb_engine import workshop
from pipeline.store.manifest import Manifest

if TYPE_CHECKING:
    from pipeline.config import Limits, Window
    from pipeline.ingest.capture import Capture
    from pipeline.store.lake import Lake


@dataclass(frozen=True, slots=True)
class Job:
    """A capture to read, the lake to keep the run in, and the run's name (default: the capture's)."""

    capture: Capture
    lake: Lake
    run: str | None = None


def run_whole(job: Job, window: Window) -> Manifest:
    """Ingest and label a capture; the same inputs with the same options are not done again.

    Raises:
        InputError: nothing in the capture can be read.
        UsageError: a run of that name was made from other inputs.
    """
    return _run(job, window)


def ingest_only(job: Job) -> Manifest:
    """Read a capture into the lake without labels; `label_again` adds these.

    Raises:
        InputError: nothing in the capture can be read.
        UsageError: a run of that name was made from other inputs.
    """
    return _run(job, None)


def label_again(lake: Lake, run: str | None, window: Window, limits: Limits) -> Manifest:
    """Label a run again from its input tables in the lake."""
    stored = lake.run(run)
    options = stored.reading_options | _label_options(window)
    manifest = Manifest(stored.run, stored.inputs, options, __version__)
    with lake.stage(manifest) as folder, workshop(limits, folder) as con:
        lake.link_inputs(stored.run, folder)
        label(con, folder, window)
    return manifest


def _run(job: Job, window: Window | None) -> Manifest:
    """The stages of a run, in their order; without a window the run gets no labels."""
    capture = job.capture
    input_files = discover_usable(capture)
    hashes = {f.source.name: f.sha256 for f in input_files}
    options = {"fields": list(capture.fields), "zeros": dict(capture.zeros), "keep_packets": str(capture.keep_packets)}
    manifest = Manifest(job.run or capture.run_name, hashes, options | _label_options(window), __version__)
    if job.lake.is_current(manifest):
        return manifest
    with job.lake.stage(manifest) as folder:
        reusable = job.lake.reusable_files(manifest)
        with workshop(capture.limits, folder) as con:
            tables = InputTables(folder)
            to_read = take_over(reusable, input_files, tables)
            read_capture(con, tables, to_read, capture)
            if window:
                label(con, folder, window)
    return manifest


def _label_options(window: Window | None) -> dict[str, object]:
    if window is None:
        return {"labelled": False}
    options = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(window).items()}
    return {"labelled": True, **options}
