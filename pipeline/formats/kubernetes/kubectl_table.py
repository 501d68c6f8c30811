"""`kubectl get ...` as text, wide or not: tables of pods, services, nodes and endpoints, several in one file.

Columns are told apart by where their header stands, because cells hold blanks (`5 (2d3h ago)`). No times are known.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
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
_TALK = re.compile(r"^\s*[#$>]|^.{0,80}[$#%>]\s*(kubectl|oc|k)\s|^Every [\d.]+s:|^No resources found|^Warning: ")
_NAME = re.compile(r"([a-z]+[a-z0-9.]*/)?(?P<name>[a-z0-9]([a-z0-9.-]*[a-z0-9])?)")
_PORT = re.compile(r"(?P<port>\d+)(:(?P<node_port>\d+))?/(?P<protocol>TCP|UDP|SCTP)")
_MORE = re.compile(r" \+ (\d+) more\.\.\.$")
_NOTHING = {"", "<none>", "<unset>", "<unknown>", "<pending>", "<nodes>"}
_PHASES = {
    **dict.fromkeys(("Running", "Terminating", "CrashLoopBackOff", "NotReady"), "Running"),
    **dict.fromkeys(("Completed", "Succeeded"), "Succeeded"),
    **dict.fromkeys(("Failed", "Evicted", "Preempting", "Shutdown", "NodeShutdown", "DeadlineExceeded"), "Failed"),
    **dict.fromkeys(
        ("Pending", "Init", "ContainerCreating", "PodInitializing", "ErrImagePull", "ImagePullBackOff"), "Pending"
    ),
}


class KubectlTable:
    """The text that kubectl prints for people."""

    name = "kubectl-table"
    kind: Kind = "objects"
    sign = "a header as kubectl prints it"

    def recognise(self, head: str) -> int:
        """Sure where a header of pods, services, nodes or endpoints is among the first lines that are no prompts."""
        if "NAME" not in head:
            return 0
        lines = [line.expandtabs() for line in head.splitlines() if line.strip() and not _TALK.match(line)]
        known = [n for n, line in enumerate(lines) if _HEADER.match(line) and _Table.under(line).kind]
        return 0 if not known else 90 if known[0] == 0 else 40

    def parse(self, source: Source) -> Parsed:
        """Rows of the tables; a line that does not fit the header above it is a reject."""
        parsed, gathered, seen = Parsed(), RowCollector(), _Seen()
        table: _Table | None = None
        for number, raw in source.lines():
            line = raw.expandtabs()
            if _HEADER.match(line):
                table = _Table.under(line)
            elif not line.strip() or _TALK.match(line):
                table = None
            else:
                parsed.row_count += 1
                try:
                    gathered.add(_rows(table, line, seen, is_open=isinstance(raw, UnterminatedLine)))
                except (TypeError, ValueError) as e:
                    parsed.rejects.append(Reject(number, str(e), raw))
        parsed.tables, parsed.findings = gathered.frames(), seen.findings()
        return parsed


@dataclass(frozen=True, slots=True)
class _Table:
    """A header: names of columns, and where each starts."""

    names: tuple[str, ...]
    starts: tuple[int, ...]

    @classmethod
    def under(cls, header: str) -> _Table:
        """The table that stands under this header."""
        columns = list(_COLUMN.finditer(header))
        return cls(tuple(c[0] for c in columns), tuple(c.start() for c in columns))

    @property
    def kind(self) -> str | None:
        """Which objects it lists, by its columns; None for kinds that nothing is taken from."""
        for kind, columns in _KINDS.items():
            if columns <= set(self.names):
                return kind
        return None

    def cells(self, line: str) -> Cells:
        """The cells of a line, by column; ValueError if it does not line up."""
        ends = (*self.starts[1:], None)
        cells = [line[start:end] for start, end in zip(self.starts, ends, strict=True)]
        crossed = any(s and line[s - 1 : s].strip() and line[s : s + 1].strip() for s in self.starts)
        if crossed or line[: self.starts[0]].strip() or any("  " in c.strip() for c in cells):
            cells = re.split(r"\s{2,}", line.strip())  # edited by hand: blanks are all there is to go by
        if len(cells) != len(self.names):
            raise ValueError("does not line up with the header above it")
        named = {name: c.strip() for name, c in zip(self.names, cells, strict=True)}
        if named.get("AGE") == "":
            raise ValueError("ends before its AGE")
        return {name: None if c in _NOTHING else c for name, c in named.items()}


class _Seen:
    """What a file's tables lack, counted."""

    def __init__(self) -> None:
        self.unused, self.without_address, self.elided = Counter[str](), 0, 0

    def findings(self) -> list[Finding]:
        """Findings about it."""
        found = [not_used(f"rows of {what}", n) for what, n in sorted(self.unused.items())]
        if self.without_address:
            message = f"{self.without_address} pods without an IP column give no address"
            found.append(Finding.declared("no-addresses", message, "take `kubectl get pods -A -o json`, or -o wide"))
        if self.elided:
            message = f"kubectl left {self.elided} endpoints out of its table"
            remedy = "take `kubectl get endpointslices -A -o json`"
            found.append(Finding.declared("elided-endpoints", message, remedy))
        return found


def _rows(table: _Table | None, line: str, seen: _Seen, *, is_open: bool) -> list[TableRow]:
    if table is None:
        raise ValueError("no header above it")
    if table.kind not in _READERS:
        seen.unused["endpointslices" if "ADDRESSTYPE" in table.names else "other kinds"] += 1
        return []
    cells = table.cells(line)
    if is_open and len(line) <= table.starts[-1]:  # nothing is taken from a last column
        raise ValueError(UNTERMINATED)
    match = _NAME.fullmatch(cells["NAME"] or "")
    if not match:
        raise ValueError(f"{cells['NAME']!r} is no name of an object")
    cells["NAME"] = match["name"]
    cells.setdefault("NAMESPACE", "default")
    return list(_READERS[table.kind](cells, seen))


def _pods(cells: Cells, seen: _Seen) -> Iterator[TableRow]:
    """A pod's address; a finished pod gives none, because no time says until when it had it."""
    seen.without_address += "IP" not in cells
    phase = _PHASES.get((cells["STATUS"] or "").partition(":")[0], "Unknown")
    ip = cells.get("IP")
    if ip and phase not in ("Succeeded", "Failed"):
        row: Row = {"ip": address(ip), "node": cells.get("NODE"), "phase": phase}
        row |= {"namespace": cells["NAMESPACE"], "name": cells["NAME"]}
        yield "pods", row | {"pod": f"{cells['NAMESPACE']}/{cells['NAME']}"}


def _services(cells: Cells, _: _Seen) -> Iterator[TableRow]:
    service, kind = f"{cells['NAMESPACE']}/{cells['NAME']}", cells.get("TYPE")
    names: Row = {"service": service, "namespace": cells["NAMESPACE"], "name": cells["NAME"]}
    yield "services", names | {"type": kind}
    dialled = [("cluster-ip", address(ip)) for ip in [cells["CLUSTER-IP"]] if ip not in (None, "None")]
    outside = "load-balancer" if kind == "LoadBalancer" else "external-ip"
    dialled += [(outside, ip) for ip in _addresses(cells.get("EXTERNAL-IP"))]
    for port in _ports(cells.get("PORT(S)")):
        common = {"service": service, "protocol": port["protocol"].lower(), "service_port": int(port["port"])}
        for where, ip in dialled:
            yield "service_ports", common | {"kind": where, "ip": ip, "port": int(port["port"])}
        if port["node_port"]:
            yield "service_ports", common | {"kind": "node-port", "ip": None, "port": int(port["node_port"])}


def _ports(text: str | None) -> Iterator[re.Match[str]]:
    for part in text.split(",") if text else []:
        port = _PORT.fullmatch(part)
        if not port:
            raise ValueError(f"{part!r} is no port")
        yield port


def _nodes(cells: Cells, _: _Seen) -> Iterator[TableRow]:
    internal, external = (_addresses(cells.get(name)) for name in ("INTERNAL-IP", "EXTERNAL-IP"))
    node: Row = {"node": cells["NAME"], "internal_ip": next(iter(internal), None)}
    yield "nodes", node | {"external_ip": next(iter(external), None)}
    for ip in internal + external:
        yield "node_addresses", {"node": cells["NAME"], "cidr": single(ip), "kind": "node"}


def _endpoints(cells: Cells, seen: _Seen) -> Iterator[TableRow]:
    """Endpoints; the table does not say their protocol."""
    text = cells["ENDPOINTS"] or ""
    more = _MORE.search(text)
    seen.elided += int(more[1]) if more else 0
    for one in _MORE.sub("", text).split(",") if text else []:
        ip, _, port = one.rpartition(":")
        if ip and port.isdigit():
            service = f"{cells['NAMESPACE']}/{cells['NAME']}"
            yield "endpoints", {"service": service, "ip": address(ip.strip("[]")), "port": int(port), "ready": True}


def _addresses(text: str | None) -> list[str]:
    """The addresses in a cell; host names and what kubectl cut off are left out."""
    found = []
    for part in (text or "").split(","):
        try:
            found.append(address(part))
        except ValueError:
            continue
    return found


_KINDS = {
    "pods": {"READY", "STATUS"},
    "services": {"CLUSTER-IP"},
    "nodes": {"STATUS", "ROLES"},
    "endpointslices": {"ADDRESSTYPE"},
    "endpoints": {"ENDPOINTS"},
}
_READERS: dict[str | None, Callable[[Cells, _Seen], Iterator[TableRow]]] = {
    "pods": _pods,
    "services": _services,
    "nodes": _nodes,
    "endpoints": _endpoints,
}

FORMAT = KubectlTable()
