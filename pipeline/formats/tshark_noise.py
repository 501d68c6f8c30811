"""Lines around an export that are no packets: what tshark and the shell say, and what `script` adds."""

from __future__ import annotations

import re

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

_SIGNS = (" packet", "$", "#", ">")  # one of these is in all talk that begins with a digit


def plain(line: str) -> str:
    """The line without colours and other control sequences of a terminal."""
    return _ESCAPES.sub("", line).rstrip("\r") if "\x1b" in line or "\x00" in line or "\x08" in line else line


def is_noise(line: str) -> bool:
    """Whether the line is blank, a message of tshark's, a shell prompt, or a mark of `script`."""
    if line[:1].isdigit() and not any(sign in line for sign in _SIGNS):
        return False
    return not line.strip() or bool(_TALK.match(line))
