"""open_clip models through the real loader: a small untrained one, saved to a checkpoint."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support import photo

from analysis.embedders import load_embedder, openclip_load
from analysis.embedders.openclip import OpenClipEmbedder, load_open_clip
from analysis.errors import ModelError

ARCH = "ViT-S-32-alt"
TEXTS = ["a pint of beer", "an apple on a white ground", "a leek"]


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> tuple[Any, Any, Any]:
    """The same weights as open_clip itself loads them: model, evaluation transform, tokenizer."""
    import open_clip

    model, _, transform = open_clip.create_model_and_transforms(ARCH, pretrained=str(checkpoint), device="cpu")
    return model.eval(), transform, open_clip.get_tokenizer(ARCH)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def pictures() -> list[Image.Image]:
    return [photo(1, (320, 200)), photo(2, (64, 512)), photo(3, (224, 224), (200, 60, 40))]


# --- vectors ---------------------------------------------------------------------------------------------------


def test_image_vectors_are_those_of_open_clip(open_clip_small: OpenClipEmbedder, reference: Any) -> None:
    import torch

    model, transform, _ = reference
    with torch.inference_mode():
        expected = model.encode_image(torch.stack([transform(p) for p in pictures()])).numpy()
    encoded = open_clip_small.encode_images(np.stack([open_clip_small.preprocess(p) for p in pictures()]))
    assert cosines(encoded.vectors, expected).min() > 0.9999
    np.testing.assert_array_equal(encoded.features, encoded.vectors)


def test_text_vectors_are_those_of_open_clip(open_clip_small: OpenClipEmbedder, reference: Any) -> None:
    import torch

    model, _, tokenizer = reference
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(TEXTS)).numpy()
    assert cosines(open_clip_small.encode_texts(TEXTS), expected).min() > 0.9999
    assert open_clip_small.vocabulary() is None


def test_preprocessing_is_the_models_own(open_clip_small: OpenClipEmbedder, reference: Any) -> None:
    for picture in pictures():
        made = open_clip_small.preprocess(picture)
        assert made.shape == (3, 224, 224) and made.dtype == np.float32
        np.testing.assert_array_equal(made, reference[1](picture).numpy())


def test_more_pictures_and_texts_than_fit_one_pass_come_back_in_order(
    open_clip_small: OpenClipEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.stack([open_clip_small.preprocess(photo(i)) for i in range(5)])
    whole, texts = open_clip_small.encode_images(x), open_clip_small.encode_texts([*TEXTS, "x", "y"])
    monkeypatch.setattr("analysis.embedders.openclip.BATCH", 2)
    pieces = open_clip_small.encode_images(x)
    np.testing.assert_allclose(pieces.vectors, whole.vectors, atol=1e-5)
    assert len(pieces.spatial) == 5
    np.testing.assert_allclose(open_clip_small.encode_texts([*TEXTS, "x", "y"]), texts, atol=1e-5)


def test_the_stored_map_is_the_towers_map(open_clip_small: OpenClipEmbedder, reference: Any) -> None:
    import torch

    from analysis.embedders.openclip_dense import dense_reader

    x = np.stack([open_clip_small.preprocess(p) for p in pictures()])
    reader = dense_reader(reference[0].visual)
    assert reader is not None
    with torch.inference_mode():
        expected = reader(torch.from_numpy(x))[1].numpy()
    got = open_clip_small.spatial_vectors(open_clip_small.encode_images(x).spatial)
    assert got.shape == expected.shape == (3, 7, 7, 256)
    assert cosines(got, expected).mean() > 0.99 and cosines(got, expected).min() > 0.98


def test_threads_get_what_one_thread_gets(open_clip_small: OpenClipEmbedder) -> None:
    stacks = [np.stack([open_clip_small.preprocess(photo(8 * k + i)) for i in range(4)]) for k in range(4)]
    alone = [open_clip_small.encode_images(x).vectors for x in stacks]
    words = open_clip_small.encode_texts(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        at_once = [pool.submit(open_clip_small.encode_images, x) for x in stacks]
        texts = [pool.submit(open_clip_small.encode_texts, TEXTS) for _ in range(4)]
        for expected, future in zip(alone, at_once, strict=True):
            np.testing.assert_allclose(future.result().vectors, expected, atol=1e-5)
        for future in texts:
            np.testing.assert_allclose(future.result(), words, atol=1e-5)


# --- name and key ----------------------------------------------------------------------------------------------


def test_info_names_the_model_and_its_limits(open_clip_small: OpenClipEmbedder, checkpoint: Path) -> None:
    info = open_clip_small.info
    assert info.name == f"open_clip:{ARCH}/{checkpoint}"
    assert (info.feature_dim, info.vector_dim, info.input_size, info.knows_text) == (256, 256, 224, True)
    assert ARCH in info.title and "small.pt" in info.title and ARCH in info.key
    assert "central square" in info.blind_to
    assert str(checkpoint.parent) not in info.key


def test_the_key_follows_the_weights_not_the_path(
    open_clip_small: OpenClipEmbedder, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    weights = torch.load(checkpoint, weights_only=True)
    path = tmp_path / "model.pt"
    shutil.copy(checkpoint, path)
    monkeypatch.chdir(tmp_path)
    first = load_embedder(f"open_clip:{ARCH}/model.pt")
    assert first.info.key == open_clip_small.info.key  # the same weights elsewhere, by a relative path

    weights["visual.proj"] = weights["visual.proj"] * 1.5
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in weights.items()}}, path)
    monkeypatch.setenv("HOME", str(tmp_path))
    second = load_embedder(f"open_clip:{ARCH}/~/model.pt")  # a training checkpoint, by the home folder
    assert second.info.key != first.info.key


def test_nothing_heavy_is_imported_until_a_model_is_loaded() -> None:
    heavy = ("torch", "open_clip", "timm", "transformers", "huggingface_hub")
    code = f"import sys, analysis.embedders.openclip; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


# --- the whole ingest ------------------------------------------------------------------------------------------


def test_a_folder_is_ingested_with_this_model(open_clip_small: OpenClipEmbedder, tmp_path: Path) -> None:
    from analysis.ingest import ingest
    from analysis.store import Store

    paths = []
    for i in range(12):
        path = tmp_path / f"{i}.jpg"
        photo(i, (160, 120)).save(path, quality=92)
        paths.append(str(path))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    store = Store(tmp_path / "cache")
    done = ingest([*paths, str(tmp_path / "broken.jpg")], open_clip_small, store, threads=3)
    assert (done.computed, done.reused, len(done.reasons)) == (12, 0, 1)
    hashes = [h for h in done.content_hash if h]
    _, vectors = store.vectors(hashes, open_clip_small.info)
    x = np.stack([open_clip_small.preprocess(Image.open(p).convert("RGB")) for p in paths])
    assert cosines(vectors, open_clip_small.encode_images(x).vectors).min() > 0.999
    maps = open_clip_small.spatial_vectors(store.spatial(hashes, open_clip_small.info))
    assert maps.shape == (12, 7, 7, 256)
    again = ingest(paths, open_clip_small, store)
    assert (again.computed, again.reused) == (0, 12)


# --- what a person can get wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("ViT-B32/openai", r"no architecture 'ViT-B32'; close names: ViT-B-32,"),
        ("vit-b-32/openai", r"close names: ViT-B-32,"),
        ("qqqq/openai", r"no architecture 'qqqq': write open_clip:ARCH/PRETRAINED"),
        ("ViT-B-32", r"incomplete: write open_clip:ARCH/PRETRAINED"),
        ("ViT-B-32/", r"incomplete"),
        ("", r"incomplete"),
        ("hf-hub:nobody", r"names no repository"),
        ("hf-hub:../../etc", r"names no repository"),
        ("ViT-B-32/laion3b", r"no published weights 'laion3b'.*openai"),
        (f"{ARCH}//nowhere/model.pt", r"no checkpoint file /nowhere/model.pt"),
        (f"{ARCH}/model.safetensors", r"no checkpoint file /.*model.safetensors"),
        (f"{ARCH}//", r"is a folder"),
    ],
)
def test_a_wrong_name_is_explained_in_one_line(spec: str, says: str, no_network: None) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        load_open_clip(spec)
    assert "\n" not in str(caught.value)


def bad_files() -> dict[str, Any]:
    import torch

    class Runs:
        def __reduce__(self) -> Any:
            return Path.touch, (Path("harm"),)

    return {
        "empty.pt": b"",
        "page.pt": b"<html>not found</html>" * 30,
        "pointer.pt": b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n",
        "bad.safetensors": b"hello world there",
        "bad.npz": b"zzzz",
        "code.pt": {"x": Runs()},
        "none.pt": {},
        "list.pt": [1, 2],
        "tensor.pt": torch.zeros(3),
    }


@pytest.mark.parametrize("name", sorted(bad_files()))
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    content = bad_files()[name]
    if isinstance(content, bytes):
        Path(name).write_bytes(content)
    else:
        torch.save(content, name)
    with pytest.raises(ModelError, match="damaged or holds no weights") as caught:
        load_open_clip(f"{ARCH}/{name}")
    assert name in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("harm").exists()


@pytest.mark.parametrize("how", ["cut", "flipped", "not a number"])
def test_a_damaged_checkpoint_is_refused(how: str, checkpoint: Path, tmp_path: Path, no_network: None) -> None:
    import torch

    path = tmp_path / "model.pt"
    if how == "not a number":
        weights = torch.load(checkpoint, weights_only=True)
        weights["visual.proj"][0, 0] = float("nan")
        torch.save(weights, path)
    else:
        data = bytearray(checkpoint.read_bytes())
        if how == "cut":
            del data[len(data) // 2 :]
        else:
            data[3000::4097] = bytes(b ^ 0xFF for b in data[3000::4097])
        path.write_bytes(data)
    with pytest.raises(ModelError, match="damaged"):
        load_open_clip(f"{ARCH}/{path}", device="cpu")


def test_torchscript_is_named(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "program.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
    with pytest.raises(ModelError, match="TorchScript program, not weights"):
        load_open_clip(f"{ARCH}/{path}")


@pytest.mark.parametrize("arch", ["ViT-S-16-alt", "ViT-M-32-alt", "RN50"])
def test_a_checkpoint_of_another_architecture_is_explained(arch: str, checkpoint: Path, no_network: None) -> None:
    with pytest.raises(ModelError, match=f"does not fit the architecture {arch}") as caught:
        load_open_clip(f"{arch}/{checkpoint}")
    assert "\n" not in str(caught.value)


# --- the hub ---------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, in its online mode; the hub itself is an address nobody listens at."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "hub"


@pytest.mark.parametrize("spec", ["ViT-B-32/laion2b_s34b_b79k", "ViT-B-32/openai", "hf-hub:nobody/nothing"])
def test_a_hub_out_of_reach_is_said_within_seconds_with_the_offline_choice(
    spec: str, hub: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_open_clip(spec)
    assert time.monotonic() - start < 15  # its own client takes 23 to 71
    assert str(caught.value) == (
        f"open_clip:{spec} cannot be downloaded (no connection to the model hub): use the bundled model "
        "(--model bundled), or a checkpoint file you have: open_clip:ARCH/path/to/file.pt"
    )
    printed = "".join(capfd.readouterr())
    assert "Failed" not in printed and "Traceback" not in printed


def test_a_tokenizer_out_of_reach_is_said_too(hub: Path, checkpoint: Path) -> None:
    with pytest.raises(ModelError, match=r"part of ViT-B-16-SigLIP that reads words cannot be downloaded"):
        load_open_clip(f"ViT-B-16-SigLIP/{checkpoint}")


def test_a_hub_switched_off_is_not_asked(hub: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"switched off by HF_HUB_OFFLINE\): use the bundled model"):
        load_open_clip("ViT-B-32/openai")
    assert constants.HF_HUB_OFFLINE is True


def test_a_hub_that_never_answers_does_not_hold_anybody_up(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(openclip_load, "HUB_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ModelError, match="no connection to the model hub"):
            load_open_clip("ViT-B-32/openai")
    assert constants.HF_HUB_OFFLINE is False


@pytest.fixture
def refusing_hub(hub: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that is reached and has nothing; gives the list of what it was asked for."""
    from huggingface_hub import constants

    asked: list[str] = []

    class Refuses(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()

        do_GET = do_HEAD  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE  # made of the address when the client was imported
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + template[template.index("/{repo_id}") :])
    yield asked
    server.shutdown()
    server.server_close()


def test_a_model_the_hub_does_not_have_is_said_to_be_so(refusing_hub: list[str]) -> None:
    with pytest.raises(
        ModelError, match=r"cannot be downloaded \(the model hub says: .*use the bundled model"
    ) as caught:
        load_open_clip("hf-hub:nobody/nothing")
    assert "\n" not in str(caught.value)
    assert any("nobody/nothing" in path for path in refusing_hub)


def cached(hub: Path, files: dict[str, Path | dict[str, Any]]) -> None:
    """Put files of the repository house/tiny into the cache as the hub's client does."""
    repository, commit = hub / "models--house--tiny", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    for name, content in files.items():
        if isinstance(content, Path):
            (folder / name).symlink_to(content)
        else:
            (folder / name).write_text(json.dumps(content))


def test_a_published_tag_in_the_cache_needs_no_network_and_keeps_its_preprocessing_and_activation(
    hub: Path, checkpoint: Path, open_clip_small: OpenClipEmbedder, monkeypatch: pytest.MonkeyPatch, no_network: None
) -> None:
    import open_clip
    import open_clip.pretrained as published

    tag = {"hf_hub": "house/tiny/", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "resize_mode": "squash"}
    monkeypatch.setitem(published._PRETRAINED, ARCH, {"house": {**tag, "quick_gelu": True}})
    cached(hub, {"open_clip_pytorch_model.bin": checkpoint})
    embedder = load_open_clip(f"{ARCH}/house", device="cpu")
    assert "house" in embedder.info.key and "house" in embedder.info.title
    assert "central square" not in embedder.info.blind_to  # this one squeezes
    white = embedder.preprocess(Image.new("RGB", (50, 20), (255, 255, 255)))
    np.testing.assert_allclose(white, 1.0, atol=1e-6)
    x = white[None]
    assert cosines(embedder.encode_images(x).vectors, open_clip_small.encode_images(x).vectors).max() < 0.99999

    # a file of an architecture whose published weights agree is preprocessed like them
    from_file = load_open_clip(f"{ARCH}/{checkpoint}", device="cpu")
    np.testing.assert_allclose(from_file.preprocess(Image.new("RGB", (50, 20), (255, 255, 255))), 1.0, atol=1e-6)
    assert from_file.info.key not in (embedder.info.key, open_clip_small.info.key)
    assert open_clip.get_pretrained_cfg(ARCH, "house")["resize_mode"] == "squash"


def test_a_repository_in_the_cache_needs_no_network(
    hub: Path, checkpoint: Path, open_clip_small: OpenClipEmbedder, no_network: None
) -> None:
    import open_clip

    config = {"model_cfg": open_clip.get_model_config(ARCH), "preprocess_cfg": {}}
    cached(hub, {"open_clip_pytorch_model.bin": checkpoint, "open_clip_config.json": config})
    embedder = load_open_clip("hf-hub:house/tiny", device="cpu")
    x = np.stack([open_clip_small.preprocess(p) for p in pictures()])
    assert cosines(embedder.encode_images(x).vectors, open_clip_small.encode_images(x).vectors).min() > 0.9999
    np.testing.assert_allclose(embedder.encode_texts(TEXTS), open_clip_small.encode_texts(TEXTS), atol=1e-5)
    assert embedder.info.name == "open_clip:hf-hub:house/tiny" and "house_tiny" in embedder.info.key


def test_a_repository_without_weights_in_the_cache_counts_as_missing(hub: Path) -> None:
    import open_clip

    cached(hub, {"open_clip_config.json": {"model_cfg": open_clip.get_model_config(ARCH)}})
    with pytest.raises(ModelError, match="cannot be downloaded"):
        load_open_clip("hf-hub:house/tiny")
