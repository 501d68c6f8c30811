"""What is wrong with a dump is found in it, with its line; what is not wrong is not."""

from __future__ import annotations

import pytest

from pipeline.formats import recognise
from pipeline.formats.source import Source
from pipeline.rules.grammar.chain_names import chain_hashes

WHOLE = """*nat
:PREROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SEP-{sep} - [0:0]
:KUBE-SVC-{svc} - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-NODEPORTS -p tcp -m comment --comment {name} -m tcp --dport 30080 -j KUBE-SVC-{svc}
-A KUBE-SERVICES -d {ip} -p tcp -m comment --comment "{name} cluster IP" -m tcp --dport 80 -j KUBE-SVC-{svc}
-A KUBE-SEP-{sep} -s {pod} -m comment --comment {name} -j KUBE-MARK-MASQ
-A KUBE-SEP-{sep} -p tcp -m comment --comment {name} -m tcp -j DNAT --to-destination {to}
-A KUBE-SVC-{svc} -m comment --comment "{name} -> {to}" -j KUBE-SEP-{sep}
COMMIT
"""
TESTAPP = {"name": "default/testapp", "svc": "K4VUERBNKSOP4S25", "ip": "10.200.105.65/32"}
TESTAPP |= {"sep": "GB5ZXZKDF6JWMI74", "pod": "10.100.0.7/32", "to": "10.100.0.7:80"}
SIX = TESTAPP | {"sep": "AYJI6QYHXLBKKT3P", "ip": "fd00:200::10/128", "pod": "fd00:100::7/128"}
SIX |= {"to": "[fd00:100::7]:80"}
DNS = TESTAPP | {"name": "kube-system/kube-dns:dns-tcp", "svc": "ERIFXISQEP7F7OF4"}
OLD = TESTAPP | {"name": "default/testapp:"}  # older releases kept the colon of an unnamed port
NFT = """table ip kube-proxy {{
\tchain {0} {{
\t\tip daddr 172.30.0.41 tcp dport 80 drop
\t}}
}}
"""


@pytest.fixture
def findings(tmp_path):
    """(name, line) of what is found in a text."""

    def found(text):
        path = tmp_path / "dump.txt"
        path.write_text(text)
        source = Source(path, path.name)
        return [(f.finding, f.line_number) for f in recognise(source.head()).parse(source).findings]

    return found


def dump(names=TESTAPP, **other):
    return WHOLE.format(**names | other)


def edited(one, other):
    assert one in dump()
    return dump().replace(one, other)


LEGACY = ("legacy-tables-present", None)


@pytest.mark.parametrize("names", [TESTAPP, SIX], ids=["ipv4", "ipv6"])
def test_a_whole_dump_has_nothing_wrong_with_it(findings, names):
    assert findings(dump(names)) == []


DECLARED = ":KUBE-SEP-GB5ZXZKDF6JWMI74 - [0:0]\n"
HALF = "-m statistic --mode random --probability 0.5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (dump(svc="AAAAAAAAAAAAAAAA"), [("misnamed-chain", 10)]),
        (dump(sep="AAAAAAAAAAAAAAAA"), [("misnamed-chain", 13)]),
        (dump(DNS), [("misnamed-chain", 13)]),  # the Service's chain is named right, the endpoint's is testapp's
        (dump(OLD), []),
        (dump(OLD, svc=chain_hashes("default/testapp", None, "tcp")[1]), []),
        (NFT.format("service-ULMVA6XW-ns1/svc1/tcp/p80"), []),
        (NFT.format("service-ULMVA6XW-ns1/svc1/tcp/p81"), [("misnamed-chain", 2)]),
        (NFT.format("endpoint-ULMVA6XW-ns1/svc1/tcp/p80__10.0.0.1/80"), [("misnamed-chain", 2)]),
        (NFT.format("service-ULMVA6XW-ns1/" + "a" * 80 + "..."), []),  # cut off by kube-proxy: cannot be recomputed
        (edited('IP" -m tcp --dport 80', 'IP" -m tcp'), [("lost-matches", 11)]),
        (edited(DECLARED, "").replace("-A KUBE-SEP", "#"), [("missing-chain", 13)]),
        (edited('80" -j KUBE-SEP', f'80" {HALF} -j KUBE-SEP'), [("open-shares", 14)]),
        ("# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n" + dump(), [LEGACY]),
        (edited("-destination 10.100.0.7:80", "-destination :0 --persistent"), [("lost-destination", 13)]),
        (edited("-m tcp -j DNAT", "-m tcp -j DNAT [unsupported revision]"), [("unsupported-revision", 13)]),
        ("*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n", [("no-kube-chains", None)]),
        ("*filter\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n", [("no-kube-chains", None)]),
        ("table ip filter {\n\tchain INPUT {\n\t\taccept\n\t}\n}\n", [("no-kube-chains", None)]),
    ],
)
def test_a_fault_is_found_with_its_line(findings, text, expected):
    assert findings(text) == expected
