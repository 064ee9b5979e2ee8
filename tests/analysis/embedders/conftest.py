"""A small open_clip model with random weights, saved as a checkpoint and loaded through the real loader."""

from __future__ import annotations

from pathlib import Path

import pytest

ARCH = "ViT-S-32-alt"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded, untrained model's weights."""
    import open_clip
    import torch

    torch.set_num_threads(1)  # steadier where tests run side by side
    path = tmp_path_factory.mktemp("open_clip") / "small.pt"
    torch.manual_seed(7)
    torch.save(open_clip.create_model(ARCH, device="cpu").state_dict(), path)
    return path


@pytest.fixture(scope="session")
def open_clip_small(checkpoint: Path):  # type: ignore[no-untyped-def]
    """That model as an Embedder, on the CPU."""
    from analysis.embedders.openclip import load_open_clip

    return load_open_clip(f"{ARCH}/{checkpoint}", device="cpu")
