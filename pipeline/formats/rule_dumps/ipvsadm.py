"""`ipvsadm -Ln`: virtual servers and their real servers, written as the iptables rules that would do the same.

A virtual server becomes a rule of the chain VIRTUAL-SERVERS and a chain of its own, with one DNAT rule per real server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.incomplete_dump import parsed_lines
from pipeline.rules.dumps.hooks import VIRTUAL_SERVERS
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_SERVER = re.compile(r"^\s*(TCP|UDP|SCTP)\s+(\[[\da-fA-F:]+\]|[\d.]+):(\d+)(?:\s+(\w+))?(?:\s+persistent (\d+))?")
_REAL_SERVER = re.compile(r"^\s*->\s+(\[[\da-fA-F:]+\]|[\d.]+):(\d+)\s+(\w+)\s+(\d+)")
_HEADER = re.compile(r"^\s*(IP Virtual Server|Prot LocalAddress|->\s+RemoteAddress)")
_SERVER_LIKE = re.compile(r"^\s*((TCP|UDP|SCTP|FWM)\b|->)")
_VERSION = re.compile(r"^\s*IP Virtual Server version", re.MULTILINE)
_SERVER_PAIR = re.compile(r"^\s*(TCP|UDP|SCTP)\s+\S+:\d+\s+\w+.*\n\s*->\s+\S+:\d+\s+(Masq|Route|Tunnel)", re.MULTILINE)


@dataclass(slots=True)
class _Reader:
    """The rows so far; `scheduler` and `real_servers` (row, weight) are those of the virtual server that is open."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    server_count: int = 0
    real_servers: list[tuple[Row, int]] = field(default_factory=list)
    scheduler: str | None = None

    def read_line(self, number: int, line: str) -> None:
        if len(line) > LONGEST_RULE:
            self.rejects.append(Reject(number, "too long for a server", clip(line)))
        elif _HEADER.match(line):
            return
        elif match := _SERVER.match(line):
            self.add_server(number, line, match)
        elif self.rows and (match := _REAL_SERVER.match(line)):
            self.add_real_server(number, line, match)
        elif _SERVER_LIKE.match(line):
            self.rejects.append(Reject(number, "not a server with a numeric address and port", clip(line)))

    def add_server(self, number: int, line: str, match: re.Match[str]) -> None:
        self.close_server()
        name, address, port, self.scheduler, persistent = match.groups()
        address, protocol = address.strip("[]"), name.lower()
        self.server_count += 1
        chain = f"{name}-{address}:{port}"
        spec = f"-d {address} -p {protocol} -m {protocol} --dport {port} -j {chain}"
        self.add_row(number, line, VIRTUAL_SERVERS, self.server_count, target=chain, spec=spec)
        self.rows[-1] |= {"protocol": protocol, "destination": address, "comment": self.scheduler}
        self.add_row(number, line, chain, 0, target="-", spec="")
        self.add_row(number, line, chain, 1, target="IPVS", spec=f"-j IPVS --scheduler {self.scheduler}")
        if persistent:
            affinity = f"-m recent --rcheck --seconds {persistent} --name {chain}"
            self.add_row(number, line, chain, 2, target="", spec=affinity)

    def add_real_server(self, number: int, line: str, match: re.Match[str]) -> None:
        address, port, _, weight = match.groups()
        chain, rule_number = str(self.rows[-1]["chain"]), int(str(self.rows[-1]["rule_number"])) + 1
        spec = f"-j DNAT --to-destination {address}:{port}"
        self.add_row(number, line, chain, rule_number, target="DNAT", spec=spec)
        self.real_servers.append((self.rows[-1], int(weight)))

    def close_server(self) -> None:
        """Add to each real server's rule its probability: by weight, or equal ones under round robin.

        A rule sees only what the rules before it left, so its probability is its share of the remaining weight.
        """
        weights = [min(weight, 1) if self.scheduler == "rr" else weight for _, weight in self.real_servers]
        remaining = sum(weights)
        for (row, _), weight in zip(self.real_servers, weights, strict=True):
            if weight < remaining or not weight:  # a server of weight 0 gets no new connections
                probability = weight / remaining if remaining else 0
                row["spec"] = f"-m statistic --mode random --probability {probability:.10f} {row['spec']}"
            remaining -= weight
        self.real_servers = []

    def add_row(self, number: int, line: str, chain: str, rule_number: int, *, target: str, spec: str) -> None:
        row: Row = {"family": "ip6" if "[" in line else "ip", "table_name": "ipvs", "chain": chain}
        row |= {"rule_number": rule_number, "target": target, "spec": spec, "line_number": number, "text": line}
        self.rows.append(row)


class Ipvsadm:
    """The output of `ipvsadm -Ln`."""

    name = "ipvsadm"
    kind: Kind = "rules"
    sign = "lines with -> real servers"

    def recognise(self, head: str) -> int:
        """Return a high score for the tool's version line, or for a virtual server followed by a real one."""
        return 90 if _VERSION.search(head) else 80 if _SERVER_PAIR.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Return rows for each virtual server and one per real server."""
        reader = _Reader()
        for number, line in source.lines():
            reader.read_line(number, line)
        reader.close_server()
        return parsed_lines(source, reader.rows, reader.rejects, [_IPVS])


_IPVS = Finding.declared(
    "ipvs",
    "kube-proxy is in IPVS mode: only the way from Service to real server is traced, not source NAT or local policy",
    "add `iptables-save` and `ipset save` of the node; move to nftables mode, because IPVS is deprecated",
)

FORMAT = Ipvsadm()
