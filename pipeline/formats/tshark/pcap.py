"""`tcpdump -w`, `tshark -w` or `dumpcap`: a capture file, pcap or pcapng. The installed tshark exports its packets."""

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

# The head is text, in which each byte that is no UTF-8 is U+FFFD. Little and big endian, micro- and nanoseconds; then
# version 2.4.
_MAGIC = re.compile(
    "\n\r\r\n[^M]{1,4}(?:M<\\+\x1a|\x1a\\+<M)|(?:\ufffdò\ufffd|M<\ufffd\ufffd)\x02\x00\x04\x00|\ufffd{2}(?:\ufffd{2}|<M)\x00\x02\x00\x04"
)
_UNKNOWN_FIELD = re.compile(r"^\t(\S+)$", re.MULTILINE)
_VXLAN = ("-d", "udp.port==8472,vxlan")


class TsharkPcap:
    """pcap and pcapng, as tcpdump, tshark and dumpcap write them."""

    name = "pcap"
    kind: Kind = "packets"
    sign = "the first bytes of pcap or pcapng"

    def recognise(self, head: str) -> int:
        """Return 100 for the first bytes of pcap or pcapng."""
        return 100 if _MAGIC.match(head) else 0


def export_packets(source: Source, folder: Path) -> tuple[Source, Layout, list[Finding]]:
    """Export the packets with tshark into `folder`; return the field export, its layout and findings.

    Line n of the export is packet n. If tshark stops early, its error message is a last line, which becomes a reject.

    Raises:
        InputError: there is no tshark, or it cannot read the file.
    """
    tshark = shutil.which("tshark")
    if tshark is None:
        command = " ".join(["tshark", *_arguments("FILE", tuple(FIELD_TYPES)), "-E header=y > FILE.tsv"])
        hint = f"install tshark (Debian, Ubuntu: apt install tshark), or where it is installed run: {command}"
        raise InputError("is a capture file, and there is no tshark to read it with", hint=hint)
    fields, exported = tuple(FIELD_TYPES), folder / "export.tsv"
    file = _uncompressed_file(source, folder)
    done = _run(tshark, file, fields, exported)
    if unknown := set(_UNKNOWN_FIELD.findall(done.stderr)):  # this tshark is older than the field
        fields = tuple(f for f in fields if f not in unknown)
        done = _run(tshark, file, fields, exported)
    error = _error_message(done.stderr, source)
    if done.returncode and not exported.stat().st_size:
        raise InputError(f"cannot be read by tshark: {error}", hint="check it with `tshark -r FILE`")
    if done.returncode:
        with exported.open("a", encoding="utf-8") as f:
            f.write(f"{error}\n")
    findings = [Finding.declared("read-by-tshark", f"was exported by {_version(tshark)}")]
    return Source(exported, source.name, source.node), Layout("\t", 0, fields), findings


def _arguments(file: str, fields: Sequence[str]) -> list[str]:
    field_options = [word for field in fields for word in ("-e", field)]
    return ["-n", "-r", file, *_VXLAN, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", *field_options]


def _run(tshark: str, file: Path, fields: Sequence[str], exported: Path) -> subprocess.CompletedProcess[str]:
    with exported.open("wb") as f:
        command = [tshark, *_arguments(str(file), fields)]
        return subprocess.run(command, stdout=f, stderr=subprocess.PIPE, text=True, errors="replace", check=False)  # noqa: S603


def _uncompressed_file(source: Source, folder: Path) -> Path:
    """Return the file itself, or a decompressed copy in `folder`."""
    if source.compression is None:
        return source.path
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".pcap", delete=False) as f:
        f.writelines(source.byte_blocks())
    return folder / f.name


def _error_message(text: str, source: Source) -> str:
    """Return tshark's last error message, without the path of the file on this machine."""
    lines = [line.removeprefix("tshark: ") for line in text.splitlines() if line.startswith("tshark: ")]
    return (lines[-1] if lines else text.strip()[-200:]).replace(str(source.path), source.name)


def _version(tshark: str) -> str:
    done = subprocess.run([tshark, "--version"], capture_output=True, text=True, errors="replace", check=False)  # noqa: S603
    return f"tshark {m[0]}" if (m := re.search(r"\d+\.\d+\.\d+", done.stdout)) else "tshark"


FORMAT = TsharkPcap()
