"""`kubectl get ...` as text, wide or not: tables of pods, services, nodes and endpoints, several in one file.

Columns start where their header starts, because cells contain blanks (`5 (2d3h ago)`). The tables have no times.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.formats.addresses import address, single
from pipeline.formats.base import Parsed, Reject
from pipeline.formats.kubernetes.objects import not_used
from pipeline.formats.row_collector import RowCollector
from pipeline.formats.source import UNTERMINATED, UnterminatedLine
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.row_collector import TableRow
    from pipeline.formats.source import Source
    from pipeline.schema import Row

Cells = dict[str, str | None]
_HEADER = re.compile(r"^\s*(NAMESPACE\s{2,})?NAME(\s{2,}[A-Z][A-Z()-]*( [A-Z]+)*)+\s*$")
_COLUMN = re.compile(r"\S+(?: \S+)*")
_OTHER_LINE = re.compile(r"^\s*[#$>]|^.{0,80}[$#%>]\s*(kubectl|oc|k)\s|^Every [\d.]+s:|^No resources found|^Warning: ")
_NAME = re.compile(r"([a-z]+[a-z0-9.]*/)?(?P<name>[a-z0-9]([a-z0-9.-]*[a-z0-9])?)")
_PORT = re.compile(r"(?P<port>\d+)(:(?P<node_port>\d+))?/(?P<protocol>TCP|UDP|SCTP)")
_ELIDED = re.compile(r" \+ (\d+) more\.\.\.$")
_EMPTY = {"", "<none>", "<unset>", "<unknown>", "<pending>", "<nodes>"}
_PHASES = {
    **dict.fromkeys(("Running", "Terminating", "CrashLoopBackOff", "NotReady"), "Running"),
    **dict.fromkeys(("Completed", "Succeeded"), "Succeeded"),
    **dict.fromkeys(("Failed", "Evicted", "Preempting", "Shutdown", "NodeShutdown", "DeadlineExceeded"), "Failed"),
    **dict.fromkeys(
        ("Pending", "Init", "ContainerCreating", "PodInitializing", "ErrImagePull", "ImagePullBackOff"), "Pending"
    ),
}


class KubectlTable:
    """The tables that kubectl prints by default."""

    name = "kubectl-table"
    kind: Kind = "objects"
    sign = "a header as kubectl prints it"

    def recognise(self, head: str) -> int:
        """Return a high score for text that starts with a header of a known kind, a lower one if it comes later."""
        if "NAME" not in head:
            return 0
        lines = [line.expandtabs() for line in head.splitlines() if line.strip() and not _OTHER_LINE.match(line)]
        headers = (n for n, line in enumerate(lines) if _HEADER.match(line) and _Table.from_header(line).kind)
        first = next(headers, None)
        return 0 if first is None else 40 if first else 90

    def parse(self, source: Source) -> Parsed:
        """Return the rows of the tables; a line that does not fit the header above it is a reject."""
        parsed, collector, omissions = Parsed(), RowCollector(), _Omissions()
        table: _Table | None = None
        for number, raw in source.lines():
            line = raw.expandtabs()
            if _HEADER.match(line):
                table = _Table.from_header(line)
            elif not line.strip() or _OTHER_LINE.match(line):
                table = None
            else:
                parsed.row_count += 1
                try:
                    collector.add(_rows(table, line, omissions, is_unterminated=isinstance(raw, UnterminatedLine)))
                except (TypeError, ValueError) as e:
                    parsed.rejects.append(Reject(number, str(e), raw))
        parsed.tables, parsed.findings = collector.frames(), omissions.findings()
        return parsed


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of a table: their names, and the offset at which each starts."""

    names: tuple[str, ...]
    starts: tuple[int, ...]

    @classmethod
    def from_header(cls, header: str) -> _Table:
        """Return the table with this header."""
        columns = list(_COLUMN.finditer(header))
        return cls(tuple(c[0] for c in columns), tuple(c.start() for c in columns))

    @property
    def kind(self) -> str | None:
        """The kind of objects that it lists, by its columns; None for kinds that are not used."""
        for kind, columns in _KINDS.items():
            if columns <= set(self.names):
                return kind
        return None

    def cells(self, line: str) -> Cells:
        """Return the cells of a line by column.

        Raises:
            ValueError: the line does not fit the header.
        """
        cells = [line[start:end] for start, end in pairwise((*self.starts, None))]
        crosses = any(s and line[s - 1 : s].strip() and line[s : s + 1].strip() for s in self.starts)
        if crosses or line[: self.starts[0]].strip() or any("  " in c.strip() for c in cells):
            cells = re.split(r"\s{2,}", line.strip())  # edited by hand: only blanks separate the cells
        if len(cells) != len(self.names):
            raise ValueError("does not line up with the header above it")
        named = {name: c.strip() for name, c in zip(self.names, cells, strict=True)}
        if named.get("AGE") == "":
            raise ValueError("ends before its AGE")
        return {name: None if c in _EMPTY else c for name, c in named.items()}


class _Omissions:
    """Counts of what a file's tables leave out."""

    def __init__(self) -> None:
        self.unused, self.without_address, self.elided = Counter[str](), 0, 0

    def findings(self) -> list[Finding]:
        """Return a finding for each kind of omission."""
        findings = [not_used(f"rows of {what}", n) for what, n in sorted(self.unused.items())]
        if self.without_address:
            message = f"{self.without_address} pods are in a table without an IP column, so their addresses are unknown"
            findings.append(Finding.declared("no-addresses", message, "take `kubectl get pods -A -o json`, or -o wide"))
        if self.elided:
            message = f"kubectl left {self.elided} endpoints out of its table"
            remedy = "take `kubectl get endpointslices -A -o json`"
            findings.append(Finding.declared("elided-endpoints", message, remedy))
        return findings


def _rows(table: _Table | None, line: str, omissions: _Omissions, *, is_unterminated: bool) -> list[TableRow]:
    if table is None:
        raise ValueError("no header above it")
    if table.kind not in _READERS:
        omissions.unused["endpointslices" if "ADDRESSTYPE" in table.names else "other kinds"] += 1
        return []
    cells = table.cells(line)
    if is_unterminated and len(line) <= table.starts[-1]:  # only the last column may be cut: it is never used
        raise ValueError(UNTERMINATED)
    match = _NAME.fullmatch(cells["NAME"] or "")
    if not match:
        raise ValueError(f"{cells['NAME']!r} is not a name of an object")
    cells["NAME"] = match["name"]
    cells.setdefault("NAMESPACE", "default")
    return list(_READERS[table.kind](cells, omissions))


def _pods(cells: Cells, omissions: _Omissions) -> Iterator[TableRow]:
    """Yield a pod with its address; none for a finished pod, because the table has no time at which it ended."""
    omissions.without_address += "IP" not in cells
    phase = _PHASES.get((cells["STATUS"] or "").partition(":")[0], "Unknown")
    ip = cells.get("IP")
    if ip and phase not in ("Succeeded", "Failed"):
        row: Row = {"ip": address(ip), "node": cells.get("NODE"), "phase": phase}
        row |= {"namespace": cells["NAMESPACE"], "name": cells["NAME"]}
        yield "pods", row | {"pod": f"{cells['NAMESPACE']}/{cells['NAME']}"}


def _services(cells: Cells, _: _Omissions) -> Iterator[TableRow]:
    service, service_type = f"{cells['NAMESPACE']}/{cells['NAME']}", cells.get("TYPE")
    names: Row = {"service": service, "namespace": cells["NAMESPACE"], "name": cells["NAME"]}
    yield "services", names | {"type": service_type}
    frontends = [("cluster-ip", address(ip)) for ip in [cells["CLUSTER-IP"]] if ip not in (None, "None")]
    external_kind = "load-balancer" if service_type == "LoadBalancer" else "external-ip"
    frontends += [(external_kind, ip) for ip in _addresses(cells.get("EXTERNAL-IP"))]
    for port in _ports(cells.get("PORT(S)")):
        common = {"service": service, "protocol": port["protocol"].lower(), "service_port": int(port["port"])}
        for frontend_kind, ip in frontends:
            yield "service_ports", common | {"kind": frontend_kind, "ip": ip, "port": int(port["port"])}
        if port["node_port"]:
            yield "service_ports", common | {"kind": "node-port", "ip": None, "port": int(port["node_port"])}


def _ports(text: str | None) -> Iterator[re.Match[str]]:
    for part in text.split(",") if text else []:
        port = _PORT.fullmatch(part)
        if not port:
            raise ValueError(f"{part!r} is no port")
        yield port


def _nodes(cells: Cells, _: _Omissions) -> Iterator[TableRow]:
    internal, external = (_addresses(cells.get(name)) for name in ("INTERNAL-IP", "EXTERNAL-IP"))
    node: Row = {"node": cells["NAME"], "internal_ip": next(iter(internal), None)}
    yield "nodes", node | {"external_ip": next(iter(external), None)}
    for ip in internal + external:
        yield "node_addresses", {"node": cells["NAME"], "cidr": single(ip), "kind": "node"}


def _endpoints(cells: Cells, omissions: _Omissions) -> Iterator[TableRow]:
    """Yield the endpoints; the table does not show their protocol."""
    text = cells["ENDPOINTS"] or ""
    elided = _ELIDED.search(text)
    omissions.elided += int(elided[1]) if elided else 0
    for endpoint in _ELIDED.sub("", text).split(",") if text else []:
        ip, _, port = endpoint.rpartition(":")
        if ip and port.isdigit():
            service = f"{cells['NAMESPACE']}/{cells['NAME']}"
            row: Row = {"service": service, "ip": address(ip.strip("[]")), "port": int(port), "ready": True}
            yield "endpoints", row


def _addresses(text: str | None) -> list[str]:
    """Return the addresses in a cell, without host names and addresses that kubectl cut off."""
    addresses = []
    for part in (text or "").split(","):
        try:
            addresses.append(address(part))
        except ValueError:
            continue
    return addresses


_KINDS = {
    "pods": {"READY", "STATUS"},
    "services": {"CLUSTER-IP"},
    "nodes": {"STATUS", "ROLES"},
    "endpointslices": {"ADDRESSTYPE"},
    "endpoints": {"ENDPOINTS"},
}
_READERS: dict[str | None, Callable[[Cells, _Omissions], Iterator[TableRow]]] = {
    "pods": _pods,
    "services": _services,
    "nodes": _nodes,
    "endpoints": _endpoints,
}

FORMAT = KubectlTable()
