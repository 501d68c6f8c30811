"""Threads that read several inputs, and several blocks of one input, at once; results keep the order of the inputs."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from pipeline.ingest.capture import InputFile

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_in_order(
    executor: Executor, read: Callable[[InputFile], Result], input_files: Sequence[InputFile]
) -> Generator[Result, None, None]:
    """Yield the result of `read` for each input, in order; closing the generator stops all reading soon."""
    try:
        yield from executor.map(read, input_files)
    finally:
        for input_file in input_files:
            input_file.source.is_cancelled = True
        executor.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Threads that do parts of a job ahead of time, at most `ahead` parts at once.

    A thread that needs a part which no other thread has started does it itself: so no two threads wait for each other.
    Each thread holds `piece_bytes` of text at once. A step that needs much memory holds `memory_lock`.
    """

    executor: Executor
    ahead: int
    piece_bytes: int
    memory_lock: AbstractContextManager[object] = field(default_factory=nullcontext)

    def map_ordered(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the result of `work` for each item, in order; some of it is done before it is asked for."""
        tasks: deque[_Task[Result]] = deque()
        try:
            for item in items:
                tasks.append(self._start(partial(work, item)))
                if len(tasks) > self.ahead:
                    yield tasks.popleft().result()
            while tasks:
                yield tasks.popleft().result()
        finally:
            for task in tasks:
                task.future.cancel()

    @contextmanager
    def in_background(self, work: Callable[[], object]) -> Iterator[None]:
        """Do `work` in another thread while the block runs; it is done when the block ends."""
        task = self._start(work)
        yield
        task.result()

    def _start(self, work: Callable[[], Result]) -> _Task[Result]:
        holder = [work]
        return _Task(holder, self.executor.submit(_take_and_run, holder))


@dataclass(frozen=True, slots=True)
class _Task(Generic[Result]):
    """Work that waits in `holder` until a thread takes it out.

    An executor keeps cancelled work until a thread is idle: an empty holder frees the memory that the work refers to.
    """

    holder: list[Callable[[], Result]]
    future: Future[Result]

    def result(self) -> Result:
        """Return the result; do the work now if no thread has started it."""
        return _take_and_run(self.holder) if self.future.cancel() else self.future.result()


def _take_and_run(holder: list[Callable[[], Result]]) -> Result:
    return holder.pop()()
