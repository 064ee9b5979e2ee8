"""What if? How much better real-world pictures are recognised once some of them were added to training.

The real-world pictures with labels are split at random, many times: from two thirds pictures are added, ranked
(`analysis.collect`) or drawn at random; on the other third, which neither the ranking nor the probe has seen, the
balanced accuracy of a linear probe is measured before and after. So the ranking has to earn its place against chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.collect import choose, similarities
from analysis.least_squares import Probe, balanced_accuracy, train
from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

DEFAULT_SPLITS = 20  # an interval from the 2.5 % to the 97.5 % point needs about that many at the least
DEFAULT_DRAWS = 5  # random choices a split; cheap, and chance must not hang on one draw
DEFAULT_AMOUNTS = (10, 25, 50, 100)
POOL_SHARE = 2 / 3
MIN_LABELLED = 30  # labelled real-world pictures: a third of fewer says little of accuracy


@dataclass(frozen=True, slots=True)
class Step:
    """One strategy after adding so many pictures; scores are balanced accuracies in [0, 1], means over the splits.

    Attributes:
        strategy: `ranked` or `random`.
        added: pictures added.
        score_before, score_after: mean over the splits.
        low, high: 2.5 % and 97.5 % points of `score_after` over the splits.
        gain: mean of after - before; gain_low, gain_high: 2.5 % and 97.5 % points of it.
    """

    strategy: str
    added: int
    score_before: float
    score_after: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What adding real-world pictures does.

    Attributes:
        steps: by strategy, then by number added.
        pool, held_out: pictures to choose from, and judged on, in a split.
        splits: number of splits.
        better: share of the splits, in [0, 1], in which ranked beats random on average over the amounts that
            leave a choice; nan where none does.
    """

    steps: tuple[Step, ...]
    pool: int
    held_out: int
    splits: int
    better: float


def what_if(
    x: Float32,
    member: Bool,
    real: Float32,
    real_member: Bool,
    *,
    uncovered: Bool | None = None,
    amounts: tuple[int, ...] = DEFAULT_AMOUNTS,
    splits: int = DEFAULT_SPLITS,
    draws: int = DEFAULT_DRAWS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> WhatIf:
    """Add k ranked, and k random, real-world pictures to training; k of `amounts` that the pool can give.

    Args:
        x: float32 (n, f), L2-normalised vectors of training; member: bool (n, k), what each shows.
        real: float32 (m, f), of the real-world pictures with labels; real_member: bool (m, k).
        uncovered: bool (m,), which of them training lacks (`collect.choose`).
        amounts: numbers of pictures, ascending.
        splits, draws: how often real-world pictures are split, and random ones drawn from each pool.
        seed: of splits and draws.
        progress: counts splits.
    """
    m = len(real)
    size = round(POOL_SHARE * m)
    ks = tuple(k for k in amounts if k <= size)
    probe = train(x, member, real)
    covered, among = similarities(x, real, member, real_member)
    before = np.empty(splits)
    ranked, random = np.empty((splits, 1, len(ks))), np.empty((splits, draws, len(ks)))
    for s in range(splits):
        progress(s, splits, "what if pictures are added")
        rng = np.random.default_rng((seed, s))
        pool, held = split(real_member, size, rng)
        part = Probe(probe.scores[pool], probe.covariance[np.ix_(pool, pool)], probe.noise)
        best = choose(
            covered[pool],
            among[np.ix_(pool, pool)],
            part,
            real_member[pool],
            max(ks, default=0),
            uncovered=None if uncovered is None else uncovered[pool],
        ).order

        def score(added: Int64, held: Int64 = held) -> float:
            return balanced_accuracy(probe.after(added, real_member, held), real_member[held])

        before[s] = score(np.empty(0, dtype=np.int64))
        ranked[s, 0] = [score(pool[best[:k]]) for k in ks]
        for d in range(draws):
            drawn = pool[rng.permutation(size)]
            random[s, d] = [score(drawn[:k]) for k in ks]
    progress(splits, splits, "what if pictures are added")
    steps = [
        _step(name, k, before, after[..., i])
        for name, after in (("ranked", ranked), ("random", random))
        for i, k in enumerate(ks)
    ]
    choice = [i for i, k in enumerate(ks) if k < size]
    lead = (ranked[:, 0] - random.mean(axis=1))[:, choice].mean(axis=1) if choice else np.full(splits, np.nan)
    better = float(np.mean(lead > 0)) if choice else float("nan")
    return WhatIf(tuple(steps), size, m - size, splits, better)


def split(member: Bool, size: int, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Positions of the pool (`size` of them) and of the rest, both ascending; classes are dealt out evenly."""
    order = rng.permutation(len(member))
    order = order[np.argsort(member[order].argmax(axis=1), kind="stable")]
    # every third picture of the sorted order, from a random start, is held out
    rank = (np.arange(len(order)) * (len(order) - size) + int(rng.integers(len(order)))) // len(order)
    held = np.diff(rank, append=rank[0] + len(order) - size) > 0
    return np.sort(order[~held]), np.sort(order[held])


def _step(name: str, k: int, before: Float64, after: Float64) -> Step:
    gain = after - before[:, None]
    low, high = (float(v) for v in np.quantile(after, [0.025, 0.975]))
    gain_low, gain_high = (float(v) for v in np.quantile(gain, [0.025, 0.975]))
    return Step(name, k, float(before.mean()), float(after.mean()), low, high, float(gain.mean()), gain_low, gain_high)
