"""`tail -n +1 /proc/net/xt_recent/*`: the kernel's xt_recent lists, which hold the clients that session affinity pins.

Each list belongs to one endpoint. A title names the list of the entries after it; blank lines are skipped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.formats.addresses import address
from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.source import UNTERMINATED, UnterminatedLine
from pipeline.schema import Row
from pipeline.schema.frames import frame

if TYPE_CHECKING:
    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_TITLE = re.compile(r"^[=:\s>#]*/?proc/net/xt_recent/([\w.*-]+):?(?: <==)?\s*$|^(?:==+>? ?)?(KUBE-[\w-]+)(?: <==)?\s*$")
_ENTRY = re.compile(r"^(?:\S*?(KUBE-SEP-\w+)\S*:)?\s*src=(\S+)\s+ttl: \d+ last_seen: (\d{1,19}) ")
_LIST_IN_FILE_NAME = re.compile(r"KUBE-SEP-\w+")


class XtRecent:
    """xt_recent lists, several in a file or one."""

    name = "xt_recent"
    kind: Kind = "translations"
    sign = "lines with src= ttl: last_seen:"

    def recognise(self, head: str) -> int:
        """Return 95 if a line is an entry or the title of a list."""
        lines = head.splitlines()
        return 95 if any(_ENTRY.match(line) or _TITLE.match(line) for line in lines) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per entry, and one per title; without a title, the file's name names the list."""
        in_file_name = _LIST_IN_FILE_NAME.search(source.name)
        list_name = in_file_name[0] if in_file_name else None
        parsed, rows = Parsed(), list[Row]()
        for number, line in source.lines():
            if not line.strip(" \t:"):  # `more` prints lines of colons
                continue
            parsed.row_count += 1
            if isinstance(line, UnterminatedLine):
                parsed.rejects.append(Reject(number, UNTERMINATED, clip(line)))
            elif title := _TITLE.match(line):
                list_name = title[1] or title[2]
                if list_name != "*":  # the shell prints the pattern itself if there is no list
                    rows.append({"list_name": list_name, "line_number": number})
            else:
                try:
                    rows.append(_parse_entry(line, list_name) | {"line_number": number})
                except ValueError as e:
                    parsed.rejects.append(Reject(number, str(e), clip(line)))
        parsed.tables = {"recent_clients": frame("recent_clients", rows)} if rows else {}
        return parsed


def _parse_entry(line: str, title: str | None) -> Row:
    entry = _ENTRY.match(line)
    if not entry:
        raise ValueError("no entry of an xt_recent list")
    list_name = entry[1] or title
    if not list_name:
        raise ValueError("no list is named before this entry")
    return {"list_name": list_name, "ip": address(entry[2]), "last_seen": min(int(entry[3]), 2**63 - 1)}


FORMAT = XtRecent()
