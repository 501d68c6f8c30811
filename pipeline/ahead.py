"""Several capture files go through tshark at once, ahead of their turn to be read."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.formats.tshark_pcap import TsharkPcap, export

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.discover import Input


def exported_ahead(inputs: Sequence[Input], folder: Path, threads: int) -> Iterator[Input]:
    """The inputs in their order, while tshark works on the next capture files, `threads` at once.

    What it writes lies in `folder` until the input after it is asked for.
    """
    waiting = deque(one.source for one in inputs if isinstance(one.form, TsharkPcap))
    places: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="exports-", dir=folder) as spare:
        pool = ThreadPoolExecutor(threads)
        try:
            for one in inputs:
                while waiting and len(places) < threads:
                    source = waiting.popleft()
                    places[source.name] = Path(tempfile.mkdtemp(dir=spare))
                    source.ahead = pool.submit(export, source, places[source.name])
                yield one
                if place := places.pop(one.source.name, None):
                    shutil.rmtree(place)
        finally:
            pool.shutdown(cancel_futures=True)
