"""What imbalance costs: a probe's preference for common concepts is measured, and only that."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import Cancelled
from analysis.imbalance import compare, cost_of_imbalance, recognised, weighed_out, wilson


def blobs(counts, apart=1.6, d=400, seed=0):
    """Vectors of overlapping classes and their membership, in the order of the counts."""
    rng = np.random.default_rng(seed)
    centres = np.eye(len(counts), d) * apart
    x = np.concatenate([c + rng.normal(0, 0.25, (n, d)) for c, n in zip(centres, counts, strict=True)])
    x = np.hstack([x, np.ones((len(x), 1))])
    y = np.repeat(np.arange(len(counts)), counts)
    member = np.zeros((len(y), len(counts)), dtype=bool)
    member[np.arange(len(y)), y] = True
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), member


def test_a_rare_class_is_found_more_often_once_the_imbalance_is_weighed_out():
    x, member = blobs([120, 120, 14], apart=0.7)
    cost = cost_of_imbalance(x, member)
    assert cost.even[2] > cost.recall[2] + 0.2
    assert cost.p_value[2] < 0.05
    assert cost.recall[2] < cost.others[2]
    assert cost.low[2] <= cost.recall[2] <= cost.high[2]


def test_equal_counts_cost_nothing():
    x, member = blobs([60, 60, 60], apart=0.7)
    cost = cost_of_imbalance(x, member)
    assert np.array_equal(cost.recall, cost.even)
    assert (cost.p_value == 1).all()


def test_a_rare_class_that_is_easy_costs_nothing():
    x, member = blobs([80, 80, 12], apart=12)
    cost = cost_of_imbalance(x, member)
    assert cost.recall[2] == cost.even[2] == 1.0


def test_several_classes_a_picture_one_picture_a_class_and_the_same_answer_twice():
    x, member = blobs([40, 40, 6, 1], apart=3)
    member[:10, 1] = True
    first, second = cost_of_imbalance(x, member, seed=3), cost_of_imbalance(x, member, seed=3)
    for name in ("n", "recall", "even", "others", "p_value"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.n.tolist() == [40, 50, 6, 1]
    assert first.recall[3] == 0  # its only picture was always held out
    assert first.recall[1] > 0.8


def test_it_can_be_cancelled_between_parts():
    x, member = blobs([20, 20])

    def cancel(done, total, note=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        cost_of_imbalance(x, member, progress=cancel)


def test_weighing_out_undoes_a_prior():
    likelihood = np.array([[0.2, 0.5, 0.3], [0.6, 0.2, 0.2]])
    prior = np.array([0.8, 0.15, 0.05])
    posterior = likelihood * prior / (likelihood * prior).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weighed_out(posterior, prior), likelihood, atol=1e-12)


def test_a_class_that_was_never_seen_stays_at_zero():
    np.testing.assert_array_equal(weighed_out(np.array([[0.0, 1.0]]), np.array([0.0, 1.0])), [[0, 1]])


def test_recognised_is_the_best_scored_or_as_many_as_the_picture_has():
    scores = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.4], [0.0, 0.0, 0.0]])
    member = np.array([[True, False, False], [True, False, True], [True, False, False]])
    assert recognised(scores, member).tolist() == [[True, False, False], [False, False, True], [False] * 3]


def test_the_sign_test_counts_only_pictures_that_one_of_the_two_recognises():
    member = np.ones((10, 1), dtype=bool)
    plain, even = np.zeros((10, 1), dtype=bool), np.zeros((10, 1), dtype=bool)
    even[:5] = True
    assert compare(plain, even, member).p_value[0] == pytest.approx(0.5**5)
    plain[:5] = True
    assert compare(plain, even, member).p_value[0] == 1.0


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_interval_holds_the_share_and_stays_within_0_and_1(hits, more):
    n = hits + more - 1 if hits else more
    low, high = wilson(np.array([hits]), np.array([max(1, n)]))
    assert 0 <= low[0] <= hits / max(1, n) <= high[0] <= 1 + 1e-12


def test_the_interval_is_wilson_s():
    low, high = wilson(np.array([7]), np.array([12]))
    assert (low[0], high[0]) == pytest.approx((0.3195, 0.8067), abs=1e-3)


def test_a_class_without_pictures_has_no_recall():
    low, high = wilson(np.array([0]), np.array([0]))
    assert np.isnan(low[0]) and np.isnan(high[0])
