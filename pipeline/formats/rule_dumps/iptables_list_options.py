"""The text after the addresses in an `iptables -L` row, turned back into iptables-save's options.

A phrase that is not in `_PHRASES` becomes `-m hidden --text "..."`: the tracer then knows that the rule has a match
whose meaning is unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Extensions:
    """One row's extension text as options: of its matches, of its target; and its comments."""

    matches: list[str] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    is_goto: bool = False


def read_extensions(text: str) -> Extensions:
    """Return the options of an extension text, read from left to right, one phrase at a time."""
    extensions, hidden = Extensions(), list[str]()
    remaining = text.strip()
    while remaining:
        length = _take_comment(remaining, extensions) or _take_phrase(remaining, extensions)
        if length:
            _add_hidden(hidden, extensions)
        else:
            length = len(remaining.split(None, 1)[0])
            hidden.append(remaining[:length])
        remaining = remaining[length:].lstrip()
    _add_hidden(hidden, extensions)
    return extensions


def quoted(text: str) -> str:
    """Return a word as iptables-save would write it."""
    if re.fullmatch(r"[\w./:,@+-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _add_hidden(hidden: list[str], extensions: Extensions) -> None:
    """Add the unknown words so far as one match."""
    if hidden:
        extensions.matches.append(f"-m hidden --text {quoted(' '.join(hidden))}")
        hidden.clear()


def _take_comment(text: str, extensions: Extensions) -> int:
    """Add a comment `/* ... */` at the start of the text, and return its length; 0 if there is none.

    A comment may contain `*/` itself, so it ends at the last `*/` before the next `/*`.
    """
    if not text.startswith("/*"):
        return 0
    end = text.find("*/", 2)
    while end >= 0:
        next_end, next_start = text.find("*/", end + 2), text.find("/*", end + 2)
        if next_end < 0 or 0 <= next_start < next_end:
            break
        end = next_end
    comment = (text[2:end] if end >= 0 else text[2:]).strip()
    extensions.comments.append(comment)
    extensions.matches.append(f"-m comment --comment {quoted(comment)}")
    return end + 2 if end >= 0 else len(text)


def _take_phrase(text: str, extensions: Extensions) -> int:
    """Add the phrase at the start of the text, and return its length; 0 if none is known."""
    for pattern, add in _PHRASES:
        if match := pattern.match(text):
            add(match, extensions)
            return match.end()
    return 0


def _match(template: str) -> Callable[[re.Match[str], Extensions], None]:
    """Return a function that adds a match: the template with named groups; group `n` is the negation."""

    def add(match: re.Match[str], extensions: Extensions) -> None:
        groups = match.groupdict()
        negation = "! " if (groups.pop("n", None) or "").strip() else ""
        extensions.matches.append(template.format(n=negation, **groups))

    return add


def _target(template: str) -> Callable[[re.Match[str], Extensions], None]:
    """Return a function that adds a target's option: the template with named groups."""

    def add(match: re.Match[str], extensions: Extensions) -> None:
        extensions.target.append(template.format(**match.groupdict()))

    return add


def _ignore(_match: re.Match[str], _extensions: Extensions) -> None:
    """Add nothing: the phrase does not affect where a packet goes."""


def _goto(_match: re.Match[str], extensions: Extensions) -> None:
    extensions.is_goto = True


def _addrtype(match: re.Match[str], extensions: Extensions) -> None:
    extensions.matches.append("-m addrtype")
    for side, negation, address_type in re.findall(r"(src|dst)-type (!?)\s*(\S+)", match[0]):
        extensions.matches.append(f"{'! ' if negation else ''}--{side}-type {address_type}")


def _recent(match: re.Match[str], extensions: Extensions) -> None:
    action = {"SET": "--set", "CHECK": "--rcheck", "UPDATE": "--update", "REMOVE": "--remove"}[match["action"]]
    seconds = f" --seconds {match['seconds']}" if match["seconds"] else ""
    extensions.matches.append(f"-m recent {action}{seconds} --name {match['name']}")


def _tcp_flags(match: re.Match[str], extensions: Extensions) -> None:
    mask, flags = (
        ",".join(name for i, name in enumerate(_FLAG_NAMES) if int(match[group], 16) >> i & 1) or "NONE"
        for group in ("mask", "flags")
    )
    extensions.matches.append(f"-m tcp --tcp-flags {mask} {flags}")


def _nat_to(match: re.Match[str], extensions: Extensions) -> None:
    """Add `--to`; the reader of the row makes it the option of DNAT or SNAT."""
    flags = "".join(f" --{word}" for word in match["flags"].split())
    extensions.target.append(f"--to {match['v']}{flags}")


def _copy_mark(match: re.Match[str], extensions: Extensions) -> None:
    mask = f" --mask {match['mask']}" if match["mask"] else ""
    extensions.target.append(f"--{match['v']}-mark{mask}")


_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")
_P = r"(?P<p>tcp|udp|udplite|sctp|dccp)"
_RECENT = (
    r"recent: (?P<action>SET|CHECK|UPDATE|REMOVE)(?: seconds: (?P<seconds>\d+))?(?: reap)?(?: hit_count: \d+)?"
    r"(?: TTL-Match)? name: (?P<name>\S+)(?: side: \w+)?(?: mask: \S+)?"
)
_PHRASES: list[tuple[re.Pattern[str], Callable[[re.Match[str], Extensions], None]]] = [
    (re.compile(pattern + r"(?=\s|$)"), add)
    for pattern, add in (
        (r"\[goto\]", _goto),
        (_P + r" dpts?:(?P<n>!?)(?P<v>[\w:-]+)", _match("-m {p} {n}--dport {v}")),
        (_P + r" spts?:(?P<n>!?)(?P<v>[\w:-]+)", _match("-m {p} {n}--sport {v}")),
        (r"dpts?:(?P<n>!?)(?P<v>[\w:-]+)", _match("{n}--dport {v}")),
        (r"spts?:(?P<n>!?)(?P<v>[\w:-]+)", _match("{n}--sport {v}")),
        (r"multiport dports (?P<n>!?) ?(?P<v>\S+)", _match("-m multiport {n}--dports {v}")),
        (r"multiport sports (?P<n>!?) ?(?P<v>\S+)", _match("-m multiport {n}--sports {v}")),
        (r"ADDRTYPE match(?: (?:src|dst)-type !?\s*\S+)+(?: limit-(?:in|out))?", _addrtype),
        (r"(?P<n>! )?ctstate (?P<v>[A-Z,]+)", _match("-m conntrack {n}--ctstate {v}")),
        (r"(?P<n>! )?ctstatus (?P<v>[A-Z,]+)", _match("-m conntrack {n}--ctstatus {v}")),
        (r"(?P<n>! )?state (?P<v>[A-Z,]+)", _match("-m state {n}--state {v}")),
        (r"(?i:mark) match (?P<n>!?)\s*(?P<v>0x[\da-fA-F]+(?:/0x[\da-fA-F]+)?)", _match("-m mark {n}--mark {v}")),
        (r"(?i:connmark) match (?P<n>!?)\s*(?P<v>0x\w+(?:/0x\w+)?)", _match("-m connmark {n}--mark {v}")),
        (r"statistic mode random probability (?P<v>[\d.]+)", _match("-m statistic --mode random --probability {v}")),
        (r"statistic mode nth every (?P<v>\d+)(?: packet \d+)?", _match("-m statistic --mode nth --every {v}")),
        (_RECENT, _recent),
        (r"(?P<n>! )?match-set (?P<set>\S+) (?P<v>[\w,]+)", _match("-m set {n}--match-set {set} {v}")),
        (r"nfacct-name\s+(?P<v>\S+)", _match("-m nfacct --nfacct-name {v}")),
        (r"(?P<n>! )?source IP range (?P<v>\S+)", _match("-m iprange {n}--src-range {v}")),
        (r"(?P<n>! )?destination IP range (?P<v>\S+)", _match("-m iprange {n}--dst-range {v}")),
        (r"tcp flags:(?P<mask>0x[\dA-F]+)/(?P<flags>0x[\dA-F]+)", _tcp_flags),
        (r"to:(?P<v>\S+)(?P<flags>(?: random| persistent| random-fully)*)", _nat_to),
        (r"redir ports (?P<v>\S+)", _target("--to-ports {v}")),
        (r"(?:CONN)?MARK or (?P<v>0x\w+)", _target("--or-mark {v}")),
        (r"(?:CONN)?MARK and (?P<v>0x\w+)", _target("--and-mark {v}")),
        (r"(?:CONN)?MARK xor (?P<v>0x\w+)", _target("--xor-mark {v}")),
        (r"(?:CONN)?MARK set (?P<v>0x\w+(?:/0x\w+)?)", _target("--set-mark {v}")),
        (r"(?:CONN)?MARK xset (?P<v>0x\w+/0x\w+)", _target("--set-xmark {v}")),
        (r"CONNMARK (?P<v>save|restore)(?: mask (?P<mask>0x\w+))?", _copy_mark),
        (r"CT notrack", _target("--notrack")),
        (r"reject-with (?P<v>\S+)", _target("--reject-with {v}")),
        (r"(?:masq ports: \S+ ?)?random(?:-fully)?", _target("--random-fully")),
        (r"masq ports: (?P<v>\S+)", _target("--to-ports {v}")),
        (r"persistent", _target("--persistent")),
        (r"limit: avg \S+ burst \d+", _match("-m limit --limit some")),
        (_P, _ignore),
        (r"(?:LOG|NFLOG|ULOG|TCPMSS|CHECKSUM|TRACE) .*", _ignore),
    )
]
