"""How OpenMP's threads wait for each other: torch and llama.cpp both compute with them.

By default they spin, which is the fastest on a quiet machine (training 1.4 times, serving 1.3 times as fast as
sleeping, measured on two cores) and ruinous on a busy one, where a thread spins in the very time slice that the one it
waits for needs: serving then fell to a tenth.
"""

from __future__ import annotations

import os

BUSY = 0.75  # load a processor above which others are at work


def wait_as_suits(load: float | None = None) -> None:
    """Make threads sleep instead of spin if the machine is busy; to be called before torch is imported.

    `load` is runnable processes a processor, default: that of the last minute. What the user has set stays.
    """
    if load is None:
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > BUSY:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
