"""The example in pipeline/formats/README.md: its export gives the rows and the reject that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from tests.formats.test_tshark import read

README = (Path(__file__).parents[2] / "pipeline" / "formats" / "README.md").read_text(encoding="utf-8")
EXAMPLE = README.partition("## Example")[2]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row[1:-1].split("|")]


def test_the_export_of_the_page_gives_the_rows_and_the_reject_of_the_page(tmp_path):
    path = tmp_path / "export"
    path.write_text(re.search(r"```text\n(.*?)```", EXAMPLE, re.DOTALL)[1])
    header, _, *rows = [line for line in EXAMPLE.splitlines() if line.startswith("|")]
    found = read(path, tmp_path / "out", ", ".join(cells(header)))
    packets = [["" if value is None else str(value) for value in packet] for packet in found.packets]
    assert packets == [cells(row) for row in rows]
    assert [f"Reject: line {number}, `{reason}`." for number, reason in found.rejects] == [EXAMPLE.splitlines()[-1]]
