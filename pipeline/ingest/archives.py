"""Archives and Retina capture bundles: what is in them, unpacked safely, and the node and time in their names."""

from __future__ import annotations

import atexit
import re
import shutil
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from pipeline.schema.findings import Finding
from pipeline.schema.times import to_microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

    from pipeline.formats.source import Source

# Of these a Retina bundle has several; a folder with one of them only may be anything.
_RETINA = {"ip-resources.txt", "iptables-rules.txt", "socket-stats.txt", "tcpdump.log", "proc-net", "proc-sys-net"}
_USED = re.compile(
    r"(^|/)(ip-resources\.txt|iptables-rules\.txt|[^/]*\.pcap[^/]*|proc-net/(nf_conntrack|xt_recent/[^/]+))$"
)
_TAKEN_AT = re.compile(r"-\d{14}UTC$")
_STAMP = re.compile(r"(?<!\d)(\d{8})T?(\d{6})(?:Z|UTC)")
_SUFFIX = re.compile(r"\.(tar(\.(gz|zst))?|tgz)$")
_FILE_LIMIT = 100_000
_RATIO_LIMIT = 300  # text compresses 30 times; what unpacks to more than this is no capture
_FREE_SIZE = 64 * 1024 * 1024
_BLOCK = 1024 * 1024


def is_archive(head: str) -> bool:
    """Whether a text is that of a tar archive."""
    return head[257:262] == "ustar"


def unpack(source: Source, spare: Path | None) -> tuple[Path, list[Finding]]:
    """The regular files of an archive, in a new folder under `spare` that is gone when hopscope ends."""
    folder = Path(tempfile.mkdtemp(prefix="hopscope-", dir=spare))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    findings = []
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", _Stream(source.byte_blocks())), mode="r|") as archive:
            findings += list(_extract(archive, folder, source.path.stat().st_size * _RATIO_LIMIT + _FREE_SIZE))
    except (tarfile.TarError, EOFError, OSError) as e:
        source.read_error = source.read_error or str(e)
    if source.read_error:
        message = f"its archive ends early or is broken ({source.read_error}); what came before is read"
        findings.append(Finding.declared("truncated-file", message, "copy the archive again"))
    return folder, findings


def needed(root: Path, paths: Iterable[Path]) -> Iterator[Path]:
    """The paths under `root` without those parts of Retina bundles that nothing is taken from."""
    every = list(paths)
    folders = [root, *{f for p in every for f in p.parents if root in f.parents}]
    bundles = [f for f in folders if len(_RETINA & {p.name for p in f.iterdir()}) > 1]
    for path in every:
        inside = next((b for b in bundles if b in path.parents), None)
        if inside is None or (_USED.search(path.relative_to(inside).as_posix()) and not _is_empty_list(path)):
            yield path


def plain_name(part: str) -> str:
    """A folder's or archive's name without the suffix of an archive."""
    return _SUFFIX.sub("", part)


def bundle_of(name: str) -> str | None:
    """The part of a file's name that names its bundle: the innermost folder called like Retina's archives."""
    folders = [plain_name(part) for part in name.split("/")[:-1]]
    return next((f for f in reversed(folders) if _TAKEN_AT.search(f)), None)


def node_in(bundle: str, folders: Iterable[str]) -> str:
    """The node in a bundle's name, `<capture>-<node>-<time>UTC`; downloads lie in a folder named like the capture."""
    name = _TAKEN_AT.sub("", bundle)
    captures = sorted((f for f in (*folders, "retina-capture") if name.startswith(f"{f}-")), key=len)
    return name.removeprefix(f"{captures[-1]}-") if captures else name


def stamp_us(name: str) -> int | None:
    """The time that a name ends in, `20261122T211434Z` or Retina's `20230320013600UTC`, in microseconds since 1970."""
    stamps = _STAMP.findall(name)
    try:
        moment = datetime.strptime("".join(stamps[-1]), "%Y%m%d%H%M%S").replace(tzinfo=UTC) if stamps else None
    except ValueError:
        return None
    return to_microseconds(moment) if moment else None


def _is_empty_list(path: Path) -> bool:
    return path.parent.name == "xt_recent" and path.is_file() and not path.stat().st_size


def _extract(archive: tarfile.TarFile, folder: Path, limit: int) -> Iterator[Finding]:
    """Write the regular files below `folder`, whatever their names say; tell of those left out."""
    odd, count = 0, 0
    for member in archive:
        name = PurePosixPath(member.name)
        if member.isdir():
            continue
        if not member.isreg() or name.is_absolute() or ".." in name.parts or not name.parts:
            odd += 1
            continue
        count, limit = count + 1, limit - member.size
        if limit < 0 or count > _FILE_LIMIT:
            message = f"unpacks to far more than a capture would; nothing is read from {member.name} on"
            yield Finding.declared("refused-archive", message, "unpack it yourself, and give the folder")
            break
        _write(archive, member, folder / name)
    if odd:
        message = f"{odd} links, devices or paths that lead out of the archive are left out"
        yield Finding.declared("odd-archive-members", message, "look at the list of `tar -tvf`")


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = archive.extractfile(member)
    if content is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as f:
        shutil.copyfileobj(content, f, _BLOCK)


class _Stream:
    """Blocks of bytes as a file that can only be read onward."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks, self.rest = blocks, b""

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end."""
        parts, have = [self.rest], len(self.rest)
        while have < size and (block := next(self.blocks, b"")):
            parts.append(block)
            have += len(block)
        data = b"".join(parts)
        self.rest = data[size:]
        return data[:size]
