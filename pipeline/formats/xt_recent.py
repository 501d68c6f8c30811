"""`/proc/net/xt_recent/*`: the clients that session affinity remembers, a list an endpoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.kubernetes.object_rows import address
from pipeline.formats.source import UNTERMINATED, UnterminatedLine
from pipeline.schema import Row
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_TITLE = re.compile(r"^[=:\s>#]*/?proc/net/xt_recent/([\w.*-]+):?(?: <==)?\s*$|^(?:==+>? ?)?(KUBE-[\w-]+)(?: <==)?\s*$")
_ENTRY = re.compile(r"^(?:\S*?(KUBE-SEP-\w+)\S*:)?\s*src=(\S+)\s+ttl: \d+ last_seen: (\d{1,19}) ")
_IN_NAME = re.compile(r"KUBE-SEP-\w+")


class XtRecent:
    """Lists of remembered clients."""

    name = "xt_recent"
    kind: Kind = "translations"
    sign = "lines with src= ttl: last_seen:"

    def recognise(self, head: str) -> int:
        """Sure where an entry, or the title of a list, stands."""
        lines = head.splitlines()
        return 95 if any(_ENTRY.match(line) or _TITLE.match(line) for line in lines) else 0

    def parse(self, source: Source) -> Parsed:
        """A row counts as an address in a list, or as a list's title; a file of one list may carry its name."""
        in_name = _IN_NAME.search(source.name)
        current = in_name[0] if in_name else None
        parsed, rows = Parsed(), list[Row]()
        for number, line in source.lines():
            if not line.strip(" \t:"):  # `more` draws lines of colons
                continue
            parsed.row_count += 1
            if isinstance(line, UnterminatedLine):
                parsed.rejects.append(Reject(number, UNTERMINATED, clip(line)))
                continue
            if found := _TITLE.match(line):
                current = found[1] or found[2]
                if current != "*":  # a shell's answer where there is no list
                    rows.append({"list_name": current, "line_number": number})
                continue
            try:
                rows.append(_row(line, current) | {"line_number": number})
            except ValueError as e:
                parsed.rejects.append(Reject(number, str(e), clip(line)))
        parsed.tables = {"recent_clients": frame("recent_clients", rows)} if rows else {}
        return parsed


def _row(line: str, current: str | None) -> Row:
    found = _ENTRY.match(line)
    if not found:
        raise ValueError("no address of a list")
    list_name = found[1] or current
    if not list_name:
        raise ValueError("no list named before it")
    return {"list_name": list_name, "ip": address(found[2]), "last_seen": min(int(found[3]), 2**63 - 1)}


FORMAT = XtRecent()
