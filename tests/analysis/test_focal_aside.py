"""Labels that lie beside their pictures: told by the dataset's own pictures, without a name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.checks.focality import Params, judge
from analysis.focal_aside import AS_OTHERS, aside, labels_aside, likeness

KINDS, EACH, SIZE = 5, 30, 24


def unit(x):
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def drawn(rng, hit=0):
    """Pictures of five kinds from one place with odd ones among them (heavy tails); of the first kind `hit` are of
    something else, elsewhere."""
    centres, of = rng.normal(0, 1, (1, SIZE)) + rng.normal(0, 1, (KINDS, SIZE)), np.repeat(np.arange(KINDS), EACH)
    image = centres[of] + 0.5 * rng.standard_t(3, (len(of), 1)) * rng.normal(0, 1, (len(of), SIZE))
    score = np.clip(0.5 + 0.12 * rng.standard_t(3, len(of)), 0, 1)
    image[:hit], score[:hit] = rng.normal(0, 1, (hit, SIZE)), rng.uniform(0, 0.15, hit)
    return unit(image), of, score


def told(image, of, score, found=False):
    member = of[:, None] == np.arange(KINDS)
    rows = np.arange(len(of))
    return labels_aside(image, rows, of, member, rows, score, np.full(len(of), found))


def verdicts(flagged, of):
    n, aside_ = np.bincount(of), np.bincount(of, weights=flagged).astype(int)
    counts = {"n": n, "of": np.subtract(n, aside_), "in": aside_, "aside": aside_, "routed": 0, "judged": False}
    table = pd.DataFrame(counts)
    return judge(table, Params())["verdict"].tolist()


def test_a_third_of_something_else_is_found_without_a_name():
    found, flagged = [], []
    for seed in range(40):
        image, of, score = drawn(np.random.default_rng(seed), EACH // 3)
        hit = told(image, of, score)
        flagged.append((hit[: EACH // 3].mean(), hit[EACH // 3 :].mean()))
        found.append(verdicts(hit, of))
    assert np.mean([v[0] == "warn" for v in found]) >= 0.9
    assert np.mean([f[0] for f in flagged]) > 0.8 and np.mean([f[1] for f in flagged]) < 0.02


@pytest.mark.parametrize("found", [False, True])
def test_odd_pictures_among_clean_ones_alarm_no_more_often_than_alpha(found):
    alarms = 0
    for seed in range(100):
        image, of, score = drawn(np.random.default_rng(1000 + seed))
        alarms += "warn" in verdicts(told(image, of, score, found), of)
    assert alarms <= binom.ppf(0.95, 100, 0.05)


def test_likeness_is_nought_for_its_own_and_minus_one_for_others():
    image, of, score = drawn(np.random.default_rng(1))
    mine, others = image[of == 0], image[of != 0]
    own = likeness(mine, others, score[of == 0])
    clear = np.argsort(-score[of == 0], kind="stable")[: EACH // 2]
    assert abs(np.median(own[clear])) < 1e-6
    both = likeness(np.concatenate([mine, others]), others, np.r_[score[of == 0] + 9, np.zeros(len(others))])
    assert np.median(both[EACH:]) < -0.8


def test_little_of_it_and_unlike_must_come_together():
    score = np.array([0.6] * 8 + [0.1, 0.1, 0.5, 0.1])
    like = np.array([0.0] * 8 + [-1.2, -0.1, -1.2, -0.7])
    found = np.zeros(12, dtype=bool)
    assert np.flatnonzero(aside(score, like, found)).tolist() == [8]
    found[:] = True
    assert np.flatnonzero(aside(score, like, found)).tolist() == [8, 11]
    assert AS_OTHERS == -1.0


def test_pictures_that_carry_the_concept_too_are_no_others():
    image, of, score = drawn(np.random.default_rng(2), EACH // 3)
    member = of[:, None] == np.arange(KINDS)
    member[EACH:, 0] = True  # now every picture carries the first
    rows = np.arange(len(of))
    assert not labels_aside(image, rows, of, member, rows, score, np.ones(len(of), bool))[:EACH].any()


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 30), m=st.integers(0, 30), same=st.booleans(), seed=st.integers(0, 9))
def test_any_numbers_of_pictures_give_finite_answers_in_any_order(n, m, same, seed):
    rng = np.random.default_rng(seed)
    own, others = unit(rng.normal(0, 1, (n, 6))), unit(rng.normal(0, 1, (m + 1, 6)))[:m]
    if same:
        own, others = np.ones_like(own) / 6**0.5, np.ones_like(others) / 6**0.5
    score, order = rng.permutation(n) / n, rng.permutation(n)
    first = likeness(own, others, score)
    assert first.shape == (n,) and np.isfinite(first).all()
    np.testing.assert_allclose(likeness(own[order], others, score[order]), first[order], atol=1e-4)
    if n < 8 or m < 10 or same:
        assert not first.any()
