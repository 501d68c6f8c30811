"""What is built is what a newcomer installs: the wheel in an empty environment, outside the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from trove_classifiers import classifiers

from pipeline import __version__

ROOT = Path(__file__).parent.parent
TRAVELLERS = ("sql", "reports", "samples")
NO_NETWORK = ("Failed to establish a new connection", "Temporary failure in name resolution", "Network is unreachable")
LEFT_HERE = {"__pycache__", "node_modules"}
pytestmark = pytest.mark.slow


def call(*command: object, cwd: Path, timeout: int = 300) -> subprocess.CompletedProcess[str]:
    """Run outside the checkout, as a user's shell would: nothing of this process's Python leaks in."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    words = [str(c) for c in command]
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def checked(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def files_of(folder: str) -> set[str]:
    paths = (p.relative_to(ROOT) for p in (ROOT / folder).rglob("*") if p.is_file())
    return {p.as_posix() for p in paths if not LEFT_HERE & set(p.parts)}


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """The sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    checked(call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out))
    return out


@pytest.fixture(scope="module")
def wheel(dist) -> zipfile.ZipFile:
    (path,) = dist.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory) -> Path:
    """The commands of an environment that has the wheel, what it asks for, and nothing else."""
    home = tmp_path_factory.mktemp("empty")
    venv.create(home / "venv")
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        home / "venv" / "bin" / "python",
        "install",
        "--quiet",
        "--no-compile",
    )
    done = call(*pip, *dist.glob("*.whl"), cwd=home, timeout=900)
    if done.returncode and any(reason in done.stderr for reason in NO_NETWORK):
        pytest.skip("no network to install the wheel's dependencies from")
    checked(done)
    return home / "venv" / "bin"


def test_the_wheel_holds_the_package_and_what_travels_with_it_and_nothing_else(wheel):
    wanted = files_of("pipeline") | {
        f"pipeline/_resources/{name}" for folder in TRAVELLERS for name in files_of(folder)
    }
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    assert set(wheel.namelist()) == wanted | {f"hopscope-{__version__}.dist-info/{name}" for name in about}
    assert {"pipeline/py.typed", "pipeline/_resources/samples/single-pod/cluster/pods.json"} <= wanted


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_tree(dist, wheel, tmp_path):
    checked(call(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, ROOT, cwd=tmp_path))
    (other,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(other) as same:
        assert {i.filename: i.CRC for i in same.infolist()} == {i.filename: i.CRC for i in wheel.infolist()}


def test_no_file_of_the_wheel_knows_where_it_was_built(wheel, dist):
    places = [f"{place}/".encode() for place in (ROOT, dist, Path.home())]
    assert [name for name in wheel.namelist() if any(place in wheel.read(name) for place in places)] == []


def test_what_the_wheel_says_of_itself(wheel, dist):
    told = Parser().parsestr(wheel.read(f"hopscope-{__version__}.dist-info/METADATA").decode())
    assert (told["License-Expression"], told["License-File"]) == ("Apache-2.0", "LICENSE")
    assert wheel.read(f"hopscope-{__version__}.dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    least = told["Requires-Python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {least}" in told.get_all("Classifier")
    assert all(line in classifiers for line in told.get_all("Classifier"))
    checked(call(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), cwd=dist))


def test_the_sdist_can_be_tested_and_read(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile"}
    for folder in ("pipeline", "tests", "docs", *TRAVELLERS):
        wanted |= files_of(folder)
    assert not wanted - held


def test_the_demo_runs_from_the_wheel_alone(installed, tmp_path):
    done = call(installed / "hopscope", "demo", cwd=tmp_path)
    checked(done)
    printed = re.search(r"\S+\.html", done.stdout + done.stderr)
    assert printed
    report = tmp_path / printed[0]
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert str(ROOT) not in report.read_text(encoding="utf-8")
    count = checked(
        call(installed / "hopscope", "sql", "SELECT count(*) AS n FROM connections", "--format", "csv", cwd=tmp_path)
    )
    assert count.split() == ["n", "900"]


def test_everything_the_demo_reads_came_with_the_wheel(installed, tmp_path):
    ask = "import pipeline.resources as r; print(*(r.folder(f) for f in ('sql', 'reports', 'samples')), sep='\\n')"
    folders = checked(call(installed / "python", "-c", ask, cwd=tmp_path)).splitlines()
    assert len(folders) == len(TRAVELLERS)
    assert all(Path(f).is_relative_to(installed.parent) for f in folders)
