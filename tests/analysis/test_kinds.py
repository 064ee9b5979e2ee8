"""Kinds of one concept: as many as asked for, every picture in one, and a plain refusal where it cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.kinds import NoKinds, kinds_of, kinds_table, most_parts

MODEL = ModelInfo("made", "made", "made", "nothing", "everything", 32, 32, 224, False)
ASKED = {"of_one": 300, "in_all": 4000, "named": 60}


def made(x, labels, real=0):
    """A dataset of these vectors; the last `real` pictures are of real use."""
    origin = ["training"] * (len(x) - real) + ["real_world"] * real
    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(len(x))], "path": "/nowhere", "origin": origin})
    data = Dataset("made", {}, frame.assign(split=None), label_frame(list(enumerate(labels))), label_frame([]))
    return data, Features(MODEL, x.astype(np.float32), x.astype(np.float32))


def heaps(sizes, seed=0, dims=16):
    """A heap of vectors for each size, far from the others; `truth` numbers them."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    x = 6 * np.eye(dims)[truth] + rng.normal(0, 0.5, (len(truth), dims))
    return x / np.linalg.norm(x, axis=1, keepdims=True), truth


def test_a_concept_of_three_kinds_asked_for_as_three_falls_into_them():
    x, truth = heaps([20, 16, 12, 24])
    data, features = made(x, np.where(truth < 3, "all", "other"))
    kinds = kinds_of(data, features, "all", 3, **ASKED)
    assert [len(i) for i in kinds.images] == [20, 16, 12] and len(set(kinds.names)) == 3
    part = {i: k for k, ids in enumerate(kinds.images) for i in ids}
    assert adjusted_rand_score(truth[truth < 3], [part[f"{r}.jpg"] for r in np.flatnonzero(truth < 3)]) == 1
    assert set(kinds.points["part"]) == {0, 1, 2} and set(kinds.points["name"]) == set(kinds.names)


def test_one_heap_is_divided_too_when_asked_but_gains_nothing():
    x, truth = heaps([40, 40])
    data, features = made(x, np.where(truth == 0, "one", "other"))
    kinds = kinds_of(data, features, "one", 4, **ASKED)
    assert len(kinds.images) == 4 and sorted(i for ids in kinds.images for i in ids) == sorted(
        f"{r}.jpg" for r in range(40)
    )
    assert kinds.gain.low <= 0


def test_pictures_that_were_not_divided_and_those_of_real_use_join_the_nearest_kind():
    x, truth = heaps([30, 30, 30])
    order = np.random.default_rng(1).permutation(90)
    data, features = made(x[order], np.where(truth[order] < 2, "all", "other"), real=20)
    kinds = kinds_of(data, features, "all", 2, of_one=16, in_all=32, named=10)
    assert len(kinds.points) == 16
    for ids in kinds.images:
        assert len({truth[order][int(i.split(".")[0])] for i in ids}) == 1
    assert sum(map(len, kinds.images)) == int((truth < 2).sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 26), st.integers(2, 6), st.sampled_from(["apart", "equal", "two values"]), st.integers(0, 99))
def test_any_concept_large_enough_is_divided_and_no_kind_is_empty(n, count, how, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n + 12, 8))
    if how != "apart":
        x[:n] = x[:1]
    if how == "two values":
        x[: n // 2] += 1
    data, features = made(x, ["c"] * n + ["d"] * 12)
    if count > most_parts(n):
        with pytest.raises(NoKinds, match="Choose fewer"):
            kinds_of(data, features, "c", count, **ASKED)
        return
    kinds, again = (kinds_of(data, features, "c", count, seed=seed, **ASKED) for _ in range(2))
    assert kinds.images == again.images and kinds.names == again.names
    assert 2 <= len(kinds.images) <= count and all(kinds.images)
    assert sorted(i for ids in kinds.images for i in ids) == sorted(f"{r}.jpg" for r in range(n))


def test_a_concept_without_training_pictures_is_refused_with_what_to_do():
    x, _ = heaps([20, 20])
    data, features = made(x, ["a"] * 40, real=20)
    with pytest.raises(NoKinds, match="Choose another concept"):
        kinds_of(data, features, "b", 2, **ASKED)
    with pytest.raises(NoKinds, match="there is nothing to divide"):
        kinds_of(*made(x, ["a"] * 40, real=40), "a", 2, **ASKED)


def test_dividing_can_be_stopped():
    x, _ = heaps([20, 20])

    def stop(done, total, note=""):
        raise Cancelled

    with pytest.raises(Cancelled):
        kinds_of(*made(x, ["a"] * 20 + ["b"] * 20), "a", 2, progress=stop, **ASKED)


def test_the_table_names_the_kind_of_every_picture():
    table = kinds_table("pa/per", ["gray", "white"], [["1.jpg", "2.jpg"], ["3.jpg"]])
    assert table["kind"].tolist() == ["gray", "gray", "white"] and table["image_id"].is_unique
    assert set(table["concept"]) == {"pa/per"}
