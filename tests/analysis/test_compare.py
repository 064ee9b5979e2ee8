"""Training beside real world: exact matches, meaningful distances, outliers are never typical."""

import numpy as np
import pandas as pd
import pytest

from analysis.attributes import ATTRIBUTES
from analysis.compare import (
    MIN_VALUES,
    apart,
    attribute_differences,
    find_coverage,
    find_typical,
    own_distances,
    show_value,
)
from analysis.embedders.base import Float32, l2_normalised
from analysis.statistics import benjamini_hochberg, cliffs_delta


def cloud(n: int, centre: int, spread: float, seed: int, dim: int = 24) -> Float32:
    """n unit vectors around the axis `centre`."""
    rng = np.random.default_rng(seed)
    return l2_normalised(np.eye(dim)[centre] + spread * rng.normal(size=(n, dim)))


def rows(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop, dtype=np.int64)


def test_matches_are_the_exact_nearest_training_pictures_in_order() -> None:
    image = l2_normalised(np.random.default_rng(0).normal(size=(700, 8)))
    training, real = rows(0, 100), rows(100, 700)  # more than one chunk of queries
    found = find_coverage(image, training, real, k=3)
    scores = image[real] @ image[training].T
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(found.nearest, expected)
    np.testing.assert_allclose(found.similarity, np.take_along_axis(scores, expected, axis=1), rtol=1e-5)


def test_training_rows_need_not_come_first() -> None:
    image = np.concatenate([cloud(4, 0, 0.0, 1), cloud(4, 1, 0.0, 2), cloud(2, 0, 0.0, 3)])
    found = find_coverage(image, np.array([9, 5, 8]), np.array([0, 4]), k=2)
    assert found.nearest[0].tolist() == [9, 8]  # equal similarity: in the order the training rows were given
    assert found.nearest[1][0] == 5


def test_equal_halves_are_as_far_apart_as_each_is_from_itself() -> None:
    image = cloud(1200, 0, 0.3, 5)
    found = find_coverage(image, rows(0, 600), rows(600, 1200))
    assert 0.02 < found.not_covered(0.95) < 0.09
    assert found.reference == 600
    assert not found.reference_is_all


def test_pictures_of_another_kind_are_farther_than_training_pictures_are_from_each_other() -> None:
    image = np.concatenate([cloud(200, 0, 0.1, 1), cloud(50, 0, 0.1, 2), cloud(10, 3, 0.1, 3)])
    found = find_coverage(image, rows(0, 200), rows(200, 260))
    assert set(found.rows[found.least_covered()[:10]]) == set(range(250, 260))
    assert (found.farther_than[50:] == 1.0).all()
    assert np.median(found.farther_than[:50]) < 0.8


def test_a_copy_of_a_training_picture_is_not_far() -> None:
    image = cloud(60, 0, 0.2, 1)
    image = np.concatenate([image, image[:5]])
    found = find_coverage(image, rows(0, 60), rows(60, 65))
    assert (found.farther_than == 0.0).all()
    assert found.nearest[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_concept_with_few_pictures_is_measured_against_all_training_pictures() -> None:
    image = np.concatenate([cloud(100, 0, 0.2, 1), cloud(30, 0, 0.2, 2)])
    found = find_coverage(image, rows(0, 2), rows(100, 130), all_training=rows(0, 100))
    assert found.reference_is_all
    assert found.reference == 100
    assert set(found.nearest.ravel()) == {0, 1}


def test_a_single_training_picture_has_matches_but_no_scale() -> None:
    image = cloud(5, 0, 0.2, 1)
    found = find_coverage(image, rows(0, 1), rows(1, 5))
    assert found.nearest.shape == (4, 1)
    assert np.isnan(found.farther_than).all()


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(ValueError, match="both sides"):
        find_coverage(cloud(3, 0, 0.1, 1), rows(0, 0), rows(0, 3))


def test_outliers_are_never_typical() -> None:
    # one tight crowd, and pictures unlike anything: covering the set would choose an outlier second
    crowd = cloud(200, 0, 0.02, 1)
    outliers = np.concatenate([cloud(1, axis, 0.01, axis) for axis in range(5, 15)])
    found = find_typical(np.concatenate([crowd, outliers]), rows(0, 210), 8)
    assert len(found.rows) == 8
    assert set(found.rows) <= set(range(200))


def test_typical_pictures_stand_for_every_large_group() -> None:
    image = np.concatenate([cloud(120, 0, 0.05, 1), cloud(80, 1, 0.05, 2), cloud(60, 2, 0.05, 3)])
    found = find_typical(image, rows(0, 260), 3)
    groups = {0 if r < 120 else 1 if r < 200 else 2 for r in found.rows}
    assert groups == {0, 1, 2}
    assert found.share.tolist() == pytest.approx([120 / 260, 80 / 260, 60 / 260])


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_few_pictures_are_all_right(n: int) -> None:
    found = find_typical(cloud(8, 0, 0.3, 1), rows(0, n), 8)
    assert len(found.rows) == len(set(found.rows)) <= n
    if n:
        assert found.share.sum() == pytest.approx(1.0)


def test_large_sets_are_sampled_and_the_choice_is_the_same_each_time() -> None:
    image = cloud(2600, 0, 0.3, 1)
    first, second = (find_typical(image, rows(0, 2600), 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.share.sum() == pytest.approx(1.0)
    assert len(own_distances(image, rows(0, 2600), seed=3)) == 2000


def test_near_copies_are_shown_once() -> None:
    image = np.concatenate([np.repeat(cloud(1, 0, 0.0, 1), 6, axis=0), cloud(20, 1, 0.3, 2)])
    own = own_distances(image, rows(6, 26))
    assert apart(image, np.array([0, 1, 2, 3, 10, 11]), 3, own)[:2].tolist() == [0, 10]


def measured(training: np.ndarray, real: np.ndarray, name: str = "brightness") -> pd.DataFrame:
    return pd.DataFrame({name: np.concatenate([training, real])})


def test_a_planted_difference_comes_first_in_words() -> None:
    rng = np.random.default_rng(0)
    n = 200
    images = pd.DataFrame({name: rng.normal(0.5, 0.1, 2 * n) for name in ATTRIBUTES})
    images.loc[n:, "brightness"] -= 0.27
    images["sharpness"] *= 1000
    found = attribute_differences(images, rows(0, n), rows(n, 2 * n), ATTRIBUTES.values())
    assert [d.attribute.name for d in found if d.differs] == ["brightness"]
    first = found[0]
    assert first.effect < -0.8
    assert first.words.startswith("Real-world pictures are darker: median 0.2")
    assert first.words.endswith(f"against {first.training:.2f}.")


def test_equal_halves_rarely_differ() -> None:
    alarms, runs = 0, 60
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        images = pd.DataFrame({name: rng.gamma(2.0, size=240) for name in ATTRIBUTES})
        found = attribute_differences(images, rows(0, 120), rows(120, 240), ATTRIBUTES.values(), small_effect=0.0)
        alarms += any(d.differs for d in found)
    assert alarms <= 6  # 95 % point of binomial(60, 0.05)


def test_a_negligible_difference_in_many_pictures_is_not_told() -> None:
    rng = np.random.default_rng(0)
    images = measured(rng.normal(0.5, 0.1, 20000), rng.normal(0.506, 0.1, 20000))
    (found,) = attribute_differences(images, rows(0, 20000), rows(20000, 40000), [ATTRIBUTES["brightness"]])
    assert found.p_value < 0.001
    assert not found.differs


def test_too_few_measured_values_are_not_judged() -> None:
    values = np.concatenate([np.full(MIN_VALUES - 1, 90.0), np.full(40, np.nan), np.full(50, 20.0)])
    images = pd.DataFrame({"jpeg_quality": values})
    split = MIN_VALUES + 39
    (found,) = attribute_differences(images, rows(0, split), rows(split, len(values)), [ATTRIBUTES["jpeg_quality"]])
    assert not found.differs
    assert found.training_n == MIN_VALUES - 1
    assert "too few" in found.words


def test_an_attribute_that_was_not_measured_is_left_out() -> None:
    assert attribute_differences(measured(np.ones(9), np.ones(9)), rows(0, 9), rows(9, 18), []) == ()
    found = attribute_differences(measured(np.ones(9), np.ones(9)), rows(0, 9), rows(9, 18), ATTRIBUTES.values())
    assert [(d.attribute.name, d.effect, d.differs) for d in found] == [("brightness", 0.0, False)]


def test_values_are_shown_with_digits_and_unit() -> None:
    assert show_value(ATTRIBUTES["colour_temperature"], 5210.4) == "5,210 K"
    assert show_value(ATTRIBUTES["brightness"], 0.314) == "0.31"
    assert show_value(ATTRIBUTES["brightness"], float("nan")) == "–"


def test_cliffs_delta_is_the_probability_of_more_less_that_of_less() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    assert cliffs_delta(a, b)[0] == pytest.approx(4 / 6 - 1 / 6)
    assert cliffs_delta(np.ones(4), np.ones(3)) == (0.0, 1.0)


def test_correction_leaves_out_what_was_not_tested() -> None:
    out = benjamini_hochberg(np.array([0.01, np.nan, 0.04]))
    assert out[0] == pytest.approx(0.02)
    assert np.isnan(out[1])
    assert out[2] == pytest.approx(0.04)
