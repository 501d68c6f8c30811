"""Lists the files of a capture: those in its folder, and those given explicitly for a node or the cluster.

Of a Retina capture bundle only the files that are inputs are in the list.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.formats.source import Source
from pipeline.ingest.archives import is_archive
from pipeline.ingest.node_names import node_of_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.ingest.capture import Capture

# A Retina bundle has several of these names; a folder with only one of them may be anything.
_BUNDLE_MEMBERS = {
    "ip-resources.txt",
    "iptables-rules.txt",
    "socket-stats.txt",
    "tcpdump.log",
    "proc-net",
    "proc-sys-net",
}
_BUNDLE_INPUTS = re.compile(
    r"(^|/)(ip-resources\.txt|iptables-rules\.txt|[^/]*\.pcap[^/]*|proc-net/(nf_conntrack|xt_recent/[^/]+))$"
)


def list_files(capture: Capture) -> list[Source]:
    """Every file of the capture, then the files given explicitly; a file in both is in the list once.

    Raises:
        InputError: the folder is missing, is a file that is no archive, has no file in it, or holds several captures.
    """
    explicit = _explicit_files(capture)
    paths = {s.path.resolve() for s in explicit}
    sources = [s for s in _files_of_capture(capture.path) if s.path.resolve() not in paths] + explicit
    if not sources:
        hint = "put tshark exports and rule dumps in nodes/<node>/, kubectl output in cluster/"
        raise InputError("no file in it", where=str(capture.path), hint=hint)
    return sources


def files_in_folder(folder: Path, prefix: str = "") -> list[Source]:
    """The files under a folder; each name is `prefix` and the path below the folder.

    Raises:
        InputError: the folder does not exist.
    """
    names = {p: prefix + p.relative_to(folder).as_posix() for p in _walk(folder)}
    return [Source(path, name, node_of_path(name)) for path, name in names.items()]


def _explicit_files(capture: Capture) -> list[Source]:
    """Files given by --node and --cluster; a second file of one name gets a number after it."""
    given = [(node, path) for node, paths in sorted(capture.nodes.items()) for path in paths]
    sources, counts = [], Counter[str]()
    for node, path in [*given, *((None, path) for path in capture.cluster)]:
        for file in _walk(path):
            name = f"{node}:{file.name}" if node else file.name
            counts[name] += 1
            sources.append(Source(file, name + (f" ({counts[name]})" if counts[name] > 1 else ""), node))
    return sources


def _files_of_capture(path: Path) -> Sequence[Source]:
    if not path.exists():
        raise InputError("no such folder", where=str(path), hint="give the folder that holds nodes/ and cluster/")
    if path.is_dir():
        _check_one_capture(path)
        return files_in_folder(path)
    source = Source(path, path.name)
    if not is_archive(source.head()):
        raise InputError("is a file, not a folder", where=str(path), hint="give the folder that it lies in")
    return [source]


def _check_one_capture(folder: Path) -> None:
    several = sorted(p.parent.name for p in folder.glob("*/nodes/"))
    if len(several) > 1 and not (folder / "nodes").exists():
        hint = f"give one of them, e.g. {folder / several[0]}"
        raise InputError(f"holds {len(several)} captures: {', '.join(several)}", where=str(folder), hint=hint)


def _walk(path: Path) -> list[Path]:
    """The file itself, or the files under a folder that are not hidden, with links that lead nowhere."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError("no such file or folder", where=str(path), hint="check the path")
    files = (p for p in path.rglob("*") if p.is_file() or (p.is_symlink() and not p.exists()))
    shown = (p for p in files if not any(part.startswith(".") for part in p.parts[-2:]))
    return sorted(_without_unused_members(path, shown))


def _without_unused_members(root: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """The paths under `root`, without the files of Retina bundles that hold no input."""
    paths = list(paths)
    folders = [root, *{f for p in paths for f in p.parents if root in f.parents}]
    bundles = [f for f in folders if len(_BUNDLE_MEMBERS & {p.name for p in f.iterdir()}) > 1]
    for path in paths:
        bundle = next((b for b in bundles if b in path.parents), None)
        if bundle is None or (_BUNDLE_INPUTS.search(path.relative_to(bundle).as_posix()) and not _is_empty_list(path)):
            yield path


def _is_empty_list(path: Path) -> bool:
    """Whether the file is an xt_recent list without entries."""
    return path.parent.name == "xt_recent" and path.is_file() and not path.stat().st_size
