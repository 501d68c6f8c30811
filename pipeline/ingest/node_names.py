"""Decides which node each file is from: by the folder that it lies in, else by a known node's name in its own name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from pipeline.ingest.capture import KINDS_OF_NO_NODE, plain_name
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.formats.base import Parser
    from pipeline.ingest.capture import InputFile

_BUNDLE_TIME = re.compile(r"-\d{14}UTC$")  # ends the names of Retina's bundles
# What people put after a node's name in a file name.
_AFTER_NODE = re.compile(
    r"\.|[_-](?:eth|ens|enp|any|cbr|cni|bond|ip6?tables|nft|nat|rules|ip-?addr|tshark|tcpdump|capture|packets|dump|conntrack|ipvs)",
    re.IGNORECASE,
)


def node_of_path(name: str) -> str | None:
    """The node of nodes/<node>/..., or any other folder's name; a file in no folder has the start of its own name."""
    parts = name.split("/")
    if parts[0] == "cluster":
        return None
    if parts[0] == "nodes" and len(parts) > 2:
        return parts[1]
    if bundle := _bundle_of(name):
        return _node_of_bundle(bundle, parts[:-1])
    return plain_name(parts[-2]) if len(parts) > 1 and parts[-2] != "nodes" else _AFTER_NODE.split(parts[-1])[0]


def name_nodes(input_files: Sequence[InputFile]) -> None:
    """Set the node of files that lie in no node's folder.

    A known node in the file's or its bundle's name decides. A file without one is from the only node with packets.
    """
    loose = [f for f in input_files if _is_loose(f)]
    if not loose:
        return
    nodes = {f.source.node for f in input_files if f.source.node and not _is_loose(f)} | _node_objects(input_files)
    for input_file in loose:
        input_file.source.node = _longest_in_name(input_file.source.name, nodes) or input_file.source.node
    captured = {f.source.node for f in loose if f.kind == "packets"}
    unnamed = [f for f in loose if f.source.node not in nodes]
    if len(captured) == 1:
        for input_file in unnamed:
            input_file.source.node = next(iter(captured))
    elif captured:
        for input_file in (f for f in unnamed if f.source.node not in captured):
            input_file.findings.append(_unclear(input_file, captured))


def _longest_in_name(name: str, nodes: set[str]) -> str | None:
    """The longest node name that is a whole word in the name of the file or its bundle."""
    name = _bundle_of(name) or name.rpartition("/")[2]
    named = (n for n in nodes if re.search(rf"(?<![a-zA-Z0-9]){re.escape(n)}(?![a-zA-Z0-9])", name))
    return max(named, key=len, default=None)


def _unclear(input_file: InputFile, captured: set[str | None]) -> Finding:
    names = ", ".join(sorted(map(str, captured)))
    message = (
        "cannot tell which node this file is from: it lies in no node's folder, "
        f"and its name contains no node that has packets ({names})"
    )
    return Finding.declared("node-unclear", message, f"--node NAME={input_file.source.name}")


def _is_loose(input_file: InputFile) -> bool:
    """Whether the file lies in no node's folder, and was not given for a node explicitly."""
    *folders, _ = input_file.source.name.split("/")
    return (
        input_file.form is not None
        and input_file.kind not in KINDS_OF_NO_NODE
        and (folders in ([], ["nodes"]) or (_bundle_of(input_file.source.name) is not None and folders[0] != "nodes"))
        and ":" not in input_file.source.name
    )


def _node_objects(input_files: Sequence[InputFile]) -> set[str]:
    """Names of the Node objects among the inputs."""
    listings = (cast("Parser", f.form).parse(f.source) for f in input_files if f.kind == "objects")
    return {str(name) for p in listings if "nodes" in p.tables for name in p.tables["nodes"]["node"]}


def _bundle_of(name: str) -> str | None:
    """The bundle that a file of this name lies in: the innermost folder that is named like Retina's archives."""
    folders = [plain_name(part) for part in name.split("/")[:-1]]
    return next((f for f in reversed(folders) if _BUNDLE_TIME.search(f)), None)


def _node_of_bundle(bundle: str, folders: Iterable[str]) -> str:
    """The node in a bundle's name, `<capture>-<node>-<time>UTC`; a folder around it may have the capture's name."""
    name = _BUNDLE_TIME.sub("", bundle)
    captures = sorted((f for f in (*folders, "retina-capture") if name.startswith(f"{f}-")), key=len)
    return name.removeprefix(f"{captures[-1]}-") if captures else name
