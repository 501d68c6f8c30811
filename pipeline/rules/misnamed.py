"""Chains whose names are not what kube-proxy would call them: it names a chain by a hash of what the chain is for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.rules.names import chain_hashes, endpoint_hashes, nft_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FRONT = frozenset({"KUBE-SERVICES", "KUBE-NODEPORTS"})
_SERVICE = re.compile(r"^KUBE-(?:SVC|SVL|EXT|FW|XLB)-([A-Z2-7]{16})$")
_ENDPOINT = re.compile(r"^KUBE-SEP-([A-Z2-7]{16})$")
_NFT = re.compile(r"^(?:service|local|external|firewall|endpoint|affinity)-([A-Z2-7]{8})-([^/]+/[^/]+/[^/]+/.*)$")
_WORDS = re.compile(
    r"^(?P<service>[a-z0-9-]+/[a-z0-9.-]+)(?::(?P<port>[a-z0-9-]*))?(?: (?:cluster|loadbalancer|external) IP)?$"
)
_PROTOCOL = re.compile(r"(?:^| )-p (\w+)")
_TO = re.compile(r"-j DNAT --to-destination ((?:\[[^\]]+\]|[\d.]+):[1-9]\d*)(?= |$)")


def misnamed(columns: Mapping[str, Sequence[object]]) -> Iterator[tuple[int, str]]:
    """(row, what was found) of each chain whose name disagrees with what its rules say it is for."""
    told = set[object]()
    comments = columns.get("comment", [None] * len(columns["chain"]))  # a dump may have none
    rows = zip(*(columns[name] for name in ("chain", "rule_number", "target", "spec")), comments, strict=True)
    for i, (chain, number, target, spec, comment) in enumerate(rows):
        name = target if chain in _FRONT else chain
        if name in told:
            continue
        if not number:
            wrong = _nft(str(chain))
        elif chain in _FRONT and comment:
            wrong = _service(str(target), str(comment), str(spec))
        elif comment and target == "DNAT":
            wrong = _endpoint(str(chain), str(comment), str(spec))
        else:
            continue
        if wrong:
            told.add(name)
            yield i, wrong


def _service(target: str, comment: str, spec: str) -> str | None:
    named, said, protocol = _SERVICE.match(target), _WORDS.match(comment), _PROTOCOL.search(spec)
    if not (named and said and protocol):
        return None
    hashes = chain_hashes(said["service"], said["port"], protocol[1])
    return None if named[1] in hashes else _differs(target, comment, hashes[0])


def _endpoint(chain: str, comment: str, spec: str) -> str | None:
    named, said, protocol, to = _ENDPOINT.match(chain), _WORDS.match(comment), _PROTOCOL.search(spec), _TO.search(spec)
    if not (named and said and protocol and to):
        return None
    hashes = endpoint_hashes(said["service"], said["port"], protocol[1], to[1])
    return None if named[1] in hashes else _differs(chain, f"{comment} at {to[1]}", hashes[0])


def _nft(chain: str) -> str | None:
    named = _NFT.match(chain)
    if not named or named[2].endswith("...") or named[1] == nft_hash(named[2]):
        return None
    return _differs(chain, named[2], nft_hash(named[2]))


def _differs(chain: str, what: str, expected: str) -> str:
    return f"chain {chain} is said to be for {what}, for which kube-proxy writes {expected}"
