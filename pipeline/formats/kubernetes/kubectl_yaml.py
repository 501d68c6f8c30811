"""`kubectl get ... -o yaml`: one document or many. Items of a list are read one by one: one broken spoils no other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.formats.base import Parsed, Reject
from pipeline.formats.json_stream import LocatedValue
from pipeline.formats.kubernetes.objects import parse_objects, without_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.formats.base import Kind
    from pipeline.formats.source import Source

_VERSION = re.compile(r"^ {0,2}(- )?apiVersion:", re.MULTILINE)
_KIND = re.compile(r"^ *(- )?(kind|items):", re.MULTILINE)
_ITEM = re.compile(r"^ *- ")


class KubectlYaml:
    """Objects as YAML."""

    name = "kubectl-yaml"
    kind: Kind = "objects"
    sign = "keys apiVersion and kind"

    def recognise(self, head: str) -> int:
        """Sure where apiVersion and kind stand as keys; JSON is YAML too, but not this form's."""
        return 85 if not head.lstrip().startswith("{") and _VERSION.search(head) and _KIND.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Rows of the objects; each broken object or item is one reject."""
        return parse_objects(one for document in _documents(source) for one in document.objects())


@dataclass(slots=True)
class _Chunk:
    """Lines that are YAML on their own, and the number of the first."""

    start: int
    lines: list[str] = field(default_factory=list)

    def load(self) -> object:
        """What the lines say, or a Reject."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            return yaml.load("\n".join(self.lines), Loader=loader)  # noqa: S506 - safe, both of them
        except (yaml.YAMLError, RecursionError, ValueError) as e:
            mark = getattr(e, "problem_mark", None)
            line = min(mark.line, len(self.lines) - 1) if mark else 0
            reason = f"broken YAML: {getattr(e, 'problem', None) or e}"
            return Reject(self.start + line, reason, without_values(self.lines[line]))


@dataclass(slots=True)
class _Document:
    """A document, taken apart by indentation: what is at the top, and each of its items."""

    top: _Chunk
    items: list[_Chunk] = field(default_factory=list)
    marker: str | None = None  # what an item of the list starts with; None outside the list

    def take(self, number: int, line: str) -> None:
        """Take the next line."""
        if self.marker is not None and line[:1].isalpha():
            self.marker = None
        if self.marker == "" and (item := _ITEM.match(line)):
            self.marker = item[0]
        if self.marker and line.startswith(self.marker):
            self.items.append(_Chunk(number))
        in_list = bool(self.marker)
        if in_list:
            self.items[-1].lines.append(line)
        elif line.rstrip() == "items:":
            self.marker, in_list = "", True
        self.top.lines.append("" if in_list else line)

    def objects(self) -> Iterator[LocatedValue | Reject]:
        """The items, or the single object. A list that never says its kind was cut, and its last item with it."""
        top = self.top.load()
        kind = str(top.get("kind", "")) if isinstance(top, dict) else ""
        if isinstance(top, Reject):
            yield top
        elif top is not None and not self.items and not kind.endswith("List"):
            yield LocatedValue(self.top.start, top)
        cut = bool(self.items) and not kind and not isinstance(top, Reject)
        default = {"kind": kind.removesuffix("List")} if kind not in ("", "List") else {}
        for item in self.items[: -1 if cut else None]:
            yield _item(item, default)
        if cut:
            last = self.items[-1]
            yield Reject(last.start, "cut short: the list ends without its kind", without_values(last.lines[0]))


def _item(chunk: _Chunk, default: dict[str, str]) -> LocatedValue | Reject:
    loaded = chunk.load()
    if isinstance(loaded, Reject):
        return loaded
    value = loaded[0] if isinstance(loaded, list) and loaded else loaded
    return LocatedValue(chunk.start, default | value if isinstance(value, dict) else value)


def _documents(source: Source) -> Iterator[_Document]:
    document: _Document | None = None
    for number, line in source.lines():
        if line.rstrip() in ("---", "..."):
            if document:
                yield document
            document = None
        elif document or line.strip():
            document = document or _Document(_Chunk(number))
            document.take(number, line)
    if document:
        yield document


FORMAT = KubectlYaml()
