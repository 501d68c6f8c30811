"""Lines around an export that are no packets: what tshark and the shell say, and what `script` adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_DROPPED = re.compile(r"^(\d+) packets? dropped|^Packets received/dropped on interface .*?: \d+/(\d+)")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00\x08]")
_TALK = re.compile(
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


def plain(line: str) -> str:
    """The line without colours and other control sequences of a terminal."""
    return _ESCAPES.sub("", line).rstrip("\r") if "\x1b" in line or "\x00" in line or "\x08" in line else line


def is_noise(line: str) -> bool:
    """Whether the line is blank, a message of tshark's, a shell prompt, or a mark of `script`."""
    if line[:1].isdigit() and not (" packet" in line or "$" in line or "#" in line or ">" in line):
        return False  # one of these is in all talk that begins with a digit
    return not line.strip() or bool(_TALK.match(line))


@dataclass(slots=True)
class Talk:
    """Lines of an export that are no packets, counted, and what they say of packets that were lost."""

    line_count: int = 0
    dropped_count: int = 0

    def take(self, line: str) -> None:
        """Take a line that is noise."""
        self.line_count += bool(line.strip())
        if lost := _DROPPED.match(line):
            self.dropped_count += int(lost[1] or lost[2])

    def findings(self) -> Iterator[Finding]:
        """What was said."""
        if self.line_count:
            message = f"{self.line_count} lines are what tshark or a shell says, and no packets"
            yield Finding.declared("talk-in-export", message, "keep stderr apart: `2> messages.txt`")
        if self.dropped_count:
            message = f"tshark says that {self.dropped_count} packets were dropped"
            yield Finding.declared("packets-dropped", message, "capture with a filter or a larger buffer (`-B 64`)")
