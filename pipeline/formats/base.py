"""The parts of an input form: it recognises a text, and parses it into rows, rejects and findings.

A form is one module of this package, in its family's folder, with a module-level `FORMAT`. Nothing else registers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from pipeline.formats.source import Source

Kind = Literal["packets", "rules", "objects", "addresses", "translations", "requests"]
LONGEST_RULE = 1_000_000
_TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that cannot be read, and the reason."""

    line_number: int
    reason: str
    text: str


@dataclass(slots=True)
class Parsed:
    """The content of one file. `tables` have the declared columns without run, node, capture_id and file.

    `row_count` counts what the form calls a row (a rule line, an object, an address): always kept plus rejected.
    `taken_us` is the time at which the file was made, if the file contains it.
    """

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    row_count: int = 0
    taken_us: int | None = None


class Format(Protocol):
    """One input form. `kind` is what its files contain; `sign` describes in a few words how it is recognised."""

    name: str
    kind: Kind
    sign: str

    def recognise(self, head: str) -> int:
        """Return the score of a text for this form, from 0 (another form) to 100.

        `head` is the first 64 KiB of the decompressed text.
        """
        ...


# What a form of packets yields: a row (line number, cells by tshark's field name), a reject, or a finding.
PacketResult = tuple[int, dict[str, str]] | Reject | Finding


class PacketForm(Format, Protocol):
    """A form of packets for the line-by-line reader only: every one but `tshark-fields` and `pcap`."""

    def lines(self, source: Source) -> Iterator[PacketResult]:
        """Yield a row or a reject for each packet, then findings; lines without a packet are skipped."""
        ...


class Parser(Format, Protocol):
    """A form of any kind but packets: it reads the whole file at once."""

    def parse(self, source: Source) -> Parsed:
        """Return rows, rejects and findings of the whole file; a bad line is a reject, never an exception."""
        ...


def clip(text: str) -> str:
    """Return a line as the table `rejects` stores it: at most 500 characters."""
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"
