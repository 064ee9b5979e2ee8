"""Where the explorer keeps what it computes."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "EXPLORER_CACHE"
MODELS_VARIABLE = "EXPLORER_MODELS"


def cache_dir() -> Path:
    """Folder for the store and exported models: `$EXPLORER_CACHE`, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("training-data-explorer", appauthor=False)


def models_dir(cache: Path | None = None) -> Path:
    """Folder for exported models: `$EXPLORER_MODELS`, else `models` in the cache folder."""
    chosen = os.environ.get(MODELS_VARIABLE)
    return Path(chosen).expanduser() if chosen else (cache or cache_dir()) / "models"
