"""The kinds of picture in one concept: those the check `spread` proposes, or as many as a person asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.dataset import TRAINING, Dataset
from analysis.errors import ExplorerError
from analysis.features import Features
from analysis.kind_names import LETTERS, measured_names
from analysis.parts import Bool, Float64, Int64, Space, propose, space, squared
from analysis.probe import targets
from analysis.progress import Progress, no_progress, scaled
from analysis.wide import MOST_PARTS, Gain, gain, plane, sampled, views

POINT_COLUMNS = ("image_id", "concept", "x", "y", "part", "name")


class NoKinds(ExplorerError):
    """This concept cannot be divided like this; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The training pictures that are divided, in the views that dividing needs.

    Attributes:
        concepts, sizes: names of the concepts, and int64 (k,) training pictures of each.
        rows: int64 (m,), rows of `Dataset.images` of the pictures looked at.
        places: of each concept, int64 places in `rows`.
        space: their views; row i belongs to `rows[i]`.
    """

    concepts: tuple[str, ...]
    sizes: Int64
    rows: Int64
    places: list[Int64]
    space: Space

    @property
    def member(self) -> Bool:
        """bool (m, k): which picture carries which concept."""
        return self.space.member


@dataclass(frozen=True, slots=True)
class Kinds:
    """One concept in parts, the largest first.

    Attributes:
        concept: its name.
        names: of the parts.
        images: `image_id`s of each part, the most typical first; every picture of the concept is in one.
        gain: of teaching the parts by themselves.
        points: columns `POINT_COLUMNS`, a row a divided picture (see `points_of`).
    """

    concept: str
    names: tuple[str, ...]
    images: tuple[tuple[str, ...], ...]
    gain: Gain
    points: pd.DataFrame


def kinds_table(concept: str, names: Sequence[str], images: Sequence[Sequence[str]]) -> pd.DataFrame:
    """A row a picture: `image_id`, `concept`, `kind` (name of its part)."""
    rows = [(i, concept, name) for name, ids in zip(names, images, strict=True) for i in ids]
    return pd.DataFrame(rows, columns=["image_id", "concept", "kind"])


def prepare(
    dataset: Dataset, features: Features, of_one: int, in_all: int, least: int, seed: int = 0
) -> Prepared | None:
    """The pictures that are divided: at most `of_one` a concept and about `in_all`, at random; None without labels.

    A concept keeps `least` pictures even where that is more than `in_all` altogether.
    """
    labels = targets(dataset, TRAINING)
    if not len(labels.classes):
        return None
    groups = [np.flatnonzero(labels.member[:, k]) for k in range(len(labels.classes))]
    drawn = sampled(groups, of_one, in_all, least, seed)
    used = np.unique(np.concatenate(drawn))
    rows, member = labels.rows[used], labels.member[used]
    places = [np.flatnonzero(np.isin(used, at)) for at in drawn]
    made = space(features.image[rows], member)
    return Prepared(tuple(labels.classes), labels.member.sum(axis=0).astype(np.int64), rows, places, made)


def in_parts(
    dataset: Dataset,
    features: Features,
    prepared: Prepared,
    concept: int,
    labels: Int64,
    *,
    named: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Kinds:
    """Names, pictures and gain of the division `labels` of the concept number `concept`.

    Args:
        labels: int64, of `prepared.places[concept]`: the part of each, 0 is the largest.
        named: pictures of a part whose subject is measured for its name, at most.
    """
    at, rows = prepared.places[concept], prepared.rows
    name, count = prepared.concepts[concept], int(labels.max()) + 1
    every = np.union1d(dataset.rows(concept=name), rows[at])
    x = features.image[every].astype(np.float64)
    centres = np.stack([features.image[rows[at[labels == p]]].mean(axis=0) for p in range(count)]).astype(np.float64)
    away = squared(x, centres)
    part = away.argmin(axis=1)
    part[np.searchsorted(every, rows[at])] = labels
    ids = dataset.images["image_id"].astype(str).to_numpy()
    images = []
    for p in range(count):
        of = np.flatnonzero(part == p)
        images.append(tuple(ids[every[of[np.argsort(away[of, p], kind="stable")]]].tolist()))
    titles = [f"part {letter}" for letter in LETTERS[:count]]
    if features.pictures is not None:
        titles = measured_names(dataset, features.pictures, rows[at], labels, named, seed, progress=progress)
    own = np.full(len(prepared.space.plain), -1, dtype=np.int64)
    own[at] = labels
    gained = gain(prepared.space.plain, prepared.member, concept, own, seed=seed)
    points = points_of(dataset, prepared, concept, labels, titles)
    return Kinds(name, tuple(titles), tuple(images), gained, points)


def points_of(
    dataset: Dataset, prepared: Prepared, concept: int, labels: Int64 | None, names: Sequence[str] = ()
) -> pd.DataFrame:
    """A row a divided picture of a concept, columns `POINT_COLUMNS`.

    `x` and `y` are the concept's own projection, `part` its number (0 without parts), `name` that part's.
    """
    at = prepared.places[concept]
    part: NDArray[np.int64] = np.zeros(len(at), dtype=np.int64) if labels is None else labels
    flat = plane(prepared.space.plain[at], part)
    ids = dataset.images["image_id"].astype(str).to_numpy()
    columns = (
        ids[prepared.rows[at]], prepared.concepts[concept], flat[:, 0], flat[:, 1], part,
        [names[p] if len(names) else "" for p in part],
    )  # fmt: skip
    return pd.DataFrame(dict(zip(POINT_COLUMNS, columns, strict=True)))


def most_parts(pictures: int) -> int:
    """Into how many kinds so many pictures can be divided: four pictures a kind, and at most `MOST_PARTS` kinds."""
    return min(MOST_PARTS, pictures // 4)


def kinds_of(
    dataset: Dataset,
    features: Features,
    concept: str,
    count: int,
    *,
    of_one: int,
    in_all: int,
    named: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Kinds:
    """The best division of a concept into `count` kinds, whether or not its pictures fall apart.

    Args:
        concept: with training pictures.
        count: 2 to `most_parts` of its training pictures.
        of_one, in_all: pictures divided of a concept and in all; the others join the nearest kind.
        named: as in `in_parts`.
        seed: of the sample and of the clusterings' starts.

    Raises:
        NoKinds: the concept has no training picture, or too few for so many kinds.
    """
    progress(0, 1, "reading what the pictures show")
    prepared = prepare(dataset, features, of_one, in_all, 4, seed)
    if prepared is None or concept not in prepared.concepts:
        raise NoKinds(
            f"No training picture carries '{concept}', so there is nothing to divide. Choose another concept."
        )
    k = prepared.concepts.index(concept)
    at = prepared.places[k]
    if not 2 <= count <= most_parts(len(at)):
        raise NoKinds(f"{len(at):,} pictures of '{concept}' cannot make {count} kinds. Choose fewer kinds.")
    plain, even, _ = views(prepared.space, k, at)
    progress(0, 1, "dividing")
    labels = _no_empty(propose(plain, even, count, seed), plain)
    within = scaled(progress, 0.3, 1.0)
    return in_parts(dataset, features, prepared, k, labels, named=named, seed=seed, progress=within)


def _no_empty(labels: Int64, plain: Float64) -> Int64:
    """Labels from 0 without a gap: equal pictures can leave a part empty."""
    if len(np.unique(labels)) > 1:
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(plain[:, 0], kind="stable")
    out = np.zeros(len(labels), dtype=np.int64)
    out[order[(len(order) + 1) // 2 :]] = 1
    return out
