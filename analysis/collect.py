"""What to collect next: which real-world pictures, labelled and added, help most; few, different, none of them odd.

Each real-world picture is *covered* as well as its most similar training picture is similar to it (of the same
concept where labels say so). Greedily the picture is taken that adds most to that, summed over all real-world pictures
(facility location: Nemhauser et al. 1978 bound the greedy choice by 1 - 1/e of the best): a picture like many uncovered
ones adds much, a picture unlike all others adds only itself, a near-copy of one taken adds nothing. That gain is
multiplied by what the picture teaches a linear probe (`analysis.least_squares`): with labels, how much it lowers the
squared error on the *other* real-world pictures; without, how much of what training leaves unexplained it explains
(transductive experimental design: Yu, Bi and Tresp 2006, doi:10.1145/1143844.1143980). The product wants both. With
labels each concept counts the same, however many of its pictures there are. Where it is known which pictures training
lacks, covering one of the others counts a tenth: a model that sees past the light finds even the dim ones covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.least_squares import Probe, coded
from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choice:
    """Pictures in the order they should be collected.

    Attributes:
        order: int64 (c,), positions among the candidates.
        stands_for: int64 (c,), how many candidates have that picture as the chosen one most like them, and are
            more like it than like any training picture (of their concept); at least 1.
    """

    order: Int64
    stands_for: Int64


def similarities(
    x: Float32, real: Float32, shown: Bool | None = None, real_shown: Bool | None = None, *, chunk: int = 2048
) -> tuple[Float64, Float64]:
    """How well training covers each real-world picture, and how well these cover each other.

    Args:
        x: float32 (n, f), L2-normalised training vectors. real: float32 (m, f), likewise.
        shown, real_shown: bool (n, k) and (m, k), classes; a picture covers only pictures it shares a class with.
        chunk: training pictures at a time.

    Returns:
        float64 (m,), similarity in [0, 1] to the nearest training picture (0 for none), and float64 (m, m).
    """
    best = np.zeros(len(real))
    for start in range(0, len(x), chunk):
        part = np.maximum(real @ x[start : start + chunk].T, 0.0).astype(np.float64)
        if shown is not None and real_shown is not None:
            part[~_share(real_shown, shown[start : start + chunk])] = 0.0
        best = np.maximum(best, part.max(axis=1, initial=0.0))
    among = np.clip(real @ real.T, 0.0, 1.0).astype(np.float64)
    if real_shown is not None:
        among[~_share(real_shown, real_shown)] = 0.0
    return best, among


def _share(a: Bool, b: Bool) -> Bool:
    return (a.astype(np.float32) @ b.T.astype(np.float32)) > 0


def choose(
    covered: Float64,
    among: Float64,
    probe: Probe,
    member: Bool | None,
    count: int,
    *,
    uncovered: Bool | None = None,
    progress: Progress = no_progress,
) -> Choice:
    """Rank up to `count` candidates; equal ones in the order given.

    Args:
        covered: float64 (m,), from `similarities`, of the candidates alone.
        among: float64 (m, m), likewise.
        probe: what training says of the candidates.
        member: bool (m, k), what each candidate shows; None where labels are not to be used.
        count: pictures, at most.
        uncovered: bool (m,), those that training lacks: to cover them counts most. None where that is not known.
        progress: counts pictures chosen.
    """
    m = len(covered)
    weight = np.ones(m) if member is None else class_weights(member)
    wanted = weight if uncovered is None or not uncovered.any() else np.where(uncovered, weight, COVERED * weight)
    best, taken = covered.copy(), np.zeros(m, dtype=bool)
    lesson = _Lesson(probe, None if member is None else coded(member), weight)
    order: list[int] = []
    for step in range(min(count, m)):
        if step % 10 == 0:
            progress(step, min(count, m), "ranking pictures to collect")
        cover = wanted @ np.maximum(among - best[:, None], 0.0)
        value = _scaled(cover, taken) * np.maximum(_scaled(lesson.gain(taken), taken), LEAST)
        value[taken] = -1.0
        pick = int(value.argmax())
        order.append(pick)
        taken[pick] = True
        best = np.maximum(best, among[:, pick])
        lesson.learn(pick)
    chosen = np.array(order, dtype=np.int64)
    return Choice(chosen, _stands_for(covered, among, chosen))


COVERED = 0.1  # weight of a picture that training has the like of; 0.03 to 0.25 order the list much alike
LEAST = 1e-3  # a picture that teaches the probe nothing may still cover: it comes after all that teach something


def class_weights(member: Bool) -> Float64:
    """Weights of mean 1 that make every class count the same; a picture of several classes has the mean of theirs."""
    n = np.maximum(member.sum(axis=0), 1)
    weight = (member / n).sum(axis=1) / np.maximum(member.sum(axis=1), 1)
    return np.asarray(weight / weight.mean() if weight.any() else np.ones(len(member)))


class _Lesson:
    """What each candidate would teach the probe, kept up to date while candidates are learned."""

    def __init__(self, probe: Probe, target: Float64 | None, weight: Float64) -> None:
        self.c = probe.covariance.copy()
        self.noise = probe.noise
        self.w = weight
        self.error = None if target is None else target - probe.scores
        self.pull = None if self.error is None else self.c.T @ (weight[:, None] * self.error)

    def gain(self, taken: Bool) -> Float64:
        """With errors known: by how much the squared error on others falls; else how much variance is explained."""
        own = np.diag(self.c)
        denominator = own + self.noise
        free = np.where(taken, 0.0, self.w)
        spread = free @ np.square(self.c)
        if self.error is None or self.pull is None:
            return np.asarray(spread / denominator)
        size = np.square(self.error).sum(axis=1)
        # each picture's own error is left out: it must teach something about others
        toward = (self.pull * self.error).sum(axis=1) - free * own * size
        return np.asarray(2.0 * toward / denominator - (spread - free * np.square(own)) * size / np.square(denominator))

    def learn(self, pick: int) -> None:
        column = self.c[:, pick].copy()
        step = column / (column[pick] + self.noise)
        if self.error is not None and self.pull is not None:
            lost = self.error[pick].copy()
            self.error = self.error - np.outer(step, lost)
            self.c -= np.outer(step, column)
            # the learned picture no longer counts among the others
            self.w = self.w.copy()
            self.w[pick] = 0.0
            self.pull = self.c.T @ (self.w[:, None] * self.error)
        else:
            self.c -= np.outer(step, column)


def _scaled(gain: Float64, taken: Bool) -> Float64:
    most = float(gain[~taken].max(initial=0.0))
    return gain / most if most > 0 else np.zeros(len(gain))


def _stands_for(covered: Float64, among: Float64, chosen: Int64) -> Int64:
    if not len(chosen):
        return np.empty(0, dtype=np.int64)
    likest = among[:, chosen].argmax(axis=1)
    counted = among[np.arange(len(covered)), chosen[likest]] > covered
    return np.maximum(np.bincount(likest[counted], minlength=len(chosen)), 1).astype(np.int64)
