"""One thread for the libraries that calculate (BLAS, OpenMP).

Their own threads wait by spinning, which made checks three times slower, beside other work five times
(`benchmarks/threads.py`), and how many there are changes the last digits of results. Of two checks at a time in
one process (the app, with two datasets) whichever ends first may give the libraries their threads back early: the other
is then slower, and its last digits may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """While it lasts, BLAS and OpenMP of numpy, scipy and scikit-learn run on the calling thread alone."""
    import scipy.linalg  # noqa: F401  # what is loaded later would not be held
    import sklearn  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
