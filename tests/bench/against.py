"""The whole job against copies and counts by other tools, on one capture."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.bench.baselines import BARE, BASELINES, baseline
from tests.bench.cost import Cost, cost, hopscope, spread, tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LAKE = "hopscope-run"
RUNS = {
    "hopscope run": (),
    "hopscope run --keep-packets none": ("--keep-packets", "none"),
    "hopscope run --memory-limit 1GB": ("--memory-limit", "1GB"),
    "hopscope run --memory-limit 512MB": ("--memory-limit", "512MB"),
}
GOALS = {
    ("hopscope run", 1_000_000): 1.0,
    ("hopscope run", 10_000_000): 0.9,
    ("hopscope run --keep-packets none", 10_000_000): 0.6,
    ("hopscope run --memory-limit 1GB", 50_000_000): 0.6,
}
_SLOW = ("pandas copy", "5-tuples: mawk", "5-tuples: sort, uniq")
FEW = 10_000_000  # above this many packets the slow ones are left out
Costs = dict[str, list["Cost | None"]]


def made(folder: Path, packets: int) -> Path:
    """A capture of about so many packets; made once, in a process of its own."""
    capture = folder / f"capture-{packets}"
    if not capture.exists():
        tell(f"making {packets:,} packets")
        spare = folder / "making"
        shutil.rmtree(spare, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "tests.bench.load", str(spare), str(packets)], check=True)
        spare.rename(capture)
    return capture


def compared(capture: Path, packets: int, rounds: int, spare: Path) -> Costs:
    """What everything costs on one capture, round by round; None for what failed."""
    found: Costs = defaultdict(list)
    for number in range(rounds):
        for name in BASELINES:
            if packets <= FEW or name not in _SLOW:
                tell(f"round {number + 1} of {rounds}, {packets:,} packets: {name}")
                out = spare / f"{name.split()[0]}.out"
                found[name].append(told(baseline(name, capture, out)))
        for name, options in RUNS.items():
            tell(f"round {number + 1} of {rounds}, {packets:,} packets: {name}")
            lake = spare / name.replace(" ", "-")
            shutil.rmtree(lake, ignore_errors=True)
            report = ["-o", str(lake.with_suffix(".html"))]
            found[name].append(told(hopscope("run", str(capture), "--lake", str(lake), *report, *options)))
    return found


def told(command: Sequence[str]) -> Cost | None:
    """What a command costs, told at once; one that fails does not take the round with it."""
    try:
        found = cost(command)
    except subprocess.CalledProcessError as e:
        tell(f"  failed: {e.stderr.decode(errors='replace')[-500:]}")
        return None
    tell(f"  {found.cpu_s:.2f} CPU s, {found.wall_s:.1f} s, {found.peak_mib:,.0f} MiB")
    return found


def show(packets: int, found: Mapping[str, Sequence[Cost | None]]) -> None:
    """The table of one capture."""
    print(f"\n### {packets:,} packets\n")
    print("| what | CPU s: median (min to max) | of the bare copy | goal | wall s | peak MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, tried in found.items():
        both = [(c, base) for c, base in zip(tried, found[BARE], strict=True) if c and base]
        if len(both) < len(tried):
            print(f"| {name}: {len(tried) - len(both)} of {len(tried)} rounds failed |  |  |  |  |  |", flush=True)
        if not both:
            continue
        costs, ratios = [c for c, _ in both], [c.cpu_s / base.cpu_s for c, base in both]
        goal = f"{GOALS[name, packets]:.2f}" if (name, packets) in GOALS else ""
        wall, peak = spread([c.wall_s for c in costs], 1), max(c.peak_mib for c in costs)
        cells = (name, spread([c.cpu_s for c in costs]), spread(ratios), goal, wall, f"{peak:,.0f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def show_sizes(packets: int, spare: Path) -> None:
    """How large the lakes are, of the runs just made."""
    import duckdb

    lake = spare / LAKE
    bytes_ = {t: sum(p.stat().st_size for p in lake.glob(f"{t}/**/*.parquet")) for t in ("packets", "flows")}
    (flows,) = duckdb.sql(f"SELECT COUNT(*) FROM '{lake}/flows/**/*.parquet'").fetchall()[0]
    whole = sum(p.stat().st_size for p in lake.rglob("*.parquet"))
    copy = (spare / "bare.out").stat().st_size
    print(
        f"\nParquet: packets {bytes_['packets'] / packets:.1f} bytes a packet (bare copy {copy / packets:.1f}), ",
        end="",
    )
    print(f"flows {bytes_['flows'] / flows:.1f} bytes a flow (goal 20), the whole lake {whole / 1e6:,.0f} MB. ", end="")
    print(f"Report: {(spare / f'{LAKE}.html').stat().st_size / 1e6:.2f} MB (goal 2).")


def show_growth(found: Mapping[int, Mapping[str, Sequence[Cost | None]]]) -> None:
    """How costs grow from the smallest capture to the largest."""
    print("\n### Growth\n")
    print("| what | packets | CPU s per million packets | peak MiB |\n| --- | ---: | ---: | ---: |")
    for name in (BARE, *RUNS):
        for packets, tried in found.items():
            if costs := [c for c in tried[name] if c]:
                per_million = [c.cpu_s / packets * 1e6 for c in costs]
                print(f"| {name} | {packets:,} | {spread(per_million)} | {max(c.peak_mib for c in costs):,.0f} |")
