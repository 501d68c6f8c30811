"""The options of verbs that read a capture or write a report, and the `Capture` that they describe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.completions import service_names
from pipeline.cli.options import Common, node_paths, time_zeros
from pipeline.config import Keep

if TYPE_CHECKING:
    from pipeline.ingest.capture import Capture

CapturePath = Annotated[
    Path, typer.Argument(metavar="CAPTURE", help="Folder with nodes/NODE/ and cluster/; `-` for stdin.")
]
Services = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        metavar="NS/NAME",
        autocompletion=service_names,
        help="Keep this Service's connections only.",
    ),
]
Since = Annotated[str | None, typer.Option(metavar="T", help="Keep connections that start at or after T (ISO 8601).")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Keep connections that start before T (ISO 8601).")]
Packets = Annotated[Keep, typer.Option("--keep-packets", help="Which packet columns to store.")]
Fields = Annotated[str, typer.Option(metavar="A,B,C", help="Field names of an export without a header line.")]
Nodes = Annotated[
    list[str] | None, typer.Option("--node", metavar="NAME=PATH", help="A file or folder from this node.")
]
Cluster = Annotated[list[Path] | None, typer.Option("--cluster", help="A file or folder of kubectl output.")]
Zeros = Annotated[
    list[str] | None,
    typer.Option("--time-zero", metavar="FILE=TIME", help="Start of the capture in FILE, if its times are relative."),
]
Report = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write the report.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="Also write each section's rows here, as Parquet and CSV."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 4 if any input line was rejected.")]


def capture_value(
    common: Common,
    path: Path,
    fields: str,
    node: list[str] | None,
    cluster: list[Path] | None,
    time_zero: list[str] | None,
    keep: Keep = Keep.SLIM,
) -> Capture:
    """Return the capture that the options describe."""
    from pipeline.ingest.capture import Capture

    names = tuple(f.strip() for f in fields.split(",") if f.strip())
    nodes, zeros = node_paths(node or []), time_zeros(time_zero or [])
    return Capture(path, names, keep, nodes, cluster or [], zeros, common.limits)
