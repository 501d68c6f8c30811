"""Archives and Retina bundles: read as folders are, whatever is in them, and never written outside of their place."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.config import Limits
from pipeline.errors import InputError
from pipeline.ingest import archives
from pipeline.ingest.capture import Capture
from pipeline.ingest.discover import discover
from pipeline.inputs import look_at

SAMPLES = Path(__file__).parent / "formats" / "samples"
NODES = ("aks-nodepool1-41844487-vmss000000", "aks-nodepool1-41844487-vmss000001")
ADDRESSES = (
    "Summary:\n\n/sbin/ip -d -j addr show(IP address configuration)\n/sbin/ip rule list(Policy routing list)\n\n"
    "Execute:\n\n/sbin/ip -d -j addr show\n\n{0}\n/sbin/ip -d -j neighbor show\n\n"
    '[{{"dst":"10.224.0.1","dev":"eth0","state":["STALE"]}}]\n/sbin/ip rule list\n\n0:\tfrom all lookup local\n'
)
RULES = "Summary:\n\n/usr/sbin/iptables-nft-save(IPtables rules)\n\nExecute:\n\n/usr/sbin/iptables-nft-save\n\n{0}\n"


def bundle(capture: str, node: str) -> dict[str, bytes]:
    """The files of what Retina gathers on one node, by their paths in the archive."""
    name = f"{capture}-{node}-20230320013600UTC"
    addresses = (SAMPLES / "ip-addr-json" / "kubenet.json").read_text()
    rules = (SAMPLES / "iptables-save" / "save-with-counters.txt").read_text()
    return {
        f"{name}.pcap": (SAMPLES / "pcap" / "crafted.pcap").read_bytes(),
        "ip-resources.txt": ADDRESSES.format(addresses).encode(),
        "iptables-rules.txt": RULES.format(rules).encode(),
        "socket-stats.txt": b"Total: 182\n",
        "tcpdump.log": b"tcpdump -w x -i any\n",
        "proc-net/arp": b"IP address HW type\n",
        "proc-net/nf_conntrack": b"ipv4 2 udp 17 6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=53 "
        b"src=10.1.0.9 dst=10.0.0.1 sport=53 dport=1 mark=0 use=1\n",
        "proc-net/xt_recent/KUBE-SEP-AAAAAAAAAAAAAAAA": b"src=10.0.0.1 ttl: 64 last_seen: 4294 oldest_pkt: 1 4294\n",
        "proc-net/xt_recent/KUBE-SEP-BBBBBBBBBBBBBBBB": b"",
        "proc-sys-net/ipv4/ip_forward": b"1\n",
    }


def tarred(files: dict[str, bytes], *odd: tarfile.TarInfo) -> bytes:
    """A .tar.gz of files, and of members that are none."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            one = tarfile.TarInfo(name)
            one.size = len(data)
            archive.addfile(one, io.BytesIO(data))
        for one in odd:
            archive.addfile(one)
    return out.getvalue()


def odd(name: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    one = tarfile.TarInfo(name)
    one.type, one.linkname = kind, "/etc/passwd"
    return one


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def taken(inputs) -> set[tuple[str, str | None, str | None]]:
    return {(one.source.name.rpartition("/")[2], one.form and one.form.name, one.source.node) for one in inputs}


def expected(node: str, capture: str = "retina-capture") -> set[tuple[str, str, str]]:
    return {
        (f"{capture}-{node}-20230320013600UTC.pcap", "pcap", node),
        ("ip-resources.txt", "ip-addr-json", node),
        ("iptables-rules.txt", "iptables-save", node),
        ("nf_conntrack", "conntrack", node),
        ("KUBE-SEP-AAAAAAAAAAAAAAAA", "xt_recent", node),
    }


@pytest.mark.parametrize("unpacked", [True, False])
def test_a_retina_bundle_is_its_nodes_files_and_the_rest_of_it_is_no_noise(unpacked, tmp_path):
    for node in NODES:
        name, files = f"retina-capture-{node}-20230320013600UTC", bundle("retina-capture", node)
        as_files = {f"{name}/{k}": v for k, v in files.items()}
        write(tmp_path, as_files if unpacked else {f"{name}.tar.gz": tarred(files)})
    inputs = discover(Capture(tmp_path))
    assert taken(inputs) == expected(NODES[0]) | expected(NODES[1])
    assert [f for one in inputs for f in one.findings] == []


def test_downloads_lie_in_a_folder_or_an_archive_named_like_the_capture(tmp_path):
    inside = {f"slow-dns/slow-dns-{n}-20230320013600UTC.tar.gz": tarred(bundle("slow-dns", n)) for n in NODES}
    write(tmp_path / "one", inside)
    write(tmp_path / "two", {"all-captures-20230320134500.tar.gz": tarred(inside)})
    for folder in ("one", "two"):
        found = taken(discover(Capture(tmp_path / folder)))
        assert found == expected(NODES[0], "slow-dns") | expected(NODES[1], "slow-dns")


def test_a_known_node_in_a_bundles_name_is_its_node(tmp_path):
    node = "aks-nodepool1-37165121-vmss000000"
    files = bundle("why-so-slow", node)
    write(tmp_path, {f"why-so-slow-{node}-20230320013600UTC.tar.gz": tarred(files)})
    cluster = resources.folder("samples") / "single-pod" / "cluster" / "nodes.json"
    assert {one.source.node for one in discover(Capture(tmp_path, cluster=[cluster]))} == {node, None}


def test_a_whole_capture_can_be_one_archive(tmp_path):
    sample = resources.folder("samples") / "single-pod"
    files = {p.relative_to(sample).as_posix(): p.read_bytes() for p in sample.rglob("*") if p.is_file()}
    (tmp_path / "peak.tar.gz").write_bytes(tarred(files))
    from_archive, from_folder = (
        [(one.source.name, one.source.node, one.capture_id) for one in discover(Capture(path))]
        for path in (tmp_path / "peak.tar.gz", sample)
    )
    assert from_archive == from_folder
    assert Capture(tmp_path / "peak.tar.gz").run_name == "peak"


def test_what_leads_out_of_an_archive_is_left_out_and_told(tmp_path):
    files = {"../outside.txt": b"x", "/absolute.txt": b"x", "a/../../b.txt": b"x", "nodes/a/r": RULES.encode()}
    write(tmp_path / "in", {"x.tar.gz": tarred(files, odd("link"), odd("pipe", tarfile.FIFOTYPE))})
    inputs = discover(Capture(tmp_path / "in", limits=Limits(temp_dir=tmp_path)))
    assert {one.source.name for one in inputs} == {"x.tar.gz", "x.tar.gz/nodes/a/r"}
    (finding,) = next(one.findings for one in inputs if one.source.name == "x.tar.gz")
    assert finding.message.startswith("5 links, devices or paths")
    assert not list(tmp_path.rglob("outside.txt"))


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_FREE_SIZE", 1_000_000)
    write(tmp_path, {"x.tar.gz": tarred({"a": b"\0" * 1_000_000, "b": b"\0" * 1_000_000})})
    names = {f.finding for one in discover(Capture(tmp_path)) for f in one.findings}
    assert "refused-archive" in names


def test_of_a_truncated_archive_the_files_before_the_end_are_read(tmp_path):
    whole = tarred({"nodes/a/r": RULES.encode() * 50, "nodes/b/r": bytes(range(256)) * 400})
    write(tmp_path, {"x.tar.gz": whole[: len(whole) // 2]})
    found = look_at(Capture(tmp_path))
    assert found.files[0]["findings"][0]["finding"] == "truncated-file"
    assert "x.tar.gz/nodes/a/r" in {f["file"] for f in found.files}


def test_a_file_that_is_no_archive_is_no_capture(tmp_path):
    write(tmp_path, {"x.gz": gzip.compress(b"hello")})
    with pytest.raises(InputError, match="is a file, not a folder"):
        discover(Capture(tmp_path / "x.gz"))
