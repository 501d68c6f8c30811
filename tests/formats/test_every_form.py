"""What every input form needs: samples, a broken sample, a line in the docs, and the highest score for its samples."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import Keep, Limits
from pipeline.formats import all_formats, recognise
from pipeline.formats.source import Source
from pipeline.ingest.capture import Capture, InputFile
from pipeline.ingest.input_tables import InputTables
from pipeline.ingest.reader import read_capture
from pipeline.schema import TABLES
from pipeline.schema.frames import frame
from pipeline.store.duckdb_engine import connect
from tests.conftest import lacking

SAMPLES = Path(__file__).parent / "samples"
INPUTS = Path(__file__).parents[2] / "docs" / "reference" / "inputs.md"
FORMS = {form.name: form for form in all_formats()}
FILES = sorted(p for p in SAMPLES.rglob("*") if p.is_file())
GOOD = [p for p in FILES if not p.name.startswith("broken")]
BROKEN = [p for p in FILES if p.name.startswith("broken")]


def sample_id(path: Path) -> str:
    return path.relative_to(SAMPLES).as_posix()


def take(path: Path, out: Path, form: str | None = None) -> InputTables:
    """Read one sample as a run would."""
    if (form or path.parent.name) == "pcap" and not shutil.which("tshark"):
        lacking("capture files need tshark")
    taken, capture = InputTables(out), Capture(path, keep_packets=Keep.ALL)
    file = InputFile(Source(path, path.name, "node-a"), FORMS[form or path.parent.name], "0" * 64, [])
    read_capture(connect(Limits()), taken, [file], capture)
    return taken


@pytest.mark.parametrize("name", FORMS)
def test_a_form_has_samples_a_broken_one_and_a_line_in_the_docs(name):
    folders = {p.parent.name for p in GOOD}, {p.parent.name for p in BROKEN}
    assert all(name in found for found in folders)
    assert f"| `{name}` |" in INPUTS.read_text(encoding="utf-8")


def test_the_table_of_outputs_names_every_form_and_no_other():
    rows = [line.replace("\\|", "").split("|") for line in INPUTS.read_text(encoding="utf-8").splitlines()]
    named = {row[2].strip(" `") for row in rows if len(row) == 6 and row[3].strip() in ("yes", "in part", "no")}
    assert named - {""} == FORMS.keys()


def test_every_folder_of_samples_is_a_form():
    assert {p.parent.name for p in FILES} == FORMS.keys()


@pytest.mark.parametrize("path", FILES, ids=sample_id)
def test_a_sample_is_recognised_as_its_own_form(path):
    head = Source(path, path.name).head()
    scores = {name: form.recognise(head) for name, form in FORMS.items()}
    own = scores.pop(path.parent.name)
    assert 0 < own <= 100
    assert own > max(scores.values()), scores
    assert recognise(head) is FORMS[path.parent.name]


@pytest.mark.parametrize("path", GOOD, ids=sample_id)
def test_a_good_sample_gives_rows_and_rejects_nothing(path, tmp_path):
    capture = take(path, tmp_path).captures[0]
    assert capture["rejected_count"] == 0
    assert capture["kept_count"] == capture["row_count"] > 0
    tables = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*.parquet")}
    assert tables - {"captures", "rejects", "findings"}
    assert tables <= TABLES.keys()


@pytest.mark.parametrize("path", BROKEN, ids=sample_id)
def test_a_broken_sample_has_rows_and_rejects_with_reasons(path, tmp_path):
    taken = take(path, tmp_path)
    capture = taken.captures[0]
    assert capture["rejected_count"] > 0
    assert capture["kept_count"] > 0
    assert capture["row_count"] == capture["kept_count"] + capture["rejected_count"]
    lines = path.read_bytes().count(b"\n") + 1
    assert all(r["reason"] and 1 <= r["line_number"] <= lines for r in taken.rejects)


@pytest.mark.parametrize("path", GOOD, ids=sample_id)
def test_a_sample_with_truncated_gzip_is_read_up_to_there(path, tmp_path):
    whole = gzip.compress(path.read_bytes(), mtime=0)
    cut = tmp_path / f"{path.name}.gz"
    cut.write_bytes(whole[: len(whole) * 9 // 10])
    taken = take(cut, tmp_path / "out", form=path.parent.name)
    assert "truncated-file" in {f["finding"] for f in taken.findings}
    assert taken.captures[0]["row_count"] > 0


def rows(path: Path) -> set[tuple[str, str]]:
    """All rows of a text, without their own text and listing version."""
    tables = FORMS[path.parent.name].parse(Source(path, path.name, "node-a")).tables
    plain = {name: table.drop("text", "listing_version", strict=False).to_dicts() for name, table in tables.items()}
    return {(n, str({k: v for k, v in sorted(r.items()) if v is not None})) for n, t in plain.items() for r in t}


@pytest.mark.parametrize("path", [p for p in GOOD if hasattr(FORMS[p.parent.name], "parse")], ids=sample_id)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0.02, 1))
def test_a_text_cut_inside_a_line_has_no_changed_row_but_rules_marked_as_cut(path, tmp_path, kept):
    whole = path.read_bytes()
    cut = tmp_path / path.parent.name / path.name
    cut.parent.mkdir(exist_ok=True)
    cut.write_bytes(whole[: int(kept * len(whole))].rstrip(b"\n"))
    found = rows(cut)
    assert found <= rows(path) or any("(cut short)" in text for _, text in found)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("head", ["", "\n\n", "hello, world\n", "\x00\x01\x02", "{}", "[]", "\ufffd" * 100])
def test_other_text_is_no_form(name, head):
    assert FORMS[name].recognise(head) == 0


@pytest.mark.parametrize("path", [p for p in GOOD if hasattr(FORMS[p.parent.name], "parse")], ids=sample_id)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.floats(0, 1), length=st.integers(0, 200), instead=st.binary(max_size=5))
def test_damage_gives_rejects_and_never_an_exception(path, tmp_path, start, length, instead):
    whole = path.read_bytes()
    begin = int(start * len(whole))
    damaged = tmp_path / path.name
    damaged.write_bytes(whole[:begin] + instead + whole[begin + length :])
    parsed = FORMS[path.parent.name].parse(Source(damaged, path.name, "node-a"))
    assert parsed.row_count >= len(parsed.rejects)
    assert all(r.line_number >= 1 and r.reason for r in parsed.rejects)
    assert parsed.tables.keys() <= TABLES.keys()


def objects(path: Path) -> object:
    """The content of a file that is one JSON value, else None."""
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def replaced(value: object, place: int, other: object) -> tuple[object, int]:
    """The value with one inner value replaced, counted from the outside; and the count that is left."""
    if not place:
        return other, -1
    place -= 1
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found, place = replaced(inner, place, other)
        if place < 0:
            return (value | {key: found} if isinstance(value, dict) else [*value[:key], found, *value[key + 1 :]]), -1
    return value, place


ODD = (None, 7, -1, 10**30, 1e400, True, "", "x", "\ud800", [], {}, [7], [{}], {"a": 1})


@pytest.mark.parametrize(
    "path", [p for p in GOOD if hasattr(FORMS[p.parent.name], "parse") and objects(p) is not None], ids=sample_id
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(1, 400), other=st.sampled_from(ODD))
def test_values_of_another_type_give_rejects_and_never_an_exception(path, tmp_path, place, other):
    odd, _ = replaced(objects(path), place, other)
    (tmp_path / path.name).write_text(json.dumps(odd))
    parsed = FORMS[path.parent.name].parse(Source(tmp_path / path.name, path.name, "node-a"))
    assert parsed.row_count >= len(parsed.rejects)
    frame("rejects", [{"reason": r.reason, "text": r.text} for r in parsed.rejects])
    frame("findings", [{"message": f.message} for f in parsed.findings])
