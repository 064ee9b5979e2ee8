"""What every embedder promises, whichever model is behind it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from support import photo

from analysis.embedders.base import MAX_SPATIAL_BYTES, Embedder


@pytest.fixture(params=["bundled", "open_clip_small"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return request.getfixturevalue(request.param)


def lengths(x: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x.astype(np.float64), axis=-1)


def inputs_of(embedder: Embedder, n: int = 3) -> np.ndarray:
    return np.stack([embedder.preprocess(photo(i)) for i in range(n)])


def test_info_is_complete_and_the_key_can_name_a_table(embedder: Embedder) -> None:
    info = embedder.info
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,150}", info.key)
    assert info.name.startswith(("bundled", "open_clip:"))
    assert all(len(text) > 20 for text in (info.sees, info.blind_to)) and len(info.title) > 5
    assert min(info.feature_dim, info.vector_dim, info.input_size) > 0
    assert isinstance(info.knows_text, bool)


@pytest.mark.parametrize("size", [(1, 1), (400, 3), (96, 72), (224, 224), (300, 500)])
def test_preprocess_gives_one_shape_for_any_picture(embedder: Embedder, size: tuple[int, int]) -> None:
    made, usual = embedder.preprocess(photo(1, size)), embedder.preprocess(photo(2))
    assert made.shape == usual.shape and made.dtype == usual.dtype
    assert made.dtype in (np.uint8, np.float32)
    assert np.isfinite(made).all()


def test_image_vectors_have_the_promised_shape_type_and_length(embedder: Embedder) -> None:
    encoded = embedder.encode_images(inputs_of(embedder))
    assert encoded.features.shape == (3, embedder.info.feature_dim)
    assert encoded.vectors.shape == (3, embedder.info.vector_dim)
    assert encoded.features.dtype == encoded.vectors.dtype == np.float32
    np.testing.assert_allclose(lengths(encoded.features), 1, atol=1e-5)
    np.testing.assert_allclose(lengths(encoded.vectors), 1, atol=1e-5)


def test_different_pictures_have_different_vectors_and_the_same_picture_the_same(embedder: Embedder) -> None:
    x = inputs_of(embedder)
    first, again = embedder.encode_images(x), embedder.encode_images(x)
    assert np.array_equal(first.vectors, again.vectors) and first.spatial == again.spatial
    assert float(first.features[0] @ first.features[1]) < 1 - 1e-4


def test_a_picture_does_not_depend_on_its_neighbours_in_the_stack(embedder: Embedder) -> None:
    x = inputs_of(embedder)
    together, alone = embedder.encode_images(x), embedder.encode_images(x[1:2])
    np.testing.assert_allclose(together.vectors[1], alone.vectors[0], atol=1e-5)
    np.testing.assert_allclose(together.features[1], alone.features[0], atol=1e-5)


def test_text_vectors_have_the_promised_shape_type_and_length(embedder: Embedder) -> None:
    vectors = embedder.encode_texts(["a pint of beer", "an apple", "a pint of beer", "пиво 啤酒", "", "word " * 400])
    assert vectors.shape == (6, embedder.info.vector_dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(lengths(vectors), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[2], atol=1e-6)
    assert float(vectors[0] @ vectors[1]) < 1 - 1e-3


def test_stored_maps_are_small_and_read_as_normalised_vectors_of_the_same_space(embedder: Embedder) -> None:
    stored = embedder.encode_images(inputs_of(embedder)).spatial
    assert len(stored) == 3 and all(isinstance(s, bytes) and 0 < len(s) <= MAX_SPATIAL_BYTES for s in stored)
    maps = embedder.spatial_vectors(stored)
    assert maps.ndim == 4 and maps.shape[0] == 3 and maps.shape[3] == embedder.info.vector_dim
    assert maps.shape[1] >= 2 and maps.shape[2] >= 2
    assert maps.dtype == np.float32
    np.testing.assert_allclose(lengths(maps), 1, atol=1e-5)
    np.testing.assert_array_equal(embedder.spatial_vectors(stored[1:2])[0], maps[1])


def test_locations_differ_where_the_picture_differs(embedder: Embedder) -> None:
    picture = Image.new("RGB", (224, 224), (250, 250, 250))
    picture.paste(photo(3, (112, 224), (200, 40, 40)), (0, 0))
    grid = embedder.spatial_vectors(embedder.encode_images(embedder.preprocess(picture)[None]).spatial)[0]
    left, right = grid[:, 0].mean(axis=0), grid[:, -1].mean(axis=0)
    plain = embedder.preprocess(Image.new("RGB", (224, 224), (250, 250, 250)))
    flat = embedder.spatial_vectors(embedder.encode_images(plain[None]).spatial)[0]
    assert np.linalg.norm(left - right) > 1.2 * np.linalg.norm(flat[:, 0].mean(axis=0) - flat[:, -1].mean(axis=0))


def test_nothing_in_gives_nothing_out(embedder: Embedder) -> None:
    encoded = embedder.encode_images(inputs_of(embedder)[:0])
    assert encoded.features.shape == (0, embedder.info.feature_dim)
    assert encoded.vectors.shape == (0, embedder.info.vector_dim)
    assert encoded.spatial == []
    texts = embedder.encode_texts([])
    assert texts.shape == (0, embedder.info.vector_dim) and texts.dtype == np.float32
    maps = embedder.spatial_vectors([])
    assert maps.shape[0] == 0 and maps.shape[3] == embedder.info.vector_dim
    some = embedder.spatial_vectors(embedder.encode_images(inputs_of(embedder, 1)).spatial)
    assert maps.shape[1:] == some.shape[1:]


def test_a_stack_of_another_shape_or_type_is_refused(embedder: Embedder) -> None:
    x = inputs_of(embedder, 2)
    for wrong in (x[0], x[:, :, :-1], x.astype(np.float64)):
        with pytest.raises(ValueError, match=r"expected (uint8|float32) \(n, "):
            embedder.encode_images(wrong)
