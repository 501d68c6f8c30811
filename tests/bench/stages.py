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

    from pipeline.store.duckdb_engine import Connection

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
    from pipeline import run
    from pipeline.ingest import flow_builder, packet_reader, reader, recognise
    from pipeline.ingest.delimited import Delimited
    from pipeline.labelling import label
    from pipeline.report import page
    from pipeline.store import sql_models

    clock = Clock()
    clock.watch(run, "discover_usable", _INPUTS)
    clock.watch(recognise, "_open", _INPUTS)  # by threads of a pool
    clock.watch(Delimited, "read", "exports: text to typed cells")
    clock.watch(packet_reader.PacketReader, "_plain_rows", "exports: rows that need a second look")
    clock.watch(packet_reader.PacketReader, "_read_lines", "exports: text read in blocks, and lines one by one")
    clock.watch(packet_reader, "packet_table", "exports: cells to columns of packets")
    clock.watch(flow_builder.FlowBuilder, "_store_packets", "exports: writing packets")
    clock.watch(flow_builder.FlowBuilder, "_sum_up", "exports: packets to unidirectional flows")
    clock.watch(flow_builder.FlowBuilder, "finish", "exports: flows to conversations, written")
    clock.watch(reader.CaptureReader, "_parse", "dumps and objects")
    clock.watch(label, "compile_rules", "compiling rules")
    clock.watch(label, "write_decisions", "tracing rules")
    clock.watch(label, "judge", "statistics")
    clock.watch(page, "write_report", "report")
    _Builder.build = staticmethod(sql_models.build)
    clock.watch(_Builder, "build", lambda _, names, __: f"sql/{names[0]}.sql")
    sql_models.build = _one_by_one
    return clock


class _Builder:
    """Holds what builds models, for the clock to watch."""

    build: Callable[[Connection, list[str], Path], None]


def _one_by_one(con: Connection, wanted: Iterable[str], folder: Path) -> None:
    from pipeline.store import sql_models

    for model in sql_models.in_order(wanted):
        _Builder.build(con, [model.name], folder)


def main(capture: Path, lake: Path) -> None:
    """Run a capture and print where the time went."""
    from pipeline import run
    from pipeline.config import Limits, Window
    from pipeline.ingest.capture import Capture
    from pipeline.query.session import open_lake
    from pipeline.report import page
    from pipeline.store.lake import Lake

    clock, limits = _watched(), Limits(threads=1)
    done = run.run_whole(run.Job(Capture(capture, limits=limits), Lake(lake)), Window())
    con = open_lake(Lake(lake), limits, done.run)
    page.write_report(con, done.run, lake / "page.html")
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
