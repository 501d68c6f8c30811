"""Finds the inputs in a capture folder: which form each file has, and whose node it is from."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from pipeline.config import Limits
from pipeline.errors import InputError, UsageError
from pipeline.formats import recognise
from pipeline.formats.source import Source
from pipeline.formats.tshark.fields_export import FORMAT as FIELDS
from pipeline.formats.tshark.layout import read_layout
from pipeline.formats.tshark.other_lines import is_noise, plain
from pipeline.ingest.archives import bundle_of, is_archive, needed, node_in, plain_name, unpack
from pipeline.ingest.stdin_files import as_file, is_stream
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.formats.base import Format, Parser

_REFUSED = (
    (r"^<(?:pdml|psml)\b", "is a PDML or PSML export, which is not read"),
    (r"^%!PS", "is a PostScript print of packets, which is not read"),
    (r"^Frame \d+: \d+ bytes on wire", "is tshark -V output, which is not read"),
    (r"^0000  (?:[0-9a-f]{2} ){8}", "is a hex dump of packets, which is not read"),
    (r"^(?:IPv[46]|TCP|UDP) Conversations$|^\| IO Statistics", "is a tshark statistic, which has no packets in it"),
)
# What people put after a node's name in a file name.
_CONTENT = re.compile(
    r"\.|[_-](?:eth|ens|enp|any|cbr|cni|bond|ip6?tables|nft|nat|rules|ip-?addr|tshark|tcpdump|capture|packets|dump|conntrack|ipvs)",
    re.IGNORECASE,
)


_OF_NO_NODE = ("objects", "requests")
_ANY = Limits()


@dataclass(slots=True)
class Input:
    """One file of a capture: its form (None where nothing knows it), its hash, and what is wrong with it."""

    source: Source
    form: Format | None
    sha256: str
    findings: list[Finding]

    @property
    def kind(self) -> str:
        """What its form holds; `unknown` where nothing knows it."""
        return self.form.kind if self.form else "unknown"

    @property
    def capture_id(self) -> str:
        """8 hex digits that tell the file apart by node and content, wherever it lies."""
        return hashlib.sha256(f"{self.source.node}\n{self.sha256}".encode()).hexdigest()[:8]


def discover(
    capture: Path,
    nodes: Mapping[str, Sequence[Path]],
    cluster: Sequence[Path],
    fields: Sequence[str] = (),
    limits: Limits = _ANY,
    zeros: Mapping[str, str] | None = None,
) -> list[Input]:
    """Every file of `capture`, and of the folders or files told explicitly, in order of their names.

    Archives stand for the files in them, which are unpacked where `limits` says; streams are copied there.

    A text that nothing knows, but whose lines have as many cells as `fields`, is an export with these. `zeros` has the
    times that relative ones count from, by file.

    Raises:
        InputError: the folder is missing, is a file that is no archive, or has no file in it, or several captures.
        UsageError: `zeros` names a file that is not there.
    """
    temp_dir = limits.temp_dir
    told = [(node, as_file(p, temp_dir)) for node, paths in sorted(nodes.items()) for p in paths]
    of_nodes = [Source(p, f"{node}:{p.name}", node) for node, path in told for p in _files(path)]
    of_cluster = [Source(p, p.name) for path in cluster for p in _files(as_file(path, temp_dir))]
    elsewhere = {s.path.resolve() for s in (*of_nodes, *of_cluster)}
    sources = [s for s in _capture_sources(capture, temp_dir) if s.path.resolve() not in elsewhere]
    sources += _told_apart([*of_nodes, *of_cluster])
    if not sources:
        raise InputError(
            "no file in it",
            where=str(capture),
            hint="put tshark exports and rule dumps in nodes/<node>/, kubectl output in cluster/",
        )
    with ThreadPoolExecutor(limits.threads or os.cpu_count()) as pool:
        looked = pool.map(partial(_look, fields=fields, temp_dir=temp_dir, capture=capture), sources)
        inputs = [one for found in looked for one in found]
    _name_nodes(inputs)
    _set_zeros(inputs, zeros or {})
    return _without_copies(inputs)


def run_name(capture: Path) -> str:
    """The name a run gets from its folder: the folder's own, or its parent's where it is called `run`."""
    if is_stream(capture):
        return "stdin"
    folder = capture.resolve()
    return folder.parent.name if folder.name == "run" and folder.parent.name else plain_name(folder.name)


def _told_apart(sources: Sequence[Source]) -> list[Source]:
    """The sources, with a number after names that others have as well."""
    seen: dict[str, int] = defaultdict(int)
    for one in sources:
        seen[one.name] += 1
        one.name += f" ({seen[one.name]})" if seen[one.name] > 1 else ""
    return list(sources)


def _set_zeros(inputs: Sequence[Input], zeros: Mapping[str, str]) -> None:
    by_name = {one.source.name: one.source for one in inputs}
    for name, zero in zeros.items():
        if name not in by_name:
            hint = "`hopscope inputs CAPTURE` shows what the files are called"
            raise UsageError(f"--time-zero is for {name!r}, which is not among the files", hint=hint)
        by_name[name].time_zero = zero


def _capture_sources(capture: Path, temp_dir: Path | None) -> list[Source]:
    if is_stream(capture):
        return [Source(as_file(capture, temp_dir), "stdin", "stdin")]
    if not capture.exists():
        raise InputError("no such folder", where=str(capture), hint="give the folder that holds nodes/ and cluster/")
    if capture.is_dir():
        several = sorted(p.parent.name for p in capture.glob("*/nodes/"))
        if len(several) > 1 and not (capture / "nodes").exists():
            hint = f"give one of them, e.g. {capture / several[0]}"
            raise InputError(f"holds {len(several)} captures: {', '.join(several)}", where=str(capture), hint=hint)
        return _sources(capture)
    source = Source(capture, capture.name)
    if not is_archive(source.head()):
        raise InputError("is a file, not a folder", where=str(capture), hint="give the folder that it lies in")
    return [source]


def _sources(folder: Path, within: str = "") -> list[Source]:
    """The files under a folder, by their names in it; `within` is the name of the archive that it came from."""
    names = {p: within + p.relative_to(folder).as_posix() for p in _files(folder)}
    return [Source(path, name, _node_of(name)) for path, name in names.items()]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError("no such file or folder", where=str(path), hint="check the path")
    files = (
        p for p in path.rglob("*") if p.is_file() or (p.is_symlink() and not p.exists())
    )  # a dangling link is told
    return sorted(needed(path, (p for p in files if not any(x.startswith(".") for x in p.parts[-2:]))))


def _node_of(name: str) -> str | None:
    """Node by place: nodes/<node>/..., or any other folder's name; a file in no folder has its own name, cut short."""
    parts = name.split("/")
    if parts[0] == "cluster":
        return None
    if parts[0] == "nodes" and len(parts) > 2:
        return parts[1]
    if bundle := bundle_of(name):
        return node_in(bundle, parts[:-1])
    return plain_name(parts[-2]) if len(parts) > 1 and parts[-2] != "nodes" else _CONTENT.split(parts[-1])[0]


def _name_nodes(inputs: list[Input]) -> None:
    """Name the nodes of files that lie in no node's folder: by a known node in their or their bundle's name."""
    loose = [i for i in inputs if _is_loose(i)]
    if not loose:
        return
    known = {i.source.node for i in inputs if i.source.node and not _is_loose(i)} | _cluster_nodes(inputs)
    for one in loose:
        name = bundle_of(one.source.name) or one.source.name.rpartition("/")[2]
        found = [n for n in known if re.search(rf"(?<![a-zA-Z0-9]){re.escape(n)}(?![a-zA-Z0-9])", name)]
        one.source.node = max(found, key=len, default=one.source.node)
    captured = {i.source.node for i in loose if i.kind == "packets"}
    for one in loose if len(captured) == 1 else []:
        if one.source.node not in known:
            one.source.node = next(iter(captured))
    for one in loose if len(captured) > 1 else []:
        if one.source.node not in known | captured:
            names = ", ".join(sorted(map(str, captured)))
            message = f"names no node that has packets ({names}) and lies in no node's folder; whose it is is not known"
            one.findings.append(Finding.declared("node-unclear", message, f"--node NAME={one.source.name}"))


def _is_loose(one: Input) -> bool:
    *folders, _ = one.source.name.split("/")
    return (
        one.form is not None
        and one.form.kind not in _OF_NO_NODE
        and (folders in ([], ["nodes"]) or (bundle_of(one.source.name) is not None and folders[0] != "nodes"))
        and ":" not in one.source.name
    )


def _cluster_nodes(inputs: list[Input]) -> set[str]:
    """Names of the Node objects among the inputs."""
    parsed = (cast("Parser", i.form).parse(i.source) for i in inputs if i.form and i.form.kind == "objects")
    return {str(name) for p in parsed if "nodes" in p.tables for name in p.tables["nodes"]["node"]}


def _look(source: Source, fields: Sequence[str], temp_dir: Path | None, capture: Path) -> list[Input]:
    """The input that a file is; of an archive those in it, and itself only where something is wrong with it."""
    try:
        head = source.head()
        if not is_archive(head):
            return [_recognised(source, head, fields)]
        folder, findings = unpack(source, temp_dir)
    except OSError as e:
        finding = Finding.declared("unreadable-file", f"cannot be read: {e.strerror}", "check its permissions")
        return [Input(source, None, "", [finding])]
    members = _sources(folder, "" if source.path == capture else f"{source.name}/")
    for one in members if ":" in source.name else []:
        one.node = source.node
    inside = [one for member in members for one in _look(member, fields, temp_dir, capture)]
    return [*([Input(source, None, "", findings)] if findings else []), *inside]


def _recognised(source: Source, head: str, fields: Sequence[str]) -> Input:
    with source.path.open("rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    form = recognise(head)
    if form is None and fields and read_layout(head, fields):
        form = FIELDS
    if form is not None and form.kind in _OF_NO_NODE:
        source.node = None
    return Input(source, form, digest, [] if form else [_nothing_known(head, source.read_error)])


def _nothing_known(head: str, broken: str | None) -> Finding:
    """Why no form took the file."""
    if broken and not head:
        return Finding.declared("unreadable-file", f"cannot be decompressed: {broken}", "copy the file again")
    if not head:
        remedy = "tshark loses what it buffered when it is killed; capture again with -l"
        return Finding.declared("empty-file", "is empty", remedy)
    if all(is_noise(plain(line)) for line in head.splitlines()):
        remedy = "tshark loses what it buffered when it is killed; capture again with -l"
        return Finding.declared("empty-export", "holds what tshark says, and no packet", remedy)
    first = head.splitlines()[0][:60]
    if why := next((why for pattern, why in _REFUSED if re.search(pattern, head[:2000], re.MULTILINE)), None):
        return Finding.declared(
            "refused-export", why, "export again with -T fields; `hopscope capture-kit` prints the command"
        )
    return Finding.declared(
        "unrecognised-file",
        f"is no input form that hopscope knows (it starts with {first!r})",
        "see docs/reference/inputs.md for the forms; take the file out of the folder if it does not belong there",
    )


def _without_copies(inputs: list[Input]) -> list[Input]:
    """Inputs with each (node, content) once; a second copy is noted at the first."""
    seen: dict[str, list[Input]] = defaultdict(list)
    for one in inputs:
        seen[one.capture_id if one.sha256 else one.source.name].append(one)
    for first, *copies in seen.values():
        first.findings += [
            Finding.declared("copy-of-a-file", f"{copy.source.name} has the same content; read once", "nothing to do")
            for copy in copies
        ]
    return [same[0] for same in seen.values()]
