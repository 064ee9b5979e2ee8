"""Image and text models. `load_embedder` is the one way to get one."""

from __future__ import annotations

from pathlib import Path

from analysis.embedders.base import Embedder
from analysis.errors import ModelError
from analysis.paths import models_dir

BUNDLED = "bundled"
OPEN_CLIP_PREFIX = "open_clip:"


def load_embedder(name: str = BUNDLED, cache: Path | None = None) -> Embedder:
    """The model called `name`: `bundled`, or `open_clip:ARCH/PRETRAINED`.

    Raises:
        ModelError: unknown name, or the model cannot be loaded; one sentence saying what to do.
    """
    if name == BUNDLED:
        from analysis.embedders.bundled import load_bundled

        return load_bundled(_bundled_home(cache))
    if name.startswith(OPEN_CLIP_PREFIX):
        from analysis.embedders.openclip import load_open_clip

        return load_open_clip(name.removeprefix(OPEN_CLIP_PREFIX))
    raise ModelError(f"Unknown model {name!r}: use `bundled` or `open_clip:ARCH/PRETRAINED`.")


def loading_note(name: str, cache: Path | None = None) -> str:
    """What `load_embedder` is about to do, for a person who waits."""
    if name == BUNDLED:
        from analysis.embedders.bundled import KEY, is_complete

        if not is_complete(_bundled_home(cache) / KEY):
            return "Preparing the bundled model (only this once, about half a minute)"
    return "Loading the model"


def _bundled_home(cache: Path | None) -> Path:
    """Where the exported model is, or should go: an export in the user's own cache serves any cache."""
    from analysis.embedders.bundled import KEY, is_complete

    own, shared = models_dir(cache), models_dir()
    return shared if is_complete(shared / KEY) and not is_complete(own / KEY) else own
