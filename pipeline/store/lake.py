"""A folder of Parquet files, run by run. A run appears whole or not at all.

A run is staged in `.staging-<pid>/`; renaming that folder to `.commit-<run>` is the moment it counts. What follows is
moving folders into place, which any later process finishes if this one is killed. A file lock lets one write at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline.diagnostics import note, warn
from pipeline.errors import InputError, UsageError
from pipeline.schema import INPUT_TABLES, SHAPES, TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_OUTDATED = "was made by a version of hopscope whose tables had other columns"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run was made from: hash by input file, the options that shape rows, the version that made it.

    `shapes` are those of its tables.
    """

    run: str
    inputs: dict[str, str]
    options: dict[str, object] = field(default_factory=dict)
    version: str = ""
    shapes: dict[str, str] = field(default_factory=lambda: dict(SHAPES))

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """From the file that it was written to."""
        return cls(**{"shapes": {}} | json.loads(path.read_text()))

    @property
    def read_as(self) -> dict[str, object]:
        """The options that shape what an input becomes."""
        return {name: self.options.get(name) for name in ("fields", "zeros", "keep_packets")}


class Lake:
    """The runs under one folder."""

    def __init__(self, root: Path) -> None:
        """`root` need not exist before the first run is written."""
        self.root = root

    def runs(self) -> list[Manifest]:
        """Every run, by name."""
        self._finish_commits()
        found = sorted((self.root / "_runs").glob("*.json"))
        return sorted(map(Manifest.read, found), key=lambda m: m.run)

    def run(self, name: str | None) -> Manifest:
        """The run of that name; without a name the only or the newest.

        Raises:
            InputError: there is no such run, or no run at all.
        """
        runs = self.runs()
        if not runs:
            raise InputError("no run in this lake", where=str(self.root), hint="make one with `hopscope run CAPTURE`")
        if name is None:
            return max(runs, key=lambda m: self._manifest_path(m.run).stat().st_mtime_ns)
        for run in runs:
            if run.run == name:
                return run
        known = ", ".join(r.run for r in runs)
        raise InputError(f"no run is called {name!r}", where=str(self.root), hint=f"there are: {known}")

    def find(self, name: str) -> Manifest | None:
        """The run of that name, if there is one."""
        return next((r for r in self.runs() if r.run == name), None)

    def link_inputs(self, run: str, folder: Path) -> None:
        """Give `folder` the input tables of a run, without copying them.

        Raises:
            InputError: they were written with other columns.
        """
        if self.run(run).shapes.get("inputs") != SHAPES["inputs"]:
            raise _outdated(run, "run the capture again: `hopscope run CAPTURE`")
        files = self.files(run)
        for table in INPUT_TABLES:
            for path in files[table]:
                inside = path.relative_to(self.root / table / _folder(run))
                link(path, folder / table / inside)

    def readable(self, run: str | None = None, tables: Collection[str] = TABLES) -> dict[str, list[Path]]:
        """Parquet files by table, of all tables or some, and of one run or of all that have today's columns.

        Raises:
            InputError: the run was written with other columns.
        """
        runs = [m for m in self.runs() if run in (None, m.run)]
        outdated = [m.run for m in runs if m.shapes != SHAPES]
        again = "run the capture again, or `hopscope label --run {}` if only the labels' tables have changed"
        if run in outdated:
            raise _outdated(run, again.format(run))
        for name in outdated:
            warn(f"run {name!r} {_OUTDATED}; it is left out", hint=again.format(name))
        files = [self.files(m.run, tables) for m in runs if m.run not in outdated]
        return {table: [p for one in files for p in one[table]] for table in tables}

    def files(self, run: str | None = None, tables: Collection[str] = TABLES) -> dict[str, list[Path]]:
        """Parquet files by table, of all tables or some, and of one run or of all."""
        self._finish_commits()
        names = [run] if run else [r.run for r in self.runs()]
        return {
            table: sorted(p for name in names for p in (self.root / table / _folder(name)).rglob("*.parquet"))
            for table in tables
        }

    @contextmanager
    def stage(self, manifest: Manifest) -> Iterator[Path]:
        """A folder to write a run's tables into (`<table>/...parquet`); committed when the block ends well."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock():
            for left in self.root.glob(".staging-*"):
                shutil.rmtree(left)
            staging = self.root / f".staging-{os.getpid()}"
            staging.mkdir()
            try:
                yield staging
                for table in TABLES:  # one without rows takes the place of an earlier run's, too
                    (staging / table).mkdir(exist_ok=True)
                (staging / _MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")
                staging.rename(self.root / f".commit-{_folder(manifest.run)}")
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            self._move_into_place()

    def delete(self, name: str) -> None:
        """Remove a run and all its rows."""
        self.run(name)
        with self._lock():
            self._manifest_path(name).unlink()
            for folder in self.root.glob(f"*/{_folder(name)}"):
                shutil.rmtree(folder)

    def _manifest_path(self, run: str) -> Path:
        return self.root / "_runs" / f"{quote(run, safe=' ')}.json"

    def _finish_commits(self) -> None:
        if any(self.root.glob(".commit-*")):
            with self._lock():
                self._move_into_place()

    def _move_into_place(self) -> None:
        for commit in sorted(self.root.glob(".commit-*")):
            if (commit / _MANIFEST).exists():  # else all was moved, and only the empty folder is left
                self._move(commit)
            commit.rmdir()

    def _move(self, commit: Path) -> None:
        """Move what is staged into place, its manifest last."""
        run = commit.name.removeprefix(".commit-")
        for table in sorted(p for p in commit.iterdir() if p.is_dir()):
            place = self.root / table.name / run
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(exist_ok=True)
            table.rename(place)
        path = self._manifest_path(Manifest.read(commit / _MANIFEST).run)
        path.parent.mkdir(exist_ok=True)
        (commit / _MANIFEST).replace(path)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            lock = (self.root / ".lock").open("w")
        except OSError as e:
            message = f"the lake cannot be written: {e.strerror}"
            raise UsageError(message, where=str(self.root), hint="give another folder with --lake") from e
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                note(f"another hopscope is writing to {self.root}; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def link(path: Path, place: Path) -> None:
    """Have a file in a second place: as the same file where the file system can, else as a copy."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, place)
    except OSError:
        shutil.copyfile(path, place)


def _outdated(run: str, hint: str) -> InputError:
    return InputError(f"run {run!r} {_OUTDATED}", hint=hint)


def _folder(run: str) -> str:
    return f"run={quote(run, safe=' ')}"
