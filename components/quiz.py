"""The blind quiz on a pair of concepts: two pictures at a time in a dialog, the person's score beside the model's."""

from __future__ import annotations

import html
import secrets
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from analysis.checks.base import Unavailable
from analysis.errors import InputError, StoreError
from analysis.quiz import DEFAULT_QUESTIONS, Quiz, Score, Taken, make_quiz, score, taken
from components.cards import ago
from components.evidence import id_rows, picture_strip
from components.shelf import shelf
from components.text import count, md, percent, plain, short_concepts
from components.thumbnails import data_uri, thumbnail_sources

if TYPE_CHECKING:
    from analysis.opening import OpenDataset

SIDE: Final = 700  # pixels of a picture in the quiz
_QUIZ: Final = "visibility-quiz"
_ANSWERS: Final = "visibility-quiz-answers"


def quiz_of_pair(
    opened: OpenDataset, a: str, b: str, model: tuple[float, float, float], seen: Collection[str] = ()
) -> None:
    """Offer the quiz on two concepts, and show what came out before.

    Args:
        opened: the dataset.
        a, b: the concepts.
        model: the model's share of right answers, and the ends of its interval.
        seen: image ids the page shows with their labels.
    """
    names = short_concepts(sorted({a, b}))
    st.subheader("And a person?", anchor=False)
    st.html(
        '<p class="tde-text" style="margin:0">What people cannot see, they cannot label. Find out with '
        f"{DEFAULT_QUESTIONS} pairs of pictures, without labels: which of the two shows "
        f"<strong>{html.escape(plain(names[a]))}</strong>?</p>"
    )
    quiz = make_quiz(opened.dataset, a, b, seen=seen, seed=secrets.randbelow(2**31))
    if isinstance(quiz, Unavailable):
        st.caption(md(quiz.reason))
        return
    before = _kept(opened, a, b)
    st.button(
        "Start the quiz" if not before else "Take it again",
        key="visibility-quiz-start",
        icon=":material/visibility:",
        on_click=_begin,
        args=(quiz,),
    )
    if before:
        _results(opened, before, model, names)
    running = st.session_state.get(_QUIZ)
    if isinstance(running, Quiz) and {running.a, running.b} == {a, b}:
        st.dialog("Which is which?", width="large", on_dismiss=_stop)(_body)(opened)


def _kept(opened: OpenDataset, a: str, b: str) -> tuple[Taken, ...]:
    try:
        return shelf().quizzes.of_pair(opened.source.id, a, b)
    except StoreError as error:
        st.warning(md(str(error)))
        return ()


def _begin(quiz: Quiz) -> None:
    st.session_state[_QUIZ], st.session_state[_ANSWERS] = quiz, []


def _stop() -> None:
    st.session_state.pop(_QUIZ, None)
    st.session_state.pop(_ANSWERS, None)


def _answer(left: bool) -> None:
    st.session_state[_ANSWERS] = [*st.session_state[_ANSWERS], left]


def _back() -> None:
    st.session_state[_ANSWERS] = st.session_state[_ANSWERS][:-1]


def _body(opened: OpenDataset) -> None:
    quiz: Quiz | None = st.session_state.get(_QUIZ)
    if quiz is None:
        st.rerun()
    names = short_concepts(sorted({quiz.a, quiz.b}))
    chosen: list[bool] = st.session_state[_ANSWERS]
    at = len(chosen)
    if at >= len(quiz.questions):
        _keep(opened, taken(quiz, chosen))
        return
    if at == 0:
        for concept, ids, side in zip((quiz.a, quiz.b), (quiz.examples_a, quiz.examples_b), st.columns(2), strict=True):
            of = html.escape(plain(names[concept]))
            side.html(f'<p class="tde-small" style="margin:0 0 .3rem">Examples of {of}</p>{_row(opened, ids)}')
    question = quiz.questions[at]
    st.progress(at / len(quiz.questions), text=f"Question {at + 1} of {len(quiz.questions)}")
    st.html(
        '<p style="font:650 1.15rem/1.3 Manrope,sans-serif;margin:0">Which one shows '
        f"{html.escape(plain(names[quiz.a]))}?</p>"
    )
    for side, name, image_id in zip(st.columns(2), ("Left", "Right"), (question.left, question.right), strict=True):
        with side:
            st.html(
                f'<img src="{_large(opened, image_id)}" alt="{name} picture" style="display:block;width:100%;'
                "height:min(46vh,420px);object-fit:contain;border-radius:8px;"
                'background:color-mix(in srgb, currentColor 6%, transparent)">'
            )
            st.button(
                f"{name} one",
                key=f"visibility-quiz-{name}",
                width="stretch",
                on_click=_answer,
                args=(name == "Left",),
            )
    st.button("Back to the last question", key="visibility-quiz-back", type="tertiary", disabled=not at, on_click=_back)


def _keep(opened: OpenDataset, one: Taken) -> None:
    try:
        shelf().quizzes.add(opened.source.id, one)
    except StoreError as error:
        st.warning(md(str(error)))
        if st.button("Try again", key="visibility-quiz-retry"):
            st.rerun(scope="fragment")
        return
    _stop()
    st.rerun()


def _large(opened: OpenDataset, image_id: str) -> str:
    """The picture by data address: neither its name nor its folder gives the answer away."""
    row = int(id_rows(opened, [image_id])[0])
    try:
        return data_uri(opened.full_picture(row, SIDE))
    except InputError:
        return data_uri(opened.thumbnails([row])[0])


def _row(opened: OpenDataset, ids: Sequence[str]) -> str:
    cells = "".join(
        f'<img src="{html.escape(s)}" alt="" style="width:100%;aspect-ratio:1;object-fit:contain;border-radius:6px">'
        for s in thumbnail_sources(opened, id_rows(opened, ids).tolist())
    )
    return f'<div style="display:grid;gap:8px;grid-template-columns:repeat(4,minmax(0,1fr))">{cells}</div>'


def quiz_words(people: Score, model: tuple[float, float, float], a: str, b: str) -> str:
    """A person's score beside the model's, in a sentence, and what follows."""
    share, low, high = model
    out = (
        f"People were right in {people.right} of {people.of} ({percent(people.low)} to {percent(people.high)}); "
        f"the model is right in {round(100 * share)} of 100 ({percent(low)} to {percent(high)})."
    )
    if people.low <= 0.5:
        return f"{out} People do not tell {a} and {b} apart better than by guessing, so far."
    if people.high < low:
        return f"{out} The model sees more than people do: labels given by eye will be wrong more often."
    if people.low > high:
        return f"{out} People see what the model misses: more pictures, larger ones or another model may help."
    return f"{out} No clear difference between people and model."


def _results(
    opened: OpenDataset, before: Sequence[Taken], model: tuple[float, float, float], names: dict[str, str]
) -> None:
    people = score(before)
    assert people is not None
    a, b = (plain(names[c]) for c in (before[-1].a, before[-1].b))
    st.html(f'<p class="tde-text">{html.escape(quiz_words(people, model, a, b))}</p>')
    last = before[-1]
    wrong = [i for x, y, right in last.answers if not right for i in (x, y)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        taken_words = count(len(before), "quiz", "quizzes")
        st.html(
            f'<span class="tde-small tde-muted">{taken_words}, the last {ago(last.at)}: '
            f"{last.right} of {len(last.answers)} right.</span>",
            width="stretch",
        )
        st.button(
            "Forget the last",
            key="visibility-quiz-forget",
            type="tertiary",
            on_click=shelf().quizzes.remove,
            args=(opened.source.id, last),
        )
        st.download_button(
            "Download (CSV)",
            lambda: answers_csv(before),
            file_name="quiz.csv",
            mime="text/csv",
            key="visibility-quiz-csv",
            type="tertiary",
            on_click="ignore",
        )
    if wrong:
        st.caption("Mixed up the last time, pair by pair:")
        picture_strip(opened, wrong, "visibility-quiz-wrong")


def answers_csv(quizzes: Sequence[Taken]) -> bytes:
    """One row an answer: when, the concepts, the two pictures, whether right."""
    rows = [(t.at.isoformat(timespec="seconds"), t.a, t.b, x, y, right) for t in quizzes for x, y, right in t.answers]
    columns = ["at", "concept_a", "concept_b", "shows_a", "shows_b", "right"]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False).encode("utf-8-sig", "backslashreplace")
