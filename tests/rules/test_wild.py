"""Dumps as people paste them: all are read, nearly every rule is, and what is not is rejected with a reason."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from pipeline.formats.source import Source

pytestmark = pytest.mark.shared

FORMS = [
    import_module(f"pipeline.formats.rule_dumps.{name}").FORMAT
    for name in ("iptables_save", "iptables_list", "nft_list", "nft_json", "ipvsadm")
]
# Counted without the readers: a line is a rule where it appends one, or has a protocol, `--` and two addresses.
APPENDED = re.compile(r"(^|[\s\]])(-A|--append|-I) [A-Z{]\S*.*\s-[jmspdg] ")
ADDRESS = r"!?(anywhere|[\da-f.:]+(/\d+)?|[\w.-]+)"
ROW = re.compile(
    rf"^[\s#>|+\d]*([A-Za-z][\w.-]*\s+)?!?(all|tcp|udp|icmp|sctp|\d+)\s+--\s+(\S+\s+\S+\s+)?{ADDRESS}\s+{ADDRESS}(\s|$)"
)


def is_rule(line):
    return APPENDED.search(line) or ROW.match(line)


def test_nearly_every_rule_is_read_and_the_rest_says_why(shared):
    files = sorted((shared / "data/dumps/wild").glob("*.txt"))
    assert len(files) == 166
    rules = read = 0
    silent = []
    for path in files:
        source = Source(path, path.name)
        lines = dict(source.lines())
        rule_lines = {n for n, line in lines.items() if is_rule(line)}
        form = max(FORMS, key=lambda f: f.recognise(source.head()))
        if not form.recognise(source.head()):
            silent += [(path.name, lines[n]) for n in rule_lines]
            continue
        parsed = form.parse(source)
        kept = set(parsed.tables["rules"]["line_number"]) if parsed.tables else set()
        rejected = {r.line_number for r in parsed.rejects}
        assert all(r.reason for r in parsed.rejects)
        assert parsed.row_count == (len(parsed.tables["rules"]) if parsed.tables else 0) + len(parsed.rejects)
        rules += len(rule_lines)
        read += len(rule_lines & kept)
        silent += [(path.name, lines[n]) for n in rule_lines - kept - rejected]
    assert silent == []
    assert rules > 1300
    assert read >= 0.99 * rules, f"{read} of {rules}"
