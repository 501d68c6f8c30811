"""The manifest of a run: the inputs, options and version that the run was made from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

from pipeline.config import Window
from pipeline.schema import SHAPES

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run was made from: hash by input file, the options that shape rows, the version of hopscope.

    `shapes` are the hashes of the columns of its tables.
    """

    run: str
    inputs: dict[str, str]
    options: dict[str, object] = field(default_factory=dict)
    version: str = ""
    shapes: dict[str, str] = field(default_factory=lambda: dict(SHAPES))

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Return the manifest that a file holds."""
        return cls(**{"shapes": {}} | json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")

    @property
    def reading_options(self) -> dict[str, object]:
        """The options that shape what is read from an input."""
        return {name: self.options.get(name) for name in ("fields", "zeros", "keep_packets")}

    @property
    def window(self) -> dict[str, object]:
        """Which connections are labelled; empty if the run has no labels."""
        names = [f.name for f in fields(Window)] if self.options.get("labelled") else []
        return {name: self.options.get(name) for name in names}

    @property
    def reading(self) -> tuple[object, ...]:
        """All that decides which rows a file gives: runs with equal values can share the rows of a file."""
        return self.version, self.shapes.get("inputs"), self.reading_options
