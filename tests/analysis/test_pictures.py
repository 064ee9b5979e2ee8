"""Pictures read again give the vectors that the ingest gave, and a file that is gone stops nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.embedders.base import Embedder
from analysis.opening import OpenDataset, open_dataset
from analysis.registry import CHECKS
from analysis.sources import Source
from analysis.store import Store
from analysis.taxonomy import Entry


def opened(small_folder: Path, cache: Path, embedder: Embedder, *taxonomy: Entry) -> OpenDataset:
    return open_dataset(Source(small_folder), store=Store(cache), embedder=embedder, taxonomy=taxonomy)


def test_an_unaltered_picture_gets_its_own_vector_again(tmp_path: Path, small_folder: Path, bundled: Embedder) -> None:
    data = opened(small_folder, tmp_path, bundled)
    pictures = data.features.pictures
    assert pictures is not None
    rows = np.arange(len(data.dataset))[::-1]
    originals = [p for p in pictures.originals(rows) if p is not None]
    assert len(originals) == len(rows)
    again = pictures.encode_pictures(originals)
    np.testing.assert_allclose(again.features, data.features.image[rows], atol=5e-4)  # the store keeps half precision
    np.testing.assert_allclose(again.vectors, data.features.joint[rows], atol=5e-4)  # the store keeps half precision
    assert len(again.spatial) == len(rows)
    darker = pictures.encode_pictures([(p * 0.2).astype(np.uint8) for p in originals])
    assert (np.abs(darker.features - again.features).max(axis=1) > 1e-3).all()


def test_a_file_that_is_gone_is_none_and_no_pictures_are_no_vectors(
    tmp_path: Path, small_folder: Path, bundled: Embedder
) -> None:
    pictures = opened(small_folder, tmp_path, bundled).features.pictures
    assert pictures is not None
    lost = replace(pictures, paths=[str(tmp_path / "gone.jpg"), *pictures.paths[1:]])  # type: ignore[type-var]
    first, second = lost.originals([0, 1])
    assert first is None and second is not None
    assert pictures.encode_pictures([]).features.shape == (0, bundled.info.feature_dim)


def test_another_taxonomy_is_known_but_moves_no_map(tmp_path: Path, small_folder: Path, bundled: Embedder) -> None:
    plain = opened(small_folder, tmp_path, bundled).dataset
    described = opened(small_folder, tmp_path, bundled, Entry("red", "a red thing")).dataset
    assert described.taxonomy == (Entry("red", "a red thing"),)
    assert described.select(np.arange(1)).taxonomy == described.taxonomy
    assert plain.fingerprint == described.fingerprint
    assert plain.taxonomy_fingerprint == "" != described.taxonomy_fingerprint


def test_only_a_check_that_reads_the_taxonomy_becomes_stale_with_it(
    tmp_path: Path, small_folder: Path, bundled: Embedder
) -> None:
    plain = opened(small_folder, tmp_path, bundled).dataset
    described = replace(plain, taxonomy=(Entry("red", "a red thing"),))
    deaf = CHECKS[0]
    reading = replace(deaf, reads_taxonomy=True)
    assert deaf.read_from(plain) == deaf.read_from(described) == reading.read_from(plain)
    assert reading.read_from(described) != reading.read_from(replace(described, taxonomy=(Entry("red", "redder"),)))
