"""One input file, decompressed while it is read; if the compressed data ends early, what precedes the end is read."""

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


class UnterminatedLine(str):
    """The last line of a file that has no newline: it may be cut short anywhere."""

    __slots__ = ()


UNTERMINATED = "the last line has no end and may be cut short"


@dataclass(frozen=True)
class LineBlock:
    """Consecutive whole lines of a file; `first_line` is the number of the first."""

    first_line: int
    data: bytes

    @cached_property
    def line_ends(self) -> np.ndarray:
        """The index into `data` of each line's end; the last line may lack its newline."""
        import numpy as np

        newlines = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        return newlines if not self.data or self.data.endswith(b"\n") else np.append(newlines, len(self.data))

    def first_in_each_line(self, char: bytes) -> Iterator[int]:
        """Yield the index into `data` of the first `char` of each line that contains it."""
        position = self.data.find(char)
        while position >= 0:
            yield position
            end = self.data.find(b"\n", position)
            position = self.data.find(char, end) if end >= 0 else -1

    @property
    def line_count(self) -> int:
        """The number of lines."""
        return len(self.line_ends)

    def skip_lines(self, count: int) -> LineBlock:
        """Return the block without its first `count` lines."""
        return LineBlock(self.first_line + count, self.data[self._line_start(count) :]) if count else self

    def remove_char(self, char: str) -> LineBlock:
        """Return the same lines without a character, such as the quotes around cells."""
        return LineBlock(self.first_line, self.data.replace(char.encode(), b"")) if char else self

    def lines(self, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yield the lines with these numbers, as `Source.lines` does: with number, decoded, without its end."""
        for number in numbers:
            index = number - self.first_line
            begin, end = self._line_start(index), int(self.line_ends[index])
            text = _decode(self.data[begin:end])
            yield number, UnterminatedLine(text) if end == len(self.data) else text

    def _line_start(self, index: int) -> int:
        return int(self.line_ends[min(index, len(self.line_ends)) - 1]) + 1 if index else 0


@dataclass(slots=True)
class Source:
    """An input file: its path, its name in the run, and the node that it is from.

    `name` is its path inside the capture folder.
    `read_error` is the reason why the last reading ended early.
    `time_zero` is the start of relative times in the file, in seconds since 1970.
    `read_bytes` counts the bytes of the file that the current reading has taken.
    `is_cancelled` ends the current reading.
    `unterminated_line` is the number of a last line without a newline, once it is read; it may be cut short.
    """

    path: Path
    name: str
    node: str | None = None
    read_error: str | None = field(default=None, compare=False)
    time_zero: str | None = None
    read_bytes: int = field(default=0, compare=False)
    is_cancelled: bool = field(default=False, compare=False)
    unterminated_line: int | None = field(default=None, compare=False)

    @property
    def compression(self) -> str | None:
        """`gzip`, `zstd` or None, by the first bytes of the file; its name does not matter."""
        with self.path.open("rb") as f:
            magic = f.read(4)
        return "gzip" if magic[:2] == _GZIP else "zstd" if magic == _ZSTD else None

    def byte_blocks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes, at most 4 MiB at a time; an early end is noted in `read_error`."""
        line_number, last_byte = 1, b"\n"
        for block in self._byte_blocks():
            yield block
            line_number, last_byte = line_number + _count_newlines(block), block[-1:]
        self.unterminated_line = None if last_byte == b"\n" else line_number

    def _byte_blocks(self) -> Iterator[bytes]:
        with self.path.open("rb") as f:
            try:
                for block in self._decompress(f):
                    self.read_bytes = f.tell()
                    if self.is_cancelled:
                        return
                    yield block
            except (EOFError, OSError, zlib.error) as e:
                self.read_error = str(e)

    def _decompress(self, f: BinaryIO) -> Iterator[bytes]:
        if self.compression == "gzip":
            return _gunzip(f)
        return _unzstd(f) if self.compression == "zstd" else iter(lambda: f.read(_BLOCK), b"")

    def head(self) -> str:
        """Return the first 64 KiB of the decompressed text."""
        data = b""
        for block in self.byte_blocks():
            data += block
            if len(data) >= HEAD_BYTES:
                break
        return data[:HEAD_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")

    def text_blocks(self) -> Iterator[tuple[int, str]]:
        """Yield (number of the first line from 1, whole lines without the last one's end), about 4 MiB at a time.

        Bytes that are no UTF-8 become U+FFFD; a line ends with one newline, with or without a carriage return.
        The middle of a line longer than LONGEST_LINE is left out; no form has such lines.
        """
        first_line, rest = 1, b""
        for block in self.byte_blocks():
            lines, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield first_line, _decode(lines)
                first_line += lines.count(b"\n") + 1
            rest = rest[:LONGEST_LINE]
        if rest:
            yield first_line, _decode(rest)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (line number from 1, line without its end); a last line without a newline is an UnterminatedLine."""
        for first_line, text in self.text_blocks():
            for number, line in enumerate(text.split("\n"), first_line):
                yield number, UnterminatedLine(line) if number == self.unterminated_line else line

    def text_chunks(self) -> Iterator[str]:
        """Yield the text in chunks of about 4 MiB, cut anywhere."""
        decode = getincrementaldecoder("utf-8")("replace").decode
        yield from (decode(block) for block in self.byte_blocks())
        yield decode(b"", final=True)

    def line_blocks(self, block_bytes: int, skip: int = 0) -> Iterator[LineBlock]:
        """Yield the decompressed bytes in whole lines, about `block_bytes` at a time, without the first `skip` lines.

        A longer single line is cut. A last line without a newline is a block of its own.
        """
        first_line, pending, size = 1, [], 0
        for block in self._byte_blocks():
            pending.append(block)
            size += len(block)
            if size < block_bytes:
                continue
            data = b"".join(pending)
            end = data.rfind(b"\n") + 1 or size
            lines = LineBlock(first_line, data[:end])
            pending, size, first_line = [data[end:]], size - end, first_line + lines.line_count
            yield lines.skip_lines(skip)
            skip = 0
        yield from self._last_line_blocks(first_line, b"".join(pending), skip)

    def _last_line_blocks(self, first_line: int, data: bytes, skip: int) -> Iterator[LineBlock]:
        end = data.rfind(b"\n") + 1
        number = first_line + _count_newlines(data)
        self.unterminated_line = number if data[end:] else None
        if end:
            yield LineBlock(first_line, data[:end]).skip_lines(skip)
        if data[end:]:
            yield LineBlock(number, data[end:]).skip_lines(0 if end else skip)

    def text(self) -> str:
        """Return the whole file as text."""
        return b"".join(self.byte_blocks()).decode("utf-8", "replace").removeprefix("\ufeff")


def _count_newlines(data: bytes) -> int:
    """Return the number of newlines; numpy takes a third of the time of `bytes.count`."""
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))


def _gunzip(f: BinaryIO) -> Iterator[bytes]:
    """Yield the content of every member of a gzip file; unlike the gzip module, also what precedes an early end."""
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


def _decode(lines: bytes) -> str:
    text = (b"\n" + lines).replace(b"\r\n", b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    return text.replace("\n\ufeff", "\n")[1:]
