"""What a command costs: CPU seconds, wall seconds, peak memory, its children included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds (user and system, all threads), wall seconds, peak resident memory in MiB."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def cost(command: Sequence[str]) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises:
        subprocess.CalledProcessError: it failed; what it said on stderr is in it.
    """
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=said)
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024)


def apart(show: Callable[..., None], *about: object) -> None:
    """Show something in a process of its own; what this one ever held would count as the peak of all commands after it.

    Raises:
        ChildProcessError: it failed; what it said is on stderr.
    """
    sys.stdout.flush()
    process = get_context("spawn").Process(target=show, args=about)
    process.start()
    process.join()
    if process.exitcode:
        raise ChildProcessError(f"{show.__module__} ended with {process.exitcode}")


def spread(numbers: Sequence[float], digits: int = 2) -> str:
    """Median (minimum to maximum)."""
    middle, low, high = statistics.median(numbers), min(numbers), max(numbers)
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def hopscope(*words: str) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-m", "pipeline", *words]


def tell(text: str) -> None:
    """Say on stderr what goes on."""
    print(text, file=sys.stderr, flush=True)
