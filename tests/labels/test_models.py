"""Every model of the label stage, on a real capture: its rows are told apart by the key that it declares."""

import duckdb
import pytest

from pipeline import run
from pipeline.config import Window
from pipeline.ingest.capture import Capture
from pipeline.store import sql_models
from pipeline.store.lake import Lake

EVERY = sql_models.all_models().values()
LABEL = [m for m in EVERY if m.stage == "label"]


@pytest.fixture(scope="module")
def broken_keys(root, tmp_path_factory):
    """Names of models with two rows of one key, and of those that were not looked at."""
    found = {}

    def label(con, folder, window):
        run_label(con, folder, window)
        sql_models.build(con, [m.name for m in LABEL], folder)
        for model in LABEL:
            key = ", ".join(model.key)
            twice = f"SELECT {key} FROM {model.name} GROUP BY ALL HAVING COUNT(*) > 1"
            found[model.name] = con.sql(twice).fetchall()

    run_label = run.label
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "label", label)
        job = run.Job(Capture(root / "samples" / "single-pod"), Lake(tmp_path_factory.mktemp("lake")))
        run.run_whole(job, Window())
    return found


@pytest.mark.parametrize("model", [m.name for m in LABEL])
def test_a_key_tells_rows_apart(model, broken_keys):
    assert broken_keys[model] == []


@pytest.mark.parametrize("model", EVERY, ids=lambda m: m.name)
def test_it_needs_the_tables_that_a_parser_finds(model):
    assert model.needs == duckdb.connect().get_table_names(model.sql)
