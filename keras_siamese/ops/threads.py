"""Threads that each multiply matrices and then work on the result."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def worker_threads() -> Iterator[ThreadPoolExecutor]:
    """A pool with a thread for each core, in which NumPy's matrix products take one thread each.

    The result of a product is then worked on in the cache of the core that made it, and no thread
    waits for another.
    """
    is_known = hasattr(os, "sched_getaffinity")
    num_threads = len(os.sched_getaffinity(0)) if is_known else os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(num_threads) as pool:
        yield pool
