"""Spoiled captures: no label is ever wrong, and silence does not pass for care."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.config import Limits, Window
from pipeline.ingest.capture import Capture
from pipeline.query.session import open_lake
from pipeline.run import Job, run_whole
from pipeline.store.lake import Lake
from tests.labels.perturb import PERTURBATIONS
from tests.labels.truths import Score, score

GOLDEN = Path(__file__).parent / "perturbations.txt"
OWN = "single-pod"
LABS = ("default", "affinity-5tuple", "etp-local", "in-cluster-any", "dns-udp", "nftables-default")
FLOORS = {"a: 1 %": 0.98, "a: 10 %": 0.80, "as it is": 0.98, "b:": 1.0, "j:": 1.0, "e:": 0.99, "g:": 1.0, "l:": 0.98}
# DNS over UDP has no sequence numbers: (l) takes away all that would tell its legs apart.
EXEMPT = {("dns-udp", "l:")}


def labelled(run: Path, truth: Path, name: str, folder: Path) -> Score:
    """Spoil a copy of the capture `run`, label it, hold it against the truth."""
    capture = shutil.copytree(run, folder / "capture", copy_function=shutil.copyfile)
    for path in (capture, *capture.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    PERTURBATIONS[name](capture)
    lake = Lake(folder / "lake")
    manifest = run_whole(Job(Capture(capture), lake), Window())
    rows = open_lake(lake, Limits(), manifest.run).sql("FROM connections").to_dicts()
    return score(truth, rows)


def line(scenario: str, name: str, result: Score) -> str:
    """The golden table's line for one spoiled capture."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(result.reasons.items()))
    return f"{scenario:<17}{name:<33}right {result.right:>5}  wrong {len(result.wrong)}  open: {reasons or 'none'}"


def hold(scenario: str, name: str, result: Score) -> None:
    """Nothing wrong, the floor kept, and the golden table says the same."""
    assert result.wrong == []
    for prefix, floor in FLOORS.items():
        if name.startswith(prefix) and (scenario, prefix) not in EXEMPT:
            assert result.labelled_share >= floor
    assert line(scenario, name, result) in GOLDEN.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_sample_spoiled(name, tmp_path):
    truth = Path(__file__).parent.parent / "data" / "single-pod-truth.csv"
    hold(OWN, name, labelled(resources.folder("samples") / OWN, truth, name, tmp_path))


@pytest.mark.shared
@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("scenario", LABS)
def test_the_labs_spoiled(scenario, name, shared, tmp_path):
    lab = shared / "data" / "lab" / scenario
    hold(scenario, name, labelled(lab / "run", lab / "truth.csv", name, tmp_path))
