"""One concept as the check `spread` sees it, and what is said of it to a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.checks.base import Verdict
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.merges import NOT_TRIED, Power
from analysis.wide import Division, Gain, Halves

LEAST_POWER = 0.5  # share of merged pairs of concepts that would be noticed, without which nothing found is not fine
STRICT = 0.002  # corrected p-value that is sure among few concepts although splitting gains nothing


@dataclass(frozen=True, slots=True)
class Judged:
    """One concept.

    Attributes:
        concept: its name. n: training pictures; used: of them divided.
        halves: its best division in two; None with too few pictures.
        p_value, corrected: of its width beside its siblings'; nan where not tested.
        gap_p: p-value of "one wide heap"; nan where not asked.
        division: its parts; None where there are none.
        alike: whether two of its parts differ less than two other concepts usually do.
        few: whether there are too few concepts to know what is usual, so that parts alone are no finding.
        near: whether its parts lie farther apart than the halves of half of the other concepts only, so that they are
            shown, but are no finding.
        names: of the parts, the largest first.
        images: `image_id`s of each part, the most typical first; every picture of the concept is in one.
        gain: of splitting it; None without parts.
        ratio: dispersion over the siblings' median; nan without siblings.
        power: how many pairs of concepts put together would be noticed.
    """

    concept: str
    n: int
    used: int
    halves: Halves | None = None
    p_value: float = float("nan")
    corrected: float = float("nan")
    gap_p: float = float("nan")
    division: Division | None = None
    alike: bool = True
    few: bool = False
    near: bool = False
    names: tuple[str, ...] = ()
    images: tuple[tuple[str, ...], ...] = ()
    gain: Gain | None = None
    ratio: float = float("nan")
    power: Power = NOT_TRIED

    @property
    def blind(self) -> bool:
        """Whether two concepts put together would mostly go unnoticed, or too few are there to try it."""
        return not self.power.tried or self.power.share < LEAST_POWER

    @property
    def helps(self) -> bool:
        """Whether splitting it surely gains."""
        return self.gain is not None and self.gain.low > 0

    @property
    def score(self) -> float | None:
        """1: no more dispersed than the siblings, or without a gap; 0: many times as dispersed, in separate kinds."""
        if self.halves is None or np.isnan(self.ratio):
            return None
        return 1 - max(0.0, 1 - 1 / max(self.ratio, 1e-9)) * (1 - min(1.0, self.halves.cut))

    def verdict(self, alpha: float) -> Verdict:
        """The word for it."""
        if self.halves is None or np.isnan(self.corrected):
            return Verdict.CANNOT_TELL
        if not self.names:
            return Verdict.CANNOT_TELL if self.blind else Verdict.PASS
        if self.near or self.corrected > alpha:
            return Verdict.CANNOT_TELL
        if self.few and self.corrected > STRICT and not self.helps:
            return Verdict.CANNOT_TELL
        return Verdict.WARN if self.alike else Verdict.FAIL


def sentence(j: Judged, wide: bool, alpha: float) -> str:
    """What was found, in a sentence or two."""
    if wide:
        sizes = [len(i) for i in j.images]
        parts = ", ".join(f"{n} ({s:,})" for n, s in zip(j.names, sizes, strict=True))
        unclear = j.verdict(alpha) is Verdict.CANNOT_TELL
        start = f"Cannot tell: perhaps {len(sizes)}" if unclear else f"{len(sizes)}"
        more = _gained(j.gain)
        what = f"{start} kinds of picture that look like concepts of their own: {parts}."
        return f"{what} {more}" if more else what
    if j.blind:
        return f"Cannot tell: {unnoticed(j.power)}."
    if j.corrected <= alpha:
        return "More varied than the other concepts, but in one piece: that is variety, not a fault."
    return "No wider than the other concepts."


def unnoticed(power: Power) -> str:
    """Why nothing found is no answer."""
    if not power.tried:
        return "three concepts are too few to know how wide one usually is; with four or more it can be tried"
    return (
        f"of {power.tried} pairs of your concepts, put together as if they were one, only {power.noticed} would be "
        f"noticed by the model in use; {RECOMMENDED_MODEL} may see more"
    )


def _gained(gained: Gain | None) -> str:
    if gained is None:
        return ""
    one, two = round(100 * gained.single), round(100 * gained.split)
    if gained.low > 0:
        return f"Named apart, {two} of 100 are recognised instead of {one}."
    return f"A simple classifier recognises it either way ({one} of 100 as one, {two} named apart)."


def fix(name: str) -> str:
    """What to do about a concept that is called so."""
    return f"Give each kind in {name} a concept of its own, or keep only the kind you mean."
