"""`kubectl get ... -o yaml`: one document or many. Each item of a list is read alone.

So a broken item loses only itself.
"""

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
        """Return a high score for the keys apiVersion and kind; JSON is YAML too, and another form."""
        return 85 if not head.lstrip().startswith("{") and _VERSION.search(head) and _KIND.search(head) else 0

    def parse(self, source: Source) -> Parsed:
        """Return the rows of the objects; each broken object or item is one reject."""
        return parse_objects(value for document in _documents(source) for value in document.objects())


@dataclass(slots=True)
class _Chunk:
    """Lines that are YAML on their own; `start` is the number of the first."""

    start: int
    lines: list[str] = field(default_factory=list)

    def load(self) -> object:
        """Return the value of the lines, or a Reject."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            return yaml.load("\n".join(self.lines), Loader=loader)  # noqa: S506 - both loaders are safe
        except (yaml.YAMLError, RecursionError, ValueError) as e:
            mark = getattr(e, "problem_mark", None)
            line = min(mark.line, len(self.lines) - 1) if mark else 0
            reason = f"broken YAML: {getattr(e, 'problem', None) or e}"
            return Reject(self.start + line, reason, without_values(self.lines[line]))


@dataclass(slots=True)
class _Document:
    """A document, split by indentation into its top level and the items of its list.

    `item_prefix` is how a line starts that begins an item: None outside the list, "" until the first item.
    """

    top: _Chunk
    items: list[_Chunk] = field(default_factory=list)
    item_prefix: str | None = None

    def add_line(self, number: int, line: str) -> None:
        if self.item_prefix is not None and line[:1].isalpha():
            self.item_prefix = None
        if self.item_prefix == "" and (item := _ITEM.match(line)):
            self.item_prefix = item[0]
        if self.item_prefix and line.startswith(self.item_prefix):
            self.items.append(_Chunk(number))
        in_list = bool(self.item_prefix)
        if in_list:
            self.items[-1].lines.append(line)
        elif line.rstrip() == "items:":
            self.item_prefix, in_list = "", True
        self.top.lines.append("" if in_list else line)

    def objects(self) -> Iterator[LocatedValue | Reject]:
        """Yield the items, or the single object. A list without a kind was cut, and so was its last item."""
        top = self.top.load()
        kind = str(top.get("kind", "")) if isinstance(top, dict) else ""
        if isinstance(top, Reject):
            yield top
        elif top is not None and not self.items and not kind.endswith("List"):
            yield LocatedValue(self.top.start, top)
        is_cut = bool(self.items) and not kind and not isinstance(top, Reject)
        default = {"kind": kind.removesuffix("List")} if kind not in ("", "List") else {}
        for item in self.items[: -1 if is_cut else None]:
            yield _item(item, default)
        if is_cut:
            last = self.items[-1]
            yield Reject(last.start, "cut short: the list has no kind at its end", without_values(last.lines[0]))


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
            document.add_line(number, line)
    if document:
        yield document


FORMAT = KubectlYaml()
