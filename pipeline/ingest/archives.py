"""Unpacks tar archives safely: regular files below one folder only, and no more than a capture could hold."""

from __future__ import annotations

import atexit
import shutil
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from pipeline.formats.source import Source

_FILE_LIMIT = 100_000
_RATIO_LIMIT = 300  # text compresses 30 times; an archive that unpacks to more than this is no capture
_FREE_SIZE = 64 * 1024 * 1024
_BLOCK = 1024 * 1024


def is_archive(head: str) -> bool:
    """Whether a text is that of a tar archive."""
    return head[257:262] == "ustar"


def unpack(source: Source, temp_dir: Path | None) -> tuple[Path, list[Finding]]:
    """Unpack an archive into a new folder under `temp_dir`, which is deleted when hopscope ends."""
    folder = Path(tempfile.mkdtemp(prefix="hopscope-", dir=temp_dir))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    findings = []
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", _BlockReader(source.byte_blocks())), mode="r|") as archive:
            findings += list(_extract(archive, folder, source.path.stat().st_size * _RATIO_LIMIT + _FREE_SIZE))
    except (tarfile.TarError, EOFError, OSError) as e:
        source.read_error = source.read_error or str(e)
    if source.read_error:
        message = f"the archive ends early or is broken ({source.read_error}); only what comes before is read"
        findings.append(Finding.declared("truncated-file", message, "copy the archive again"))
    return folder, findings


def _extract(archive: tarfile.TarFile, folder: Path, limit: int) -> Iterator[Finding]:
    """Write the regular files below `folder`; a path that leads out of it, a link or a device is left out."""
    odd_count, file_count = 0, 0
    for member in archive:
        name = PurePosixPath(member.name)
        if member.isdir():
            continue
        if not member.isreg() or name.is_absolute() or ".." in name.parts or not name.parts:
            odd_count += 1
            continue
        file_count, limit = file_count + 1, limit - member.size
        if limit < 0 or file_count > _FILE_LIMIT:
            message = f"unpacks to far more than a capture would; nothing is read from {member.name} on"
            yield Finding.declared("refused-archive", message, "unpack it yourself, and give the folder")
            break
        _write(archive, member, folder / name)
    if odd_count:
        message = f"{odd_count} links, devices or paths that lead out of the archive are left out"
        yield Finding.declared("odd-archive-members", message, "look at the list of `tar -tvf`")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = archive.extractfile(member)
    if content is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as f:
        shutil.copyfileobj(content, f, _BLOCK)


class _BlockReader:
    """A read-only, forward-only file made of blocks of bytes."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.buffer = blocks, b""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end of the file."""
        parts, byte_count = [self.buffer], len(self.buffer)
        while byte_count < size and (block := next(self.blocks, b"")):
            parts.append(block)
            byte_count += len(block)
        data = b"".join(parts)
        self.buffer = data[size:]
        return data[:size]
