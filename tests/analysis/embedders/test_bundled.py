"""The bundled model: pinned, offline, alone on ONNX Runtime, and good for something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import photo

from analysis.embedders import bundled as module
from analysis.embedders import bundled_export, load_embedder, loading_note
from analysis.embedders.base import MAX_SPATIAL_BYTES
from analysis.embedders.bundled import BundledEmbedder, is_complete, pack_locations, unpack_locations
from analysis.errors import ModelError

REPOSITORY = Path(__file__).resolve().parents[3]
FORBID_SOCKETS = """
import socket, sys
def refuse(*a, **k): raise AssertionError("a socket was opened")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.create_connection = socket.getaddrinfo = refuse
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False
    )


def test_opening_a_dataset_uses_no_network_and_neither_torch_nor_open_clip(
    bundled: BundledEmbedder, small_folder: Path, tmp_path: Path
) -> None:
    done = run(
        FORBID_SOCKETS
        + f"""
from pathlib import Path
from analysis.embedders import load_embedder
from analysis.opening import open_dataset
from analysis.sources import Source
from analysis.store import Store
embedder = load_embedder()
opened = open_dataset(Source(Path({str(small_folder)!r})), store=Store(Path({str(tmp_path)!r})), embedder=embedder)
assert len(opened.dataset) == 15, len(opened.dataset)
embedder.encode_texts(["an apple"])
heavy = {{"torch", "open_clip", "transformers", "timm", "sentence_transformers"}} & set(sys.modules)
assert not heavy, heavy
print("quiet")
"""
    )
    assert done.returncode == 0, done.stderr
    assert "quiet" in done.stdout


def test_the_export_itself_uses_no_network(tmp_path: Path) -> None:
    export = f"from analysis.embedders.bundled_export import main\nsys.exit(main([{str(tmp_path / 'm')!r}]))"
    done = run(FORBID_SOCKETS + export)
    assert done.returncode == 0, done.stderr
    assert is_complete(tmp_path / "m")


def test_weights_other_than_the_pinned_ones_are_refused() -> None:
    package, relative, _ = bundled_export.IMAGE_WEIGHTS
    with pytest.raises(ModelError, match="not the pinned one"):
        bundled_export.verified_file(package, relative, "0" * 64)


def test_a_missing_weights_package_says_what_to_do() -> None:
    with pytest.raises(ModelError, match="make setup"):
        bundled_export.verified_file("no_such_package_here", "x", "0")


def test_a_damaged_export_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"sizes": {"image.onnx": 10}}))
    (tmp_path / "image.onnx").write_bytes(b"short")
    assert not is_complete(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    assert not is_complete(tmp_path)


def test_an_unknown_model_name_says_which_there_are() -> None:
    with pytest.raises(ModelError, match=r"bundled.*open_clip"):
        load_embedder("resnet")


def test_the_exported_model_equals_the_eager_one(bundled: BundledEmbedder) -> None:
    import torch

    inputs = np.stack([bundled.preprocess(photo(i, size=(300, 200))) for i in range(4)])
    net = bundled_export.load_torch_model()
    with torch.inference_mode():
        tensor = (torch.from_numpy(inputs).permute(0, 3, 1, 2).float() - 127.0) / 128.0
        eager = net(tensor).numpy()
    np.testing.assert_allclose(bundled.class_logits(inputs), eager, atol=2e-3)


def test_an_image_lies_near_its_own_class_name_in_the_text_space(bundled: BundledEmbedder) -> None:
    """A strong logit for one class gives that class's text vector."""
    for index in (100, 441, 954):
        logits = np.zeros((1, 1000), dtype=np.float32)
        logits[0, index] = 30.0
        scores = bundled._conse(logits) @ bundled.encode_texts(list(bundled.class_names)).T
        assert int(scores.argmax()) == index


def test_packed_locations_fit_and_return_almost_unchanged(bundled: BundledEmbedder) -> None:
    rng = np.random.default_rng(0)
    locations = rng.normal(0, 3, size=(7, 7, 320)).astype(np.float32)
    packed = pack_locations(locations)
    assert len(packed) <= MAX_SPATIAL_BYTES
    assert np.abs(unpack_locations(packed) - locations).max() < np.abs(locations).max() / 120


def test_spatial_vectors_agree_with_the_unreduced_map(bundled: BundledEmbedder) -> None:
    """Against the map computed in full from the eager network, per location."""
    import torch

    inputs = np.stack([bundled.preprocess(photo(i, size=(300, 200))) for i in range(3)])
    net = bundled_export.load_torch_model()
    with torch.inference_mode():
        tensor = (torch.from_numpy(inputs).permute(0, 3, 1, 2).float() - 127.0) / 128.0
        maps = net.forward_features(tensor).permute(0, 2, 3, 1)
        logits = (maps @ net.classifier.weight.T + net.classifier.bias).numpy()
    exact = bundled._conse(logits.reshape(-1, 1000)).reshape(3, 7, 7, -1)
    stored = bundled.spatial_vectors(bundled.encode_images(inputs).spatial)
    assert (exact * stored).sum(axis=-1).mean() > 0.995


def test_wrong_inputs_are_named(bundled: BundledEmbedder) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        bundled.encode_images(np.zeros((1, 10, 10, 3), np.uint8))


def test_two_processes_may_export_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds the first's files and keeps them."""
    target = tmp_path / "model"

    def fake(weights: Path, path: Path) -> dict[str, np.ndarray]:
        path.write_bytes(b"x")
        if not target.exists():
            target.mkdir()
            (target / "manifest.json").write_text("first")
        return {}

    monkeypatch.setattr(bundled_export, "_export_image", fake)
    monkeypatch.setattr(bundled_export, "_export_text", lambda weights, folder: None)
    monkeypatch.setattr(bundled_export, "_class_vectors", lambda folder: (np.zeros(1), np.zeros(1)))
    bundled_export.export(target)
    assert (target / "manifest.json").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("model")] == ["model"]


def test_the_key_is_fixed_so_that_stored_vectors_are_found_again() -> None:
    assert module.INFO.key == module.KEY and module.INFO.name == "bundled"


def test_an_export_in_the_users_cache_serves_every_other_cache(
    bundled: BundledEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_CACHE", str(Path(os.environ["EXPLORER_MODELS"]).parent))
    monkeypatch.delenv("EXPLORER_MODELS")
    assert loading_note("bundled", tmp_path) == "Loading the model"
    load_embedder("bundled", tmp_path)
    assert not (tmp_path / "models").exists()
    monkeypatch.setenv("EXPLORER_CACHE", str(tmp_path / "empty"))
    assert "only this once" in loading_note("bundled", tmp_path)
