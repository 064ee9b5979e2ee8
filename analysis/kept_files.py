"""Small files the product keeps for itself: written whole or not at all, set aside when damaged."""

from __future__ import annotations

import os
import re
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final

from analysis.errors import StoreError
from analysis.readers.listing import shown

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.=@+-]{1,80}")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part.

    Raises:
        StoreError: it cannot be written.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise StoreError(f"{shown(path)} cannot be written: {error.strerror}.") from error


def set_aside(path: Path) -> Path:
    """Rename a damaged file to `name.damaged` (then `.damaged-2`, …), so that nothing is lost; its new path.

    Raises:
        StoreError: it cannot be renamed.
    """
    number = 1
    aside = path.with_name(f"{path.name}.damaged")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        raise StoreError(f"{shown(path)} is damaged and cannot be renamed: {error.strerror}.") from error
    return aside


def folder_name(text: str) -> str:
    """A name a folder can have anywhere: the text itself where it is plain, else a digest of it."""
    if _PLAIN.fullmatch(text) and not text.startswith("."):
        return text
    return "x-" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
