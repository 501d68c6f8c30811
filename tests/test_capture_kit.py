"""The capture script, run for real where root and tshark allow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.capture_kit import script
from pipeline.formats.tshark.field_names import FIELD_TYPES
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.inputs import look_at
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
    taken = {one.source.path.name: one.form.name if one.form else None for one in discover(Capture(tmp_path / "peak"))}
    forms = {re.sub(r"-\d{8}T\d{6}Z", "", name): form for name, form in taken.items()}
    assert "tshark-fields" in (forms.get("lo.tsv"), forms.get("lo.tsv.zst"))
    assert forms["ip-addr.json"] == "ip-addr-json"
    assert None not in forms.values()
    found = look_at(Capture(tmp_path / "peak"))
    assert sum(f["kept_count"] for f in found.files if f["kind"] == "packets") >= 50


SAMPLES = Path(__file__).parent / "formats" / "samples"
# What each tool prints, by the first words it is called with.
TOOLS = {
    "tshark": {"": "tshark-fields/header.tsv"},
    "iptables-save": {"": None},
    "iptables-nft-save": {"": "iptables-save/save-with-counters.txt"},
    "ip6tables-save": {"": None},
    "nft": {"list table ip kube-proxy": "nft-list/kube-proxy.txt"},
    "ipset": {"save": "ipset/save.txt"},
    "ipvsadm": {"-Ln": "ipvsadm/numeric.txt"},
    "ip": {"-j addr": "ip-addr-json/kubenet.json"},
    "conntrack": {"-L": "conntrack/listing-extended.txt", "-E": "conntrack/events.txt"},
    "kubectl": {f"get {k} --all-namespaces -o json": f"kubectl-json/{k}.json" for k in
                ("services", "endpointslices", "pods", "nodes")},
}  # fmt: skip


def fake(folder: Path) -> None:
    """Put tools into a folder that print samples, as the real ones would on a node with everything."""
    folder.mkdir()
    for tool, answers in TOOLS.items():
        cases = "\n".join(
            f'  "{words}"*) {f"cat {SAMPLES / sample}" if sample else ":"} ;;' for words, sample in answers.items()
        )
        lives_on = "exec sleep 60" if tool == "conntrack" else ":"
        tail = f'case "$1" in -E) {lives_on} ;; esac'
        (folder / tool).write_text(f'#!/bin/sh\ncase "$*" in\n{cases}\n  *) exit 1 ;;\nesac\n{tail}\n')
        (folder / tool).chmod(0o755)


def test_every_file_it_writes_is_read(tmp_path):
    tools = tmp_path / "tools"
    fake(tools)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "NODE_NAME": "node-a"}
    for words in ("cluster peak", "node peak 1 eth0", "cluster peak"):
        done = subprocess.run(
            ["sh", "-s", *words.split()],
            input=script(),
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    found = look_at(Capture(tmp_path / "peak"))
    assert [f["file"] for f in found.files if f["format"] == "unknown" or f["rejected_count"]] == []
    assert {f["format"] for f in found.files} == {
        "tshark-fields", "iptables-save", "nft-list", "ipset", "ipvsadm", "ip-addr-json", "conntrack", "kubectl-json",
    }  # fmt: skip
    assert {f["node"] for f in found.files} == {"node-a", None}
    assert {"tunnel-not-decoded", "unrecognised-file", "no-rules"} & {f["finding"] for f in found.findings} == set()
    assert not list((tmp_path / "peak").rglob("*messages*"))
