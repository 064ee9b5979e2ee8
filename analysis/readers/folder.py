"""Folders of images: the folder an image lies in names its concept.

`Fruit/Apple/a.jpg` shows `Fruit/Apple`. Top-level folders named exactly train, val, valid or test are
splits. Hidden files and folders and `__MACOSX` are passed over. Links are followed, loops are not. No
image is decoded. Concepts are composed (`analysis.names`); ids and paths stay as they are on disk.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, UnidentifiedImageError

from analysis.dataset import REAL_WORLD, REAL_WORLD_PREFIX, SPLITS, TRAINING, Unreadable, ancestors
from analysis.errors import InputError
from analysis.names import composed
from analysis.progress import Progress, no_progress
from analysis.readers.listing import (
    BAD_NAME,
    OUTSIDE,
    RESERVED_NAME,
    Entry,
    Fence,
    Listing,
    file_problem,
    is_text,
    shown,
)

# Still pictures people keep. What the Pillow at hand cannot open (heic without its plug-in) is found
# here all the same, so that it is reported as unreadable instead of passed over in silence.
IMAGE_SUFFIXES: Final = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp"),
        *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf"),
        *(".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga", ".ico", ".icns", ".pcx", ".sgi"),
        *(".dds", ".psd", ".qoi"),
    )
)
# Formats with a signature strong enough to trust without an extension (a TGA has none).
SIGNED_FORMATS: Final = (
    *("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"),
    *("JPEG2000", "PPM", "PSD", "QOI", "DDS", "ICO"),
)
FOLDER_COLUMN: Final = "folder"
_JUNK_FOLDERS: Final = frozenset({"__MACOSX"})


class _Visit(NamedTuple):
    path: str
    parts: tuple[str, ...]  # below the root
    chain: frozenset[tuple[int, int]]  # device and inode of this folder and all above it in the walk
    linked: bool  # reached through a link


def read_folder(
    root: Path,
    *,
    origin: str = TRAINING,
    known: Collection[str] | None = None,
    prefix: str = "",
    fence: Fence | None = None,
    progress: Progress = no_progress,
) -> Listing:
    """List the images below `root`, sorted by `image_id`.

    Args:
        root: an existing folder, resolved.
        origin: `training` or `real_world`, given to every image.
        known: concepts that count as labels, with their implied parents; folders that name none of them
            become the metadata column `folder`. None: every folder names a concept.
        prefix: put before every `image_id`.
        fence: links that lead outside it make the file (or folder) unreadable.
        progress: called once a folder with the number of images so far; the total is not known (0).

    Raises:
        InputError: `root` itself cannot be listed.
    """
    walk = Walk(str(root), fence or Fence(None), progress)
    walk.run()
    labels = None if known is None else KnownConcepts(known)
    listing = Listing(root, ignored=walk.ignored)
    no_rest: tuple[str, ...] = ()
    for parts, name, path in walk.images:
        split, folders = split_of(tuple(map(composed, parts)))
        image_id = "/".join((*parts, name))
        if reason := _name_problem(image_id, prefix):
            listing.unreadable.append(Unreadable(prefix + shown(image_id, 4096), reason))
            continue
        if labels is None:
            concept, rest = "/".join(folders), no_rest
        else:
            concept, rest = labels.match(folders)
        metadata: dict[str, object] = {FOLDER_COLUMN: "/".join(rest)} if rest else {}
        concepts = (concept,) if concept else ()
        listing.images.append(Entry(prefix + image_id, path, origin, split, concepts, (), metadata))
    listing.images.sort(key=lambda e: e.image_id)
    listing.unreadable += [Unreadable(prefix + shown(i, 4096), reason) for i, reason in walk.problems]
    listing.unreadable.sort(key=lambda u: u.image_id)
    return listing


def split_of(parts: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The split a top-level folder names, and the folders left: `(train, Apple)` -> `train`, `(Apple,)`."""
    if parts and parts[0] in SPLITS:
        return parts[0], parts[1:]
    return None, parts


def is_image(path: str, name: str) -> bool:
    """Whether a file is an image by its extension or, having none, by its first bytes."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix in IMAGE_SUFFIXES if suffix.strip(".") else _has_image_signature(path)


def _has_image_signature(path: str) -> bool:
    try:
        with Image.open(path, formats=SIGNED_FORMATS):  # reads the header only
            return True
    except Image.DecompressionBombError:
        return True  # an image, if one that will be refused when it is opened
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, OverflowError, EOFError, struct.error):
        return False


def _name_problem(image_id: str, prefix: str) -> str | None:
    if not is_text(image_id):
        return BAD_NAME
    if not prefix and image_id.startswith(REAL_WORLD_PREFIX):
        return RESERVED_NAME
    return None


class KnownConcepts:
    """Which part of a folder path names a known concept: its whole path, or else its last name if no other has it.

    An implied parent counts only as the deepest folder: `Fruit/Fuji` must not become a picture of "fruit"
    because training knows other fruit, but `Fruit` alone says just that.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._explicit = frozenset(map(composed, known))
        self._known = self._explicit.union(*map(ancestors, self._explicit))
        last = {c: c.rsplit("/", 1)[-1] for c in self._explicit}
        shared = Counter(last.values())
        self._by_last_name = {name: concept for concept, name in last.items() if shared[name] == 1}
        self._longest = max((c.count("/") + 1 for c in self._known), default=0)
        self._cache: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}

    def match(self, parts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """The concept ("" for none) and the folders that name nothing: the longest run, then the deepest."""
        if parts not in self._cache:
            self._cache[parts] = self._find(parts)
        return self._cache[parts]

    def _find(self, parts: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        for length in range(min(len(parts), self._longest), 0, -1):
            for start in range(len(parts) - length, -1, -1):
                run = "/".join(parts[start : start + length])
                deepest = start + length == len(parts)
                if run in self._explicit or (deepest and run in self._known):
                    return run, parts[:start] + parts[start + length :]
        for at in range(len(parts) - 1, -1, -1):
            if parts[at] in self._by_last_name:
                return self._by_last_name[parts[at]], parts[:at] + parts[at + 1 :]
        return "", parts


class Walk:
    """One pass over a folder tree: every image, every problem, and how many files are neither."""

    def __init__(self, root: str, fence: Fence, progress: Progress) -> None:
        self.images: list[tuple[tuple[str, ...], str, str]] = []  # folders, name, path
        self.problems: list[tuple[str, str]] = []  # relative path, reason
        self.ignored = 0
        self._root = root
        self._fence = fence
        self._progress = progress
        self._linked: set[tuple[int, int]] = set()  # folders entered through a link

    def run(self) -> None:
        """Look through the tree. Raises `InputError` where its root cannot be listed."""
        stack = [_Visit(self._root, (), frozenset({_identity(self._root)}), False)]
        while stack:
            visit = stack.pop()
            try:
                with os.scandir(visit.path) as found:
                    entries = sorted(found, key=lambda e: e.name)
            except OSError as error:
                if not visit.parts:
                    raise InputError(f"{shown(visit.path)} cannot be listed: {error.strerror}.") from error
                self.problems.append(("/".join(visit.parts), f"is a folder that cannot be listed ({error.strerror})"))
                continue
            below = [inner for entry in entries if (inner := self._look_at(entry, visit))]
            stack += reversed(below)
            self._progress(len(self.images), 0, "Looking through the folders")

    def _look_at(self, entry: os.DirEntry[str], visit: _Visit) -> _Visit | None:
        """Note a file; return a folder that is to be entered."""
        name, relative = entry.name, "/".join((*visit.parts, entry.name))
        try:
            is_folder, is_link = entry.is_dir(), entry.is_symlink()
            if is_folder:
                return self._enter(entry, visit, is_link)
        except OSError as error:
            self.problems.append((relative, f"cannot be reached ({error.strerror})"))
            return None
        if name.startswith("."):
            self.ignored += 1
            return None
        known_suffix = os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
        if is_link and not self._fence.allows(entry.path):
            # Not opened, so one without an extension may be no image at all: only a plain one is reported.
            self._note(relative, OUTSIDE if known_suffix else None)
        elif problem := file_problem(entry.path):
            self._note(relative, problem if known_suffix else None)
        elif is_image(entry.path, name):
            self.images.append((visit.parts, name, entry.path))
        else:
            self.ignored += 1
        return None

    def _note(self, relative: str, problem: str | None) -> None:
        if problem is None:
            self.ignored += 1
        else:
            self.problems.append((relative, problem))

    def _enter(self, entry: os.DirEntry[str], visit: _Visit, is_link: bool) -> _Visit | None:
        if entry.name.startswith(".") or entry.name in _JUNK_FOLDERS:
            return None
        parts = (*visit.parts, entry.name)
        if is_link and not self._fence.allows(entry.path):
            self.problems.append(("/".join(parts), OUTSIDE))
            return None
        here = _identity(entry.path)
        if here in visit.chain:
            return None  # a loop
        if is_link:
            # Links inside linked folders can multiply without end although no path loops: each leads once.
            if visit.linked and here in self._linked:
                return None
            self._linked.add(here)
        return _Visit(entry.path, parts, visit.chain | {here}, visit.linked or is_link)


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def training_concepts(listing: Listing) -> frozenset[str]:
    """Concepts that the training images of a listing show."""
    return frozenset(c for e in listing.images if e.origin != REAL_WORLD for c in e.concepts)
