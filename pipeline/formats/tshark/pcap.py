"""A capture file itself, pcap or pcapng; tshark exports it, where tshark is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.formats.source import Source
from pipeline.formats.tshark.field_names import FIELD_TYPES
from pipeline.formats.tshark.layout import Layout
from pipeline.schema.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.formats.base import Kind

# As text: each byte that is no UTF-8 is U+FFFD. Little and big endian, micro- and nanoseconds; version 2.4 follows.
_MAGIC = re.compile(
    "\n\r\r\n[^M]{1,4}(?:M<\\+\x1a|\x1a\\+<M)|(?:\ufffdò\ufffd|M<\ufffd\ufffd)\x02\x00\x04\x00|\ufffd{2}(?:\ufffd{2}|<M)\x00\x02\x00\x04"
)
_INVALID = re.compile(r"^\t(\S+)$", re.MULTILINE)
_VXLAN = ("-d", "udp.port==8472,vxlan")


class TsharkPcap:
    """pcap and pcapng, as tcpdump, tshark and dumpcap write them."""

    name = "pcap"
    kind: Kind = "packets"
    sign = "the first bytes of pcap or pcapng"

    def recognise(self, head: str) -> int:
        """Sure by the first bytes."""
        return 100 if _MAGIC.match(head) else 0


def export(source: Source, spare: Path) -> tuple[Source, Layout, list[Finding]]:
    """The packets as a field export of tshark's; line n is packet n, and what is wrong at the end a line after it.

    Raises:
        InputError: there is no tshark, or it cannot read the file.
    """
    tshark = shutil.which("tshark")
    if tshark is None:
        command = " ".join(["tshark", *_arguments("FILE", tuple(FIELD_TYPES)), "-E header=y > FILE.tsv"])
        hint = f"install tshark (Debian, Ubuntu: apt install tshark), or where it is installed run: {command}"
        raise InputError("is a capture file, and there is no tshark to read it with", hint=hint)
    fields, out = tuple(FIELD_TYPES), spare / "export.tsv"
    done = _run(tshark, _plain_file(source, spare), fields, out)
    if unknown := set(_INVALID.findall(done.stderr)):
        fields = tuple(f for f in fields if f not in unknown)
        done = _run(tshark, _plain_file(source, spare), fields, out)
    said = _said(done.stderr, source)
    if done.returncode and not out.stat().st_size:
        raise InputError(f"cannot be read by tshark: {said}", hint="check it with `tshark -r FILE`")
    if done.returncode:
        with out.open("a", encoding="utf-8") as f:
            f.write(f"{said}\n")
    findings = [Finding.declared("read-by-tshark", f"was exported by {_version(tshark)}", "nothing to do")]
    return Source(out, source.name, source.node), Layout("\t", 0, fields), findings


def _arguments(file: str, fields: Sequence[str]) -> list[str]:
    each = [word for field in fields for word in ("-e", field)]
    return ["-n", "-r", file, *_VXLAN, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", *each]


def _run(tshark: str, file: Path, fields: Sequence[str], out: Path) -> subprocess.CompletedProcess[str]:
    with out.open("wb") as f:
        command = [tshark, *_arguments(str(file), fields)]
        return subprocess.run(command, stdout=f, stderr=subprocess.PIPE, text=True, errors="replace", check=False)  # noqa: S603


def _plain_file(source: Source, spare: Path) -> Path:
    """The file as it is where tshark can read it, else decompressed."""
    if source.compression is None:
        return source.path
    with tempfile.NamedTemporaryFile(dir=spare, suffix=".pcap", delete=False) as f:
        f.writelines(source.byte_blocks())
    return spare / f.name


def _said(text: str, source: Source) -> str:
    """Why tshark stopped, without the place of the file on this machine."""
    lines = [line.removeprefix("tshark: ") for line in text.splitlines() if line.startswith("tshark: ")]
    return (lines[-1] if lines else text.strip()[-200:]).replace(str(source.path), source.name)


def _version(tshark: str) -> str:
    done = subprocess.run([tshark, "--version"], capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    return f"tshark {m[0]}" if (m := re.search(r"\d+\.\d+\.\d+", done.stdout)) else "tshark"


FORMAT = TsharkPcap()
