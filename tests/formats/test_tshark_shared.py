"""Every sample of what the real tshark writes that lies beside the checkout: what is kept, rejected and found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.config import Limits
from pipeline.inputs import look_at

TABLE = json.loads((Path(__file__).parent / "tshark-shared.json").read_text())


@pytest.mark.shared
def test_every_form_of_export_gives_what_it_holds(shared):
    files = {path.stem: [path] for path in (shared / "data" / "tshark").glob("*.out")}
    found = {
        file["node"]: {
            "form": file["format"],
            "kept": file["kept_count"],
            "rejected": file["rejected_count"],
            "has_time": file["first_us"] is not None,
            "findings": sorted({f["finding"] for f in file["findings"]}),
        }
        for file in look_at(shared / "data" / "origin", Limits(), nodes=files).files
        if file["node"] in TABLE
    }
    assert found == TABLE
