"""Where in a picture a concept is: heat per location, from the concept's name and the dataset's own pictures.

A name alone gives a first heat: how much nearer a location's vector is to the name than to the other names and to
common words (`first_heat`). It finds the right places better than it judges how much of them there is. So the
hottest places of the concept's pictures stand as examples, places of pictures without the concept and the cool half of
its own pictures as counter-examples, and a linear discriminant (Fisher 1936) between the two gives the second heat
(`learn`): 0 where a place looks like any other, 1 where it looks like the examples. The counter-examples out of the
concept's own pictures keep it from learning the scene. The idea of trusting a weak detector's best places is that of
self-training (Scudder 1965) in multiple-instance form (Andrews et al. 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

COMMON: Final = (
    "wall",
    "sky",
    "floor",
    "tree",
    "road",
    "grass",
    "water",
    "ground",
    "animal",
    "food",
    "vehicle",
    "furniture",
    "clothing",
    "person",
    "building",
    "tool",
    "container",
    "machine",
    "plant",
    "toy",
    "instrument",
    "fabric",
    "box",
    "sign",
    "window",
    "door",
    "picture",
    "metal",
    "wood",
    "glass",
)
"""Common things and materials a name is held against, beside the dataset's other names: where a dataset has few,
they say what is common to all words."""
EXAMPLES: Final = 0.03
"""Share of the places in a concept's pictures that stand as examples: the hottest. 2 % and 5 % give nearly the same on
the scenes it was chosen on, 10 % less."""
A_PICTURE: Final = 0.12
"""Share of one picture's places that may be examples, so that a quarter of the pictures or more give some."""
COOL: Final = 0.5
"""Share of them that stand as counter-examples: the coolest."""
SHRINK: Final = 1.0
"""Of the covariance towards a sphere, in units of the mean variance."""
BEST: Final = 0.25
"""The share of a picture that is judged: its hottest quarter. A quarter filled is a picture *of* the thing."""
CENTRE: Final = 0.35
"""Standard deviation, in sides of the picture, of what a place counts."""
MOST: Final = 6000
"""Places of each kind that counter-examples are drawn from."""


@dataclass(frozen=True, slots=True)
class Direction:
    """What tells a concept's places from others: `heat = (x @ weight - low) / (high - low)`."""

    weight: Float64
    low: float
    high: float

    def heat(self, maps: Float32) -> Float32:
        """Float32 (…,) of vectors (…, d); 0 as any other place, 1 as the concept's examples."""
        out: Float32 = ((maps @ self.weight.astype(np.float32) - self.low) / (self.high - self.low)).astype(np.float32)
        return out


@dataclass(frozen=True, slots=True)
class Ground:
    """The covariance of the places of all pictures, float64 (d, d)."""

    covariance: Float64


def first_heat(maps: Float32, name: Float32, others: Float32) -> Float32:
    """Float32 (n, places): similarity to `name` (d,) above the mean similarity to `others` (k, d)."""
    out: Float32 = np.round(maps @ (name - others.mean(axis=0)), 6)  # what is less is rounding, and no heat
    return out


def ground(maps: Float32, *, seed: int = 0) -> Ground:
    """Of the places of all pictures; `maps` float32 (n, places, d)."""
    flat = maps.reshape(-1, maps.shape[-1])
    return Ground(_covariance(flat[_some(np.arange(len(flat)), 4 * MOST, np.random.default_rng(seed))]))


def learn(
    maps: Float32, first: Float32, has: Bool, against: Bool, shared: Ground, *, seed: int = 0
) -> Direction | None:
    """The second heat's direction.

    Args:
        maps: float32 (n, places, d).
        first: float32 (n, places), the first heat.
        has: bool (n,), the pictures that carry the concept; `against`: those that show something else.
        shared: of `ground`.
        seed: of the draw of counter-examples.

    Returns:
        None where examples and counter-examples do not differ.
    """
    rng = np.random.default_rng(seed)
    mine, heat = maps[has].reshape(-1, maps.shape[-1]), first[has].ravel()
    hottest = max(1, round(EXAMPLES * len(heat)))
    order = np.argsort(-heat, kind="stable")
    examples = mine[_spread(order, maps.shape[1], hottest)].astype(np.float64)
    cool = mine[_some(order[round((1 - COOL) * len(heat)) :], MOST, rng)].astype(np.float64)
    lacking = np.flatnonzero(against)
    places = maps.shape[1]
    drawn = _some(np.arange(len(lacking) * places), MOST, rng)
    other = maps[lacking[drawn // places], drawn % places].astype(np.float64) if len(lacking) else cool
    counter = np.concatenate([cool, other])
    within = (shared.covariance + _covariance(examples)) / 2
    within += SHRINK * max(float(np.trace(within)) / len(within), 1e-9) * np.eye(len(within))
    weight = np.linalg.solve(within, examples.mean(axis=0) - counter.mean(axis=0))
    low, high = float((other @ weight).mean()), float((examples @ weight).mean())
    if not high - low > 1e-9:
        return None
    return Direction(weight, low, high)


def centred_weight(side: tuple[int, int]) -> Float32:
    """What a place counts, float32 (places,): 1 in the middle, less towards the rim; scaled so that a picture whose
    middle quarter is all 1 scores 1."""
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in side)
    weight = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * CENTRE**2)).ravel()
    keep = max(1, round(BEST * weight.size))
    return np.asarray(weight / np.sort(weight)[-keep:].mean(), dtype=np.float32)


def best_part(heat: Float32, weight: Float32 | None = None) -> Float64:
    """Mean heat of each picture's hottest quarter, float64 (n,); heat (n, places), weighted first where told to."""
    weighed = heat if weight is None else heat * weight
    keep = max(1, round(BEST * heat.shape[1]))
    out: Float64 = np.sort(weighed, axis=1)[:, -keep:].mean(axis=1, dtype=np.float64)
    return out


def _spread(order: NDArray[np.int64], places: int, count: int) -> NDArray[np.int64]:
    """The first `count` of `order` (positions, `places` a picture) of which no picture gives more than `A_PICTURE`."""
    picture = order // places
    turn = np.empty(len(order), dtype=np.int64)  # how many of the same picture come before
    by_picture = np.argsort(picture, kind="stable")
    turn[by_picture] = np.arange(len(order)) % places
    return order[turn < max(1, round(A_PICTURE * places))][:count]


def _covariance(x: NDArray[np.floating]) -> Float64:
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    out: Float64 = centred.T @ centred / max(1, len(x) - 1)
    return out


def _some(rows: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.asarray(rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False)))
