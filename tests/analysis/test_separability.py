"""Separability of pairs: intervals that hold, and a screening that loses no lost pair."""

import numpy as np
import pytest

from analysis.separability import auc_of, closest_pairs, interval, p_below, tell_apart


def test_the_interval_holds_the_value_of_fresh_pictures():
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shift = np.zeros(6)
        shift[0] = 1.2
        x = rng.normal(size=(120, 6)) + np.repeat([[0.0], [1.0]], 60, axis=0) * shift
        pair = tell_apart(x.astype(np.float32) / 50, np.arange(60), np.arange(60, 120), seed=seed, permutations=0)
        from scipy.stats import norm

        true = norm.cdf(1.2 / np.sqrt(2))  # the best possible; a fitted rule is a little below it
        held += pair.low <= true <= pair.high
    assert held >= 30


@pytest.mark.parametrize("auc", [0.5, 0.8, 1.0])
def test_intervals_hold_the_estimate_and_agree_with_the_test(auc):
    low, high = interval(auc, 30, 40)
    assert low <= auc <= high and (p_below(auc, 0.75, 30, 40) <= 0.024) == (high < 0.75)


def test_many_concepts_are_screened_and_the_lost_pair_is_among_those_examined():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(12), 20)
    x = rng.normal(size=(12, 24))[np.where(y == 11, 3, y)] + 0.3 * rng.normal(size=(240, 24))
    pairs = closest_pairs(x.astype(np.float32), np.eye(12, dtype=bool)[y])
    assert (3, 11) in pairs and len(pairs) <= 36


def test_an_auc_is_the_chance_that_one_is_larger():
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 1, 40), rng.normal(0, 1, 30)
    is_a = np.arange(70) < 40
    assert auc_of(np.r_[a, b][:, None], is_a[:, None])[0] == pytest.approx((a[:, None] > b[None, :]).mean())
