"""The audit of an open dataset as the app runs it: checks one after another in a thread, each result kept at once.

It calls `analysis.report.run_check`, as the command line does, so both give the same findings.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analysis.checks.base import Check
from analysis.dataset import Dataset
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.jobs import Job
from analysis.progress import Progress
from analysis.report import run_check
from analysis.results import Kept, ResultStore, params_with, plain_params

STEPS: Final = 1000  # of progress a check counts
_LOOK: Final = 0.1  # seconds between two looks at the check that works


@dataclass(frozen=True, slots=True)
class Task:
    """A check to run, and the parameters a person has set for it."""

    check: Check
    chosen: Mapping[str, Any] = field(default_factory=dict)


class AuditRun:
    """The checks of one dataset under one model that run or wait. Thread-safe.

    A check that fails by a defect of ours is remembered in `failures` and stops no other.
    """

    def __init__(self, source_id: str, dataset: Dataset, features: Features, store: ResultStore) -> None:
        self._source_id, self._dataset, self._features, self._store = source_id, dataset, features, store
        self._lock = threading.Lock()
        self._waiting: list[Task] = []
        self._now: Task | None = None
        self._finished: list[str] = []
        self._working = False
        self._turn = 0  # of the job that may take the next check
        self._stopped: frozenset[str] = frozenset()
        self.failures: dict[str, BaseException] = {}
        self.job: Job[None] | None = None

    def add(self, tasks: Sequence[Task]) -> None:
        """Run these checks after those that wait; one that waits or works already is not added again."""
        with self._lock:
            busy = {task.check.id for task in self._busy()}
            new = [task for task in tasks if task.check.id not in busy]
            if not new:
                return
            for task in new:
                self.failures.pop(task.check.id, None)
            self._stopped -= {task.check.id for task in new}
            if self._now is None and not self._waiting:
                self._finished = []
            self._waiting.extend(new)
            if not self._working:
                self._working = True
                self._turn += 1
                before, turn = self.job, self._turn
                self.job = Job(lambda progress: self._work(progress, before, turn))

    def cancel(self) -> None:
        """Stop the check that works and drop those that wait; what is finished stays kept."""
        with self._lock:
            self._stopped |= {task.check.id for task in self._busy()}
            self._waiting.clear()
            self._working = False  # what is added from now on gets a job of its own, after this one let go
            self._turn += 1
            if self.job is not None:
                self.job.cancel()

    @property
    def active(self) -> bool:
        """Whether a check works."""
        return self.job is not None and self.job.active

    def state(self, check_id: str) -> str:
        """`working`, `waiting`, `stopped` (cancelled before it ended), `failed`, or empty."""
        with self._lock:
            if self._now is not None and self._now.check.id == check_id:
                return "working"
            if any(task.check.id == check_id for task in self._waiting):
                return "waiting"
        if check_id in self._stopped:
            return "stopped"
        return "failed" if check_id in self.failures else ""

    def counts(self) -> tuple[int, int]:
        """Checks finished and checks asked for since the run began."""
        with self._lock:
            return len(self._finished), len(self._finished) + len(self._busy())

    def _busy(self) -> list[Task]:
        return [*([self._now] if self._now else []), *self._waiting]

    def _work(self, progress: Progress, before: Job[None] | None, turn: int) -> None:
        if before is not None:
            before.wait()
        try:
            while (task := self._next(turn)) is not None:
                self._run(task, progress)
        finally:
            with self._lock:
                self._now = None

    def _next(self, turn: int) -> Task | None:
        with self._lock:
            if self._now is not None:
                self._finished.append(self._now.check.id)
            self._now = None
            if turn != self._turn:
                return None
            if self._waiting:
                self._now = self._waiting.pop(0)
            else:
                self._working = False
            return self._now

    def _run(self, task: Task, progress: Progress) -> None:
        """One check in a job of its own, whose edge keeps what a defect raises."""
        job: Job[None] = Job(lambda inner: self._keep(task, inner))
        while True:
            ended = job.wait(_LOOK)
            state = job.state()
            share = state.done / state.total if state.total else 0.0
            finished, every = self.counts()
            try:
                progress(round(STEPS * (finished + min(1.0, share))), STEPS * every, state.note)
            except Cancelled:
                job.cancel()
                job.wait()
                raise
            if ended:
                break
        if job.error is not None:
            self.failures[task.check.id] = job.error

    def _keep(self, task: Task, progress: Progress) -> None:
        params = params_with(task.check, task.chosen)
        outcome = run_check(self._dataset, self._features, task.check, params, progress=progress)
        self._store.put(
            self._source_id,
            Kept(
                check=task.check.id,
                findings=outcome.findings,
                fingerprint=task.check.read_from(self._dataset),
                model=self._features.model.key,
                model_title=self._features.model.title,
                params=plain_params(params),
                chosen=dict(task.chosen),
                version=task.check.version,
                seconds=outcome.seconds,
            ),
        )
