"""The example in pipeline/ingest/README.md: its export gives the rows that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake

README = (Path(__file__).parents[1] / "pipeline" / "ingest" / "README.md").read_text(encoding="utf-8")
SHOWN = README.partition("## One example")[2].partition("\n## ")[0]


def test_the_example_gives_the_rows_that_the_page_shows(tmp_path):
    export = tmp_path / "capture" / "nodes" / "node-a" / "eth0.tsv"
    export.parent.mkdir(parents=True)
    export.write_text(re.search(r"```text\n(.*?)```", SHOWN, re.DOTALL)[1])
    lake = Lake(tmp_path / "lake")
    run_whole(Job(Capture(tmp_path / "capture"), lake, "example"), Window())
    con = open_lake(lake, Limits())
    (capture,) = con.sql("SELECT * FROM captures").to_dicts()
    (conversation,) = con.sql("SELECT * FROM conversations").to_dicts()
    (reject,) = con.sql("SELECT * FROM rejects").to_dicts()
    shown = {name: value for row in (capture, conversation) for name, value in row.items()}
    for name, value in re.findall(r"`?(\w+)`? (\d[\d.]*)", SHOWN.partition("```\n\n")[2].replace("`", "")):
        if name in shown:
            assert str(shown[name]) == value.rstrip("."), name
    assert f"capture id `{capture['capture_id']}`" in SHOWN
    assert f'`line_number` {reject["line_number"]}, `reason` "{reject["reason"]}"' in SHOWN
