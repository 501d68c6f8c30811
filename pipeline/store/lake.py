"""The lake: a folder of Parquet files, one set per run. A run appears completely or not at all.

A run is staged in `.staging-<pid>/`. Renaming that folder to `.commit-<run>` commits it. Then its folders are moved
into place; a later process completes that if this one is killed. A file lock admits one writer at a time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline.diagnostics import note, warn
from pipeline.errors import InputError, UsageError
from pipeline.schema import INPUT_TABLES, SHAPES, TABLES
from pipeline.store.manifest import Manifest
from pipeline.store.tables import link_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_OUTDATED = "was made by a version of hopscope whose tables had other columns"
_REMAKE = "run the capture again, or `hopscope label --run {}` if only the labels' tables have changed"
_MANIFEST = "manifest.json"


class Lake:
    """The runs under one folder."""

    def __init__(self, root: Path) -> None:
        """`root` need not exist before the first run is written."""
        self.root = root

    def runs(self) -> list[Manifest]:
        """Return the manifest of every run, by name."""
        self._finish_commits()
        paths = sorted((self.root / "_runs").glob("*.json"))
        return sorted(map(Manifest.read, paths), key=lambda m: m.run)

    def run(self, name: str | None) -> Manifest:
        """Return the run of that name; without a name the latest.

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
        names = ", ".join(r.run for r in runs)
        raise InputError(f"no run is called {name!r}", where=str(self.root), hint=f"there are: {names}")

    def is_current(self, manifest: Manifest) -> bool:
        """Whether the lake already has a run made from the same inputs with the same options; reports what changes.

        Raises:
            UsageError: the run of that name was made from other inputs.
        """
        if (stored := self._find(manifest.run)) is None:
            return False
        if stored == manifest:
            note(f"run {manifest.run}: the inputs and options have not changed; the run is kept")
            return True
        if not set(stored.inputs.values()) & set(manifest.inputs.values()):
            hint = f"give another name with --run, or `hopscope runs --delete {manifest.run}` first"
            raise UsageError(f"run {manifest.run!r} was made from other inputs", where=str(self.root), hint=hint)
        if stored.window and manifest.window not in ({}, stored.window):
            change = "other --service, --since or --until than before; its labels are replaced"
            note(f"run {manifest.run}: {change}; another name (--run) would keep them")
        return False

    def reusable_files(self, manifest: Manifest) -> dict[str, list[Path]]:
        """Return the files of the run that `manifest` replaces, by table; none if its inputs were read otherwise.

        Call it inside `stage`: the lock keeps the files where they are.
        """
        stored = self._find(manifest.run)
        return self.files(stored.run) if stored and stored.reading == manifest.reading else {}

    def link_inputs(self, run: str, folder: Path) -> None:
        """Link the input tables of a run into `folder`, without copying them.

        Raises:
            InputError: they were written with other columns.
        """
        if self.run(run).shapes.get("inputs") != SHAPES["inputs"]:
            raise _outdated(run, "run the capture again: `hopscope run CAPTURE`")
        for table, paths in self.files(run, INPUT_TABLES).items():
            for path in paths:
                link_file(path, folder / table / path.relative_to(self.root / table / _folder(run)))

    def readable(self, run: str | None = None, tables: Collection[str] = TABLES) -> dict[str, list[Path]]:
        """Return Parquet files by table, of one run or of all that have today's columns.

        Raises:
            InputError: the run was written with other columns.
        """
        runs = [m for m in self.runs() if run in (None, m.run)]
        outdated = [m.run for m in runs if m.shapes != SHAPES]
        if run in outdated:
            raise _outdated(run, _REMAKE.format(run))
        for name in outdated:
            warn(f"run {name!r} {_OUTDATED}; it is left out", hint=_REMAKE.format(name))
        files = [self.files(m.run, tables) for m in runs if m.run not in outdated]
        return {table: [p for by_table in files for p in by_table[table]] for table in tables}

    def files(self, run: str | None = None, tables: Collection[str] = TABLES) -> dict[str, list[Path]]:
        """Return Parquet files by table, of one run or of all."""
        self._finish_commits()
        names = [run] if run else [r.run for r in self.runs()]
        return {
            table: sorted(p for name in names for p in (self.root / table / _folder(name)).rglob("*.parquet"))
            for table in tables
        }

    @contextmanager
    def stage(self, manifest: Manifest) -> Iterator[Path]:
        """Give a folder to write a run's tables into (`<table>/...parquet`); commit it if the block succeeds."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock():
            for leftover in self.root.glob(".staging-*"):
                shutil.rmtree(leftover)
            staging = self.root / f".staging-{os.getpid()}"
            staging.mkdir()
            try:
                yield staging
                for table in TABLES:  # an empty folder replaces the rows of an earlier run, too
                    (staging / table).mkdir(exist_ok=True)
                manifest.write(staging / _MANIFEST)
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

    def _find(self, name: str) -> Manifest | None:
        return next((m for m in self.runs() if m.run == name), None)

    def _manifest_path(self, run: str) -> Path:
        return self.root / "_runs" / f"{quote(run, safe=' ')}.json"

    def _finish_commits(self) -> None:
        if any(self.root.glob(".commit-*")):
            with self._lock():
                self._move_into_place()

    def _move_into_place(self) -> None:
        for commit in sorted(self.root.glob(".commit-*")):
            if (commit / _MANIFEST).exists():  # it is moved last: without it only the empty folder is left
                self._move(commit)
            commit.rmdir()

    def _move(self, commit: Path) -> None:
        """Move the folders of a committed run into place, its manifest last."""
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


def _outdated(run: str, hint: str) -> InputError:
    return InputError(f"run {run!r} {_OUTDATED}", hint=hint)


def _folder(run: str) -> str:
    return f"run={quote(run, safe=' ')}"
