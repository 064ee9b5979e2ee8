"""Long work in a thread: progress with rate and time left, cancel, result or error. No widgets.

A `Job` runs one function that takes a `Progress`. A `JobRegistry` holds the jobs of the process by key, so
that a second person who asks for the same work joins it, and work goes on while pages change or a browser
reloads.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from analysis.errors import Cancelled, ExplorerError
from analysis.progress import Progress

T = TypeVar("T")

RATE_WINDOW: Final = 6.0
"""Seconds over which the rate is averaged: long enough to smooth batches, short enough to follow a change."""
MIN_RATE_SPAN: Final = 0.8
"""Seconds of reports needed before a rate is given at all."""


class Status(Enum):
    """Where a job stands. `STOPPING`: cancel was asked for, the work has not let go yet."""

    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobState:
    """A job at one moment.

    Attributes:
        done, total: in the unit of the work; `total` 0 while it is not known.
        note: what is being done now.
        rate: units per second over the last seconds, None while unknown.
        seconds_left: None while unknown.
        elapsed: seconds since the start.
    """

    status: Status
    done: int
    total: int
    note: str
    rate: float | None
    seconds_left: float | None
    elapsed: float


class Job(Generic[T]):
    """One piece of work in a daemon thread. Started at once; all methods may be called from any thread."""

    def __init__(self, work: Callable[[Progress], T], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._work = work
        self._clock = clock
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._ended = threading.Event()
        self._reports: deque[tuple[float, int]] = deque()
        self._done, self._total, self._note = 0, 0, ""
        self._result: T | None = None
        self._error: BaseException | None = None
        self._started = clock()
        self._stopped: float | None = None
        threading.Thread(target=self._run, name="job", daemon=True).start()

    def _run(self) -> None:
        with _Boundary(self):
            self._result = self._work(self._progress)

    def _progress(self, done: int, total: int, note: str = "") -> None:
        if self._cancel.is_set():
            raise Cancelled
        now = self._clock()
        with self._lock:
            if total != self._total or done < self._done:
                self._reports.clear()  # another stage: its rate has nothing to do with the last one's
            self._done, self._total, self._note = done, total, note
            self._reports.append((now, done))
            while len(self._reports) > 2 and now - self._reports[0][0] > RATE_WINDOW:
                self._reports.popleft()

    def _end(self, error: BaseException | None) -> None:
        with self._lock:
            self._error = error
            self._stopped = self._clock()
        self._ended.set()

    def cancel(self) -> None:
        """Ask the work to stop at its next report; what it finished stays."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work has ended; False when `timeout` seconds passed first."""
        return self._ended.wait(timeout)

    @property
    def status(self) -> Status:
        """Where the job stands now."""
        if not self._ended.is_set():
            return Status.STOPPING if self._cancel.is_set() else Status.RUNNING
        if self._error is None:
            return Status.DONE
        return Status.CANCELLED if isinstance(self._error, Cancelled) else Status.FAILED

    @property
    def active(self) -> bool:
        """Whether the thread still works."""
        return not self._ended.is_set()

    @property
    def error(self) -> BaseException | None:
        """What the work raised, `ExplorerError`s and defects alike; None while it works or went well."""
        error = self._error
        return None if isinstance(error, Cancelled) else error

    @property
    def message(self) -> str | None:
        """The sentence for a person, where the work failed with an `ExplorerError`."""
        return str(self._error) if isinstance(self._error, ExplorerError) else None

    def result(self) -> T:
        """What the work returned; raises what it raised (in the caller's thread, traceback kept)."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def state(self) -> JobState:
        """Counter, rate and time left as of now."""
        status = self.status
        with self._lock:
            rate = self._rate()
            left = (self._total - self._done) / rate if rate and self._total >= self._done else None
            end = self._stopped if self._stopped is not None else self._clock()
            return JobState(status, self._done, self._total, self._note, rate, left, end - self._started)

    def _rate(self) -> float | None:
        if len(self._reports) < 2:
            return None
        (first, before), (last, after) = self._reports[0], self._reports[-1]
        # Until the next report the rate falls with the time that passes: a stalled job shows as one.
        until = min(self._clock(), last + RATE_WINDOW) if self._stopped is None else last
        span = max(last, until) - first
        return (after - before) / span if span >= MIN_RATE_SPAN and after > before else None


class _Boundary:
    """Edge of a job's thread: what the work raises is kept in the job, and raised where it is asked for."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self._job._end(error)
        return True


class JobRegistry:
    """Jobs of this process by key, e.g. (source id, "open"). Ended jobs are kept, the oldest go first."""

    def __init__(self, keep: int = 32) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._jobs: OrderedDict[Hashable, Job[Any]] = OrderedDict()

    def find(self, key: Hashable) -> Job[Any] | None:
        """The job of that key, working or ended."""
        with self._lock:
            return self._jobs.get(key)

    def join_or_start(self, key: Hashable, work: Callable[[Progress], Any]) -> Job[Any]:
        """The job of that key if it still works, else a new one that starts now in its place."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or not job.active:
                job = Job(work)
                self._jobs[key] = job
            self._jobs.move_to_end(key)
            self._drop_oldest()
            return job

    def forget(self, key: Hashable) -> None:
        """Drop an ended job; one that still works stays."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and not job.active:
                del self._jobs[key]

    def _drop_oldest(self) -> None:
        ended = [key for key, job in self._jobs.items() if not job.active]
        for key in ended[: max(0, len(self._jobs) - self._keep)]:
            del self._jobs[key]
