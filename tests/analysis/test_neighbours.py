"""Most similar pictures: exact, in order, without the picture itself."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.embedders.base import Float32, ModelInfo, l2_normalised
from analysis.errors import InputError
from analysis.features import Features
from analysis.neighbours import more_like, nearest, search_text


def info(*, knows_text: bool = True) -> ModelInfo:
    return ModelInfo("fake", "fake-1", "Fake", "Sees all.", "Brand names.", 8, 4, 8, knows_text)


class FakeEmbedder:
    """Text vectors that are chosen axes; nothing else is used."""

    def __init__(self, knows_text: bool = True) -> None:
        self.info = info(knows_text=knows_text)
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        self.asked += texts
        return np.eye(4, dtype=np.float32)[[len(t) % 4 for t in texts]]


def random_vectors(n: int, dim: int = 8, seed: int = 0) -> Float32:
    return l2_normalised(np.random.default_rng(seed).normal(size=(n, dim)))


def by_hand(vectors: Float32, query: Float32, k: int, without: int | None) -> list[int]:
    scores = (query[None] @ vectors.T)[0]
    order = sorted(range(len(vectors)), key=lambda i: (-scores[i], i))
    return [i for i in order if i != without][:k]


@given(
    n=st.integers(1, 40),
    q=st.integers(1, 6),
    k=st.integers(0, 50),
    seed=st.integers(0, 5),
    coarse=st.booleans(),
)
def test_rows_are_those_of_a_full_sort(n: int, q: int, k: int, seed: int, coarse: bool) -> None:
    vectors = random_vectors(n, seed=seed)
    queries = random_vectors(q, seed=seed + 100)
    if coarse:  # many exact ties
        vectors, queries = np.round(vectors), np.round(queries)
    rows, scores = nearest(vectors, queries, k)
    assert rows.shape == scores.shape == (q, min(k, n))
    whole = queries @ vectors.T
    for i in range(q):
        assert np.allclose(scores[i], np.sort(whole[i])[::-1][: min(k, n)], atol=1e-6)
        assert len(set(rows[i].tolist())) == min(k, n)
        if coarse:
            assert rows[i].tolist() == by_hand(vectors, queries[i], k, None)


def test_chunks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = random_vectors(30), random_vectors(17, seed=9)
    whole = nearest(vectors, queries, 5)
    monkeypatch.setattr("analysis.neighbours.SCORES_AT_ONCE", 90)
    parts = nearest(vectors, queries, 5)
    assert np.array_equal(whole[0], parts[0])
    assert np.allclose(whole[1], parts[1], atol=1e-6)


def test_excluded_row_is_never_found_and_the_others_are() -> None:
    vectors = random_vectors(6)
    rows, _ = nearest(vectors, vectors, 10, exclude=np.arange(6))
    assert [sorted(r) for r in rows.tolist()] == [[j for j in range(6) if j != i] for i in range(6)]


def test_choice_is_limited_to_the_rows_given() -> None:
    vectors = random_vectors(20)
    among: NDArray[np.int64] = np.array([3, 11, 7])
    rows, _ = nearest(vectors, vectors[[7]], 5, exclude=np.array([7]), among=among)
    assert sorted(rows[0].tolist()) == [3, 11]
    rows, _ = nearest(vectors, vectors[[8]], 5, exclude=np.array([8]), among=among)
    assert sorted(rows[0].tolist()) == [3, 7, 11]
    rows, _ = nearest(vectors, vectors[[8]], 5, among=np.array([], dtype=np.int64))
    assert rows.shape == (1, 0)


def features(n: int = 12) -> Features:
    return Features(info(), random_vectors(n), random_vectors(n, dim=4, seed=3))


def test_more_like_orders_by_similarity_without_the_picture_itself() -> None:
    found = more_like(features(), 4, k=5)
    assert 4 not in found.rows
    assert found.rows.tolist() == by_hand(features().image, features().image[4], 5, 4)
    assert (np.diff(found.scores) <= 0).all()


def test_more_like_of_the_only_picture_is_empty() -> None:
    assert len(more_like(features(1), 0)) == 0


def test_text_search_compares_with_the_space_shared_with_text() -> None:
    f, embedder = features(), FakeEmbedder()
    found = search_text(f, embedder, "  green\n apple ", k=3)
    assert embedder.asked == ["green apple"]
    query = np.eye(4, dtype=np.float32)[len("green apple") % 4]
    assert found.rows.tolist() == by_hand(f.joint, query, 3, None)


def test_text_search_says_what_the_model_cannot_read() -> None:
    assert search_text(features(), FakeEmbedder(), "x").note == "What it cannot tell: brand names."
    note = search_text(features(), FakeEmbedder(knows_text=False), "x").note
    assert "never learnt from text" in note and note.endswith("brand names.")


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_empty_search_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match="type what the picture should show"):
        search_text(features(), FakeEmbedder(), text)
