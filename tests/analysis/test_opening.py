"""Opening puts images, labels, attributes and vectors in one place, aligned."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import photo

from analysis.attributes import ATTRIBUTES
from analysis.embedders.base import Embedder
from analysis.errors import Cancelled, InputError
from analysis.opening import OpenDataset, open_dataset
from analysis.sources import Source
from analysis.store import Store


@pytest.fixture
def opened(small_folder: Path, bundled: Embedder, tmp_path: Path) -> OpenDataset:
    (small_folder / "Leek" / "broken.jpg").write_bytes(b"broken")
    (small_folder / "Fruit" / "Apple" / "empty.png").write_bytes(b"")
    (small_folder / "notes.txt").write_text("not a picture")
    real = tmp_path / "real"
    (real / "Leek").mkdir(parents=True)
    photo(500).save(real / "Leek" / "shop.jpg")
    return open_dataset(Source(small_folder, real), store=Store(tmp_path / "store"), embedder=bundled)


def test_rows_labels_attributes_and_vectors_are_aligned(opened: OpenDataset, bundled: Embedder) -> None:
    dataset = opened.dataset
    assert len(dataset) == len(opened.features) == 16
    for row, (path, concepts) in enumerate(zip(dataset.images["path"], dataset.concepts_by_row, strict=True)):
        assert concepts == (Path(path).parent.relative_to(Path(path).parents[len(concepts[0].split("/"))]).as_posix(),)
        with Image.open(path) as image:
            assert image.size == (dataset.images["width"][row], dataset.images["height"][row])
            alone = bundled.encode_images(bundled.preprocess(image.convert("RGB"))[None]).features[0]
        assert float(alone @ opened.features.image[row]) > 0.999
    assert set(ATTRIBUTES) <= set(dataset.images.columns)


def test_unreadable_files_are_listed_and_not_among_the_images(opened: OpenDataset) -> None:
    listed = {u.image_id: u.reason for u in opened.dataset.unreadable}
    assert set(listed) == {"Leek/broken.jpg", "Fruit/Apple/empty.png"}
    assert "empty" in listed["Fruit/Apple/empty.png"]
    assert not set(listed) & set(opened.dataset.images["image_id"])
    assert opened.dataset.ignored == 1


def test_the_real_world_is_marked_and_labelled(opened: OpenDataset) -> None:
    images = opened.dataset.images
    real = images[images["origin"] == "real_world"]
    assert real["image_id"].tolist() == ["real_world:Leek/shop.jpg"]
    assert opened.dataset.concepts_of(int(real.index[0])) == ("Leek",)


def test_the_fingerprint_changes_with_content_and_with_labels(
    small_folder: Path, bundled: Embedder, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")

    def fingerprint() -> str:
        return open_dataset(Source(small_folder), store=store, embedder=bundled).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    photo(777).save(small_folder / "Leek" / "0.jpg")
    changed = fingerprint()
    os.rename(small_folder / "Leek", small_folder / "Onion")
    assert len({first, changed, fingerprint()}) == 3


def test_a_folder_without_readable_images_opens_empty(tmp_path: Path, bundled: Embedder) -> None:
    (tmp_path / "d" / "a").mkdir(parents=True)
    (tmp_path / "d" / "a" / "x.jpg").write_bytes(b"")
    opened = open_dataset(Source(tmp_path / "d"), store=Store(tmp_path / "s"), embedder=bundled)
    assert len(opened.dataset) == 0 and len(opened.dataset.unreadable) == 1
    assert opened.features.image.shape == (0, 1280)


def test_thumbnails_and_full_pictures_are_upright_jpegs(opened: OpenDataset) -> None:
    small = [Image.open(io.BytesIO(x)) for x in opened.thumbnails([3, 0])]
    assert [x.format for x in small] == ["JPEG", "JPEG"]
    assert Image.open(io.BytesIO(opened.full_picture(0))).size == (96, 72)


def test_a_picture_that_vanished_gives_a_sentence(opened: OpenDataset) -> None:
    os.remove(opened.dataset.images["path"][0])
    with pytest.raises(InputError, match="open the dataset again"):
        opened.full_picture(0)


def test_features_cannot_be_written_to(opened: OpenDataset) -> None:
    with pytest.raises(ValueError, match="read-only"):
        opened.features.image[0, 0] = 1.0


def test_cancelled_opening_goes_on_where_it_stopped(small_folder: Path, bundled: Embedder, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    def cancel(done: int, total: int, note: str = "") -> None:
        if total and done >= 8:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_dataset(Source(small_folder), store=store, embedder=bundled, progress=cancel)
    again = open_dataset(Source(small_folder), store=store, embedder=bundled)
    assert again.reused >= 8 and again.reused + again.computed == 15
    assert np.isfinite(again.features.image).all()
