"""From a capture to its input files: copy streams, list files, recognise their forms, name their nodes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.errors import InputError, UsageError
from pipeline.ingest.file_list import list_files
from pipeline.ingest.node_names import name_nodes
from pipeline.ingest.recognise import recognise_files
from pipeline.ingest.stdin_files import copy_streams
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.ingest.capture import Capture, InputFile


def discover(capture: Capture) -> list[InputFile]:
    """Return every file of a capture, in order of their names, then those given explicitly.

    Raises:
        InputError: the folder is missing, is a file that is no archive, has no file in it, or holds several captures.
        UsageError: `capture.zeros` names a file that is not there.
    """
    capture = copy_streams(capture)
    sources = list_files(capture)
    input_files = recognise_files(sources, capture)
    name_nodes(input_files)
    _set_time_zeros(input_files, capture.zeros)
    return _without_copies(input_files)


def discover_usable(capture: Capture) -> list[InputFile]:
    """Return every file of a capture of which at least one can be used.

    Raises:
        InputError: no file of the capture can be used, or see `discover`.
        UsageError: see `discover`.
    """
    input_files = discover(capture)
    if not any(f.form for f in input_files):
        finding = next(finding for f in input_files for finding in f.findings)
        message = f"none of its {len(input_files)} files can be used; {input_files[0].source.name} {finding.message}"
        raise InputError(message, where=str(capture.path), hint=finding.remedy)
    return input_files


def _set_time_zeros(input_files: Sequence[InputFile], zeros: Mapping[str, str]) -> None:
    source_by_name = {f.source.name: f.source for f in input_files}
    for name, zero in zeros.items():
        if name not in source_by_name:
            hint = "`hopscope inputs CAPTURE` shows what the files are called"
            raise UsageError(f"--time-zero is for {name!r}, which is not among the files", hint=hint)
        source_by_name[name].time_zero = zero


def _without_copies(input_files: Sequence[InputFile]) -> list[InputFile]:
    """The files with each (node, content) once; the first one gets a finding for each copy."""
    by_content: dict[str, list[InputFile]] = defaultdict(list)
    for input_file in input_files:
        by_content[input_file.capture_id if input_file.sha256 else input_file.source.name].append(input_file)
    for first, *copies in by_content.values():
        first.findings += [
            Finding.declared("copy-of-a-file", f"{copy.source.name} has the same content; read once", "nothing to do")
            for copy in copies
        ]
    return [first for first, *_ in by_content.values()]
