"""The console script, and `python -m pipeline`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrix is multiplied, and numpy's threads wait busily
    gc.set_threshold(200_000)  # next to nothing is kept by cycles alone, and looking for them takes time
    from pipeline.cli import run_app

    code = run_app()
    gc.freeze()  # nor is it looked through once more on leaving
    sys.exit(code)


if __name__ == "__main__":
    main()
