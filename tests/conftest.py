"""Shared fixtures: tiny real pictures, a store of one's own, the bundled model exported once for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from support import photo

REPOSITORY = Path(__file__).resolve().parents[1]
os.environ.setdefault("EXPLORER_MODELS", str(REPOSITORY / ".cache" / "models"))
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No test reads or writes the user's own cache."""
    cache = tmp_path / "explorer-cache"
    monkeypatch.setenv("EXPLORER_CACHE", str(cache))
    yield cache


@pytest.fixture(scope="session")
def bundled():  # type: ignore[no-untyped-def]
    """The real bundled model."""
    from analysis.embedders import load_embedder

    return load_embedder("bundled")


@pytest.fixture(scope="session")
def make_photo() -> Callable[..., Image.Image]:
    """`make_photo(seed, size=(96, 72), tint=(r, g, b)) -> Image`."""
    return photo


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    """A folder of folders: 3 concepts with 6, 6 and 3 pictures."""
    root = tmp_path / "pictures"
    for number, (concept, count) in enumerate({"Fruit/Apple": 6, "Fruit/Pear": 6, "Leek": 3}.items()):
        folder = root / concept
        folder.mkdir(parents=True)
        for i in range(count):
            photo(100 * number + i, tint=[(170, 60, 60), (150, 170, 60), (60, 140, 90)][number]).save(
                folder / f"{i}.jpg", quality=90
            )
    return root
