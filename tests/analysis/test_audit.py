"""Running checks in the background: in order, each kept at once, cancel keeps the rest, a defect stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.audit import AuditRun, Task
from analysis.checks.base import Check, Findings, Verdict
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo, l2_normalised
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.progress import Progress
from analysis.results import ResultStore

MODEL = ModelInfo("fake", "fake-1", "Fake", "Sees all.", "Blind to none.", 4, 4, 8, True)


@dataclass(frozen=True, slots=True)
class MadeParams:
    limit: float = 0.5


class Made:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def findings(self) -> Findings:
        return self._findings


def check(name: str, work: Callable[[Progress], None] = lambda progress: None) -> Check:
    def find(dataset: Dataset, features: Features, params: MadeParams, *, progress: Progress) -> Made:
        work(progress)
        return Made(Findings(Verdict.PASS, params.limit, name))

    return Check(name, (), name.title(), "Is it?", (), name, find, MadeParams, "How.")


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path)


@pytest.fixture
def run(store: ResultStore) -> AuditRun:
    images = pd.DataFrame({"image_id": ["a"], "path": ["/a"], "origin": ["training"], "split": [None]})
    dataset = Dataset("made", {}, images, label_frame([(0, "x")]), label_frame([]))
    vectors = l2_normalised(np.ones((1, 4)))
    return AuditRun("source", dataset, Features(MODEL, vectors, vectors.copy()), store)


def wait_for(there: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


class Gate:
    """Work that waits until it is let through, and can be cancelled meanwhile."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, progress: Progress) -> None:
        self.reached.set()
        while not self.open.wait(0.01):
            progress(1, 2, "waiting")


def test_checks_run_in_order_and_each_is_kept_at_once(run: AuditRun, store: ResultStore) -> None:
    gate, order = Gate(), []
    first = check("first", lambda _: order.append("first"))
    last = check("last", lambda _: order.append("last"))
    run.add([Task(first, {"limit": 0.25}), Task(check("second", gate)), Task(last)])
    assert gate.reached.wait(10)
    kept = store.get("source", "first", "fake-1")
    assert kept is not None and kept.findings.score == 0.25 and kept.chosen == {"limit": 0.25}
    assert kept.params == {"limit": 0.25}
    assert [run.state(name) for name in ("first", "second", "last")] == ["", "working", "waiting"]
    assert run.counts() == (1, 3)
    wait_for(lambda: run.job.state().done)  # type: ignore[union-attr]
    assert run.job is not None and run.job.state().note == "Second: waiting"
    gate.open.set()
    assert run.job.wait(10)
    assert order == ["first", "last"] and store.get("source", "last", "fake-1") is not None
    assert run.counts() == (3, 3) and not run.active


def test_cancel_is_quick_keeps_what_is_finished_and_drops_what_waits(run: AuditRun, store: ResultStore) -> None:
    gate = Gate()
    run.add([Task(check("first")), Task(check("second", gate)), Task(check("last"))])
    assert gate.reached.wait(10)
    start = time.monotonic()
    run.cancel()
    assert run.job is not None and run.job.wait(10)
    assert time.monotonic() - start < 1.0
    assert [run.state(name) for name in ("first", "second", "last")] == ["", "stopped", "stopped"]
    assert store.get("source", "first", "fake-1") is not None
    assert store.get("source", "second", "fake-1") is None and store.get("source", "last", "fake-1") is None


def test_after_a_cancel_checks_can_be_run_again(run: AuditRun, store: ResultStore) -> None:
    gate = Gate()
    run.add([Task(check("first", gate))])
    assert gate.reached.wait(10)
    run.cancel()
    run.add([Task(check("other"))])  # while the cancelled one may still be letting go
    wait_for(lambda: store.get("source", "other", "fake-1"))
    assert run.state("first") == "stopped"
    gate.open.set()
    run.add([Task(check("first", gate))])
    wait_for(lambda: not run.active)  # kept a moment before the work is over
    assert store.get("source", "first", "fake-1") is not None and run.state("first") == ""


def test_a_defect_of_one_check_stops_no_other_and_is_kept_for_a_report(run: AuditRun, store: ResultStore) -> None:
    def broken(progress: Progress) -> None:
        raise ZeroDivisionError("of ours")

    run.add([Task(check("broken", broken)), Task(check("fine"))])
    assert run.job is not None and run.job.wait(10)
    assert run.state("broken") == "failed" and isinstance(run.failures["broken"], ZeroDivisionError)
    assert store.get("source", "fine", "fake-1") is not None
    run.add([Task(check("broken"))])
    wait_for(lambda: store.get("source", "broken", "fake-1"))
    wait_for(lambda: not run.active)
    assert run.state("broken") == "" and not run.failures


def test_a_check_is_added_while_others_work_and_never_twice(run: AuditRun, store: ResultStore) -> None:
    gate, times = Gate(), []
    run.add([Task(check("first", gate))])
    assert gate.reached.wait(10)
    late = check("late", lambda _: times.append(1))
    run.add([Task(late), Task(check("first", gate))])
    run.add([Task(late)])
    assert run.counts() == (0, 2)
    gate.open.set()
    wait_for(lambda: not run.active)
    assert times == [1] and store.get("source", "late", "fake-1") is not None


def test_many_additions_at_once_lose_none(run: AuditRun, store: ResultStore) -> None:
    names = [f"c{i}" for i in range(40)]
    threads = [threading.Thread(target=run.add, args=([Task(check(name))],)) for name in names]
    for thread in threads:
        thread.start()
        time.sleep(0.004)  # so that some come while the last one is just ending
    for thread in threads:
        thread.join()
    wait_for(lambda: all(store.get("source", name, "fake-1") for name in names), 30)


def test_a_check_that_swallows_nothing_lets_cancel_through(run: AuditRun) -> None:
    seen: list[type] = []

    def work(progress: Progress) -> None:
        try:
            while True:
                time.sleep(0.005)
                progress(0, 1)
        except Cancelled:
            seen.append(Cancelled)
            raise

    run.add([Task(check("long", work))])
    wait_for(lambda: run.state("long") == "working")
    run.cancel()
    wait_for(lambda: not run.active)
    assert seen == [Cancelled]
