"""JSON read value by value, each with its position: if the text is broken, the values before that point are kept."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NamedTuple

_DECODER = json.JSONDecoder()
_SEPARATORS = re.compile(r"[\s,:]*")


class BrokenJsonError(ValueError):
    """The text is no JSON at `position`."""

    def __init__(self, message: str, position: int) -> None:
        """`message` is for people."""
        super().__init__(message)
        self.position = position


class LocatedValue(NamedTuple):
    """A value and the number of the line on which it starts."""

    line_number: int
    value: object


@dataclass(slots=True)
class JsonText:
    """A text that contains JSON. Lines are counted onward from the last position that was asked for."""

    text: str
    _position: int = 0
    _number: int = 1

    def line_number(self, position: int) -> int:
        """Return the number of the line at `position`, from 1."""
        if position < self._position:
            self._position, self._number = 0, 1
        self._number += self.text.count("\n", self._position, position)
        self._position = position
        return self._number

    def line_at(self, position: int) -> str:
        """Return the line at `position`."""
        end = self.text.find("\n", position)
        return self.text[self.text.rfind("\n", 0, position) + 1 : len(self.text) if end < 0 else end]

    def char_at(self, position: int) -> str:
        """Return the character at `position`; "" at the end."""
        return self.text[position : position + 1]

    def skip_separators(self, position: int) -> int:
        """Return the next position without a blank, comma or colon."""
        separators = _SEPARATORS.match(self.text, position)
        return separators.end() if separators else position

    def read_value(self, position: int) -> tuple[object, int]:
        """Return the value at `position`, and the position of what follows it.

        Raises:
            BrokenJsonError: there is no whole JSON value at `position`.
        """
        try:
            value, end = _DECODER.raw_decode(self.text, position)
        except json.JSONDecodeError as e:
            raise BrokenJsonError(f"broken or cut short: {e.msg}", min(e.pos, len(self.text.rstrip()))) from e
        except RecursionError as e:
            raise BrokenJsonError("nested too deep", position) from e
        return value, self.skip_separators(end)

    def read_list(self, position: int, elements: list[tuple[int, object]]) -> int:
        """Append the list's elements with their positions to `elements`; return the position of what follows the list.

        The elements before a broken one stay in `elements`.

        Raises:
            BrokenJsonError: an element is no whole JSON value, or the list does not end.
        """
        position = self.skip_separators(position + 1)
        while self.char_at(position) != "]":
            value, end = self.read_value(position)
            elements.append((position, value))
            position = end
        return self.skip_separators(position + 1)
