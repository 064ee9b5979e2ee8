"""Results computed from an open dataset, kept in a bounded cache of this process.

`st.cache_data` hashes only a sample of large frames and arrays, so edits would go unseen; here the key is the
dataset's fingerprint (content, labels, model) with a name and hashable parameters. Results are shared by all
sessions: never change one in place.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import streamlit as st

from analysis.jobs import Status
from analysis.progress import Progress
from components.jobs_ui import jobs, show_cancelled, show_failed, show_running

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

T = TypeVar("T")

MAX_RESULTS: Final = 64
_ABSENT: Final = object()


class ResultCache:
    """Least recently used results by key; two sessions that ask at once compute once. Thread-safe."""

    def __init__(self, max_results: int = MAX_RESULTS) -> None:
        self._max = max_results
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._computing: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The result of that key, or `default`."""
        with self._lock:
            if key not in self._results:
                return default
            self._results.move_to_end(key)
            return self._results[key]

    def put(self, key: Hashable, result: Any) -> None:
        """Keep a result; the least recently used one beyond the bound goes."""
        with self._lock:
            self._results[key] = result
            self._results.move_to_end(key)
            while len(self._results) > self._max:
                self._results.popitem(last=False)

    def get_or_compute(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The result of that key, computed when it is not there; errors are not kept."""
        found = self.get(key, _ABSENT)
        if found is not _ABSENT:
            return found  # type: ignore[no-any-return]
        with self._lock:
            turn = self._computing.setdefault(key, threading.Lock())
        try:
            with turn:
                found = self.get(key, _ABSENT)
                if found is _ABSENT:
                    found = compute()
                    self.put(key, found)
        finally:
            with self._lock:
                self._computing.pop(key, None)
        return found  # type: ignore[no-any-return]


@st.cache_resource(show_spinner=False)
def results() -> ResultCache:
    """Results of this process."""
    return ResultCache()


def cached(open_dataset: OpenDataset, name: str, params: Hashable, compute: Callable[[], T]) -> T:
    """`compute()` once per (dataset, `name`, `params`); `params` is hashable, e.g. a frozen dataclass."""
    return results().get_or_compute((open_dataset.fingerprint, name, params), compute)


def background(
    open_dataset: OpenDataset,
    name: str,
    params: Hashable,
    compute: Callable[[Progress], T],
    *,
    title: str,
    noun: str = "",
) -> T | None:
    """Like `cached` for slow work: it runs in a thread, and None comes back while it does.

    Meanwhile progress with a cancel button stands where this was called, and the page runs again at the
    end; the caller leaves out what needs the result. A cancelled or failed job shows its own state, and None
    again.

    Args:
        compute: takes a `Progress`; never touches Streamlit.
        title: what is being done, e.g. "Laying out the map".
        noun: what progress counts ("image"); empty shows a share only.
    """
    result_key = (open_dataset.fingerprint, name, params)
    found = results().get(result_key, _ABSENT)
    if found is not _ABSENT:
        return found  # type: ignore[no-any-return]
    registry, store = jobs(), results()
    job_key = ("background", *result_key)

    def work(progress: Progress) -> None:
        store.put(result_key, compute(progress))

    def start() -> None:
        registry.join_or_start(job_key, work)

    job = registry.find(job_key)
    if job is None or job.status is Status.DONE:  # just now, or its result was dropped
        found = results().get(result_key, _ABSENT)
        if found is not _ABSENT:
            return found  # type: ignore[no-any-return]
        job = registry.join_or_start(job_key, work)
    widget_key = f"background-{name}-{abs(hash(job_key))}"
    if job.active:
        show_running(job, title, key=widget_key, noun=noun)
    elif job.status is Status.CANCELLED:
        show_cancelled(job, f"{title}: stopped", start, key=widget_key, noun=noun)
    else:
        show_failed(job, f"{title}: this did not work", start, key=widget_key)
    return None
