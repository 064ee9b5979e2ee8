"""What every reader returns, and the fence that keeps files outside the allowed folders out."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from analysis.dataset import REAL_WORLD_PREFIX, Unreadable

OUTSIDE: Final = "lies outside the allowed folders"
BAD_NAME: Final = "has a name that is not valid text; rename the file"
RESERVED_NAME: Final = f"has a name that begins with “{REAL_WORLD_PREFIX}”, which is reserved; rename it"


class Box(NamedTuple):
    """A box in shares of the picture, or in pixels (a number above 1); `concept` is "" where it names none."""

    concept: str
    x: float
    y: float
    width: float
    height: float


class Entry(NamedTuple):
    """One image. `path` is absolute; `concepts` and `not_concepts` are disjoint and free of repeats.

    `metadata` values are None, bool, int, float or str. `predictions` are pairs of a concept and a
    confidence (nan where none was given).
    """

    image_id: str
    path: str
    origin: str
    split: str | None
    concepts: tuple[str, ...] = ()
    not_concepts: tuple[str, ...] = ()
    metadata: Mapping[str, object] = {}
    boxes: tuple[Box, ...] = ()
    predictions: tuple[tuple[str, float], ...] = ()


@dataclass(slots=True)
class Listing:
    """Everything one reader found; the `image_id`s are unique and resolve against `root`."""

    root: Path
    images: list[Entry] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    ignored: int = 0


class Fence:
    """Whether a file lies inside the allowed folders once every link is followed. None allows everything."""

    def __init__(self, roots: Sequence[Path] | None) -> None:
        self._roots = None if roots is None else tuple(os.path.realpath(r) for r in roots)
        self._folders: dict[str, str] = {}

    def allows(self, path: str) -> bool:
        """Whether `path` (absolute, need not exist) resolves to a place inside one of the folders."""
        if self._roots is None:
            return True
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        real = os.path.join(self._folders[folder], name)
        if name in ("", ".", "..") or os.path.islink(real):
            real = os.path.realpath(real)
        return any(is_inside(real, root) for root in self._roots)


def is_inside(path: str | Path, folder: str | Path) -> bool:
    """Whether resolved `path` is the resolved `folder` or lies below it (text comparison, no disk access)."""
    inner, outer = os.path.normcase(path), os.path.normcase(folder)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def file_problem(path: str) -> str | None:
    """Why `path` is not a file that can be read, as the end of a sentence; None when it is one."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "leads to a file that is not there" if os.path.islink(path) else "is not there"
    except PermissionError:
        return "may not be read by this user"
    except OSError as error:
        return f"cannot be reached ({error.strerror or 'unknown reason'})"
    except ValueError:  # an embedded NUL
        return BAD_NAME
    if stat.S_ISDIR(mode):
        return "is a folder, not a picture"
    return None if stat.S_ISREG(mode) else "is not an ordinary file"


def is_text(name: str) -> bool:
    """Whether a file name (on disk it may be any bytes) is Unicode that a report can hold."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def shown(text: object, limit: int = 160) -> str:
    """Text for a one-line message: printable, valid Unicode, no line breaks, long text cut in the middle."""
    clean = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in clean)
    return clean if len(clean) <= limit else f"{clean[: limit // 2]}…{clean[-limit // 2 :]}"
