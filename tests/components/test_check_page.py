"""The page of a check, as far as all checks share it."""

from __future__ import annotations

import pytest
from app_support import has_answer, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo


def balance_page() -> None:
    """A script that shows the check `balance` as a page of its own."""
    import streamlit as st

    from components.charts.common import bars, histogram, show, verdict_colours
    from components.check_page import check_page

    def draw(opened, findings):  # type: ignore[no-untyped-def]
        values = [c.score for c in findings.concepts]
        names, found = [c.concept for c in findings.concepts], [c.verdict for c in findings.concepts]
        show(bars(names, values, colour=verdict_colours(found), limit=0.8, limit_words="limit"), key="a", alt="Bars")
        show(histogram(values, limit=0.8, limit_words="limit", title="Share"), key="b", alt="Histogram")
        st.write("drawn")

    check_page("balance", draw)


@pytest.fixture
def open_page(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    def opener(counts: dict[str, int]) -> AppTest:
        for number, (concept, n) in enumerate(counts.items()):
            (tmp_path / "data" / concept).mkdir(parents=True)
            for i in range(n):
                photo(1000 * number + i, size=(48, 36)).save(tmp_path / "data" / concept / f"{i}.jpg")
        monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
        monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "data"))
        at = AppTest.from_function(balance_page, default_timeout=60)
        return run_until(at, has_answer)

    return opener


def test_the_answer_comes_with_chart_pictures_and_what_to_do(open_page) -> None:  # type: ignore[no-untyped-def]
    at = open_page({"glass": 30, "paper": 30, "rare": 3})
    text = words(at)
    assert "Needs work" in text and "too rare beside the others" in text and "Collect about" in text and "drawn" in text
    assert len(at.get("plotly_chart")) == 2
