"""The quiz: fair pairs that give nothing away, a score with its interval, kept and forgotten."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.checks.base import Unavailable
from analysis.dataset import Dataset, label_frame
from analysis.quiz import Quiz, Quizzes, make_quiz, score, taken
from analysis.results import RESULTS_FOLDER


def made(labels, hashes=None):
    """One training picture for each tuple of labels."""
    frame = pd.DataFrame(
        {"image_id": [f"{i:03d}.jpg" for i in range(len(labels))], "path": "", "origin": "training", "split": None}
    )
    if hashes is not None:
        frame["content_hash"] = hashes
    table = label_frame((i, c) for i, names in enumerate(labels) for c in names)
    return Dataset("made", {}, frame, table, label_frame([]))


def quiz_on(labels, **given) -> Quiz:
    quiz = make_quiz(made(labels), "a", "b", **given)
    assert isinstance(quiz, Quiz)
    return quiz


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 40), st.integers(6, 40), st.integers(0, 9), st.integers(0, 99))
def test_each_question_shows_one_of_each_concept_and_no_picture_comes_twice(a, b, both, seed) -> None:
    labels = [("a",)] * a + [("b",)] * b + [("a", "b")] * both
    quiz = quiz_on(labels, seed=seed)
    assert len(quiz.questions) == min(20, a - 1, b - 1)
    shown = [i for q in quiz.questions for i in (q.left, q.right)]
    every = [*shown, *quiz.examples_a, *quiz.examples_b]
    assert len(set(every)) == len(every)
    for q in quiz.questions:
        assert int(q.shows_a[:3]) < a <= int(q.shows_b[:3]) < a + b
        assert {q.left, q.right} == {q.shows_a, q.shows_b} and (q.left == q.shows_a) == q.a_left


def test_the_first_concept_stands_left_as_often_as_right_so_a_habit_of_the_hand_scores_a_half() -> None:
    quiz = quiz_on([("a",)] * 30 + [("b",)] * 30)
    assert sum(q.a_left for q in quiz.questions) == 10
    assert taken(quiz, [True] * 20).right == 10


def test_pictures_shown_with_their_label_before_come_last() -> None:
    labels = [("a",)] * 30 + [("b",)] * 30
    seen = [f"{i:03d}.jpg" for i in (*range(9), *range(30, 39))]
    quiz = quiz_on(labels, seen=seen)
    assert not set(seen) & {i for q in quiz.questions for i in (q.left, q.right)}


def test_copies_of_a_picture_count_once() -> None:
    labels = [("a",)] * 30 + [("b",)] * 30
    quiz = make_quiz(made(labels, hashes=["same"] * 24 + [f"h{i}" for i in range(36)]), "a", "b")
    assert isinstance(quiz, Quiz) and len(quiz.questions) == 6


@pytest.mark.parametrize("labels", [[("a",)] * 5 + [("b",)] * 30, [("a", "b")] * 30, [("a",)] * 30])
def test_with_too_few_pictures_there_is_no_quiz_but_a_reason(labels) -> None:
    answer = make_quiz(made(labels), "a", "b")
    assert isinstance(answer, Unavailable) and "at least 6" in answer.reason


def test_the_same_seed_asks_the_same() -> None:
    labels = [("a",)] * 30 + [("b",)] * 30
    assert quiz_on(labels, seed=3) == quiz_on(labels, seed=3) != quiz_on(labels, seed=4)


def test_the_score_counts_right_answers_of_all_quizzes_with_an_interval() -> None:
    quiz = quiz_on([("a",)] * 30 + [("b",)] * 30)
    perfect = taken(quiz, [q.a_left for q in quiz.questions])
    wrong = taken(quiz, [not q.a_left for q in quiz.questions])
    found = score([perfect, wrong])
    assert found is not None and (found.right, found.of, found.share) == (20, 40, 0.5)
    assert 0.34 < found.low < 0.36 and 0.64 < found.high < 0.66
    assert score([]) is None and perfect.right == 20 and wrong.right == 0


def test_quizzes_are_kept_by_pair_in_either_order_and_forgotten_one_by_one(tmp_path: Path) -> None:
    quiz = quiz_on([("a",)] * 30 + [("b",)] * 30)
    one, two = taken(quiz, [True] * 20), taken(quiz, [False] * 3)
    kept = Quizzes(tmp_path)
    kept.add("d", one)
    kept.add("d", two)
    assert Quizzes(tmp_path).of_pair("d", "b", "a") == (one, two)
    assert kept.of_pair("d", "a", "c") == kept.of_pair("other", "a", "b") == ()
    kept.remove("d", one)
    kept.remove("d", one)
    assert Quizzes(tmp_path).of_pair("d", "a", "b") == (two,)


@pytest.mark.parametrize("entry", ["3", '{"a": "a", "b": "b", "at": "2026-01-01", "answers": []}', '{"a": 1}'])
def test_a_damaged_file_is_set_aside_and_a_new_quiz_kept(tmp_path: Path, entry: str) -> None:
    kept = Quizzes(tmp_path)
    one = taken(quiz_on([("a",)] * 30 + [("b",)] * 30), [True])
    kept.add("d", one)
    path = next((tmp_path / RESULTS_FOLDER).rglob("quizzes.json"))
    path.write_text(f'{{"version": 1, "quizzes": [{entry}]}}')
    assert kept.of_pair("d", "a", "b") == ()
    kept.add("d", one)
    assert kept.of_pair("d", "a", "b") == (one,)
    assert path.with_name("quizzes.json.damaged").is_file()
