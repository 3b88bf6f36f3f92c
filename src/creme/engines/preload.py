"""For Dask: run in the process of each worker that is started on this machine."""

from __future__ import annotations

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C, which a terminal sends to all of its processes, to the driver."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
