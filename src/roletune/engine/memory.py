"""The highest memory use of a piece of work, with the processes it starts."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

_EVERY = 0.2  # seconds between two samples
_LOOK_FOR_CHILDREN = 5  # samples between two looks at the process table, which costs milliseconds where it is long


class MemoryWatch:
    """`with MemoryWatch() as memory: ...; memory.peak_bytes`: resident memory of this process and its children.

    Pages that two of them share are counted twice: the figure is never too small, except for a peak shorter than the
    time between two samples.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._own = psutil.Process()
        self._family = [self._own]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-watch", daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look_for_children()
        self._sample()

    def _watch(self) -> None:
        number = 0
        while not self._ended.wait(_EVERY):
            if number % _LOOK_FOR_CHILDREN == 0:
                self._look_for_children()
            self._sample()
            number += 1

    def _look_for_children(self) -> None:
        self._family = [self._own, *self._own.children(recursive=True)]

    def _sample(self) -> None:
        self.peak_bytes = max(self.peak_bytes, sum(_resident(process) for process in self._family))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended, or is not ours to look at
        return 0
