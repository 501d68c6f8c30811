"""`nft -j list ruleset`."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject, clip
from pipeline.formats.rule_dumps.nft_common import finished, rule_columns
from pipeline.formats.rule_dumps.nft_json_text import Json, element, statements
from pipeline.schema.frames import checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source
    from pipeline.schema import Row

_START = re.compile(r'\{\s*"nftables"\s*:\s*\[')


class NftJson:
    """nft's JSON, on one line or many."""

    name = "nft-json"
    kind: Kind = "rules"
    sign = "an object named nftables"

    def recognise(self, head: str) -> int:
        """Sure where it says nftables."""
        return 95 if _START.search(head[:2000]) else 0

    def parse(self, source: Source) -> Parsed:
        """One row a rule or an element, and one with rule_number 0 a chain, set or map."""
        reader = _Reader()
        whole = source.text()
        for number, text, item in _items(whole):
            try:
                reader.item(number, text, item)
            except (KeyError, TypeError, IndexError, AttributeError, ValueError):
                reader.rejects.append(Reject(number, "not an object that nft writes", clip(text)))
        return finished(reader.rows, reader.rejects, is_cut=not whole.rstrip().endswith("]}"))


@dataclass(slots=True)
class _Reader:
    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    places: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def item(self, number: int, text: str, item: Json) -> None:
        """One object: a chain, a set, a map, a rule; others say nothing of rules."""
        if item is None:
            self.rejects.append(Reject(number, "cut off, or not JSON", clip(text)))
            return
        kind, body = next(iter(item.items()))
        if kind == "chain":
            self.keep(number, text, body, body["name"], 0, **_chain(body))
        elif kind in ("set", "map"):
            self.keep(number, text, body, f"@{body['name']}", 0, target="-", spec=_declared(kind, body))
            self.elements(number, body["name"], body)
        elif kind == "element":
            self.elements(number, body["name"], body)
        elif kind == "rule":
            spec = statements(body["expr"])
            comment = {"comment": body["comment"]} if "comment" in body else {}
            place = self.next_place(body, body["chain"])
            self.keep(number, text, body, body["chain"], place, **(rule_columns(spec) | comment))

    def elements(self, number: int, name: str, body: Json) -> None:
        for elem in body.get("elem", ()):
            place = self.next_place(body, f"@{name}")
            columns = rule_columns(element(elem))
            self.keep(number, json.dumps(elem, ensure_ascii=False), body, f"@{name}", place, **columns)

    def next_place(self, body: Json, chain: str) -> int:
        key = body["family"], body["table"], chain
        self.places[key] += 1
        return self.places[key]

    def keep(self, number: int, text: str, body: Json, chain: str, place: int, **columns: object) -> None:
        row: Row = {"family": body["family"], "table_name": body["table"], "chain": chain, "rule_number": place}
        self.rows.append(checked("rules", row | {"line_number": number, "text": text, **columns}))


def _chain(body: Json) -> Row:
    if "hook" not in body:
        return {"target": "-", "spec": "", "comment": body.get("comment")}
    policy = body.get("policy", "accept")
    spec = f"type {body['type']} hook {body['hook']} priority {body['prio']}; policy {policy};"
    return {"target": policy, "spec": spec}


def _declared(kind: str, body: Json) -> str:
    types = body["type"] if isinstance(body["type"], list) else [body["type"]]
    flags = " ".join(["flags", *body["flags"]]) if isinstance(body.get("flags"), list) else ""
    timeout = f"timeout {body['timeout']}" if "timeout" in body else ""
    value = f": {body['map']}" if isinstance(body.get("map"), str) else ""
    return " ".join(w for w in (kind, "type", " . ".join(map(str, types)), value, flags, timeout) if w)


def _items(text: str) -> Iterator[tuple[int, str, Json]]:
    """(line number, its text, the object) of the list; None where the text breaks."""
    found = _START.search(text)
    at, line, counted = (found.end() if found else len(text)), 1, 0
    decoder = json.JSONDecoder()
    while at < len(text):
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at == len(text) or text[at] == "]":
            return
        line, counted = line + text.count("\n", counted, at), at
        try:
            item, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield line, text[at : at + 600], None
            return
        yield line, text[at:end], item if isinstance(item, dict) and item else None
        at = end


FORMAT = NftJson()
