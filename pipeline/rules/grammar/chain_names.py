"""kube-proxy's chain names and comments: which Service a chain belongs to, and which name kube-proxy gives a chain.

Example: KUBE-SVC-TCOU7JCQXEZGVUNU is the chain of `kube-system/kube-dns:dns` with udp. Its letters are the first 16 of
the base32 of the SHA-256 of `kube-system/kube-dns:dnsudp`.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256

ENTRY_CHAINS = ("KUBE-SERVICES", "KUBE-NODEPORTS")  # their rules jump to the chains of Services
SERVICE_CHAIN = r"^KUBE-(?:SVC|SVL|EXT|FW|XLB)-([A-Z2-7]{16})$"
_CHAIN = re.compile(r"^(?:KUBE-(?:SVC|SVL)-(?P<hash>\w{16})|(?:service|local)-\w{8}-(?P<nft>\S+))$")
_NFT = re.compile(r"^(?P<namespace>[^/]+)/(?P<name>[^/]+)/(?P<protocol>[^/]+)/(?P<port>\S*)$")
_COMMENT = re.compile(
    r"(?:^| for )(?P<service>[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*)(?::(?P<port>[a-z0-9-]*))?(?: |$)"
)

_AS_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijklmnopqrstuv")


def chain_hashes(service: str, port_name: str | None, protocol: str) -> tuple[str, ...]:
    """The 16 letters in KUBE-SVC-..., from `namespace/name`, port name and protocol.

    The first are those of new releases; older ones kept the colon of an unnamed port.
    """
    return tuple(_hash(name + protocol.lower()) for name in _port_names(service, port_name))


def endpoint_hashes(service: str, port_name: str | None, protocol: str, endpoint: str) -> tuple[str, ...]:
    """The 16 letters in KUBE-SEP-...; `endpoint` is `address:port`."""
    return tuple(_hash(name + protocol.lower() + endpoint) for name in _port_names(service, port_name))


def nft_hash(name: str) -> str:
    """The 8 letters in nft's chain names (service-...), from the part of the name after them."""
    return _hash(name)[:8]


def _port_names(service: str, port_name: str | None) -> tuple[str, ...]:
    return (f"{service}:{port_name}",) if port_name else (service, f"{service}:")


def _hash(text: str) -> str:
    """The first 16 letters."""
    return b32encode(sha256(text.encode()).digest()[:10]).decode()


def is_hash_of(letters: str, text: str) -> bool:
    """Whether a chain's 16 letters are the hash of a text; compared as numbers, which is several times as fast."""
    return int(letters.translate(_AS_DIGITS), 32) == int.from_bytes(sha256(text.encode()).digest()[:10], "big")


def is_service_chain(name: str) -> bool:
    """Whether a chain chooses among a Service's endpoints."""
    return bool(_CHAIN.match(name))


def hash_of(chain: str) -> str | None:
    """The hash in a service chain's name."""
    match = _CHAIN.match(chain)
    return match["hash"] if match else None


def service_in_chain(chain: str) -> str | None:
    """`namespace/name` from an nftables chain's name."""
    match = _CHAIN.match(chain)
    parts = _NFT.match(match["nft"]) if match and match["nft"] else None
    return f"{parts['namespace']}/{parts['name']}" if parts else None


def service_in_comment(comment: str) -> str | None:
    """`namespace/name` from a rule's comment."""
    match = _COMMENT.search(comment)
    return match["service"].removesuffix(":") if match else None
