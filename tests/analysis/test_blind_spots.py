"""Blind spots: uncovered pictures fall into the groups they were made of, named by what is measured in them."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.blind_spots import Axis, find_blind_spots


def made(groups, *, seed=0, dims=12, training=80):
    """Training, then groups of real-world pictures: (number, brightness, tilt); vectors differ between groups."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(0, 0.2, (training, dims)) + np.eye(dims)[0]]
    bright, tilt = [rng.normal(0.6, 0.05, training)], [rng.normal(0, 2, training)]
    for g, (number, light, angle) in enumerate(groups):
        x.append(rng.normal(0, 0.2, (number, dims)) + np.eye(dims)[1 + g])
        bright.append(rng.normal(light, 0.05, number))
        tilt.append(rng.normal(angle, 2, number))
    image = np.concatenate(x).astype(np.float32)
    image /= np.linalg.norm(image, axis=1, keepdims=True)
    axes = [
        Axis("brightness", np.concatenate(bright), "darker", "brighter"),
        Axis("camera_tilt", np.concatenate(tilt), "level", "tilted"),
    ]
    total = sum(n for n, *_ in groups)
    return image, np.arange(training), training + np.arange(total), axes


def test_two_kinds_of_pictures_become_two_groups_named_by_what_differs() -> None:
    image, training, real, axes = made([(30, 0.25, 0), (20, 0.6, 25)])
    dark, tilted = find_blind_spots(image, training, real, real, axes)
    assert set(dark.rows) == set(range(80, 110)) and dark.words == ("darker",) and dark.share == pytest.approx(0.6)
    assert set(tilted.rows) == set(range(110, 130)) and tilted.words == ("tilted",)


def test_pictures_that_differ_in_nothing_measured_get_no_words() -> None:
    image, training, real, axes = made([(30, 0.6, 0)])
    (spot,) = find_blind_spots(image, training, real, real, axes)
    assert spot.words == () and spot.name == "different in content"


def test_a_group_of_one_concept_carries_its_name() -> None:
    image, training, real, axes = made([(30, 0.25, 0), (20, 0.6, 25)])
    spots = find_blind_spots(
        image, training, real, real, axes, concepts_of=lambda row: ("Fruit/Apple",) if row < 110 else ()
    )
    assert spots[0].name == "Apple: darker" and spots[1].concept == ""


def test_a_handful_of_pictures_is_no_group() -> None:
    image, training, real, axes = made([(4, 0.25, 0)])
    assert find_blind_spots(image, training, real, real, axes) == ()


def test_where_values_are_unknown_no_word_is_made_of_them() -> None:
    image, training, real, axes = made([(30, 0.25, 0)])
    blank = [Axis(a.name, np.full(len(a.values), np.nan), a.lower, a.higher) for a in axes]
    (spot,) = find_blind_spots(image, training, real, real, blank)
    assert spot.words == ()


def test_every_uncovered_picture_is_in_exactly_one_group() -> None:
    image, training, real, axes = made([(40, 0.3, 0), (25, 0.6, 20), (15, 0.9, -20)], seed=3)
    spots = find_blind_spots(image, training, real, real, axes)
    assert sorted(row for s in spots for row in s.rows.tolist()) == real.tolist()


def test_the_pictures_that_show_most_plainly_what_names_a_group_come_first() -> None:
    image, training, real, axes = made([(40, 0.25, 0)])
    light = axes[0].values
    light[100:120] = np.linspace(0.55, 0.62, 20)  # half of the group is about as bright as training
    (spot,) = find_blind_spots(image, training, real, real, axes)
    assert spot.words == ("darker",)
    assert set(spot.rows[:20]) == {*range(80, 100)} and list(light[spot.rows]) == sorted(light[spot.rows])


def test_a_group_no_larger_than_chance_leaves_outside_stands_behind_a_smaller_one_with_a_name() -> None:
    image, training, real, axes = made([(12, 0.6, 0), (9, 0.25, 0)])
    everything = np.concatenate([real, real.max() + 1 + np.arange(99)])  # 120 pictures, 6 of them outside by chance
    named, unnamed = find_blind_spots(image, training, everything, real, axes)
    assert named.words == ("darker",) and unnamed.words == ()
    larger, _ = find_blind_spots(image, training, everything, real, axes, by_chance=0.01)
    assert larger.words == ()
