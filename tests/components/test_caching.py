"""Results are computed once, kept within a bound, and slow ones in a thread."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from components.caching import ResultCache, cached


def test_a_result_is_computed_once_per_fingerprint_name_and_parameters():
    runs = []

    def compute():
        runs.append(1)
        return len(runs)

    one, two = SimpleNamespace(fingerprint="one-test"), SimpleNamespace(fingerprint="two-test")
    assert cached(one, "sum", 1, compute) == cached(one, "sum", 1, compute) == 1
    assert [cached(two, "sum", 1, compute), cached(one, "sum", 2, compute), cached(one, "other", 1, compute)] == [
        2,
        3,
        4,
    ]


def test_none_is_a_result_too():
    cache, runs = ResultCache(), []
    for _ in range(2):
        assert cache.get_or_compute("key", lambda: runs.append(1)) is None
    assert len(runs) == 1


def test_the_least_recently_used_result_goes_first():
    cache = ResultCache(max_results=2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert [cache.get(k) for k in "abc"] == [1, None, 3]


def test_two_who_ask_at_once_compute_once():
    cache, runs, gate = ResultCache(), [], threading.Event()

    def compute():
        runs.append(1)
        gate.wait(5)
        return "result"

    found = []
    threads = [threading.Thread(target=lambda: found.append(cache.get_or_compute("k", compute))) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    gate.set()
    for thread in threads:
        thread.join(5)
    assert found == ["result"] * 4 and len(runs) == 1


def test_an_error_is_not_kept():
    cache = ResultCache()
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compute("k", lambda: 1 // 0)
    assert cache.get_or_compute("k", lambda: 7) == 7


def slow_page(name, fail):
    from types import SimpleNamespace

    import streamlit as st

    from components.caching import background

    def compute(progress):
        import time

        if fail:
            raise RuntimeError("broken inside")
        for i in range(400):
            progress(i, 400, "laying out")
            time.sleep(0.005)
        return "finished map"

    result = background(SimpleNamespace(fingerprint="slow"), name, None, compute, title="Laying out", noun="image")
    if result is not None:
        st.title(result)


def run_slow_page(at, there):
    for _ in range(200):
        at.run()
        assert not at.exception
        if there(at):
            return
        time.sleep(0.05)
    raise AssertionError("never happened")


def test_slow_work_shows_progress_then_its_result():
    at = AppTest.from_function(slow_page, args=("works", False)).run()
    assert not at.title and "Laying out" in at.markdown[0].value
    run_slow_page(at, lambda at: at.title)
    assert at.title[0].value == "finished map"


def test_slow_work_can_be_cancelled_and_resumed():
    at = AppTest.from_function(slow_page, args=("cancelled", False)).run()
    next(b for b in at.button if b.label == "Cancel").click()
    run_slow_page(at, lambda at: any(b.label == "Resume" for b in at.button))
    assert not at.title
    next(b for b in at.button if b.label == "Resume").click()
    run_slow_page(at, lambda at: at.title)


def test_a_defect_in_slow_work_is_said_with_its_details():
    at = AppTest.from_function(slow_page, args=("fails", True))
    run_slow_page(at, lambda at: any(b.label == "Try again" for b in at.button))
    assert "broken inside" in at.code[0].value and "RuntimeError" in at.expander[0].label
    assert "went wrong" in at.get("html")[0].proto.body
