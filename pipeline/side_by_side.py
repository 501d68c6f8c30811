"""Several inputs are read at once, and what comes of them is taken in their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pipeline.discover import Input

Made = TypeVar("Made")


def side_by_side(read: Callable[[Input], Made], inputs: Sequence[Input], threads: int) -> Generator[Made, None, None]:
    """What `read` makes of each input, `threads` of them at once; closing it ends all reading soon."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(read, inputs)
    finally:
        for one in inputs:
            one.source.given_up = True
        pool.shutdown(cancel_futures=True)
