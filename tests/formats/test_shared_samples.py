"""Every sample beside the checkout: rows kept, rows rejected, and findings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.ingest.capture import Capture
from pipeline.inputs import look_at


@pytest.mark.shared
@pytest.mark.parametrize(("folder", "ending"), [("tshark", ".out"), ("kubectl", "")])
def test_every_sample_has_the_expected_counts_and_findings(folder, ending, shared):
    paths = [p for p in (shared / "data" / folder).rglob(f"*{ending}") if p.is_file() and p.suffix != ".md"]
    table = json.loads((Path(__file__).parent / f"{folder}-shared.json").read_text())
    names = {p.name.removesuffix(ending): p for p in paths}
    assert names.keys() == table.keys()
    nodes = {name: [path] for name, path in names.items()}
    counts = {
        file["file"].rpartition(":")[2].removesuffix(ending): {
            "form": file["format"],
            "kept": file["kept_count"],
            "rejected": file["rejected_count"],
            "has_time": file["first_us"] is not None,
            "findings": sorted({f["finding"] for f in file["findings"]}),
        }
        for file in look_at(Capture(shared / "data" / "origin", nodes=nodes)).files
    }
    assert {name: {k: counts[name][k] for k in row} for name, row in table.items()} == table
