"""Would it be noticed if two concepts were one? Pairs of a dataset's own concepts are put together to see.

What a check would not notice it may not call fine: where the model in use mixes the concepts, two of them look like
one wide heap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from analysis.parts import Int64, Space
from analysis.progress import no_tick
from analysis.wide import FARTHER, Halves, divide, excess, halves, least_apart

TRIED: Final = 10  # pairs, drawn at random from all there are: tells 2 of 10 from 8 of 10


@dataclass(frozen=True, slots=True)
class Power:
    """Of `tried` pairs of concepts put together, `noticed` would be called several kinds in one."""

    noticed: int
    tried: int

    @property
    def share(self) -> float:
        """In [0, 1]; nan where no pair was tried."""
        return self.noticed / self.tried if self.tried else float("nan")


NOT_TRIED: Final = Power(0, 0)


def together(space: Space, a: int, b: int) -> Space:
    """The same pictures with concept `b` in `a`; `b` is left empty."""
    member, means, scatter = space.member.copy(), space.means.copy(), space.scatter.copy()
    member[:, a] |= member[:, b]
    member[:, b] = False
    own = space.plain[member[:, a]]
    means[a], means[b] = own.mean(axis=0), 0.0
    scatter[a], scatter[b] = (own - means[a]).T @ (own - means[a]), 0.0
    return Space(space.plain, member, means, scatter)


def merges_noticed(
    space: Space,
    places: Sequence[Int64],
    found: Mapping[int, Halves],
    *,
    alpha: float,
    farther: float = FARTHER,
    most_of_one: int = 300,
    seed: int = 0,
    tick: Callable[[], None] = no_tick,
) -> Power:
    """How many of up to `TRIED` pairs of concepts, put together, `analysis.checks.spread` would take apart.

    An upper bound: that there is a real gap, and that splitting helps, is taken for granted. With fewer than four
    concepts no pair leaves two siblings to compare with, and none is tried.

    Args:
        space: the pictures and their concepts.
        places: of each concept, the places of its pictures in `space`.
        found: concepts that can be judged -> their halves.
        alpha, farther: as of the check.
        most_of_one: pictures of a pair that are divided, at most.
        seed: of the draws.
        tick: called before each pair; may raise to stop.
    """
    if len(found) < 4:
        return NOT_TRIED
    rng = np.random.default_rng((seed, 83))
    pairs = list(combinations(sorted(found), 2))
    chosen = [pairs[i] for i in np.sort(rng.permutation(len(pairs))[:TRIED])]
    noticed = 0
    for a, b in chosen:
        tick()
        at = np.union1d(places[a], places[b]).astype(np.int64)
        if len(at) > most_of_one:
            at = np.sort(rng.choice(at, most_of_one, replace=False))
        others = [k for k in found if k not in (a, b)]
        made = together(space, a, b)
        width = np.array([halves(made, a, at, seed).width, *(found[k].width for k in others)])
        pictures = np.array([len(at), *(len(places[k]) for k in others)], dtype=np.int64)
        if excess(width, pictures)[0] * len(width) <= alpha:
            limit = least_apart([found[k].apart for k in others], farther)
            noticed += divide(made, a, at, limit, seed, known=True) is not None
    return Power(noticed, len(chosen))
