"""Visibility and Outside context pages: the pairs as bars, and the pictures of a pair side by side."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from app_support import has_title, new_session, run_until, words
from support import photo

from components.charts.visibility import enough_first


@pytest.mark.parametrize("check", ["visibility", "outside_context"])
def test_pairs_are_drawn_and_a_pair_is_shown_side_by_side(check, tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, (concept, tint) in enumerate(
        (("glass", (40, 60, 200)), ("pa_per", (220, 200, 40)), ("tin", (9, 9, 9)))
    ):
        (root / concept).mkdir(parents=True)
        for i in range(9):
            photo(1000 * number + i, size=(48, 36), tint=tint).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(new_session(f"pages/audit/{check}.py"), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert not page.exception
    (bars,) = (t for t in json.loads(page.get("plotly_chart")[0].proto.spec)["data"] if t["type"] == "bar")
    assert len(bars["hovertext"]) == 3
    assert "The pictures of each that look most like the other" in words(page)
    key = f"{check}-pair"
    page.selectbox(key=key).set_value(2).run()
    assert not page.exception and page.selectbox(key=key).value == 2


def test_pairs_of_a_handful_of_pictures_come_last_and_are_drawn_only_where_there_are_no_others():
    pairs = pd.DataFrame(
        {"a": list("pqr"), "b": list("stu"), "n_a": [2, 30, 9], "n_b": [30, 30, 8], "auc": [0.1, 0.6, 0.7]}
    )
    ordered, drawn = enough_first(pairs, 8)
    assert (list(ordered["a"]), drawn) == (["q", "r", "p"], 2)
    ordered, drawn = enough_first(pairs, 40)
    assert (list(ordered["a"]), drawn) == (["p", "q", "r"], 3)


def test_a_person_takes_the_quiz_blind_and_the_score_stands_beside_the_models(tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, (concept, tint) in enumerate((("glass", (40, 60, 200)), ("tin", (200, 160, 40)))):
        (root / concept).mkdir(parents=True)
        for i in range(9):
            photo(1000 * number + i, size=(48, 36), tint=tint).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(new_session("pages/audit/visibility.py"), lambda at: has_title(at) and "And a person" in words(at))
    page.button(key="visibility-quiz-start").click().run()
    for _ in range(8):
        quiz, at = page.session_state["visibility-quiz"], len(page.session_state["visibility-quiz-answers"])
        question = quiz.questions[at]
        asked = [
            h.proto.body for h in page.get("html") if "Left picture" in h.proto.body or "Right picture" in h.proto.body
        ]
        assert len(asked) == 2 and all("glass" not in body and "tin" not in body for body in asked)
        page.button(key=f"visibility-quiz-{'Left' if question.a_left else 'Right'}").click().run()
    assert not page.exception
    assert "People were right in 8 of 8" in words(page) and "the model is right in" in words(page)
    page.button(key="visibility-quiz-forget").click().run()
    assert "People were right" not in words(page)


def test_what_follows_from_both_scores_is_said():
    from analysis.quiz import Score
    from components.quiz import quiz_words

    model = (0.9, 0.85, 0.95)
    assert "by guessing" in quiz_words(Score(11, 20, 0.55, 0.34, 0.74), model, "a", "b")
    assert "The model sees more" in quiz_words(Score(30, 42, 0.71, 0.56, 0.83), model, "a", "b")
    assert "No clear difference" in quiz_words(Score(18, 20, 0.9, 0.7, 0.97), model, "a", "b")
    assert "what the model misses" in quiz_words(Score(20, 20, 1.0, 0.84, 1.0), (0.6, 0.5, 0.7), "a", "b")
