"""The words after the addresses in an `iptables -L` row, put back into iptables-save's options.

A text that has no known option becomes `-m hidden --text "..."`: the tracer then knows that a test stands there and not
what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Words:
    """One row's extension text: options of matches, options of the target, comments, and what was not understood."""

    matches: list[str] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    goto: bool = False


def read_words(text: str) -> Words:
    """Read the text from left to right, one known phrase at a time."""
    words, hidden = Words(), list[str]()
    rest = text.strip()
    while rest:
        taken = _comment(rest, words) or _phrase(rest, words)
        if taken:
            _hide(hidden, words)
        else:
            taken = len(rest.split(None, 1)[0])
            hidden.append(rest[:taken])
        rest = rest[taken:].lstrip()
    _hide(hidden, words)
    return words


def quoted(text: str) -> str:
    """A word as iptables-save would write it."""
    if re.fullmatch(r"[\w./:,@+-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hide(hidden: list[str], words: Words) -> None:
    if hidden:
        words.matches.append(f"-m hidden --text {quoted(' '.join(hidden))}")
        hidden.clear()


def _comment(rest: str, words: Words) -> int:
    """`/* ... */`; a comment may hold `*/` itself, so it ends where no further `*/` comes before the next `/*`."""
    if not rest.startswith("/*"):
        return 0
    end = rest.find("*/", 2)
    while end >= 0:
        further, opening = rest.find("*/", end + 2), rest.find("/*", end + 2)
        if further < 0 or 0 <= opening < further:
            break
        end = further
    text = rest[2:end] if end >= 0 else rest[2:]
    words.comments.append(text.strip())
    words.matches.append(f"-m comment --comment {quoted(text.strip())}")
    return end + 2 if end >= 0 else len(rest)


def _phrase(rest: str, words: Words) -> int:
    for pattern, write in _PHRASES:
        if found := pattern.match(rest):
            write(found, words)
            return found.end()
    return 0


def _match(template: str) -> Callable[[re.Match[str], Words], None]:
    """A match: `{0}`, `{1}` are the groups; a group `!` puts the negation where the template has `{n}`."""

    def write(found: re.Match[str], words: Words) -> None:
        groups = found.groupdict()
        negated = "! " if (groups.pop("n", None) or "").strip() else ""
        words.matches.append(template.format(n=negated, **groups))

    return write


def _target(template: str) -> Callable[[re.Match[str], Words], None]:
    def write(found: re.Match[str], words: Words) -> None:
        words.target.append(template.format(**found.groupdict()))

    return write


def _ignore(_found: re.Match[str], _words: Words) -> None:
    """Says nothing about where a packet goes."""


def _goto(_found: re.Match[str], words: Words) -> None:
    words.goto = True


def _addrtype(found: re.Match[str], words: Words) -> None:
    words.matches.append("-m addrtype")
    for side, negation, kind in re.findall(r"(src|dst)-type (!?)\s*(\S+)", found[0]):
        words.matches.append(f"{'! ' if negation else ''}--{side}-type {kind}")


def _recent(found: re.Match[str], words: Words) -> None:
    action = {"SET": "--set", "CHECK": "--rcheck", "UPDATE": "--update", "REMOVE": "--remove"}[found["what"]]
    seconds = f" --seconds {found['seconds']}" if found["seconds"] else ""
    words.matches.append(f"-m recent {action}{seconds} --name {found['name']}")


_P = r"(?P<p>tcp|udp|udplite|sctp|dccp)"
_RECENT = (
    r"recent: (?P<what>SET|CHECK|UPDATE|REMOVE)(?: seconds: (?P<seconds>\d+))?(?: reap)?(?: hit_count: \d+)?"
    r"(?: TTL-Match)? name: (?P<name>\S+)(?: side: \w+)?(?: mask: \S+)?"
)
_PHRASES: list[tuple[re.Pattern[str], Callable[[re.Match[str], Words], None]]] = [
    (re.compile(pattern + r"(?=\s|$)"), write)
    for pattern, write in (
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
        (r"tcp flags:(?P<a>0x[\dA-F]+)/(?P<b>0x[\dA-F]+)", lambda f, w: w.matches.append(_flags(f))),
        (r"to:(?P<v>\S+)(?P<r>(?: random| persistent| random-fully)*)", lambda f, w: w.target.append(_to(f))),
        (r"redir ports (?P<v>\S+)", _target("--to-ports {v}")),
        (r"(?:CONN)?MARK or (?P<v>0x\w+)", _target("--or-mark {v}")),
        (r"(?:CONN)?MARK and (?P<v>0x\w+)", _target("--and-mark {v}")),
        (r"(?:CONN)?MARK xor (?P<v>0x\w+)", _target("--xor-mark {v}")),
        (r"(?:CONN)?MARK set (?P<v>0x\w+(?:/0x\w+)?)", _target("--set-mark {v}")),
        (r"(?:CONN)?MARK xset (?P<v>0x\w+/0x\w+)", _target("--set-xmark {v}")),
        (r"CONNMARK (?P<v>save|restore)(?: mask (?P<m>0x\w+))?", lambda f, w: w.target.append(_copy_mark(f))),
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
_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")


def _flags(found: re.Match[str]) -> str:
    examined, wanted = (
        ",".join(name for i, name in enumerate(_FLAG_NAMES) if int(found[g], 16) >> i & 1) or "NONE" for g in "ab"
    )
    return f"-m tcp --tcp-flags {examined} {wanted}"


def _to(found: re.Match[str]) -> str:
    """`to:` belongs to DNAT and SNAT; the row's target tells which."""
    extra = "".join(f" --{word}" for word in found["r"].split())
    return f"--to {found['v']}{extra}"


def _copy_mark(found: re.Match[str]) -> str:
    mask = f" --mask {found['m']}" if found["m"] else ""
    return f"--{found['v']}-mark{mask}"
