"""The capture script, run for real where root and tshark allow."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pipeline.capture_kit import script
from pipeline.discover import discover
from pipeline.formats.tshark_names import FIELD_TYPES
from tests.conftest import lacking


def test_it_is_a_script_that_sh_accepts_and_asks_for_every_field(tmp_path):
    kit = tmp_path / "kit.sh"
    kit.write_text(script())
    subprocess.run(["sh", "-n", kit], check=True)
    assert all(f"-e {name}" in script() for name in FIELD_TYPES)
    usage = subprocess.run(["sh", kit], capture_output=True, text=True, check=False)
    assert usage.returncode == 2
    assert "sh kit.sh node peak-2 60" in usage.stderr


@pytest.mark.root
@pytest.mark.tshark
def test_what_it_captures_is_what_is_read(tmp_path):
    missing = [tool for tool in ("tshark", "iptables-save", "ip") if not shutil.which(tool)]
    if os.geteuid() or missing:
        lacking(f"needs root and {', '.join(missing)}" if missing else "needs root")
    kit = tmp_path / "kit.sh"
    kit.write_text(script())
    sends = 'socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))'
    traffic = f"import socket; [{sends} for _ in range(50)]"
    command = f"sh {kit} node peak 3 lo & sleep 2; python3 -c '{traffic}'; wait"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    taken = {one.source.path.name: one.form.name if one.form else None for one in discover(tmp_path / "peak", {}, [])}
    assert taken.pop("lo.tsv") == "tshark-fields"
    assert {name: form for name, form in taken.items() if form is None} == {}
    assert "ip-addr-after.json" in taken
