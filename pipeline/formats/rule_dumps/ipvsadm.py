"""`ipvsadm -Ln`: virtual servers and their real servers, as far as IPVS says where packets go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import LONGEST_RULE, Parsed, Reject, clip
from pipeline.formats.rule_dumps.incomplete import listed
from pipeline.rules.dumps.hooks import VIRTUAL_SERVERS
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_SERVER = re.compile(r"^\s*(TCP|UDP|SCTP)\s+(\[[\da-fA-F:]+\]|[\d.]+):(\d+)(?:\s+(\w+))?(?:\s+persistent (\d+))?")
_REAL = re.compile(r"^\s*->\s+(\[[\da-fA-F:]+\]|[\d.]+):(\d+)\s+(\w+)\s+(\d+)")
_HEADER = re.compile(r"^\s*(IP Virtual Server|Prot LocalAddress|->\s+RemoteAddress)")
_NAMED = re.compile(r"^\s*((TCP|UDP|SCTP|FWM)\b|->)")


@dataclass(slots=True)
class _Reader:
    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    servers: int = 0
    real: list[tuple[Row, int]] = field(default_factory=list)
    scheduler: str | None = None

    def line(self, number: int, line: str) -> None:
        if len(line) > LONGEST_RULE:
            self.rejects.append(Reject(number, "too long for a server", clip(line)))
            return
        if _HEADER.match(line):
            return
        if found := _SERVER.match(line):
            self.server(number, line, found)
        elif self.rows and (found := _REAL.match(line)):
            self.real_server(number, line, found)
        elif _NAMED.match(line):
            self.rejects.append(Reject(number, "not a server with a numeric address and port", clip(line)))

    def server(self, number: int, line: str, found: re.Match[str]) -> None:
        self.close()
        protocol, address, port, self.scheduler, persistent = found.groups()
        address = address.strip("[]")
        self.servers += 1
        chain = f"{protocol}-{address}:{port}"
        match = f"-d {address} -p {protocol.lower()} -m {protocol.lower()} --dport {port}"
        self.keep(number, line, VIRTUAL_SERVERS, self.servers, target=chain, spec=f"{match} -j {chain}")
        self.rows[-1] |= {"protocol": protocol.lower(), "destination": address, "comment": self.scheduler}
        self.keep(number, line, chain, 0, target="-", spec="")
        self.keep(number, line, chain, 1, target="IPVS", spec=f"-j IPVS --scheduler {self.scheduler}")
        if persistent:
            remembered = f"-m recent --rcheck --seconds {persistent} --name {chain}"
            self.keep(number, line, chain, 2, target="", spec=remembered)

    def real_server(self, number: int, line: str, found: re.Match[str]) -> None:
        address, port, _, weight = found.groups()
        chain = str(self.rows[-1]["chain"])
        spec = f"-j DNAT --to-destination {address}:{port}"
        self.keep(number, line, chain, int(str(self.rows[-1]["rule_number"])) + 1, target="DNAT", spec=spec)
        self.real.append((self.rows[-1], int(weight)))

    def close(self) -> None:
        """Give the real servers of a virtual server their shares: by weight, or equal ones where it goes round."""
        weights = [min(weight, 1) if self.scheduler == "rr" else weight for _, weight in self.real]
        left = sum(weights)
        for (row, _), weight in zip(self.real, weights, strict=True):
            if weight < left or not weight:  # a server of weight 0 gets no new connections
                chance = f"-m statistic --mode random --probability {weight / left if left else 0:.10f}"
                row["spec"] = f"{chance} {row['spec']}"
            left -= weight
        self.real = []

    def keep(self, number: int, line: str, chain: str, place: int, *, target: str, spec: str) -> None:
        row: Row = {"chain": chain, "rule_number": place, "target": target, "spec": spec}
        row |= {"table_name": "ipvs", "line_number": number, "text": line}
        row["family"] = "ip6" if "[" in line else "ip"
        self.rows.append(row)


class Ipvsadm:
    """`ipvsadm -Ln`."""

    name = "ipvsadm"
    kind: Kind = "rules"
    sign = "lines with -> real servers"

    def recognise(self, head: str) -> int:
        """Sure where IPVS names itself or a virtual server stands above a real one."""
        if re.search(r"^\s*IP Virtual Server version", head, re.MULTILINE):
            return 90
        pair = r"^\s*(TCP|UDP|SCTP)\s+\S+:\d+\s+\w+.*\n\s*->\s+\S+:\d+\s+(Masq|Route|Tunnel)"
        return 80 if re.search(pair, head, re.MULTILINE) else 0

    def parse(self, source: Source) -> Parsed:
        """One row a virtual server and one a real server."""
        reader = _Reader()
        for number, line in source.lines():
            reader.line(number, line)
        reader.close()
        return listed(source, reader.rows, reader.rejects, [_IPVS])


_IPVS = Finding.declared(
    "ipvs",
    "kube-proxy's IPVS mode: traced from service to real servers only, source NAT and local policy are not",
    "add `iptables-save` and `ipset save` of the node; move to nftables mode, IPVS is deprecated",
)

FORMAT = Ipvsadm()
