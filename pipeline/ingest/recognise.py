"""Recognises the form of each file of a capture; an archive is replaced by the files in it."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from pipeline.formats import recognise
from pipeline.formats.tshark.fields_export import FORMAT as FIELDS
from pipeline.formats.tshark.layout import read_layout
from pipeline.formats.tshark.other_lines import is_other_line, strip_escapes
from pipeline.ingest.archives import is_archive, unpack
from pipeline.ingest.capture import KINDS_OF_NO_NODE, InputFile
from pipeline.ingest.file_list import files_in_folder
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.formats.source import Source
    from pipeline.ingest.capture import Capture

_REFUSED = (
    (r"^<(?:pdml|psml)\b", "is a PDML or PSML export, which is not read"),
    (r"^%!PS", "is a PostScript print of packets, which is not read"),
    (r"^Frame \d+: \d+ bytes on wire", "is tshark -V output, which is not read"),
    (r"^0000  (?:[0-9a-f]{2} ){8}", "is a hex dump of packets, which is not read"),
    (r"^(?:IPv[46]|TCP|UDP) Conversations$|^\| IO Statistics", "is a tshark statistic, which has no packets in it"),
)
_TSHARK_BUFFER = "tshark loses what it buffered when it is killed; capture again with -l"


def recognise_files(sources: Sequence[Source], capture: Capture) -> list[InputFile]:
    """Return the input file of each source, in their order; an archive is replaced by its files.

    A text of no known form whose lines have as many cells as `capture.fields` is an export with these columns.
    """
    with ThreadPoolExecutor(capture.limits.threads or os.cpu_count()) as pool:
        groups = pool.map(partial(_open, capture=capture), sources)
        return [input_file for group in groups for input_file in group]


def _open(source: Source, capture: Capture) -> list[InputFile]:
    """The input file, or those of an archive; the archive itself is among them only if it has findings."""
    try:
        head = source.head()
        if not is_archive(head):
            return [_recognise(source, head, capture.fields)]
        folder, findings = unpack(source, capture.limits.temp_dir)
    except OSError as e:
        finding = Finding.declared("unreadable-file", f"cannot be read: {e.strerror}", "check its permissions")
        return [InputFile(source, None, "", [finding])]
    members = files_in_folder(folder, "" if source.path == capture.path else f"{source.name}/")
    for member in members if ":" in source.name else []:
        member.node = source.node
    input_files = [input_file for member in members for input_file in _open(member, capture)]
    return [*([InputFile(source, None, "", findings)] if findings else []), *input_files]


def _recognise(source: Source, head: str, fields: Sequence[str]) -> InputFile:
    with source.path.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    form = recognise(head)
    if form is None and fields and read_layout(head, fields):
        form = FIELDS
    if form is not None and form.kind in KINDS_OF_NO_NODE:
        source.node = None
    return InputFile(source, form, digest, [] if form else [_why_unrecognised(head, source.read_error)])


def _why_unrecognised(head: str, broken: str | None) -> Finding:
    if broken and not head:
        return Finding.declared("unreadable-file", f"cannot be decompressed: {broken}", "copy the file again")
    if not head:
        return Finding.declared("empty-file", "is empty", _TSHARK_BUFFER)
    if all(is_other_line(strip_escapes(line)) for line in head.splitlines()):
        return Finding.declared("empty-export", "holds messages of tshark, and no packet", _TSHARK_BUFFER)
    first_line = head.splitlines()[0][:60]
    if why := next((why for pattern, why in _REFUSED if re.search(pattern, head[:2000], re.MULTILINE)), None):
        remedy = "export again with -T fields; `hopscope capture-kit` prints the command"
        return Finding.declared("refused-export", why, remedy)
    return Finding.declared(
        "unrecognised-file",
        f"is no input form that hopscope knows (it starts with {first_line!r})",
        "see docs/reference/inputs.md for the forms; take the file out of the folder if it does not belong there",
    )
