"""JSON read piece by piece, each piece with its line, so that what stands before a broken end is kept."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NamedTuple

_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,:]*")


class BrokenError(ValueError):
    """The text is no JSON at `position`."""

    def __init__(self, message: str, position: int) -> None:
        """`message` is for people."""
        super().__init__(message)
        self.position = position


class Placed(NamedTuple):
    """A value and the line it starts on."""

    line_number: int
    value: object


@dataclass(slots=True)
class JsonText:
    """A text with JSON in it. Line numbers are counted onward from the last one asked for."""

    text: str
    _position: int = 0
    _number: int = 1

    def line_number(self, position: int) -> int:
        """The number of the line that `position` is on, from 1."""
        if position < self._position:
            self._position, self._number = 0, 1
        self._number += self.text.count("\n", self._position, position)
        self._position = position
        return self._number

    def line(self, position: int) -> str:
        """The line that `position` is on."""
        end = self.text.find("\n", position)
        return self.text[self.text.rfind("\n", 0, position) + 1 : len(self.text) if end < 0 else end]

    def at(self, position: int) -> str:
        """The character at `position`; nothing at the end."""
        return self.text[position : position + 1]

    def skip(self, position: int) -> int:
        """Past blanks, commas and colons."""
        between = _BETWEEN.match(self.text, position)
        return between.end() if between else position

    def value(self, position: int) -> tuple[object, int]:
        """The value at `position`, and where the next thing stands.

        Raises:
            BrokenError: what stands there is no whole JSON value; it tells the place.
        """
        try:
            value, end = _DECODER.raw_decode(self.text, position)
        except json.JSONDecodeError as e:
            raise BrokenError(f"broken or cut short: {e.msg}", min(e.pos, len(self.text.rstrip()))) from e
        except RecursionError as e:
            raise BrokenError("nested too deep", position) from e
        return value, self.skip(end)

    def elements(self, position: int, found: list[tuple[int, object]]) -> int:
        """Put the elements of the list at `position` into `found`, each with its place; where the next thing stands."""
        position = self.skip(position + 1)
        while self.at(position) != "]":
            value, end = self.value(position)
            found.append((position, value))
            position = end
        return self.skip(position + 1)
