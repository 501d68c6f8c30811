"""`nft -j list ruleset`: each object becomes the rows that the same object of `nft list ruleset` would give."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.rule_dumps.nft_json_syntax import Json, element_text, rule_text
from pipeline.formats.rule_dumps.nft_rows import parsed_listing, rule_columns
from pipeline.schema.frames import checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_START = re.compile(r'\{\s*"nftables"\s*:\s*\[')


class NftJson:
    """The JSON of nft, on one line or many."""

    name = "nft-json"
    kind: Kind = "rules"
    sign = "an object named nftables"

    def recognise(self, head: str) -> int:
        """Return a high score for an object with the list `nftables`."""
        return 95 if _START.search(head[:2000]) else 0

    def parse(self, source: Source) -> Parsed:
        """Return one row per rule and element, and one with rule_number 0 per chain, set and map."""
        reader = _Reader()
        text = source.text()
        for number, item_text, item in _items(text):
            try:
                reader.read_item(number, item_text, item)
            except (KeyError, TypeError, IndexError, AttributeError, ValueError):
                reader.rejects.append(Reject(number, "not an object that nft writes", clip(item_text)))
        return parsed_listing(reader.rows, reader.rejects, is_cut=not text.rstrip().endswith("]}"))


@dataclass(slots=True)
class _Reader:
    """The rows so far; `rule_counts` has the number of rules or elements of each family, table and chain."""

    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rule_counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def read_item(self, number: int, text: str, item: Json) -> None:
        """Add the rows of a chain, set, map or rule; other objects have no effect on packets."""
        if item is None:
            self.rejects.append(Reject(number, "cut off, or not JSON", clip(text)))
            return
        kind, body = next(iter(item.items()))
        if kind == "chain":
            self.add_row(number, text, body, body["name"], 0, **_chain_columns(body))
        elif kind in ("set", "map"):
            self.add_row(number, text, body, f"@{body['name']}", 0, target="-", spec=_set_spec(kind, body))
            self.add_elements(number, body)
        elif kind == "element":
            self.add_elements(number, body)
        elif kind == "rule":
            columns = rule_columns(rule_text(body["expr"]))
            columns |= {"comment": body["comment"]} if "comment" in body else {}
            self.add_row(number, text, body, body["chain"], self.next_number(body, body["chain"]), **columns)

    def add_elements(self, number: int, body: Json) -> None:
        chain = f"@{body['name']}"
        for element in body.get("elem", ()):
            rule_number = self.next_number(body, chain)
            columns = rule_columns(element_text(element))
            self.add_row(number, json.dumps(element, ensure_ascii=False), body, chain, rule_number, **columns)

    def next_number(self, body: Json, chain: str) -> int:
        key = body["family"], body["table"], chain
        self.rule_counts[key] += 1
        return self.rule_counts[key]

    def add_row(self, number: int, text: str, body: Json, chain: str, rule_number: int, **columns: object) -> None:
        row: Row = {"family": body["family"], "table_name": body["table"], "chain": chain, "rule_number": rule_number}
        self.rows.append(checked("rules", row | {"line_number": number, "text": text, **columns}))


def _chain_columns(body: Json) -> Row:
    if "hook" not in body:
        return {"target": "-", "spec": "", "comment": body.get("comment")}
    policy = body.get("policy", "accept")
    spec = f"type {body['type']} hook {body['hook']} priority {body['prio']}; policy {policy};"
    return {"target": policy, "spec": spec}


def _set_spec(kind: str, body: Json) -> str:
    types = body["type"] if isinstance(body["type"], list) else [body["type"]]
    flags = " ".join(["flags", *body["flags"]]) if isinstance(body.get("flags"), list) else ""
    timeout = f"timeout {body['timeout']}" if "timeout" in body else ""
    value = f": {body['map']}" if isinstance(body.get("map"), str) else ""
    return " ".join(part for part in (kind, "type", " . ".join(map(str, types)), value, flags, timeout) if part)


def _items(text: str) -> Iterator[tuple[int, str, Json]]:
    """Yield (line number, text, object) for each element of the list; the object is None where the JSON is broken."""
    start = _START.search(text)
    position, line_number, counted_to = (start.end() if start else len(text)), 1, 0
    decoder = json.JSONDecoder()
    while position < len(text):
        while position < len(text) and text[position] in " \t\r\n,":
            position += 1
        if position == len(text) or text[position] == "]":
            return
        line_number, counted_to = line_number + text.count("\n", counted_to, position), position
        try:
            item, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            yield line_number, text[position : position + 600], None
            return
        yield line_number, text[position:end], item if isinstance(item, dict) and item else None
        position = end


FORMAT = NftJson()
