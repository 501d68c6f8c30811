"""One rule set in every form it is printed in: the same decisions, or uncertain with a reason; never another one."""

from __future__ import annotations

import pytest

from pipeline.errors import InputError
from pipeline.query.trace_command import Packet, answer, read_rules

NODE = ["10.220.1.4", "fd00:220::4"]
SOURCES = ("203.0.113.9", "198.51.100.200", "10.100.0.7", "10.100.2.9", "10.220.1.4", "10.220.1.5")
DIALLED = [
    ("10.200.105.65", "tcp", 80), ("20.185.96.169", "tcp", 80), ("20.185.96.170", "tcp", 80), ("8.8.8.8", "tcp", 443),
    ("20.185.96.171", "tcp", 80), ("10.200.0.10", "udp", 53), ("10.200.0.77", "tcp", 8003), ("10.100.2.2", "tcp", 80),
    ("10.200.0.78", "tcp", 8085), ("10.220.1.4", "tcp", 30918), ("10.220.1.4", "tcp", 31444), ("10.200.9.9", "tcp", 80),
    ("10.220.1.4", "tcp", 31777), ("10.220.1.4", "tcp", 8080), ("10.220.1.4", "tcp", 8443), ("127.0.0.1", "tcp", 31444),
]  # fmt: skip
PACKETS = [Packet(source, protocol, ip, port) for ip, protocol, port in DIALLED for source in SOURCES]
NAT = [
    "legacy_nat_S", "legacy_nat_S_v", "legacy_nat_nL", "legacy_nat_nL_lineno", "legacy_nat_nvL", "legacy_nat_nvL_cnt",
    "legacy_nat_nvxL_cnt", "nft_nat_S", "nft_nat_nL", "nft_nat_nL_lineno", "nft_nat_nvL", "nft_nat_nvL_cnt",
]  # fmt: skip
WHOLE = ["legacy_save", "legacy_save_c", "nft_save", "nft_save_c"]
SETS = {"save": "ipset_save", "list": "ipset_list"}
KUBE_PROXY_NFT = "kube_proxy_nftables_"
NFT_PACKETS = [
    Packet(source, protocol, ip, port)
    for source in ("10.180.0.1", "10.180.0.9", "192.168.0.2", "203.0.113.9")
    for protocol in ("tcp", "udp")
    for ip in ("172.30.0.41", "172.30.0.43", "172.30.0.46", "1.2.3.4", "5.6.7.8", "192.168.99.33", "192.168.0.2")
    for port in (80, 3001, 3002, 3003)
]

pytestmark = pytest.mark.shared


@pytest.fixture
def forms(shared):
    return shared / "data/dumps/forms"


def answers(forms, *names, packets=PACKETS):
    rules = read_rules(*(next(forms.glob(f"{name}.*[!d]")) for name in names))
    return [answer(rules, packet, NODE, None) for packet in packets]


def decision(given):
    places = sorted((e["ip"], e["port"], e["probability"] and round(e["probability"], 4)) for e in given["endpoints"])
    return given["verdict"], places, given["source_nat"] if given["verdict"] == "dnat" else None


@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize("name", WHOLE[1:])
def test_whole_dumps_say_the_same_with_the_ipsets_beside_them(forms, name, sets):
    reference = answers(forms, WHOLE[0], SETS[sets])
    assert all(a["certain"] for a in reference)
    given = answers(forms, name, SETS[sets])
    assert all(a["certain"] for a in given)
    assert list(map(decision, given)) == list(map(decision, reference))


@pytest.mark.parametrize("name", NAT)
def test_listings_say_the_same_or_what_they_hide(forms, name):
    reference = answers(forms, WHOLE[0], "ipset_save")
    given = answers(forms, name, "legacy_filter_nL", "ipset_save")
    assert [a for a, r in zip(given, reference, strict=True) if a["certain"] and decision(a) != decision(r)] == []
    reasons = {why.partition(": ")[2] for a in given for why in a["uncertain_because"]}
    assert reasons <= {"interfaces, which a listing without -v leaves out"}
    assert sum(a["certain"] for a in given) > len(PACKETS) / 2


def test_no_form_at_all_gives_another_certain_answer(forms):
    reference = answers(forms, WHOLE[0], "ipset_save")
    read = 0
    for path in sorted(p for p in forms.glob("*.txt") if "6" not in p.name and KUBE_PROXY_NFT not in p.name):
        try:
            given = answers(forms, path.stem)
        except InputError:
            continue
        read += 1
        pairs = list(zip(given, reference, strict=True))
        assert [path.name for a, r in pairs if a["certain"] and decision(a) != decision(r)] == []
        assert all(a["certain"] or a["uncertain_because"] for a in given)
    assert read >= 24


@pytest.mark.parametrize("name", ["legacy6_nat_nL", "nft6_nat_nL"])
def test_listings_of_ipv6_say_the_same(forms, name):
    dialled = [("fd00:200::10", 80), ("fd00:200::77", 8003), ("2001:db8::1", 443)]
    sources = ("2001:db8:ffff::9", "fd00:100::7", "fd00:220::4")
    packets = [Packet(source, "tcp", ip, port) for ip, port in dialled for source in sources]
    reference = answers(forms, "legacy6_save", packets=packets)
    given = answers(forms, name, packets=packets)
    assert [a for a, r in zip(given, reference, strict=True) if a["certain"] and decision(a) != decision(r)] == []


@pytest.mark.parametrize("name", ["list_table_a", "map_service_ips", "ruleset"])
def test_forms_of_kube_proxys_own_nft_rules(forms, name):
    reference = answers(forms, f"{KUBE_PROXY_NFT}list_ruleset", packets=NFT_PACKETS)
    assert all(a["certain"] for a in reference)
    given = answers(forms, f"{KUBE_PROXY_NFT}{name}", packets=NFT_PACKETS)
    assert [a for a, r in zip(given, reference, strict=True) if a["certain"] and decision(a) != decision(r)] == []
    assert all(a["certain"] for a in given) is (name != "map_service_ips")


def test_names_of_chains_without_their_rules_are_no_rules(forms):
    with pytest.raises(InputError, match="no rule could be read"):
        answers(forms, f"{KUBE_PROXY_NFT}list_chains", packets=NFT_PACKETS)
