"""Measuring a learning curve: nothing asked about was learnt from, parts are nested and stratified."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.learning_curve import deal, measure, nested, ridge, shares_for, top_labels


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_parts_are_nested_stratified_and_hold_every_class(sizes: list[int], seed: int) -> None:
    first = np.repeat(np.arange(len(sizes)), sizes)
    shares = shares_for(np.array(sizes))
    assert len(shares) >= 3 and shares[-1] == 1 and (np.diff(shares) > 0).all()
    place, fold = deal(first, 5, seed)
    for held in range(5):
        train = np.flatnonzero(fold != held)
        joins = nested(first, place, train, shares)
        assert joins.max(initial=0) <= len(shares) - 1  # all take part in the end
        for j, share in enumerate(shares):
            used = np.bincount(first[train[joins <= j]], minlength=len(sizes))
            of = np.bincount(first[train], minlength=len(sizes))
            assert (used == np.where(of > 0, np.maximum(1, np.rint(share * of)), 0)).all()


def test_what_is_asked_about_was_never_learnt_from() -> None:
    x = np.arange(30.0, dtype=np.float32)[:, None]
    member = np.eye(2, dtype=bool)[np.arange(30) % 2]
    asked = []

    def learner(learnt, labels, queries):
        assert not set(learnt[:, 0]) & set(queries[:, 0])
        asked.append(queries[:, 0])
        return np.zeros((len(queries), 2))

    measure(x, member, ("a", "b"), shares=np.array([0.25, 0.5, 1.0]), repeats=1, learner=learner)
    assert sorted(np.concatenate(asked)) == sorted(np.repeat(x[:, 0], 3))


def test_labels_that_mean_nothing_are_found_by_chance_and_clear_ones_always() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    member = np.eye(2, dtype=bool)[y]
    noise = measure(rng.normal(size=(200, 10)).astype(np.float32), member, ("a", "b"), repeats=3)
    assert abs(noise.overall[-1] - 0.5) < 0.1
    clear = measure((member + 0.01 * rng.normal(size=(200, 2))).astype(np.float32), member, ("a", "b"), repeats=1)
    assert clear.overall[-1] == 1.0
    assert (clear.recall[:, -1] == 1.0).all()


def test_both_forms_of_the_ridge_give_the_same_scores() -> None:
    rng = np.random.default_rng(1)
    x, queries = rng.normal(size=(30, 29)).astype(np.float32), rng.normal(size=(5, 29)).astype(np.float32)
    member = np.eye(3, dtype=bool)[rng.integers(0, 3, 30)]
    wide = np.hstack([x, np.zeros((30, 10), np.float32)])  # more columns than rows, the same vectors
    assert np.allclose(ridge(x, member, queries), ridge(wide, member, np.pad(queries, ((0, 0), (0, 10)))), atol=1e-4)


def test_a_picture_with_two_labels_asks_for_the_two_best_scored_concepts() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    member = np.array([[True, False, True], [False, True, False]])
    assert top_labels(scores, member).tolist() == [[True, False, False], [False, False, False]]
