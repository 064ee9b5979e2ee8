"""The two-sample test keeps its level, sees shifts that occur, and says how far two sets are apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.two_sample import MIN_SIDE, gap_test

DEALS = 99


def pictures(n: int, rng: np.random.Generator, shift: float = 0.0, dimensions: int = 24) -> np.ndarray:
    """Vectors with a few strong directions, like those of pictures, moved along a weak one."""
    x = rng.standard_normal((n, dimensions)) * np.geomspace(1.0, 0.05, dimensions)
    x[:, 8] += shift
    x = np.column_stack([np.full(n, 2.0), x])
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def measured(n: int, rng: np.random.Generator) -> np.ndarray:
    """Heavy tails, ties, and values that are missing."""
    out = np.column_stack([rng.standard_cauchy(n), rng.integers(0, 3, n), rng.random(n)]).astype(np.float64)
    out[rng.random(n) < 0.2, 2] = np.nan
    return out


def alarms(p_values: list[float]) -> int:
    return int((np.array(p_values) <= 0.05).sum())


def most(n: int) -> int:
    """Alarms a test of level 0.05 exceeds once in a thousand runs."""
    return int(binom.ppf(0.999, n, 0.05))


@pytest.mark.parametrize("labelled", [False, True])
def test_of_equal_sets_one_in_twenty_alarms(labelled: bool) -> None:
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n, m = 40, 25
        concepts = None
        a, b = pictures(n, rng), pictures(m, rng)
        if labelled:  # concepts look different, and real use has another mix of them
            kinds = rng.choice(3, n, p=[0.6, 0.2, 0.2]), rng.choice(3, m, p=[0.2, 0.2, 0.6])
            a[:, 1] += kinds[0]
            b[:, 1] += kinds[1]
            concepts = [str(k) for k in kinds[0]], [str(k) for k in kinds[1]]
        found = gap_test(
            a, b, attributes=(measured(n, rng), measured(m, rng)), concepts=concepts, seed=seed, permutations=DEALS
        )
        assert found.stratified == labelled
        p_values.append(found.p_value)
    assert alarms(p_values) <= most(200)
    assert alarms(p_values) >= binom.ppf(0.001, 200, 0.05) / 2  # no test that never alarms
    assert 0.3 < np.mean(p_values) < 0.7


def test_without_labels_another_mix_is_a_gap_and_with_labels_it_is_none() -> None:
    rng = np.random.default_rng(1)
    kinds = np.repeat([0, 1], [50, 10]), np.repeat([0, 1], [10, 50])
    a, b = pictures(60, rng), pictures(60, rng)
    a[:, 1] += kinds[0]
    b[:, 1] += kinds[1]
    blind = gap_test(a, b, permutations=DEALS)
    seen = gap_test(a, b, concepts=([str(k) for k in kinds[0]], [str(k) for k in kinds[1]]), permutations=DEALS)
    assert blind.p_value <= 0.01
    assert seen.p_value > 0.05
    assert seen.mix == pytest.approx(2 / 3)
    assert seen.strength < 0.3 < blind.strength


def test_a_shift_along_a_direction_in_which_pictures_hardly_vary_is_seen() -> None:
    found = [
        gap_test(pictures(100, rng), pictures(100, rng, shift=0.4), seed=s, permutations=DEALS)
        for s in range(10)
        for rng in [np.random.default_rng(s)]
    ]
    assert alarms([f.p_value for f in found]) == 10
    assert {f.by for f in found} == {"vectors"}


def test_a_shift_of_one_measured_value_is_seen_and_named() -> None:
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        a, b = measured(100, rng), measured(100, rng)
        b[:, 0] += 2.0
        found.append(gap_test(pictures(100, rng), pictures(100, rng), attributes=(a, b), seed=seed, permutations=DEALS))
    assert alarms([f.p_value for f in found]) == 10
    assert {f.by for f in found} == {"attributes"}


def test_strength_is_nothing_by_chance_and_all_where_no_picture_could_be_mistaken() -> None:
    rng = np.random.default_rng(0)
    a = pictures(80, rng)
    by_chance = [gap_test(a, pictures(80, rng), permutations=9).strength for _ in range(10)]
    assert np.mean(by_chance) < 0.15
    weak = gap_test(a, pictures(80, rng, shift=0.3), permutations=9).strength
    far = gap_test(a, pictures(80, rng, shift=3.0), permutations=9).strength
    assert np.mean(by_chance) < weak < far
    assert far > 0.99


def test_strength_is_nothing_by_chance_with_many_small_concepts() -> None:
    strengths = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        concepts = [str(k) for k in rng.integers(0, 25, 60)], [str(k) for k in rng.integers(0, 25, 60)]
        strengths.append(gap_test(pictures(60, rng), pictures(60, rng), concepts=concepts, permutations=9).strength)
    assert np.mean(strengths) < 0.2


def test_a_burst_of_one_scene_on_one_side_is_no_gap() -> None:
    rng = np.random.default_rng(0)
    a, b = pictures(60, rng), pictures(40, rng)
    burst = b[:1] + rng.standard_normal((30, b.shape[1])).astype(np.float32) * 1e-3
    found = gap_test(a, np.concatenate([b, burst]), permutations=DEALS)
    assert found.bursts == 30
    assert found.p_value > 0.05


def test_too_few_pictures_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    few = gap_test(pictures(MIN_SIDE - 1, rng), pictures(50, rng, shift=3.0))
    assert np.isnan(few.p_value)
    assert gap_test(pictures(0, rng), pictures(3, rng)).n_training == 0
    assert np.isfinite(gap_test(pictures(MIN_SIDE, rng), pictures(50, rng)).p_value)


def test_large_sides_are_sampled_and_it_says_so() -> None:
    rng = np.random.default_rng(0)
    found = gap_test(pictures(90, rng), pictures(30, rng), most=50, permutations=9)
    assert found.n_training == 50
    assert found.sampled
    assert "50 training pictures" in found.note
    assert "drawn at random" in found.note


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), n=st.integers(0, 40), m=st.integers(0, 40), width=st.integers(0, 3))
def test_any_input_gives_a_p_value_or_none_and_the_same_one_twice(seed: int, n: int, m: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = pictures(n, rng), pictures(m, rng)
    if rng.random() < 0.3:  # all alike
        a[:], b[:] = 1.0, 1.0
    values = rng.choice([0.0, 1.0, np.nan], (n, width)), rng.choice([0.0, 1.0, np.nan], (m, width))
    names = rng.choice(["a", "b", ""], n), rng.choice(["a", "b"], m)
    concepts = [x or None for x in names[0].tolist()], names[1].tolist()
    first, second = (gap_test(a, b, attributes=values, concepts=concepts, seed=seed, permutations=19) for _ in range(2))
    assert repr(first) == repr(second)
    assert np.isnan(first.p_value) or 0 < first.p_value <= 1
    assert 0 <= first.strength <= 1
