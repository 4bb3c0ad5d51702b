"""How many threads NumPy's BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside the block, matrix products run on the thread that asks for them.

    For the many small products of within-identity statistics and findings, waking and awaiting BLAS threads costs more
    than they bring: on two busy cores 3.0 CPU seconds instead of 0.4 for 56,320 x 512 (`facedb bench scan` shows the sum).
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield
