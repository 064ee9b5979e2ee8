"""A person's own model on real use: wrong more often where training is blind, told from chance, silent about few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.dataset import Dataset, label_frame
from analysis.own_model import own_model

N = 80


def made(answers, labels):
    """Pictures from real use with labels (or none) and answers (concept, confidence) of a model (or None)."""
    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(len(answers))], "path": "/nowhere", "split": None})
    said = [(i, *a) for i, a in enumerate(answers) if a is not None]
    return Dataset(
        "made", {}, frame.assign(origin="real_world"), label_frame([(i, c) for i, c in enumerate(labels) if c]),
        label_frame([]), predictions=pd.DataFrame(said, columns=["image", "concept", "confidence"]),
    )  # fmt: skip


def asked(wrong_far, wrong_near, labels=True, sure=(0.6, 0.9), seed=0):
    rng = np.random.default_rng(seed)
    far = np.arange(N) < N // 2
    wrong = rng.random(N) < np.where(far, wrong_far, wrong_near)
    confidence = np.clip(np.where(far, *sure) + rng.normal(0, 0.1, N), 0, 1)
    answers = [("pear" if w else "fruit/apple", c) for w, c in zip(wrong, confidence, strict=True)]
    return own_model(made(answers, ["fruit/apple" if labels else ""] * N), np.arange(N), far), wrong


def test_wrong_answers_are_counted_on_both_sides_and_a_plain_difference_is_no_chance():
    found, wrong = asked(0.7, 0.1)
    assert found.by_labels and (found.uncovered, found.covered) == (40, 40)
    assert (found.wrong_uncovered, found.wrong_covered) == (wrong[:40].sum(), wrong[40:].sum())
    assert found.p_value < 0.001 and "chance" not in found.sentence()
    assert f"wrong in {wrong[:40].sum()} of the 40" in found.sentence()


def test_without_labels_the_confidence_is_compared():
    found, _ = asked(0.7, 0.1, labels=False)
    assert not found.by_labels and found.p_value < 0.001 and "60% sure" in found.sentence()
    alike, _ = asked(0.7, 0.1, labels=False, sure=(0.8, 0.8))
    assert "may be chance" in alike.sentence()


@pytest.mark.parametrize("labels", [True, False])
def test_a_model_that_is_wrong_alike_everywhere_is_said_to_be_worse_no_more_often_than_alpha(labels):
    p = [asked(0.3, 0.3, labels, (0.8, 0.8), seed)[0].p_value for seed in range(150)]
    assert sum(v <= 0.05 for v in p) <= binom.ppf(0.95, 150, 0.05)


def test_a_parent_or_a_child_of_the_label_is_no_wrong_answer_and_the_surest_answer_counts():
    far = np.arange(12) < 6
    answers = [("fruit", 0.9) if i % 2 else ("fruit/apple/gala", 0.9) for i in range(12)]
    data = made(answers, ["fruit/apple"] * 12)
    assert own_model(data, np.arange(12), far).wrong_uncovered == 0
    more = pd.concat([data.predictions, data.predictions.assign(concept="pear", confidence=0.95)])
    assert own_model(replace(data, predictions=more), np.arange(12), far).wrong_uncovered == 6


def test_too_few_answers_on_a_side_say_nothing():
    far = np.arange(20) < 4
    assert own_model(made([("a", 0.9)] * 20, ["a"] * 20), np.arange(20), far) is None
    assert own_model(made([None] * 20, ["a"] * 20), np.arange(20), np.arange(20) < 10) is None
    unsure = made([("a", np.nan)] * 20, [""] * 20)
    assert own_model(unsure, np.arange(20), np.arange(20) < 10) is None
