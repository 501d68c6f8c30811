"""Lines in an export that are not packets: stderr messages of tshark, shell prompts, and lines that `script` adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_DROPPED = re.compile(r"^(\d+) packets? dropped|^Packets received/dropped on interface .*?: \d+/(\d+)")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00\x08]")
_MESSAGE = re.compile(
    r"""Running\ as\ user\ "[^"]*"\ and\ group
      | Capturing\ on\ ['"]
      | \s*\*\*\s\((?:tshark|dumpcap|process):\d+\)
      | (?:tshark|dumpcap):(?:\s|$)
      | \d+\ packets?\ (?:captured|dropped)
      | File:\s
      | Packets\ (?:captured|received/dropped)
      | Script\ (?:started|done)\b
      | \^C
      | (?:[\w.@~:/-]|\[[^]]*\]|\([^)]*\))*\s?[$\#>]\ ?
        (?:$|(?:sudo\s+)?(?:tshark|cat|kubectl|head|less|zcat|exit|ssh)\b)
    """,
    re.VERBOSE,
)


def strip_escapes(line: str) -> str:
    """Return the line without colours and other control sequences of a terminal."""
    return _ESCAPES.sub("", line).rstrip("\r") if "\x1b" in line or "\x00" in line or "\x08" in line else line


def is_other_line(line: str) -> bool:
    """Whether the line is not a packet: blank, a message of tshark's, a shell prompt, or a line of `script`."""
    if line[:1].isdigit() and not (" packet" in line or "$" in line or "#" in line or ">" in line):
        return False  # a fast answer for packets: every message that begins with a digit contains one of these
    return not line.strip() or bool(_MESSAGE.match(line))


@dataclass(slots=True)
class OtherLines:
    """Counts the lines of an export that are not packets, and the packets that tshark reports as dropped."""

    line_count: int = 0
    dropped_count: int = 0

    def add(self, line: str) -> None:
        """Count a line that is not a packet."""
        self.line_count += bool(line.strip())
        if dropped := _DROPPED.match(line):
            self.dropped_count += int(dropped[1] or dropped[2])

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for such lines, and one for dropped packets."""
        if self.line_count:
            message = f"{self.line_count} lines are messages of tshark or a shell, not packets"
            yield Finding.declared("talk-in-export", message)
        if self.dropped_count:
            message = f"tshark reports {self.dropped_count} dropped packets"
            yield Finding.declared("packets-dropped", message)
