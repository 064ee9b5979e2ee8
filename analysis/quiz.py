"""Can a person tell two concepts apart? A blind quiz of pairs, scored like the model, kept with the dataset.

Two pictures, one of each concept, side by side in random order: which shows the first concept? This two-alternative
forced choice (Green and Swets 1966) is what the AUC of a pair says of the model, so the two shares of right answers
compare; guessing is a half. The interval is Wilson's (1927, doi:10.1080/01621459.1927.10502953).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from analysis.checks.base import Unavailable
from analysis.dataset import Dataset
from analysis.imbalance import wilson
from analysis.kept_lists import KeptList
from analysis.probe import targets

DEFAULT_QUESTIONS: Final = 20  # as the interval of 15 right ones is then 53 to 89 %: clear of guessing
DEFAULT_EXAMPLES: Final = 4
LEAST_QUESTIONS: Final = 5  # five right ones of five are just beyond guessing (p = 0.03)


@dataclass(frozen=True, slots=True)
class Question:
    """Image ids of a picture of each concept; whether that of the first concept stands on the left."""

    shows_a: str
    shows_b: str
    a_left: bool

    @property
    def left(self) -> str:
        """Image id on the left."""
        return self.shows_a if self.a_left else self.shows_b

    @property
    def right(self) -> str:
        """Image id on the right."""
        return self.shows_b if self.a_left else self.shows_a


@dataclass(frozen=True, slots=True)
class Quiz:
    """Questions on the concepts `a` and `b`, and labelled examples that no question shows."""

    a: str
    b: str
    questions: tuple[Question, ...]
    examples_a: tuple[str, ...]
    examples_b: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A finished quiz: for each question both image ids and whether the answer was right; `at` is UTC."""

    a: str
    b: str
    answers: tuple[tuple[str, str, bool], ...]
    at: datetime

    @property
    def right(self) -> int:
        """Right answers."""
        return sum(right for *_, right in self.answers)


@dataclass(frozen=True, slots=True)
class Score:
    """Share of right answers in [0, 1] with its 95 % interval."""

    right: int
    of: int
    share: float
    low: float
    high: float


def make_quiz(
    dataset: Dataset,
    a: str,
    b: str,
    *,
    questions: int = DEFAULT_QUESTIONS,
    examples: int = DEFAULT_EXAMPLES,
    seen: Collection[str] = (),
    seed: int = 0,
) -> Quiz | Unavailable:
    """Draw a quiz on training pictures that show one of the two concepts and not the other.

    No picture is asked about twice, and copies count as one; where there are few, there are fewer questions.

    Args:
        dataset: whose pictures.
        a, b: most detailed concepts.
        questions, examples: at most that many, examples of each concept.
        seen: image ids shown with their label before, asked about last.
        seed: of pictures, order and sides.
    """
    rng = np.random.default_rng(seed)
    pools = [_pool(dataset, one, other, frozenset(seen), rng) for one, other in ((a, b), (b, a))]
    asked = min(questions, *(len(pool) - 1 for pool in pools))
    if asked < LEAST_QUESTIONS:
        return Unavailable(
            f"A quiz needs at least {LEAST_QUESTIONS + 1} different pictures that show only the one or the other; "
            f"there are {len(pools[0])} and {len(pools[1])}."
        )
    sides = rng.permutation(np.arange(asked) % 2 == 0)
    made = tuple(Question(x, y, bool(s)) for x, y, s in zip(pools[0][:asked], pools[1][:asked], sides, strict=True))
    kept = [tuple(pool[asked : asked + examples]) for pool in pools]
    return Quiz(a, b, made, kept[0], kept[1])


def _pool(dataset: Dataset, one: str, other: str, seen: frozenset[str], rng: np.random.Generator) -> list[str]:
    """Image ids of different pictures of `one` without `other`, shuffled, those seen before last."""
    every = targets(dataset)
    has = {c: every.member[:, every.classes.index(c)] if c in every.classes else None for c in (one, other)}
    mine, others = has[one], has[other]
    if mine is None:
        return []
    rows = every.rows[mine & ~others] if others is not None else every.rows[mine]
    images = dataset.images.iloc[rows]
    if "content_hash" in images:
        images = images.drop_duplicates("content_hash")
    ids = [str(i) for i in images["image_id"].sort_values()]
    drawn = [ids[i] for i in rng.permutation(len(ids))]
    return sorted(drawn, key=lambda i: i in seen)


def taken(quiz: Quiz, chose_left: Sequence[bool]) -> Taken:
    """The answers to the first questions of a quiz, judged.

    Args:
        quiz: what was asked.
        chose_left: for each question whether the left picture was taken for the first concept.
    """
    judged = zip(quiz.questions, chose_left, strict=False)
    answers = tuple((q.shows_a, q.shows_b, bool(left) is q.a_left) for q, left in judged)
    return Taken(quiz.a, quiz.b, answers, datetime.now(UTC))


def score(quizzes: Sequence[Taken]) -> Score | None:
    """Of all these quizzes together; None where nothing was answered."""
    right, of = sum(t.right for t in quizzes), sum(len(t.answers) for t in quizzes)
    if not of:
        return None
    low, high = wilson(np.array([right]), np.array([of]))
    return Score(right, of, right / of, float(low[0]), float(high[0]))


class Quizzes:
    """Finished quizzes of every dataset under one cache folder (see `KeptList`)."""

    def __init__(self, root: Path) -> None:
        self._kept = KeptList(root, "quizzes", _as_json, _parse)

    def of_pair(self, source_id: str, a: str, b: str) -> tuple[Taken, ...]:
        """Those on these two concepts in either order, oldest first. Raises StoreError like `KeptList.every`."""
        return tuple(t for t in self._kept.every(source_id) if {t.a, t.b} == {a, b})

    def add(self, source_id: str, one: Taken) -> None:
        """Keep a quiz. Raises StoreError."""
        self._kept.change(source_id, lambda every: [*every, one])

    def remove(self, source_id: str, one: Taken) -> None:
        """Forget a quiz; nothing happens where it is not there. Raises StoreError."""
        self._kept.change(source_id, lambda every: [t for t in every if t != one])


def _as_json(one: Taken) -> dict[str, Any]:
    return {**asdict(one), "at": one.at.isoformat()}


def _parse(value: dict[str, Any]) -> Taken:
    answers = tuple((a, b, right) for a, b, right in value["answers"])
    if not all(isinstance(a, str) and isinstance(b, str) and isinstance(right, bool) for a, b, right in answers):
        raise TypeError("expected two ids and whether the answer was right")
    at = datetime.fromisoformat(value["at"])
    if at.tzinfo is None or not isinstance(value["a"], str) or not isinstance(value["b"], str):
        raise ValueError("expected a time with its zone and two concepts")
    return Taken(value["a"], value["b"], answers, at)
