"""How long a report takes to open in headless Chromium: `python -m tests.bench.report_load REPORT... [--times N]`."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Load:
    """One report: its size, all of it but plotly.js, and the milliseconds of each opening."""

    report: Path
    file_bytes: int
    data_bytes: int
    painted_ms: tuple[float, ...]
    loaded_ms: tuple[float, ...]
    drawn_ms: tuple[float, ...]


def measure(report: Path, times: int = 9) -> Load:
    """Open a report so often, after once for warming up.

    Raises:
        FileNotFoundError: there is no Chromium, or no node, on PATH.
        subprocess.CalledProcessError: the driver failed; `npm ci --prefix tests` installs what it needs.
    """
    browser, node = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("node")
    if browser is None or node is None:
        raise FileNotFoundError("chromium and node have to be on PATH")
    with tempfile.TemporaryDirectory() as scratch:
        command = [node, str(HERE / "report_load.mjs"), browser, str(report), scratch, str(times)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    text = report.read_text(encoding="utf-8")
    library = max(re.findall(r"<script>(.*?)</script>", text, re.DOTALL), key=len)
    whole = len(text.encode())
    columns = (tuple(float(one[name] or 0) for one in seen) for name in ("painted", "loaded", "drawn"))
    return Load(report, whole, whole - len(library.encode()), *columns)


def main() -> None:
    """Print a line for each report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--times", type=int, default=9)
    given = parser.parse_args()
    print("report | file kB | without plotly.js kB | first text ms | page ready ms | all charts ms (median, min-max)")
    for load in (measure(report, given.times) for report in given.reports):
        spans = " | ".join(_span(values) for values in (load.painted_ms, load.loaded_ms, load.drawn_ms))
        print(f"{load.report.name} | {load.file_bytes / 1000:,.0f} | {load.data_bytes / 1000:,.0f} | {spans}")


def _span(values: tuple[float, ...]) -> str:
    return f"{median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"


if __name__ == "__main__":
    main()
