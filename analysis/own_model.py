"""What a person's own model said of the pictures from real use: is it wrong more often where training is blind?

`predicted` and `confidence` of a manifest. With labels, wrong answers are counted; without, the model's confidence is
compared. scipy loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.dataset import Dataset, is_within

LEAST: Final = 5  # answers on each side: with fewer no difference could be seen
ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class OwnModel:
    """Answers of a person's own model on pictures from real use, those training covers beside those it does not.

    Attributes:
        by_labels: wrong answers were counted; else confidence was compared.
        uncovered, covered: pictures with an answer on each side.
        wrong_uncovered, wrong_covered: of them wrong; 0 where not `by_labels`.
        sure_uncovered, sure_covered: mean confidence in [0, 1], nan where unknown.
        p_value: one-sided: Fisher's exact test of the wrong answers, else Mann-Whitney's of the confidence.
    """

    by_labels: bool
    uncovered: int
    covered: int
    wrong_uncovered: int
    wrong_covered: int
    sure_uncovered: float
    sure_covered: float
    p_value: float

    def sentence(self) -> str:
        """For a person."""
        tail = "" if self.p_value <= ALPHA else " So small a difference may be chance."
        if self.by_labels:
            return (
                f"Your own model is wrong in {self.wrong_uncovered:,} of the {self.uncovered:,} pictures from real use "
                f"that training does not cover, and in {self.wrong_covered:,} of the {self.covered:,} that it does."
                f"{tail}"
            )
        return (
            f"Your own model is {self.sure_uncovered:.0%} sure on the {self.uncovered:,} pictures from real use that "
            f"training does not cover, and {self.sure_covered:.0%} on the {self.covered:,} that it does.{tail}"
        )


def own_model(dataset: Dataset, rows: NDArray[np.int64], far: NDArray[np.bool_]) -> OwnModel | None:
    """Compare the own model's answers on uncovered and covered pictures; None where there are too few.

    Args:
        dataset: its `predictions`; of several for a picture the most confident counts.
        rows: int64 (n,), rows of pictures from real use.
        far: bool (n,), which of them training does not cover.
    """
    from scipy.stats import fisher_exact, mannwhitneyu

    if not len(dataset.predictions):
        return None
    best = dataset.predictions.sort_values("confidence", kind="stable", na_position="first").groupby("image").tail(1)
    said = {int(i): (str(c), float(p)) for i, c, p in best[["image", "concept", "confidence"]].itertuples(index=False)}
    known = [(said[int(row)], dataset.concepts_of(int(row)), bool(f)) for row, f in zip(rows, far, strict=True)
             if int(row) in said]  # fmt: skip
    labelled = [(answer, of, away) for answer, of, away in known if of]
    counts = [sum(away == side for _, _, away in labelled) for side in (True, False)]
    if min(counts) >= LEAST:
        wrong = [(_wrong(answer[0], of), away) for answer, of, away in labelled]
        bad = [sum(w and away == side for w, away in wrong) for side in (True, False)]
        table = np.array([[bad[0], counts[0] - bad[0]], [bad[1], counts[1] - bad[1]]])
        p = float(fisher_exact(table, alternative="greater")[1])
        sure = [_mean([answer[1] for answer, _, away in labelled if away == side]) for side in (True, False)]
        return OwnModel(True, counts[0], counts[1], bad[0], bad[1], sure[0], sure[1], p)
    sides = [[a[1] for a, _, away in known if away == side and np.isfinite(a[1])] for side in (True, False)]
    if min(map(len, sides)) < LEAST:
        return None
    p = float(mannwhitneyu(sides[0], sides[1], alternative="less")[1])
    return OwnModel(False, len(sides[0]), len(sides[1]), 0, 0, _mean(sides[0]), _mean(sides[1]), p)


def _wrong(answer: str, concepts: tuple[str, ...]) -> bool:
    """Whether the answer is none of the concepts, nor holds one of them, nor is held by one."""
    return not any(is_within(answer, c) or is_within(c, answer) for c in concepts)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values and np.isfinite(values).all() else float("nan")
