"""Both sides of a dataset, training and real use: their rows and labels, each concept's coverage, the list to collect.

Rows come in the order of their ids, so that nothing depends on the order in which pictures were found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.collect import choose, similarities
from analysis.compare import own_distances
from analysis.coverage_test import farther_p_value
from analysis.dataset import REAL_WORLD, TRAINING, Dataset
from analysis.least_squares import train
from analysis.probe import targets
from analysis.progress import Progress, no_progress, scaled
from analysis.what_if import WhatIf, what_if

Rows = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

RANKED = 1000  # real-world pictures that the list is made from at most, drawn at random: 8 MB of similarities
JUDGED = 600  # labelled real-world pictures in the what-if at most; forty splits then take about 5 s
LEARNED = 2000  # training pictures the probe learns from at most, drawn at random
CHUNK = 256


@dataclass(frozen=True, slots=True)
class Sides:
    """Training and real use.

    Attributes:
        training, real_world: int64, rows of `Dataset.images` by id.
        classes: the most detailed concepts of both sides, k of them, sorted.
        member: bool (n, k), what each row of the dataset shows; all False where it has no label.
    """

    training: Rows
    real_world: Rows
    classes: tuple[str, ...]
    member: Bool

    def labelled(self, rows: Rows) -> Rows:
        """Those of these rows that have a label."""
        return rows[self.member[rows].any(axis=1)]


def both_sides(dataset: Dataset) -> Sides:
    """Rows and labels of both sides."""
    by_id = np.argsort(dataset.images["image_id"].to_numpy().astype(str), kind="stable")
    origin = dataset.images["origin"].to_numpy()[by_id]
    every = targets(dataset, None)
    member = np.zeros((len(dataset), len(every.classes)), dtype=bool)
    member[every.rows] = every.member
    return Sides(by_id[origin == TRAINING], by_id[origin == REAL_WORLD], every.classes, member)


def some(rows: Rows, most: int, seed: int) -> Rows:
    """At most that many of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]


def concept_coverage(
    image: Float32,
    sides: Sides,
    *,
    far: float,
    least_training: int,
    least_real: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[pd.DataFrame, dict[str, Rows]]:
    """Is each concept's real use covered by its own training pictures?

    Returns:
        One row a concept with real-world pictures: `concept`, `training`, `real_world` (pictures), `uncovered` (share
        of the latter; nan where one side has fewer than `least_training` or `least_real`; 1 where enough real-world
        pictures meet no training picture at all), `p_value` (`farther_p_value`, nan where not tested). And the rows
        that are uncovered of each concept with a share, the farthest from its training pictures first.
    """
    rows, far_of = [], {}
    known = len(sides.labelled(sides.training)) > 0
    for k, name in enumerate(sides.classes):
        progress(k, len(sides.classes), "coverage of each concept")
        own = sides.training[sides.member[sides.training, k]]
        real = sides.real_world[sides.member[sides.real_world, k]]
        if not len(real):
            continue
        uncovered = p = np.nan
        if len(own) >= least_training and len(real) >= least_real:
            far_of[name] = real[uncovered_pictures(image[own], image[real], far)]
            uncovered = len(far_of[name]) / len(real)
            p = farther_p_value(image[own], image[real], seed=seed)
        elif not len(own) and known and len(real) >= least_real:
            uncovered, far_of[name] = 1.0, real
        rows.append((name, len(own), len(real), uncovered, p))
    columns = ["concept", "training", "real_world", "uncovered", "p_value"]
    kinds = {"concept": object, "training": np.int64, "real_world": np.int64}
    table = pd.DataFrame(rows, columns=columns).astype({**kinds, "uncovered": np.float64, "p_value": np.float64})
    return table, far_of


def with_outside(
    concepts: pd.DataFrame, far_of: Mapping[str, Rows], sides: Sides, outside: Rows
) -> tuple[pd.DataFrame, dict[str, Rows]]:
    """The concepts with the pictures out of training's range counted in, and which pictures are uncovered of each.

    Args:
        concepts, far_of: from `concept_coverage`.
        outside: real-world pictures out of range, the plainest first.

    Returns:
        The table with `uncovered` (share, nan where not measured) and `outside` (int, pictures that are uncovered for
        that alone). And rows: those of `far_of`, then these.
    """
    column = {c: k for k, c in enumerate(sides.classes)}
    share, alone, every = [], [], {}
    for row in concepts.to_dict("records"):
        name = str(row["concept"])
        if (far := far_of.get(name)) is None:
            share.append(np.nan)
            alone.append(0)
            continue
        own = outside[sides.member[outside, column[name]] & ~np.isin(outside, far)]
        every[name] = np.concatenate([far, own])
        share.append(len(every[name]) / int(row["real_world"]))
        alone.append(len(own))
    kinds = {"uncovered": np.float64, "outside": np.int64}
    return concepts.assign(uncovered=share, outside=alone).astype(kinds), every


def uncovered_pictures(training: Float32, real: Float32, far: float) -> Rows:
    """Places of those of `real` that lie farther from `training` than the share `far` of its pictures from their
    nearest, the farthest first."""
    own = own_distances(training, np.arange(len(training)))
    parts = [1.0 - (real[i : i + CHUNK] @ training.T).max(axis=1) for i in range(0, len(real), CHUNK)]
    distance = np.concatenate(parts).astype(np.float64)
    order = np.argsort(-distance, kind="stable")
    return order[np.searchsorted(own, distance[order], side="left") / len(own) >= far]


@dataclass(frozen=True, slots=True)
class ToCollect:
    """The list: `rows` int64, the first to collect first; `stands_for` int64 (see `collect.Choice`); `by_labels`:
    whether labels were used; `made_from`: real-world pictures it was chosen from."""

    rows: Rows
    stands_for: NDArray[np.int64]
    by_labels: bool
    made_from: int


def to_collect(
    image: Float32,
    sides: Sides,
    count: int,
    *,
    uncovered: Rows,
    least_labelled: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> ToCollect:
    """Rank up to `count` real-world pictures, those first that cover most of the rows `uncovered`.

    Labels are used where at least half of the real-world pictures, and `least_labelled`, have one; then only pictures
    with a label are listed.
    """
    labelled = sides.labelled(sides.real_world)
    teachers = sides.labelled(sides.training)
    by_labels = (
        len(labelled) >= max(least_labelled, len(sides.real_world) / 2)
        and len(teachers) > 0
        and len(sides.classes) >= 2
    )
    pool = some(labelled if by_labels else sides.real_world, RANKED, seed)
    if by_labels:
        shown, real_shown = sides.member[teachers], sides.member[pool]
        covered, among = similarities(image[teachers], image[pool], shown, real_shown)
    else:
        real_shown = None
        teachers = sides.training
        covered, among = similarities(image[teachers], image[pool])
    teachers = some(teachers, LEARNED, seed)
    taught = sides.member[teachers] if by_labels else np.ones((len(teachers), 1), dtype=bool)
    probe = train(image[teachers], taught, image[pool])
    lacking = np.isin(pool, uncovered)
    choice = choose(covered, among, probe, real_shown, count, uncovered=lacking, progress=progress)
    return ToCollect(pool[choice.order], choice.stands_for, by_labels, len(pool))


def what_would_help(
    image: Float32,
    sides: Sides,
    *,
    uncovered: Rows,
    splits: int,
    least_labelled: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[WhatIf | None, str]:
    """The what-if with the list of `to_collect`, or None and a sentence saying why there is none."""
    teachers, real = sides.labelled(sides.training), sides.labelled(sides.real_world)
    if not len(real):
        return None, "The real-world pictures have no labels of concepts in training, so accuracy cannot be measured."
    if not len(teachers):
        return None, "The training pictures have no labels, so accuracy cannot be measured."
    if len(sides.classes) < 2:
        return None, "There is only one concept, so there is nothing to tell apart."
    if len(real) < least_labelled:
        return None, (
            f"Only {len(real):,} real-world pictures have a label; at least {least_labelled} are needed "
            "to measure accuracy on a part kept aside."
        )
    teachers, real = some(teachers, LEARNED, seed), some(real, JUDGED, seed)
    found = what_if(
        image[teachers], sides.member[teachers], image[real], sides.member[real],
        uncovered=np.isin(real, uncovered), splits=splits, seed=seed, progress=scaled(progress, 0.0, 1.0),
    )  # fmt: skip
    return found, ""
