"""What to collect: what covers and teaches most first, never a near-copy, the odd one last; and what that brings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.collect import choose, class_weights, similarities
from analysis.coverage_test import farther_p_value
from analysis.least_squares import balanced_accuracy, train
from analysis.what_if import split, what_if


def unit(x):
    x = np.asarray(x, dtype=np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def scene(seed=0):
    """Training of two classes; real use: 40 like training, 20 of a crowd it misses, 1 near-copy of these, 1 odd one."""
    rng = np.random.default_rng(seed)
    e = np.eye(10)
    x = unit(np.repeat(e[:2], 30, axis=0) + rng.normal(0, 0.1, (60, 10)))
    like = np.repeat(e[:2], 20, axis=0) + rng.normal(0, 0.1, (40, 10))
    crowd = e[3] + 0.3 * e[0] + rng.normal(0, 0.12, (20, 10))
    odd = e[7][None] + 0.01 * rng.normal(size=(1, 10))
    real = unit(np.concatenate([like, crowd, crowd[:1] + 1e-4, odd]))
    return x, np.eye(2, dtype=bool)[np.repeat([0, 1], 30)], real


def test_the_crowd_that_training_misses_comes_first_and_no_copy_of_what_was_taken() -> None:
    x, member, real = scene()
    covered, among = similarities(x, real)
    found = choose(covered, among, train(x, member, real), None, 10)
    assert 40 <= found.order[0] < 61
    assert not {40, 60} <= set(found.order[:5].tolist())  # a picture and its copy
    assert choose(covered, among, train(x, member, real), None, 1).stands_for[0] >= 15
    assert list(found.order).index(61) > 0 if 61 in found.order else True


@pytest.mark.parametrize("labelled", [True, False])
def test_pictures_that_training_lacks_though_the_vectors_do_not_show_it_come_first(labelled) -> None:
    """Of 40 pictures like training every fourth is a dim one."""
    x, member, real = scene()
    real = np.concatenate([real[:40], real[61:]])
    shown = np.eye(2, dtype=bool)[np.repeat([0, 1, 0], [20, 20, 1])] if labelled else None
    dim = np.arange(41) % 4 == 0
    covered, among = similarities(x, real, member if labelled else None, shown)
    probe = train(x, member, real)
    plain, found = (choose(covered, among, probe, shown, 10, uncovered=u).order for u in (None, dim))
    assert dim[found[:3]].all() and not dim[plain[:3]].all()
    assert dim[found].sum() > dim[plain].sum()
    every = choose(covered, among, probe, shown, 10, uncovered=np.ones(41, dtype=bool)).order
    none = choose(covered, among, probe, shown, 10, uncovered=np.zeros(41, dtype=bool)).order
    assert list(every) == list(none) == list(plain)


def test_each_picture_is_listed_once_and_no_more_than_there_are() -> None:
    x, member, real = scene()
    covered, among = similarities(x, real)
    found = choose(covered, among, train(x, member, real), None, 500)
    assert sorted(found.order.tolist()) == list(range(62))


def test_a_picture_covers_only_pictures_of_its_concept() -> None:
    x, member, real = scene()
    shown = np.zeros((62, 2), dtype=bool)
    shown[:, 1] = True
    covered, among = similarities(x, real, member, shown)
    assert covered[:20].max() < 0.9 < covered[20:40].min()  # like the other class only
    assert similarities(x[:0], real)[0].tolist() == [0.0] * 62
    assert among.shape == (62, 62)


def test_rare_concepts_weigh_as_much_as_common_ones() -> None:
    weight = class_weights(np.eye(2, dtype=bool)[[0] * 9 + [1]])
    assert weight[9] == pytest.approx(9 * weight[0]) and weight.mean() == pytest.approx(1)


def test_learning_further_pictures_is_exactly_training_anew_with_them() -> None:
    rng = np.random.default_rng(1)
    x, extra = rng.normal(size=(30, 6)), rng.normal(size=(12, 6))
    member, more = np.eye(3, dtype=bool)[rng.integers(0, 3, 30)], np.eye(3, dtype=bool)[rng.integers(0, 3, 12)]
    x -= x.mean(axis=0)
    added, asked = np.arange(5), np.arange(5, 12)
    quick = train(x, member, extra).after(added, more, asked)
    scale = np.sqrt(np.square(x).sum(axis=1).mean())
    both, targets = np.concatenate([x, extra[added]]) / scale, np.concatenate([member, more[added]])
    kernel = both @ both.T + 1 + 0.1 * np.eye(35)
    anew = ((extra[asked] / scale) @ both.T + 1) @ np.linalg.solve(kernel, np.where(targets, 1.0, -0.5))
    assert np.allclose(quick, anew)


def test_balanced_accuracy_counts_each_class_the_same() -> None:
    member = np.eye(2, dtype=bool)[[0] * 9 + [1]]
    assert balanced_accuracy(np.tile([1.0, 0.0], (10, 1)), member) == 0.5


def moved(seed=0):
    """Real use whose classes lie elsewhere than in training."""
    rng = np.random.default_rng(seed)
    e = np.eye(12)
    label = np.repeat([0, 1, 2], 20)
    x = unit(e[label] + rng.normal(0, 0.2, (60, 12)))
    new = np.tile([0, 1, 2], 30)
    real = unit(0.3 * e[(new + 1) % 3] + e[new + 4] + rng.normal(0, 0.2, (90, 12)))
    return x, np.eye(3, dtype=bool)[label], real, np.eye(3, dtype=bool)[new]


def test_adding_real_pictures_helps_where_real_use_is_elsewhere_and_the_list_beats_chance() -> None:
    found = what_if(*moved(), amounts=(6, 30), splits=10, draws=3)
    ranked = {s.added: s for s in found.steps if s.strategy == "ranked"}
    random = {s.added: s for s in found.steps if s.strategy == "random"}
    assert ranked[30].score_after > 0.9 > 0.5 > ranked[30].score_before
    assert ranked[6].score_after >= random[6].score_after
    assert found.pool + found.held_out == 90 and found.better >= 0.5


def test_nothing_is_won_where_training_has_it_all() -> None:
    x, member, _, _ = moved()
    found = what_if(x, member, x, member, amounts=(10,), splits=6)
    assert abs(found.steps[0].gain) < 0.05


def test_amounts_the_pool_cannot_give_are_left_out() -> None:
    found = what_if(*moved(), amounts=(10, 60, 61), splits=2, draws=1)
    assert [s.added for s in found.steps] == [10, 60, 10, 60]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=3, max_size=60), st.integers(0, 99))
def test_a_split_parts_pictures_and_deals_classes_out_evenly(classes, seed) -> None:
    member = np.eye(4, dtype=bool)[classes]
    size = round(2 / 3 * len(classes))
    pool, held = split(member, size, np.random.default_rng(seed))
    assert sorted([*pool, *held]) == list(range(len(classes))) and len(pool) == size
    for k in range(4):
        of = member[:, k].sum()
        assert abs(member[held, k].sum() - of * len(held) / len(classes)) <= 1 + 1e-9


def test_pictures_no_farther_than_training_from_itself_are_not_far_and_others_are() -> None:
    rng = np.random.default_rng(0)
    x = unit(rng.normal(size=(60, 8)) + 1)
    same = unit(rng.normal(size=(40, 8)) + 1)
    far = unit(rng.normal(size=(40, 8)) * [3, 3, 1, 1, 1, 1, 1, 1] - 1)
    assert farther_p_value(x, same) > 0.05
    assert farther_p_value(x, far) < 0.002
