"""Out of range: a dim third of real use is found though medians agree; draws of one collection seldom alarm."""

import numpy as np
import pytest
from scipy.stats import binom

from analysis.embedders.base import l2_normalised
from analysis.out_of_range import TAIL, find_out_of_range

AXES = ("brightness", "saturation", "colour_temperature")


def made(seed, n=120, m=60, dim=0):
    """Vectors, values and rows; `dim` of the real-world pictures are far darker than any training picture."""
    rng = np.random.default_rng(seed)
    image = l2_normalised(rng.normal(size=(n + m, 16)))
    values = {name: rng.normal(0.5, 0.1, n + m) for name in AXES}
    values["colour_temperature"] = 5000 * np.exp(values["colour_temperature"])
    values["brightness"][n : n + dim] = rng.uniform(0.01, 0.05, dim)
    return image, values, np.arange(n), np.arange(n, n + m)


def test_a_dim_third_of_real_use_is_the_first_end_with_just_these_pictures():
    image, values, training, real = made(0, dim=20)
    found = find_out_of_range(image, values, training, real)
    first = found.ends[0]
    assert (first.axis, first.word, first.p_value) == ("brightness", "darker", 0.001)
    assert set(first.rows[:20].tolist()) == set(range(120, 140)) and first.share >= 20 / 60
    assert first.limit < np.quantile(values["brightness"][training], 2 * TAIL)
    by_value = values["brightness"][first.rows]
    assert (np.diff(by_value) >= 0).all()  # the farthest first
    assert [e.axis for e in found.sure(0.05, 0.1)] == ["brightness"] and found.p_value == 0.001


def test_draws_of_one_collection_are_out_of_range_no_more_often_than_alpha():
    runs = 120
    alarms = sum(find_out_of_range(*made(seed)).p_value <= 0.05 for seed in range(runs))
    assert alarms <= binom.ppf(0.975, runs, 0.05)


def test_another_mix_of_the_same_concepts_is_no_gap():
    rng = np.random.default_rng(3)
    dark = {"training": [True] * 20 + [False] * 100, "real": [True] * 45 + [False] * 15}
    image = l2_normalised(rng.normal(size=(180, 16)))
    is_dark = np.array([*dark["training"], *dark["real"]])
    values = {"brightness": np.where(is_dark, rng.normal(0.1, 0.02, 180), rng.normal(0.6, 0.05, 180))}
    rows = np.arange(120), np.arange(120, 180)
    concepts = tuple([["night" if d else "day" for d in dark[side]] for side in ("training", "real")])
    assert find_out_of_range(image, values, *rows, concepts=concepts).p_value > 0.05


def test_a_burst_of_one_dim_scene_counts_once():
    image, values, training, real = made(5, dim=12)
    burst = l2_normalised(image[120] + 1e-3 * np.random.default_rng(0).normal(size=(12, 16)))
    image[120:132] = burst
    found = find_out_of_range(image, values, training, real)
    assert found.p_value > 0.05


def test_what_nobody_would_notice_is_not_out_of_range():
    rng = np.random.default_rng(0)
    image = l2_normalised(rng.normal(size=(180, 16)))
    brightness = np.r_[np.full(120, 0.5), np.full(60, 0.51)]
    found = find_out_of_range(image, {"brightness": brightness}, np.arange(120), np.arange(120, 180))
    assert not any(len(e.rows) for e in found.ends) and found.p_value == 1.0


@pytest.mark.parametrize("values", [{}, {"noise": np.ones(180)}, {"brightness": np.full(180, np.nan)}])
def test_nothing_that_could_be_measured_is_not_tested(values):
    image, _, training, real = made(0)
    found = find_out_of_range(image, values, training, real)
    assert found.ends == () and np.isnan(found.p_value) and found.sure(0.05, 0.0) == ()


def test_unknown_values_count_on_neither_side():
    image, values, training, real = made(0, dim=20)
    values["brightness"][[0, 1, 120, 121]] = np.nan
    first = find_out_of_range(image, values, training, real).ends[0]
    assert set(first.rows[:18].tolist()) == set(range(122, 140))


def test_the_same_input_gives_the_same_answer():
    one, two = (find_out_of_range(*made(2, dim=5), seed=4) for _ in range(2))
    assert [(e.axis, e.word, e.p_value, e.rows.tolist()) for e in one.ends] == [
        (e.axis, e.word, e.p_value, e.rows.tolist()) for e in two.ends
    ]
