"""Why did it say that: the places planted are the ones named, and the pictures that taught it come first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.dataset import Dataset, label_frame
from analysis.why import explain, learn, pooled, wrong_answers

GRID, DIM = 4, 18
THING, OTHER, VEIL = 0, 1, 2


class Maps:
    """Pictures made of parts: part i lifts its own six numbers at the places given."""

    def __init__(self, parts: list[dict[int, list[int]]]) -> None:
        rng = np.random.default_rng(0)
        self.maps = np.abs(rng.normal(0, 0.2, (len(parts), GRID * GRID, DIM))).astype(np.float32)
        for i, of in enumerate(parts):
            for part, places in of.items():
                self.maps[i, places, 6 * part : 6 * part + 6] += 1.0
        self.maps = self.maps.reshape(-1, GRID, GRID, DIM)

    def local_features(self, rows):
        return self.maps[np.asarray(rows)]


TOP, LOW, MIDDLE = [0, 1, 2, 3], [14], [5, 6]
PARTS = [{THING: LOW, VEIL: TOP}] * 30 + [{OTHER: MIDDLE}] * 30 + [{VEIL: TOP}] * 4 + [{OTHER: MIDDLE}] * 4


@pytest.fixture(scope="module")
def bride():
    maps = Maps(PARTS)
    n, real = len(PARTS), 60
    frame = pd.DataFrame(
        {
            "image_id": [f"{i}.jpg" for i in range(n)],
            "path": "/nowhere",
            "origin": ["training" if i < real else "real_world" for i in range(n)],
            "split": None,
        }
    )
    labels = label_frame((i, "bouquet" if i < 30 else "couple") for i in range(n))
    dataset = Dataset("made", {}, frame, labels, label_frame([]))
    return dataset, maps, learn(dataset, maps)


def test_the_places_of_what_travels_along_are_responsible_and_no_other(bride):
    _, maps, learnt = bride
    found = explain(learnt, maps.maps[60], "bouquet")
    assert found.score > 0.5 > found.after and found.random > found.after
    assert set(np.flatnonzero(found.responsible)) <= set(TOP)
    (part,) = found.parts
    assert part.in_concept > 0.9 and part.in_others < 0.1 and part.alone > 0
    assert set(np.flatnonzero(part.matches[found.nearest[0]])) <= set(TOP)
    assert learnt.member[found.nearest, 0].all()


def test_what_is_answered_wrongly_comes_with_the_wrong_concept(bride):
    dataset, maps, learnt = bride
    wrong = wrong_answers(learnt, dataset, maps)
    assert {row for row, *_ in wrong} == {60, 61, 62, 63}
    assert {concept for _, concept, _ in wrong} == {"bouquet"}
    assert [p for *_, p in wrong] == sorted((p for *_, p in wrong), reverse=True)


def test_a_picture_of_the_training_set_is_not_explained_by_itself(bride):
    _, maps, learnt = bride
    assert 3 not in explain(learnt, maps.maps[3], "bouquet", without=3).nearest
    assert explain(learnt, maps.maps[3], "bouquet").nearest[0] == 3


def test_where_nothing_speaks_for_the_concept_few_places_are_named(bride):
    _, maps, learnt = bride
    found = explain(learnt, maps.maps[40], "bouquet")
    assert found.score < 0.5 and found.responsible.sum() <= 1


def test_answers_sum_to_one_and_one_concept_alone_teaches_nothing(bride):
    dataset, maps, learnt = bride
    assert np.allclose(learnt.answer(pooled(maps.maps[60])[None]).sum(), 1)
    assert learn(dataset.select(np.arange(30)), maps) is None
