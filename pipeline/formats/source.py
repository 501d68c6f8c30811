"""One input file, decompressed as it is read; a broken end gives what came before it."""

from __future__ import annotations

import zlib
from codecs import getincrementaldecoder
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np

HEAD_BYTES = 64 * 1024
LONGEST_LINE = 8 * 1024 * 1024
_BLOCK = 4 * 1024 * 1024
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class OpenLine(str):
    """The last line of a file, without an end: it may be cut short anywhere."""

    __slots__ = ()


NO_END = "the last line has no end and may be cut short"


@dataclass(frozen=True)
class Piece:
    """Some whole lines of a file; `first_line` is the number of the first."""

    first_line: int
    data: bytes

    @cached_property
    def ends(self) -> np.ndarray:
        """Where each line ends; the last may lack its newline."""
        import numpy as np

        ends = self.places(b"\n")
        return ends if not self.data or self.data.endswith(b"\n") else np.append(ends, len(self.data))

    def places(self, char: bytes) -> np.ndarray:
        """Where a character is: an index into `data` for each time it stands there."""
        import numpy as np

        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord(char))

    def firsts(self, char: bytes) -> Iterator[int]:
        """Where a character stands first in each line that has it: an index into `data`."""
        place = self.data.find(char)
        while place >= 0:
            yield place
            end = self.data.find(b"\n", place)
            place = self.data.find(char, end) if end >= 0 else -1

    @property
    def line_count(self) -> int:
        """How many lines."""
        return len(self.ends)

    def without(self, skip: int) -> Piece:
        """All but the first `skip` lines."""
        return Piece(self.first_line + skip, self.data[self._begin(skip) :]) if skip else self

    def without_char(self, char: str) -> Piece:
        """The same lines without a character: quotes around cells, which alone tell nothing."""
        return Piece(self.first_line, self.data.replace(char.encode(), b"")) if char else self

    def lines(self, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
        """The lines of these numbers, each with its number and without its end, decoded as by `Source.lines`."""
        for number in numbers:
            begin, end = self._begin(number - self.first_line), int(self.ends[number - self.first_line])
            text = _text(self.data[begin:end])
            yield number, OpenLine(text) if end == len(self.data) else text

    def _begin(self, place: int) -> int:
        return int(self.ends[min(place, len(self.ends)) - 1]) + 1 if place else 0


@dataclass(slots=True)
class Source:
    """An input file: where it is, what to call it, whose node it is from.

    `name` is its path inside the capture folder. `broken` says why reading ended early, once it did.
    `time_zero` is the time that relative times in it count from, in seconds since 1970.
    `read_bytes` is how much of the file the reading that goes on has taken.
    `given_up` ends the reading that goes on.
    `open_line` is the number of a last line that does not end, once it is read: the file may be cut short there.
    """

    path: Path
    name: str
    node: str | None = None
    broken: str | None = field(default=None, compare=False)
    time_zero: str | None = None
    read_bytes: int = field(default=0, compare=False)
    given_up: bool = field(default=False, compare=False)
    open_line: int | None = field(default=None, compare=False)

    @property
    def compression(self) -> str | None:
        """`gzip`, `zstd` or None, by the first bytes, whatever the name."""
        with self.path.open("rb") as f:
            magic = f.read(4)
        return "gzip" if magic[:2] == _GZIP else "zstd" if magic == _ZSTD else None

    def blocks(self) -> Iterator[bytes]:
        """The decompressed bytes, at most 4 MiB at a time; stops at a broken end and notes it in `broken`."""
        number, end = 1, b"\n"
        for block in self._blocks():
            yield block
            number, end = number + _newlines(block), block[-1:]
        self.open_line = None if end == b"\n" else number

    def _blocks(self) -> Iterator[bytes]:
        with self.path.open("rb") as f:
            try:
                for block in self._unpacked(f):
                    self.read_bytes = f.tell()
                    if self.given_up:
                        return
                    yield block
            except (EOFError, OSError, zlib.error) as e:
                self.broken = str(e)

    def _unpacked(self, f: BinaryIO) -> Iterator[bytes]:
        if self.compression == "gzip":
            return _gunzip(f)
        return _unzstd(f) if self.compression == "zstd" else iter(lambda: f.read(_BLOCK), b"")

    def head(self) -> str:
        """The first 64 KiB of decompressed text."""
        data = b""
        for block in self.blocks():
            data += block
            if len(data) >= HEAD_BYTES:
                break
        return data[:HEAD_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")

    def pieces(self) -> Iterator[tuple[int, str]]:
        """(number of the first line from 1, whole lines without the last one's end), about 4 MiB at a time.

        Bytes that are no UTF-8 become U+FFFD; a line's end is one newline, with or without a carriage return.
        Of a line longer than LONGEST_LINE, which no form has, the middle is left out.
        """
        number, rest = 1, b""
        for block in self.blocks():
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield number, _text(whole)
                number += whole.count(b"\n") + 1
            rest = rest[:LONGEST_LINE]
        if rest:
            yield number, _text(rest)

    def lines(self) -> Iterator[tuple[int, str]]:
        """(line number from 1, line without its end), decoded as `pieces` does; a last one without an end is marked."""
        for first, piece in self.pieces():
            for number, text in enumerate(piece.split("\n"), first):
                yield number, OpenLine(text) if number == self.open_line else text

    def texts(self) -> Iterator[str]:
        """The text in blocks of about 4 MiB, cut anywhere."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        yield from (decode(block) for block in self.blocks())
        yield decode(b"", final=True)

    def byte_pieces(self, piece_bytes: int, skip: int = 0) -> Iterator[Piece]:
        """The decompressed bytes in whole lines, about `piece_bytes` at a time, without the first `skip` lines.

        A line that is longer by itself is cut. A last line without an end is a piece of its own.
        """
        first, waiting, size = 1, [], 0
        for block in self._blocks():
            waiting.append(block)
            size += len(block)
            if size < piece_bytes:
                continue
            data = b"".join(waiting)
            end = data.rfind(b"\n") + 1 or size
            piece = Piece(first, data[:end])
            waiting, size, first = [data[end:]], size - end, first + piece.line_count
            yield piece.without(skip)
            skip = 0
        data = b"".join(waiting)
        end = data.rfind(b"\n") + 1
        whole, rest = Piece(first, data[:end]), Piece(first + _newlines(data), data[end:])
        self.open_line = rest.first_line if rest.data else None
        if end:
            yield whole.without(skip)
        if rest.data:
            yield rest.without(0 if end else skip)

    def text(self) -> str:
        """The whole file as text."""
        return b"".join(self.blocks()).decode("utf-8", "replace").removeprefix("\ufeff")


def _newlines(data: bytes) -> int:
    """How many newlines; numpy counts them in a third of the time that `bytes.count` takes."""
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))


def _gunzip(f: BinaryIO) -> Iterator[bytes]:
    """Every member of a gzip file; unlike the gzip module, gives what stands before a broken end."""
    unpacker = zlib.decompressobj(wbits=31)
    while raw := f.read(_BLOCK):
        while raw:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            if block := unpacker.decompress(raw, _BLOCK):
                yield block
            raw = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        raise EOFError("the end of the compressed data is missing")


def _unzstd(f: BinaryIO) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.PythonFile(f, mode="r"), "zstd") as stream:
        yield from iter(lambda: stream.read(_BLOCK), b"")


def _text(lines: bytes) -> str:
    text = (b"\n" + lines).replace(b"\r\n", b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    return text.replace("\n\ufeff", "\n")[1:]
