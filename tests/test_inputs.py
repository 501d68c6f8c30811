"""`hopscope inputs`: what each file is taken for, whose it is, and what is wrong with a capture as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.cli.inputs_table import as_text
from pipeline.ingest.capture import Capture
from pipeline.inputs import look_at

NAMES = "frame.time_epoch\tframe.interface_name\tip.src\ttcp.srcport\tip.dst\ttcp.dstport\tip.proto"
RULES = "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n-A PREROUTING -j KUBE-SERVICES\nCOMMIT\n"
NODES = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {"kind": "Node", "metadata": {"name": n}, "status": {"addresses": [{"type": "InternalIP", "address": ip}]}}
        for n, ip in (("node-a", "10.220.1.4"), ("node-b", "10.220.1.5"))
    ],
}


def export(*, interface: str = "eth0", first: int = 0, count: int = 40, names: str = NAMES) -> str:
    """An export of `count` packets, one a millisecond."""
    cells = ({
        "frame.time_epoch": f"17000{first + n:05}.000001000", "frame.interface_name": interface, "ip.src": "10.0.0.1",
        "tcp.srcport": f"{5000 + n}", "ip.dst": "10.0.0.2", "tcp.dstport": "80", "ip.proto": "6",
    } for n in range(count))  # fmt: skip
    return "\n".join([names, *("\t".join(c[n] for n in names.split("\t")) for c in cells)]) + "\n"


@pytest.fixture
def look(tmp_path):
    """Write files and look at them."""

    def look_in(files: dict[str, str]):
        for name, text in files.items():
            path = tmp_path / "capture" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return look_at(Capture(tmp_path / "capture"))

    return look_in


def findings(found) -> list[tuple[str, str | None]]:
    """Names of findings with the file or the node they are about, of files first."""
    of_files = [(f["finding"], file["file"]) for file in found.files for f in file["findings"]]
    return of_files + [(f["finding"], f["node"]) for f in found.findings]


def test_a_whole_capture_has_nothing_wrong(look):
    files = {f"nodes/{n}/{k}": t for n in ("node-a", "node-b") for k, t in (("e", export()), ("r", RULES))}
    found = look(files | {"cluster/nodes.json": json.dumps(NODES)})
    assert findings(found) == []
    assert not found.faulty
    one = found.files[1]
    assert (one["format"], one["node"], one["interfaces"]) == ("tshark-fields", "node-a", ["eth0"])
    assert (one["row_count"], one["rejected_count"], one["first_us"]) == (40, 0, 1_700_000_000_000_001)


def test_nodes_without_rules_or_capture_are_named(look):
    found = look({"nodes/node-a/e": export(), "cluster/nodes.json": json.dumps(NODES)})
    assert findings(found) == [("no-rules", "node-a"), ("no-capture", "node-b")]
    assert found.faulty
    assert "iptables-save" in as_text(found, 80)


def test_of_two_exports_of_the_same_packets_the_richer_is_used(look):
    few = export(names="frame.time_epoch\tip.src\tip.dst\tip.proto")
    found = look({"nodes/node-a/few.tsv": few, "nodes/node-a/many.tsv": export(), "nodes/node-a/r": RULES})
    assert findings(found) == [("same-packets", "nodes/node-a/few.tsv")]
    assert {f["file"]: f["kept_count"] for f in found.files if f["kind"] == "packets"} == {
        "nodes/node-a/few.tsv": 0,
        "nodes/node-a/many.tsv": 40,
    }


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"first": 40}, id="the next file of a rotated capture"),
        pytest.param({"interface": "cbr0"}, id="the same packets on another interface"),
    ],
)
def test_files_that_are_not_the_same_capture_are_both_used(other, look):
    found = look({"nodes/node-a/1": export(), "nodes/node-a/2": export(**other), "nodes/node-a/r": RULES})
    assert findings(found) == []
    assert [f["kept_count"] for f in found.files if f["kind"] == "packets"] == [40, 40]


@pytest.mark.parametrize(
    ("files", "nodes"),
    [
        (("node-a.eth0.tsv", "node-a.iptables.txt"), {"node-a"}),
        (("node-a-eth0.tsv", "node-a_iptables-save.txt"), {"node-a"}),
        (("capture-of-node-a.tsv", "rules-node-a.txt", "cluster/nodes.json"), {"node-a"}),
        (("capture.tsv", "rules.txt"), {"capture"}),
        (("nodes/node-a.tsv", "nodes/node-a.rules"), {"node-a"}),
    ],
)
def test_files_in_no_nodes_folder_are_matched_to_nodes(files, nodes, look):
    kinds = {"packets": export(), "rules": RULES, "objects": json.dumps(NODES)}
    found = look(dict(zip(files, kinds.values(), strict=False)))
    assert {f["node"] for f in found.files if f["kind"] in ("packets", "rules")} == nodes


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "empty-file"),
        ("Capturing on 'eth0'\n0 packets captured\n", "empty-export"),
        (NAMES + "\n", "empty-export"),
        ("<?xml version='1.0'?>\n<pdml version='0'>\n", "refused-export"),
        ("Frame 1: 54 bytes on wire (432 bits), 54 bytes captured (432 bits)\n", "refused-export"),
        ("hello\n", "unrecognised-file"),
        (f"Capturing on 'eth0'\n{NAMES}\n17.5\te\t10.0.0.1\t5\t10.0.0.2\t80\t6\n1 packet captured\n", "talk-in-export"),
        (f"{NAMES}\n17.5\te\t10.0.0.1\t5\t10.0.0.2\t80\t6\n7 packets dropped from eth0\n", "packets-dropped"),
        (NAMES.replace("tcp", "udp") + "\n17.5\te\t10.0.0.1\t5\t10.0.0.2\t8472\t17\n", "tunnel-not-decoded"),
    ],
)
def test_what_is_wrong_with_a_file_has_a_name(text, finding, look):
    found = look({"nodes/node-a/x": text, "nodes/node-a/e": export(), "nodes/node-a/r": RULES})
    assert (finding, "nodes/node-a/x") in findings(found)


def handshakes(*, lost: tuple[int, ...] = ()) -> str:
    """An export of 100 answered connections, four packets each, without the packets whose numbers are in `lost`."""
    names = "frame.time_epoch\tip.src\ttcp.srcport\tip.dst\ttcp.dstport\tip.proto\ttcp.flags\ttcp.seq_raw\ttcp.len"
    lines = [names]
    for n in range(400):
        connection, step = divmod(n, 4)
        there, back = f"10.0.0.1\t{5000 + connection}\t10.0.0.2\t80", f"10.0.0.2\t80\t10.0.0.1\t{5000 + connection}"
        what = (f"{there}\t6\t0x0002\t100\t0", f"{back}\t6\t0x0012\t900\t0", f"{there}\t6\t0x0018\t101\t9",
                f"{back}\t6\t0x0018\t901\t9")[step]  # fmt: skip
        lines += [f"17000{n:05}.000001000\t{what}"] if n not in lost else []
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ((), None),
        ((4, 12, 41), "3 of 197 packets of TCP handshakes"),
        (tuple(range(0, 200, 4)), "50 of 150 packets of TCP handshakes"),
        ((0, 1, 4, 5, 6, 7), None),
    ],
    ids=["nothing lost", "SYN and SYN-ACK lost", "every other SYN lost", "whole handshakes tell nothing"],
)
def test_what_a_capture_lost_is_told_by_handshakes(lost, told, look):
    found = look({"nodes/node-a/e": handshakes(lost=lost), "nodes/node-a/r": RULES})
    losses = [f for file in found.files for f in file["findings"] if f["finding"] == "capture-loss"]
    assert [f["message"][: len(told or "")] for f in losses] == ([told] if told else [])


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("20231114T221320Z", None),
        ("20231114T201320Z", "was made 2.0 hours before the first packet"),
        ("20231115T221320Z", "was made 24.0 hours after the last packet"),
        ("20231315T221320Z", None),
    ],
)
def test_a_dump_from_another_time_than_the_packets_is_stale(stamp, told, look):
    found = look({"nodes/node-a/e": export(), f"nodes/node-a/iptables-save-{stamp}.txt": RULES})
    assert [f["message"] for file in found.files for f in file["findings"]] == ([told] if told else [])


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("Tue Nov 14 22:13:20 2023", None),
        ("Tue Nov 14 08:13:20 2023", None),  # a clock may be 14 hours off UTC, and iptables-save does not tell its zone
        ("Tue Nov  7 22:13:20 2023", "was made 168.0 hours before the first packet"),
        ("Thu Nov 16 22:13:20 2023", "was made 48.0 hours after the last packet"),
        ("Thu Nov 96 22:13:20 2023", None),
    ],
)
@pytest.mark.parametrize("tool", ["iptables-save v1.8.9 (nf_tables)", "ip6tables-save v1.4.21"])
def test_what_iptables_save_says_of_its_time_is_used_where_no_zone_explains_it(tool, when, told, look):
    found = look({"nodes/node-a/e": export(), "nodes/node-a/r": f"# Generated by {tool} on {when}\n{RULES}"})
    assert [f["message"] for file in found.files for f in file["findings"]] == ([told] if told else [])


def test_clocks_that_are_apart_are_told_before_a_run(look):
    later = handshakes().replace("17000", "17001")
    found = look({"nodes/node-a/e": handshakes(), "nodes/node-b/e": later})
    assert ("clocks-apart", "node-b") in findings(found)


@pytest.mark.parametrize("width", [80, 200])
def test_lines_are_no_longer_than_the_terminal_is_wide(width):
    found = look_at(Capture(resources.folder("samples") / "single-pod"))
    lines = as_text(found, width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(any(file["file"].rpartition("/")[2] in line for line in lines) for file in found.files)
    assert (lines[0].split()[:2] == ["file", "taken"]) is (width == 200)


def test_a_narrow_terminal_shows_the_whole_name_of_a_file_wherever_it_lies(look):
    found = look({"anywhere/node-a.eth0.tsv": export(count=1), "cluster/nodes.json": json.dumps(NODES)})
    lines = as_text(found, 60).splitlines()
    assert lines[0] == "anywhere/node-a.eth0.tsv"
    assert "  1 row, 0 rejected, eth0, 2023-11-14 22:13:20 to 22:13:20" in lines


def test_findings_of_one_name_stand_together_with_their_lines_and_what_to_do():
    text = as_text(look_at(Capture(resources.folder("samples") / "origin")), 80)
    assert text.count("→ dump the whole table: iptables-save") == 1
    assert "line 5: chain KUBE-MARK-MASQ is jumped to and not in the dump\n  line 6: chain" in text


def test_told_fields_make_an_export_of_what_nothing_knows(tmp_path):
    path = tmp_path / "capture" / "nodes" / "node-a" / "x"
    path.parent.mkdir(parents=True)
    path.write_text("10.0.0.1 50001 10.0.0.2 80 6 60 54 0\n" * 3)
    names = ("ip.src", "tcp.srcport", "ip.dst", "tcp.dstport", "ip.proto", "frame.len", "ip.ttl", "tcp.len")
    assert [f["format"] for f in look_at(Capture(tmp_path / "capture")).files] == ["unknown"]
    (file,) = look_at(Capture(tmp_path / "capture", names)).files
    assert (file["format"], file["kept_count"]) == ("tshark-fields", 3)


@pytest.mark.parametrize(("sample", "code"), [("single-pod", 0), ("origin", 4)])
def test_the_verb_prints_json_and_is_strict_when_told(sample, code, tmp_path):
    words = ["inputs", str(resources.folder("samples") / sample), "--format", "json", "--strict"]
    command = [sys.executable, "-m", "pipeline", *words]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    told = json.loads(done.stdout)
    assert told.keys() == {"files", "findings"}
    assert {f["kind"] for f in told["files"]} >= {"packets", "rules", "objects"}


def test_rules_beside_several_captures_are_nobodys_until_told(tmp_path):
    texts = {"east.tsv": export(), "west.tsv": export(first=50), "rules.txt": RULES}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = look_at(Capture(tmp_path))
    assert ("node-unclear", "rules.txt") in findings(found)
    told = {"n": [tmp_path / "east.tsv", tmp_path / "west.tsv", tmp_path / "rules.txt"]}
    found = look_at(Capture(tmp_path, nodes=told))
    assert findings(found) == []
    assert {f["node"] for f in found.files} == {"n"}
