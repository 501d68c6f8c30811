"""Rubbish given to the readers of rules: bounded time and memory, a reject or nothing, never an exception."""

from __future__ import annotations

import time
import tracemalloc
from importlib import import_module

import pytest

from pipeline.formats.source import Source

FORMS = {
    name: import_module(f"pipeline.formats.rule_dumps.{name}").FORMAT
    for name in ("iptables_save", "iptables_list", "nft_list", "nft_json", "ipvsadm", "ipset")
}
HEADS = {
    "iptables_save": "*nat\n:PREROUTING ACCEPT [0:0]\n",
    "iptables_list": "Chain KUBE-SERVICES (2 references)\ntarget     prot opt source               destination\n",
    "nft_list": "table ip kube-proxy {\n\tchain services {\n",
    "nft_json": '{"nftables": [',
    "ipvsadm": "IP Virtual Server version 1.2.1 (size=4096)\n",
    "ipset": "create S hash:ip family inet\n",
}
RUBBISH = {
    "binary": bytes(range(256)) * 40,
    "one long line": b"-A KUBE-SERVICES " + b"x" * 3_000_000,
    "a long listing row": b"KUBE-SVC-A tcp -- " + b"1.2.3.4 " * 300_000,
    "many blanks": b" " * 1_000_000 + b"x\n",
    "many dashes": b"-" * 1_000_000,
    "bad utf-8": b"-A KUBE-\xff\xfe -j \xc3\x28\n",
    "backslashes": b"-A X \\\n" * 20_000,
    "open quote": b'-A X -m comment --comment "' + b'\\"' * 100_000,
    "deep json": b"[" * 100_000,
}


@pytest.mark.parametrize("rubbish", RUBBISH)
@pytest.mark.parametrize("name", FORMS)
def test_rubbish_is_survived(name, rubbish, tmp_path):
    path = tmp_path / "rules.txt"
    path.write_bytes(HEADS[name].encode() + RUBBISH[rubbish])
    FORMS[name].recognise(Source(path, path.name).head())
    parsed = FORMS[name].parse(Source(path, path.name))
    kept = len(parsed.tables["rules"]) if parsed.tables else 0
    assert parsed.row_count == kept + len(parsed.rejects)
    assert all(r.reason and len(r.text) <= 700 for r in parsed.rejects)


COUNTED = {
    "iptables_save": "*nat\n:KUBE-SERVICES - [{0}:1]\n[{0}:1] -A KUBE-SERVICES -j RETURN\nCOMMIT\n",
    "iptables_list": "Chain KUBE-SERVICES (1 references)\npkts bytes target prot opt in out source destination\n"
    "{0} 1 RETURN all -- * * 0.0.0.0/0 0.0.0.0/0\n",
    "nft_list": "table ip kube-proxy {{\n\tchain services {{\n\t\tcounter packets {0} bytes 1 return\n\t}}\n}}\n",
}


@pytest.mark.parametrize("counter", ["2147483648", "18446744073709551615", "9" * 40, "9" * 5000])
@pytest.mark.parametrize("name", COUNTED)
def test_counters_beyond_an_integer_do_not_lose_the_rule(name, counter, tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text(COUNTED[name].format(counter))
    rows = FORMS[name].parse(Source(path, path.name)).tables["rules"]
    most = min(int(counter[:40]), 2**63 - 1)
    assert rows["packet_count"].drop_nulls().to_list() == [most] * rows["packet_count"].drop_nulls().len()
    assert most in rows["packet_count"]


@pytest.mark.parametrize(
    ("printed", "count"), [("12K", 12_000), ("7P", 7 * 10**15), ("999999P", 2**63 - 1), ("0", 0), ("0012", 12)]
)
def test_counters_with_units_are_numbers(printed, count, tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text(COUNTED["iptables_list"].format(printed))
    assert count in FORMS["iptables_list"].parse(Source(path, path.name)).tables["rules"]["packet_count"]


LINES = {
    "iptables_save": "-A KUBE-SERVICES -d {} -j RETURN\n",
    "iptables_list": "KUBE-SVC-A tcp -- 0.0.0.0/0 {}\n",
    "nft_list": "\t\tip daddr {} drop\n",
    "nft_json": '{{"rule": "{}"}}]}}\n',
    "ipvsadm": "TCP {}:80 rr\n",
    "ipset": "add S {}\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_a_line_that_is_longer_than_any_rule_is_a_reject_in_bounded_memory(name, tmp_path):
    size = 3_000_000
    path = tmp_path / "rules.txt"
    path.write_text(HEADS[name] + LINES[name].format("1" * size))
    source = Source(path, path.name)
    tracemalloc.start()
    parsed = FORMS[name].parse(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(parsed.rejects) == 1
    assert parsed.rejects[0].line_number == HEADS[name].count("\n") + 1
    assert len(parsed.rejects[0].text) <= 600
    assert peak < 12 * size


@pytest.mark.parametrize("end", ["", "\n-A A -j B\n"])
def test_a_hundred_megabytes_without_a_line_end_take_bounded_time_and_memory(tmp_path, end):
    path = tmp_path / "rules.txt"
    path.write_text(f"{HEADS['iptables_save']}-A KUBE-SERVICES {'1' * 100_000_000}{end}")
    start = time.process_time()
    tracemalloc.start()
    parsed = FORMS["iptables_save"].parse(Source(path, path.name))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(r.line_number, r.reason) for r in parsed.rejects] == [(3, "too long for a rule")]
    assert len(parsed.tables["rules"]) == 2 + bool(end)
    assert peak < 100_000_000
    assert time.process_time() - start < 10
