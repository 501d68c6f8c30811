"""Numbers for what packets of one export have in common: grouping by them costs less than by texts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

_PORTS = 131072  # a socket is the number of its address times this, plus its port plus one; 0 for no port


@dataclass(slots=True)
class Numbered:
    """The addresses, interfaces and protocols of one export, each with a number; 0 stands for none."""

    numbers: dict[str | None, int] = field(default_factory=lambda: {None: 0})

    def rows(self, rows: pa.Table) -> pa.Table:
        """Rows of `packets` with `medium` (2^32 times the interface, plus the protocol), `src` and `dst` (sockets)."""
        medium = self._of(rows["interface"]) << 32 | self._of(rows["protocol"])
        rows = rows.append_column("medium", pa.array(medium))
        for end in ("src", "dst"):
            address = self._of(rows[f"{end}_ip"])
            ports = rows[f"{end}_port"].fill_null(-1).to_numpy() + 1
            rows = rows.append_column(end, pa.array(address * _PORTS + ports, mask=address == 0))
        return rows

    def texts(self) -> pa.Table:
        """Which text each number stands for: columns `number` and `text`."""
        return pa.table({"number": [*self.numbers.values()], "text": pa.array([*self.numbers], pa.string())})

    def _of(self, column: pa.ChunkedArray) -> np.ndarray:
        """The number of each row's text."""
        if not column.num_chunks:
            return np.zeros(0, np.int64)
        words = column.unify_dictionaries().combine_chunks()
        known = [self.numbers.setdefault(text, len(self.numbers)) for text in words.dictionary.to_pylist()]
        numbers: np.ndarray = np.array([*known, 0])[words.indices.fill_null(len(known)).to_numpy()]
        return numbers
