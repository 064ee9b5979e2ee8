"""Counts per concept and origin, levels, shared pictures, evenness."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.counts import (
    concept_counts,
    effective_number,
    imbalance_ratio,
    levels,
    shared_pictures,
    unlabelled,
)
from analysis.dataset import Dataset, label_frame


def dataset(*images: tuple[str, tuple[str, ...]]) -> Dataset:
    """Images given as (origin, concepts)."""
    frame = pd.DataFrame(
        {
            "image_id": [f"{i}.jpg" for i in range(len(images))],
            "path": [f"/nowhere/{i}.jpg" for i in range(len(images))],
            "origin": [origin for origin, _ in images],
            "split": None,
        }
    )
    labels = label_frame((i, c) for i, (_, concepts) in enumerate(images) for c in concepts)
    return Dataset("made", {"training": Path("/nowhere")}, frame, labels, label_frame([]))


T, R = "training", "real_world"


def as_rows(table: pd.DataFrame) -> list[tuple[object, ...]]:
    return [tuple(row) for row in table.itertuples(index=False)]


def test_a_concept_counts_its_descendants_once_a_picture_and_origins_stay_apart() -> None:
    data = dataset(
        (T, ("Fruit/Apple",)),
        (T, ("Fruit",)),
        (T, ("Fruit", "Fruit/Apple")),
        (R, ("Fruit/Apple",)),
        (T, ("Leek",)),
        (T, ()),
    )
    assert as_rows(concept_counts(data)) == [
        ("Fruit", 3, 1, True),
        ("Fruit/Apple", 2, 1, False),
        ("Leek", 1, 0, False),
    ]
    assert unlabelled(data) == 1
    assert unlabelled(data, R) == 0


def test_a_parent_that_is_only_implied_is_no_concept_of_its_own_but_is_one_at_its_level() -> None:
    data = dataset((T, ("Fruit/Apple/Gala",)), (T, ("Fruit/Pear",)), (T, ("Leek",)), (R, ("Fruit/Pear",)))
    assert levels(data) == 3
    assert [row[0] for row in as_rows(concept_counts(data))] == ["Fruit/Apple/Gala", "Fruit/Pear", "Leek"]
    assert as_rows(concept_counts(data, 1)) == [("Fruit", 2, 1, True), ("Leek", 1, 0, False)]
    assert as_rows(concept_counts(data, 2)) == [
        ("Fruit/Apple", 1, 0, True),
        ("Fruit/Pear", 1, 1, False),
        ("Leek", 1, 0, False),
    ]


def test_a_level_partitions_the_labels() -> None:
    data = dataset((T, ("Fruit",)), (T, ("Fruit/Apple",)), (T, ("Fruit/Apple", "Fruit/Pear")))
    assert as_rows(concept_counts(data, 2)) == [
        ("Fruit/Apple", 2, 0, False),
        ("Fruit", 1, 0, False),
        ("Fruit/Pear", 1, 0, False),
    ]
    assert as_rows(concept_counts(data, 1)) == [("Fruit", 3, 0, True)]


def test_a_name_that_merely_starts_alike_is_no_child() -> None:
    data = dataset((T, ("Pear",)), (T, ("Pears",)), (T, ("Pear tree",)))
    assert concept_counts(data)["training"].tolist() == [1, 1, 1]


def test_shared_pictures_leave_out_a_concept_with_its_own_parent() -> None:
    data = dataset(
        (T, ("cup", "kitchen", "kitchen/table")),
        (T, ("cup", "kitchen/table")),
        (T, ("cup",)),
        (R, ("cup", "dog")),
    )
    assert as_rows(shared_pictures(data)) == [("cup", "kitchen/table", 2, 1.0), ("cup", "kitchen", 1, 1.0)]
    assert as_rows(shared_pictures(data, R)) == [("cup", "dog", 1, 1.0)]
    assert shared_pictures(dataset((T, ("cup",)))).empty


@pytest.mark.parametrize(
    ("counts", "ratio", "effective"),
    [
        ([5, 5, 5, 5], 1.0, 4.0),
        ([10], 1.0, 1.0),
        ([100, 1], 100.0, np.exp(-(100 / 101 * np.log(100 / 101) + 1 / 101 * np.log(1 / 101)))),
        ([3, 0], np.inf, 1.0),
    ],
)
def test_evenness_in_two_numbers(counts: list[int], ratio: float, effective: float) -> None:
    assert imbalance_ratio(counts) == pytest.approx(ratio)
    assert effective_number(counts) == pytest.approx(effective)


def test_nothing_to_count_has_no_ratio() -> None:
    assert np.isnan(imbalance_ratio([]))
    assert np.isnan(imbalance_ratio([0, 0]))
    assert effective_number([]) == 0.0
    assert levels(dataset((T, ()))) == 0
    empty = concept_counts(dataset((T, ())))
    assert empty.empty
    assert empty[~empty["nested"]].columns.tolist() == ["concept", "training", "real_world", "nested"]
