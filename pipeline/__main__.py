"""The console script, and `python -m pipeline`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # idle threads of OpenBLAS use CPU time
    gc.set_threshold(200_000)  # reference cycles are rare, and the search for them takes time
    from pipeline.cli import run_app

    code = run_app()
    gc.freeze()  # no search for cycles at exit
    sys.exit(code)


if __name__ == "__main__":
    main()
