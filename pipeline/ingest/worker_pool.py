"""Several inputs are read at once, and so are pieces of one; what comes of them is taken in their order."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from pipeline.ingest.discover import Input

Item = TypeVar("Item")
Made = TypeVar("Made")


def side_by_side(pool: Executor, read: Callable[[Input], Made], inputs: Sequence[Input]) -> Generator[Made, None, None]:
    """What `read` makes of each input, as many at once as the pool has threads; closing it ends all reading soon."""
    try:
        yield from pool.map(read, inputs)
    finally:
        for one in inputs:
            one.source.is_cancelled = True
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Helpers:
    """Idle threads of a pool, which do parts of a work beforehand, `ahead` of them at most.

    What none of them has begun when it is needed is done by who needs it: so no thread waits for one that waits for it.
    Each thread has `piece_bytes` of text in hand at once; `alone` is held by who needs much memory.
    """

    pool: Executor
    ahead: int
    piece_bytes: int
    alone: AbstractContextManager[object] = field(default_factory=nullcontext)

    def each(self, make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """What `make` makes of each item, in their order; some of it is made before it is asked for."""
        begun: deque[_Task[Made]] = deque()
        try:
            for item in items:
                begun.append(self._begin(partial(make, item)))
                if len(begun) > self.ahead:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for task in begun:
                task.future.cancel()

    @contextmanager
    def meanwhile(self, work: Callable[[], object]) -> Iterator[None]:
        """Have `work` done beside what goes on in here; it is done at the end of it."""
        task = self._begin(work)
        yield
        task.result()

    def _begin(self, work: Callable[[], Made]) -> _Task[Made]:
        held = [work]
        return _Task(held, self.pool.submit(_let_go, held))


@dataclass(frozen=True, slots=True)
class _Task(Generic[Made]):
    """Work that is `held` until someone does it: a pool keeps what was cancelled until one of its threads is idle."""

    held: list[Callable[[], Made]]
    future: Future[Made]

    def result(self) -> Made:
        """What comes of it, done now if no other thread has begun."""
        return _let_go(self.held) if self.future.cancel() else self.future.result()


def _let_go(held: list[Callable[[], Made]]) -> Made:
    return held.pop()()
