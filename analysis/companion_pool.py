"""The pictures that `co_occurrence` looks at: as many of each concept, and real ones that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.companions import Pool
from analysis.composition import decode_thumbnail
from analysis.dataset import REAL_WORLD, Dataset
from analysis.elements import read_maps
from analysis.features import Pictures
from analysis.fixed_marks import corner_fields, edge_field, shapes_vary
from analysis.hiding import probe_space
from analysis.probe import Targets, targets
from analysis.progress import Progress, no_progress

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]

CHUNK: Final = 64
REAL_PICTURES: Final = 800  # real pictures looked at that are known to show a concept, or not to
OPEN_PICTURES: Final = 300  # real pictures looked at of which that is not known


@dataclass(frozen=True, slots=True)
class Read:
    """A pool and what is known of it.

    Attributes:
        pool: the pictures.
        rows: int64 (m,), their rows of `Dataset.images`.
        classes: k names, the most detailed concepts.
        member: bool (training, k), labels of the training pictures.
        real_member: bool (m - training, k), labels of the real ones.
        real_known: bool (m - training, k), whether it is known if they show the concept.
    """

    pool: Pool
    rows: Int64
    classes: tuple[str, ...]
    member: Bool
    real_member: Bool
    real_known: Bool


def known_negatives(read: Read, k: int) -> Bool:
    """bool (m - training,): real pictures known not to show concept `k`."""
    return np.asarray(read.real_known[:, k] & ~read.real_member[:, k])


def not_known(read: Read, k: int) -> Bool:
    """bool (m - training,): real pictures of which it is not known whether they show concept `k`."""
    return ~read.real_known[:, k]


def copies_once(dataset: Dataset, rows: Int64) -> Int64:
    """int64 (len(rows),): for each row the place in `rows` of the first with the same file content, itself mostly."""
    place = np.arange(len(rows), dtype=np.int64)
    if "content_hash" not in dataset.images:
        return place
    first: dict[str, int] = {}
    contents = dataset.images["content_hash"].to_numpy()[rows]
    for i, content in enumerate(contents):
        if isinstance(content, str) and content:
            place[i] = first.setdefault(content, i)
    return place


def single_targets(dataset: Dataset) -> Targets:
    """`targets` with a picture and its copies counted once, with the labels of them all: twenty copies of one file
    share every pixel, and say nothing of what recurs."""
    target = targets(dataset)
    place = copies_once(dataset, target.rows)
    member = target.member.copy()
    np.logical_or.at(member, place, target.member)
    kept = np.flatnonzero(place == np.arange(len(place)))
    return Targets(target.rows[kept], target.classes, member[kept])


def read_pool(
    dataset: Dataset, pictures: Pictures, limit: int, *, seed: int = 0, progress: Progress = no_progress
) -> Read:
    """Read the pictures; there must be labelled training pictures."""
    target = single_targets(dataset)
    rng = np.random.default_rng(seed)
    chosen = stratified(target.member, limit, rng)
    real_rows, real_member, real_known = _real(dataset, target.classes, rng)
    rows = np.concatenate([target.rows[chosen], real_rows])
    maps = read_maps(pictures, rows, seed=seed, progress=progress)
    fields, corners, shapes = [], [], np.zeros((len(rows), 2), dtype=np.int64)
    sides = dataset.images.reindex(columns=["height", "width"]).iloc[rows].fillna(0)
    varied = shapes_vary(sides.to_numpy(dtype=np.int64))
    for at in range(0, len(rows), CHUNK):
        progress(at, len(rows), "looking for marks")
        for i, jpeg in enumerate(pictures.thumbnails(rows[at : at + CHUNK]), start=at):
            rgb = decode_thumbnail(jpeg)
            fields.append(edge_field(rgb))
            if varied:
                corners.append(corner_fields(rgb))
                shapes[i] = (0, 0) if rgb is None else rgb.shape[:2]
    x = maps.pooled()
    of_corners = (np.stack(corners), shapes) if varied else (None, None)
    pool = Pool(maps, x, probe_space(x, len(chosen), seed=seed), np.stack(fields), len(chosen), *of_corners)
    return Read(pool, rows, target.classes, target.member[chosen], real_member, real_known)


def stratified(member: Bool, limit: int, rng: np.random.Generator) -> Int64:
    """Positions of at most about `limit` pictures, the same number of each class where there are enough."""
    each = max(20, limit // max(1, member.shape[1]))
    picked = [rng.permutation(np.flatnonzero(column))[:each] for column in member.T]
    out = np.unique(np.concatenate(picked))
    return out.astype(np.int64)


def _real(dataset: Dataset, classes: tuple[str, ...], rng: np.random.Generator) -> tuple[Int64, Bool, Bool]:
    """Rows of real pictures; the labels they have of the training concepts; whether it is known if they show each.

    A labelled picture shows what its labels say and no other of the concepts.
    """
    place = {c: i for i, c in enumerate(classes)}
    real = np.zeros(len(dataset), dtype=bool)
    real[dataset.rows(origin=REAL_WORLD)] = True
    member = np.zeros((len(dataset), len(classes)), dtype=bool)
    known = np.zeros_like(member)
    for image, concept in zip(dataset.labels["image"], dataset.labels["concept"], strict=True):
        if real[image] and concept in place:
            member[image, place[concept]] = known[image, :] = True
    for image, concept in zip(dataset.negatives["image"], dataset.negatives["concept"], strict=True):
        if real[image] and concept in place:
            known[image, place[concept]] = True
    every = np.flatnonzero(real)
    first = every[copies_once(dataset, every)]
    np.logical_or.at(member, first, member[every])
    np.logical_or.at(known, first, known[every])
    real[every[first != every]] = False
    parts = []
    for of, most in ((real & known.any(axis=1), REAL_PICTURES), (real & ~known.any(axis=1), OPEN_PICTURES)):
        some = np.flatnonzero(of)
        parts.append(some if len(some) <= most else rng.choice(some, most, replace=False))
    rows = np.sort(np.concatenate(parts))
    return rows, member[rows], known[rows]
