"""Continuing a learning curve: known curves are found again, nothing falls, intervals hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.forecast import FACTORS, LEVEL, PRIOR, chances, continued, extrapolate, forms, observed, overall
from analysis.learning_curve import Measured

SHARES = 2.0 ** (np.arange(-10, 1) / 2)


def drawn(seed: int, n: int, concepts: int, exponent: float = 0.4, error: float = 0.2) -> Measured:
    """Labels found by chance: each has a threshold of its own, so the points of one label go together."""
    rng = np.random.default_rng(seed)
    truth = 1 - np.clip(error * SHARES**-exponent, 0, 1)
    concept = np.repeat(np.arange(concepts), n // concepts)
    found = (rng.random(len(concept))[:, None] < truth).astype(float)
    return Measured(SHARES, found, np.arange(len(concept)), concept, tuple(f"c{i}" for i in range(concepts)))


@pytest.mark.parametrize(("name", "value"), [("power law", lambda x: 0.2 * x**-0.4), ("odds", None)])
def test_a_curve_without_noise_is_continued_where_it_goes(name: str, value) -> None:
    error = value or (lambda x: (o := 0.25 * x**-0.6) / (1 + o))
    ahead = extrapolate(SHARES, 1 - error(SHARES), 1e-6 * np.eye(len(SHARES)), np.array([2.0, 4.0])).ahead
    assert np.abs(ahead.mean(axis=0) - (1 - error(np.array([2.0, 4.0])))).max() < 0.02


def test_a_flat_curve_stays_flat_and_a_steep_one_is_not_called_flat() -> None:
    flat = extrapolate(SHARES, np.full(len(SHARES), 0.7), 1e-5 * np.eye(len(SHARES)), np.array([4.0])).ahead
    assert abs(flat.mean() - 0.7) < 0.03
    steep = extrapolate(SHARES, 1 - 0.2 * SHARES**-0.45, 1e-5 * np.eye(len(SHARES)), np.array([4.0])).ahead
    assert np.quantile(steep, 0.05) > 0.82


@given(st.integers(0, 10_000), st.floats(0.02, 0.9), st.floats(0.0, 0.8))
@settings(max_examples=40, deadline=None)
def test_no_curve_foretells_less_than_with_fewer_pictures(seed: int, error: float, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    value = np.clip(1 - error * SHARES**-exponent + rng.normal(0, 0.02, len(SHARES)), 0, 1)
    ahead = extrapolate(SHARES, value, 4e-4 * np.eye(len(SHARES)), FACTORS, draws=200, seed=seed).ahead
    assert (np.diff(ahead, axis=1) >= -1e-12).all()
    assert ((ahead > 0) & (ahead < 1)).all()


def test_every_form_starts_at_one_and_falls() -> None:
    for name, shape in forms(0.3).items():
        values = shape(np.array([0.25, 0.5, 1.0, 2.0, 10.0]))
        assert np.allclose(values[:, 2], 1), name
        assert (np.diff(values[:, 2:], axis=1) <= 1e-12).all(), name
    assert set(forms(0.3)) == set(PRIOR)


def test_forms_are_weighted_by_what_they_foretold() -> None:
    """Points from a straight power law of low error: the form that cannot be straight loses weight."""
    weights = extrapolate(SHARES, 1 - 0.1 * SHARES**-0.5, 1e-7 * np.eye(len(SHARES)), FACTORS, misfit=0.002).weights
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["exponential"] < 0.05


def test_intervals_hold_what_is_then_observed_nine_times_of_ten() -> None:
    """150 fresh datasets of one concept's kind: the value observed with four times the pictures."""
    held = 0
    for seed in range(150):
        measured = drawn(seed, 300, 1)
        _, low, high = observed(overall(measured, np.array([4.0]), seed=seed).ahead, np.array([1200]))
        seen = np.random.default_rng(10_000 + seed).binomial(1200, 1 - 0.2 * 4.0**-0.4) / 1200
        held += bool(low[0] <= seen <= high[0])
    assert 0.82 <= held / 150 <= 0.99


def test_alike_concepts_lean_on_each_other_and_unlike_ones_do_not() -> None:
    alike = continued(drawn(1, 200, 10), 200)
    assert alike is not None
    raw = alike.measured.recall[:, -1]
    leaning = alike.ahead[:, :, 0].mean(axis=1)
    assert np.ptp(leaning) < 0.5 * np.ptp(raw)
    good, bad = drawn(2, 200, 1, error=0.02, exponent=0.1), drawn(3, 200, 1, error=0.6, exponent=0.1)
    both = Measured(
        SHARES,
        np.concatenate([good.found, bad.found]),
        np.arange(400),
        np.repeat([0, 1], 200),
        ("good", "bad"),
    )
    regime = continued(both, 400)
    assert regime is not None
    assert np.abs(regime.ahead[:, :, 0].mean(axis=1) - both.recall[:, -1]).max() < 0.05


def test_two_measured_sizes_are_too_few() -> None:
    measured = drawn(0, 40, 2)
    few = Measured(measured.shares[-2:], measured.found[:, -2:], measured.image, measured.concept, measured.names)
    assert continued(few, 40) is None


def test_nine_of_nine_found_is_not_thought_certain() -> None:
    """Beside concepts of which all or nearly all is found: nothing says that the next 27 will all be found."""
    shares = SHARES[-5:]
    n, concepts = 9, 12
    found = np.ones((n * concepts, len(shares)))
    found[: 3 * n : 4] = np.array([0, 0, 0, 1, 1.0])  # early misses of three concepts
    found[3 * n : 5 * n : 5] = 0
    names = tuple(f"c{i}" for i in range(concepts))
    regime = continued(Measured(shares, found, np.arange(len(found)), np.repeat(np.arange(concepts), n), names), 108)
    assert regime is not None
    perfect = regime.ahead[-1][:, :1]
    assert np.quantile(perfect, 0.05) < 0.98
    _, low, high = observed(perfect, np.array([27]))
    assert low[0] < 1 == high[0]


def test_the_drift_of_concepts_is_learnt_from_how_they_moved() -> None:
    """Two datasets of the same recalls at hand; in one the concepts wandered on the way."""
    rng = np.random.default_rng(0)
    n, concepts = 200, 6
    concept = np.repeat(np.arange(concepts), n)
    sure = rng.random(len(concept))[:, None]

    def width(step: float) -> float:
        gap = np.sqrt(np.diff(1 / SHARES[::-1], prepend=1.0))
        walk = step * 0.4 * np.cumsum(rng.standard_normal((concepts, len(SHARES))) * gap, axis=1)[:, ::-1]
        found = (sure < np.clip(0.8 + walk, 0.05, 0.99)[concept]).astype(float)
        measured = Measured(SHARES, found, np.arange(len(concept)), concept, tuple("abcdef"))
        regime = continued(measured, len(concept))
        assert regime is not None
        return float(np.mean([np.diff(np.quantile(a[:, 16], [0.05, 0.95]))[0] for a in regime.ahead]))

    assert width(0.1) > 1.5 * width(0.0)


@given(st.integers(0, 10_000), st.floats(0.02, 0.98), st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_the_interval_is_the_shortest_that_holds_its_share_and_holds_the_mean(seed: int, mean: float, n: int) -> None:
    curves = np.random.default_rng(seed).beta(20 * mean, 20 * (1 - mean), (2000, 1))
    middle, low, high = observed(curves, np.array([n]), seed=seed)
    assert low[0] <= middle[0] <= high[0]
    seen = np.random.default_rng([seed, 2]).binomial(n, curves)[:, 0] / n
    assert ((seen >= low[0] - 1e-9) & (seen <= high[0] + 1e-9)).mean() >= LEVEL
    ends = np.quantile(seen, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    assert high[0] - low[0] <= max(ends[1], middle[0]) - min(ends[0], middle[0]) + 1e-9


def test_what_is_a_mean_over_shuffles_varies_less_than_a_coin() -> None:
    once = drawn(0, 400, 4)
    assert chances(once) == pytest.approx((1.0, 1.0), abs=0.05)
    rng = np.random.default_rng(1)
    often = rng.binomial(8, np.repeat(once.overall[None, :], 400, axis=0)) / 8
    assert max(chances(Measured(SHARES, often, once.image, once.concept, once.names))) < 0.3
