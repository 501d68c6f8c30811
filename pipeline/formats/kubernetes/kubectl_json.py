"""`kubectl get ... -o json`: lists or single objects, one document or many; what precedes a broken end is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject
from pipeline.formats.json_stream import BrokenJsonError, JsonText, LocatedValue
from pipeline.formats.kubernetes.objects import parse_objects, without_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.kubernetes.object_rows import Json
    from pipeline.formats.source import Source

_START = re.compile(r"^[ \t]*\{", re.MULTILINE)
_NEXT_START = re.compile(r"^\{", re.MULTILINE)
_LINE = re.compile(r"\S.*")


class KubectlJson:
    """Objects as JSON, from kubectl or the API itself."""

    name = "kubectl-json"
    kind: Kind = "objects"
    sign = "keys apiVersion and kind"

    def recognise(self, head: str) -> int:
        """Return a high score for an object with an apiVersion, a lower one if other lines precede it."""
        if '"apiVersion"' not in head or '"kind"' not in head or not _START.search(head):
            return 0
        return 90 if head.lstrip().startswith("{") else 60

    def parse(self, source: Source) -> Parsed:
        """Return the rows of the objects. Broken JSON is one reject, up to the next line that starts with a brace."""
        return parse_objects(_objects(JsonText(source.text())))


@dataclass(slots=True)
class _Document:
    """A top-level object, as far as its JSON is valid; `items` are separate so that a broken end does not lose them."""

    top: Json = field(default_factory=dict)
    items: list[tuple[int, object]] = field(default_factory=list)

    def read(self, text: JsonText, position: int) -> int:
        """Read the object whose brace is at `position`, and return the position after it."""
        position = text.skip_separators(position + 1)
        while text.char_at(position) != "}":
            key, position = text.read_value(position)
            if key == "items" and text.char_at(position) == "[":
                position = text.read_list(position, self.items)
            else:
                self.top[str(key)], position = text.read_value(position)
        return position + 1

    def placed(self, text: JsonText) -> Iterator[LocatedValue]:
        """Yield the items of a list; a `ServiceList` has their kind once, for all of them."""
        kind = str(self.top.get("kind", ""))
        default = {"kind": kind.removesuffix("List")} if kind not in ("", "List") else {}
        for position, item in self.items:
            yield LocatedValue(text.line_number(position), default | item if isinstance(item, dict) else item)


def _objects(text: JsonText) -> Iterator[LocatedValue | Reject]:
    position = 0
    while start := _START.search(text.text, position):
        yield from _reject_other_lines(text, position, start.start())
        document, brace = _Document(), start.end() - 1
        try:
            position = document.read(text, brace)
        except BrokenJsonError as e:
            following = _NEXT_START.search(text.text, max(e.position, start.end()))
            position = following.start() if following else len(text.text)
            yield from document.placed(text)
            yield Reject(text.line_number(e.position), str(e), without_values(text.line_at(e.position)))
        else:
            is_list = document.items or str(document.top.get("kind", "")).endswith("List")
            yield from document.placed(text) if is_list else [LocatedValue(text.line_number(brace), document.top)]
    yield from _reject_other_lines(text, position, len(text.text))


def _reject_other_lines(text: JsonText, start: int, end: int) -> Iterator[Reject]:
    """Reject lines outside any object, such as a warning on stderr in the same file."""
    for match in _LINE.finditer(text.text, start, end):
        yield Reject(text.line_number(match.start()), "not inside an object", match[0].rstrip())


FORMAT = KubectlJson()
