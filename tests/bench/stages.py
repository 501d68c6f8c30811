"""Where a run's CPU seconds go: by stage, and by model of sql/.

usage: python -m tests.bench.stages CAPTURE LAKE
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.engines.duckdb import Connection

_INPUTS = "finding, recognising and hashing inputs"
_LEAST = 0.005  # of the whole: models below it are shown together


def show(capture: Path, spare: Path) -> None:
    """The table, of one run on one thread in a process of its own: so each second belongs to one stage."""
    command = [sys.executable, "-m", "tests.bench.stages", str(capture), str(spare / "stages")]
    subprocess.run(command, check=True)


class Clock:
    """CPU seconds by name; what a timed call spends in another timed one counts there only."""

    def __init__(self) -> None:
        """Nothing is timed yet."""
        self.seconds: dict[str, float] = defaultdict(float)
        self.running = threading.local()

    def watch(self, owner: object, function: str, name: str | Callable[..., str]) -> None:
        """From now on a function is timed, under one name or under one made of its arguments."""
        call = getattr(owner, function)

        def timed(*args: object, **words: object) -> object:
            inner = self.running.__dict__.setdefault("inner", [0.0])
            inner.append(0.0)
            start = time.thread_time()
            try:
                return call(*args, **words)
            finally:
                spent = time.thread_time() - start
                self.seconds[name if isinstance(name, str) else name(*args)] += spent - inner.pop()
                inner[-1] += spent

        setattr(owner, function, timed)


def _watched() -> Clock:
    from pipeline import conversations, discover, ingest, label, models, packets, report, run
    from pipeline.engines.delimited import Delimited

    clock = Clock()
    clock.watch(run, "_inputs", _INPUTS)
    clock.watch(discover, "_look", _INPUTS)  # by threads of a pool
    clock.watch(Delimited, "read", "exports: text to typed cells")
    clock.watch(packets.PacketFile, "_undoubted", "exports: rows that need a second look")
    clock.watch(packets.PacketFile, "_careful", "exports: text read in pieces, and lines one by one")
    clock.watch(packets, "packets", "exports: cells to columns of packets")
    clock.watch(conversations.Conversations, "_keep", "exports: writing packets")
    clock.watch(conversations.Conversations, "_sum_up", "exports: packets to halves of conversations")
    clock.watch(conversations.Conversations, "finish", "exports: halves to conversations, written")
    clock.watch(ingest.Ingest, "_parsed", "dumps and objects")
    clock.watch(label, "_rule_sets", "compiling rules")
    clock.watch(label, "_decide", "tracing rules")
    clock.watch(label, "judge", "statistics")
    clock.watch(report, "write_report", "report")
    _Builder.build = staticmethod(models.build)
    clock.watch(_Builder, "build", lambda _, names, __: f"sql/{names[0]}.sql")
    models.build = _one_by_one
    return clock


class _Builder:
    """Holds what builds models, for the clock to watch."""

    build: Callable[[Connection, list[str], Path], None]


def _one_by_one(con: Connection, wanted: Iterable[str], folder: Path) -> None:
    from pipeline import models

    for model in models.in_order(wanted):
        _Builder.build(con, [model.name], folder)


def main(capture: Path, lake: Path) -> None:
    """Run a capture and print where the time went."""
    from pipeline import report, run
    from pipeline.config import Limits, Window
    from pipeline.lake import Lake
    from pipeline.query import open_lake

    clock, limits = _watched(), Limits(threads=1)
    done = run.run_whole(run.Job(capture, Lake(lake), limits=limits), Window())
    con = open_lake(Lake(lake), limits, done.run)
    report.write_report(con, done.run, lake / "report.html")
    con.close()
    whole = time.process_time()
    small = {n: s for n, s in clock.seconds.items() if n.startswith("sql/") and s < whole * _LEAST}
    rows = {n: s for n, s in clock.seconds.items() if n not in small}
    rows |= {f"{len(small)} other models of sql/": sum(small.values())}
    rows |= {"all else (start, reading files, counting lines)": whole - sum(rows.values())}
    print("\n#### Where the time goes (one thread)\n")
    print("| stage | CPU s | share |\n| --- | ---: | ---: |")
    for name, seconds in sorted(rows.items(), key=lambda row: -row[1]):
        print(f"| {name} | {seconds:.2f} | {seconds / whole:.1%} |")
    print(f"| all | {whole:.2f} | |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
