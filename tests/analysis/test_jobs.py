"""Jobs: progress with rate, cancel, errors, and joining work that runs already."""

from __future__ import annotations

import threading
import time

import pytest

from analysis.errors import InputError
from analysis.jobs import Job, JobRegistry, Status


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Steps:
    """Work that goes on one step at a time when told."""

    def __init__(self) -> None:
        self.go, self.did = threading.Semaphore(0), threading.Semaphore(0)
        self.reports: list[tuple[int, int, str]] = []

    def work(self, progress):
        while True:
            self.go.acquire()
            report = self.reports.pop(0)
            if report is None:
                return "finished"
            progress(*report)
            self.did.release()

    def report(self, done, total, note=""):
        self.reports.append((done, total, note))
        self.go.release()
        assert self.did.acquire(timeout=5)

    def finish(self):
        self.reports.append(None)
        self.go.release()


def test_result_is_given_and_the_job_is_done():
    job = Job(lambda progress: 42)
    assert job.result() == 42
    assert job.status is Status.DONE and not job.active and job.error is None


def test_rate_and_time_left_come_from_the_last_seconds():
    clock, steps = Clock(), Steps()
    job = Job(steps.work, clock=clock)
    steps.report(500, 1000, "reading")  # 500 were there already and must not count as speed
    assert job.state().rate is None
    clock.now += 2
    steps.report(600, 1000, "reading")
    state = job.state()
    assert state.rate == pytest.approx(50) and state.seconds_left == pytest.approx(8)
    assert (state.done, state.total, state.note) == (600, 1000, "reading")
    for _ in range(10):  # slows to 10 a second: the old speed has left the window
        clock.now += 1
        steps.report(job.state().done + 10, 1000)
    assert job.state().rate == pytest.approx(10)
    steps.finish()
    assert job.wait(5)


def test_rate_falls_while_nothing_is_reported_and_starts_anew_with_another_stage():
    clock, steps = Clock(), Steps()
    job = Job(steps.work, clock=clock)
    steps.report(0, 100)
    clock.now += 1
    steps.report(50, 100)
    assert job.state().rate == pytest.approx(50)
    clock.now += 4
    assert job.state().rate == pytest.approx(10)
    steps.report(0, 7)
    assert job.state().rate is None and job.state().seconds_left is None
    steps.finish()
    assert job.wait(5)


def test_cancel_stops_the_work_within_half_a_second_and_keeps_the_count():
    def work(progress):
        for i in range(10_000):
            progress(i, 10_000)
            time.sleep(0.01)

    job = Job(work)
    while job.state().done < 3:
        time.sleep(0.01)
    began = time.monotonic()
    job.cancel()
    assert job.wait(0.5) and time.monotonic() - began < 0.5
    assert job.status is Status.CANCELLED and job.error is None
    assert 3 <= job.state().done < 10_000


def test_cancel_is_said_before_the_work_lets_go():
    gate = threading.Event()

    def work(progress):
        gate.wait(5)
        progress(1, 2)

    job = Job(work)
    job.cancel()
    assert job.status is Status.STOPPING and job.active
    gate.set()
    assert job.wait(5) and job.status is Status.CANCELLED


def test_an_error_for_a_person_gives_its_message():
    def work(progress):
        raise InputError("photos is not there; check the path.")

    job = Job(work)
    assert job.wait(5) and job.status is Status.FAILED
    assert job.message == "photos is not there; check the path."


def test_a_defect_is_kept_and_raised_where_the_result_is_asked_for():
    def work(progress):
        raise ZeroDivisionError("defect")

    job = Job(work)
    assert job.wait(5) and job.status is Status.FAILED
    assert job.message is None and isinstance(job.error, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError, match="defect") as raised:
        job.result()
    assert any(entry.name == "work" for entry in raised.traceback)


def test_a_second_asker_joins_the_running_job():
    gate, runs, registry = threading.Event(), [], JobRegistry()

    def work(progress):
        runs.append(1)
        gate.wait(5)

    first = registry.join_or_start(("photos", "open"), work)
    second = registry.join_or_start(("photos", "open"), work)
    other = registry.join_or_start(("other", "open"), work)
    assert first is second and other is not first
    gate.set()
    assert first.wait(5) and other.wait(5)
    assert len(runs) == 2


def test_an_ended_job_stays_until_it_is_started_anew_or_forgotten():
    registry = JobRegistry()
    job = registry.join_or_start("key", lambda progress: 1)
    assert job.wait(5)
    assert registry.find("key") is job
    again = registry.join_or_start("key", lambda progress: 2)
    assert again is not job and again.result() == 2
    registry.forget("key")
    assert registry.find("key") is None


def test_a_running_job_is_neither_forgotten_nor_dropped_for_newer_ones():
    gate, registry = threading.Event(), JobRegistry(keep=3)
    running = registry.join_or_start("running", lambda progress: gate.wait(5))
    for i in range(10):
        assert registry.join_or_start(i, lambda progress: None).wait(5)
    registry.forget("running")
    assert registry.find("running") is running
    assert sum(registry.find(i) is not None for i in range(10)) <= 3
    gate.set()
    assert running.wait(5)
