"""The console script, and `python -m pipeline`."""

from __future__ import annotations

import sys

from pipeline.cli import run_app


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run_app())


if __name__ == "__main__":
    main()
