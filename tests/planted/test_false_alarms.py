"""On clean data a check alarms no more often than alpha: 100 and more datasets drawn at random, no seed picked.

No pictures here: vectors, counts and measurements are drawn as they would be were nothing wrong, and the alarms
counted. The bound is the 95 % point of the binomial with the stated alpha.

Where the alarms of each check are counted, beside the rows here (balance, quantity, label_errors, image_quality,
visibility, outside_context): in `tests/analysis/checks/test_<id>.py` those of consistency, description (texts about
nothing), focality (mistakes as expected), image_quality, noise_robustness (the paired test alone), representativeness,
scope (equal halves), spread (width beside the siblings alone: the whole takes seconds a dataset), taxonomy (pairs of
siblings), uniqueness, leakage and co_occurrence.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.features import Features
from analysis.registry import CHECKS
from planted.matrix import fired

RUNS = 100
ALPHA = 0.05
CONCEPTS = 4
MODEL = ModelInfo("made", "made", "made", "nothing", "everything", 48, 48, 224, False)


def within(alarms: int, runs: int) -> bool:
    return alarms <= binom.ppf(0.95, runs, ALPHA)


def drawn(rng: np.random.Generator, labels: np.ndarray, apart: float, kinds: int = CONCEPTS):
    """Dataset and vectors with right labels; the smaller `apart`, the more classes overlap."""
    frame = pd.DataFrame(
        {"image_id": [f"{i}.jpg" for i in range(len(labels))], "path": "/nowhere", "origin": "training", "split": None}
    )
    table = label_frame((i, f"c{k}") for i, k in enumerate(labels))
    centres = rng.normal(0, 1, (kinds, 48))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    x = (apart * centres[labels] + rng.normal(0, 0.25, (len(labels), 48))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return Dataset("made", {}, frame, table, label_frame([])), Features(MODEL, x, x)


def check_of(name: str):
    """The check of the registry, skipped where it is not there yet."""
    found = [c for c in CHECKS if c.id == name]
    if not found:
        pytest.skip(f"no check '{name}' yet")
    return found[0]


def cheap(check, **given):
    """Its default parameters with those of `given` that it has."""
    params = check.default_params(seed=0)
    names = {f.name for f in dataclasses.fields(params)}
    return dataclasses.replace(params, **{k: v for k, v in given.items() if k in names})


def alarms_of(name: str, make, runs: int = RUNS, **given) -> int:
    check = check_of(name)
    params = cheap(check, **given)
    return sum(fired(check.function(*make(np.random.default_rng(i)), params).findings()) for i in range(runs))


@pytest.mark.parametrize("labels", [200, 600])
def test_balance_when_every_concept_is_equally_likely(labels):
    alarms = alarms_of("balance", lambda rng: (drawn(rng, rng.integers(0, CONCEPTS, labels), 3)[0], None), runs=200)
    assert within(alarms, 200)


def test_quantity_when_every_concept_is_found_often_enough():
    labels = np.repeat(np.arange(CONCEPTS), 20)
    alarms = alarms_of("quantity", lambda rng: drawn(rng, labels, 1.1), repeats=2, work=0)
    assert within(alarms, RUNS)


@pytest.mark.parametrize("apart", [2.0, 1.1])
def test_label_errors_when_every_label_is_right(apart):
    labels = np.repeat(np.arange(CONCEPTS), 20)
    alarms = alarms_of("label_errors", lambda rng: drawn(rng, labels, apart), repeats=2)
    assert within(alarms, RUNS)


def test_picture_quality_when_pictures_are_flagged_by_mistake_as_often_as_it_says():
    from analysis.fault_shares import FALSE_ALARMS, judge

    alarms = 0
    for seed in range(RUNS * 4):
        rng = np.random.default_rng(seed)
        n = np.array([60] * CONCEPTS)
        flagged = rng.binomial(n, FALSE_ALARMS)
        table = pd.DataFrame({"n": [*n, n.sum()], "flagged": [*flagged, flagged.sum()], "useless": 0})
        alarms += judge(table, alpha=ALPHA, fail_share=0.1, enough=True)["verdict"].isin(["warn", "fail"]).any()
    assert within(alarms, RUNS * 4)


def test_the_counting_can_alarm():
    rare = np.repeat(np.arange(CONCEPTS), [60, 60, 60, 6])
    assert alarms_of("balance", lambda rng: (drawn(rng, rare, 3)[0], None), runs=3) == 3
    hopeless = np.repeat(np.arange(CONCEPTS), 20)
    assert alarms_of("quantity", lambda rng: drawn(rng, hopeless, 0.0), runs=3, repeats=2) == 3


@pytest.mark.parametrize("check", ["visibility", "outside_context"])
def test_separability_when_two_concepts_are_told_apart_a_little_more_often_than_noticeable(check):
    """At this distance four of five pairs of pictures are told apart, just above the limit of three of four."""
    labels = np.repeat(np.arange(2), 60)
    assert within(alarms_of(check, lambda rng: drawn(rng, labels, 0.3, 2)), RUNS)
