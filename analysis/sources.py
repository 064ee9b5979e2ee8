"""Where a dataset comes from: its paths, the folders the app may read, and reading it into a `Dataset`."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from analysis.dataset import (
    BOX_COLUMNS,
    PREDICTION_COLUMNS,
    REAL_WORLD,
    REAL_WORLD_PREFIX,
    TRAINING,
    Dataset,
    empty_frame,
    label_frame,
)
from analysis.errors import InputError, PathNotAllowed
from analysis.progress import Progress, no_progress
from analysis.readers.annotated import ANNOTATION_FOLDERS, Reading
from analysis.readers.columns import series
from analysis.readers.folder import read_folder, training_concepts
from analysis.readers.forms import ANNOTATION_SUFFIXES, read_annotated_folder, read_annotation_file
from analysis.readers.listing import Entry, Fence, Listing, is_inside, shown
from analysis.readers.manifest import FORMS, MANIFEST_SUFFIXES, read_manifest
from analysis.readers.parquet_images import find_tables, holds_pictures

ROOTS_VARIABLE: Final = "EXPLORER_ROOTS"
SAMPLE_DATA: Final = Path(__file__).resolve().parent.parent / "sample_data"
_ID_LENGTH: Final = 12
# File names that say nothing, so that the folder's name is the better one for a person.
_BLAND_STEMS: Final = frozenset(
    {"manifest", "metadata", "images", "labels", "data", "train", "training", "obj", "result", "_annotations.coco"}
)


@dataclass(frozen=True, slots=True)
class Source:
    """The paths of one dataset, each a folder or a manifest.

    Attributes:
        training: the training images.
        real_world: images from real use, if there are any.
        name: short name for a person; by default that of the training folder, or of the folder that holds
            both where they lie side by side (`beer/studio` and `beer/bar` are "beer").
        sample: id of the bundled sample this is; empty for data of one's own.
    """

    training: Path
    real_world: Path | None = None
    name: str = ""
    sample: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", _default_name(self.training, self.real_world))

    @property
    def id(self) -> str:
        """The sample's id, or 12 hex characters that depend on the resolved paths alone."""
        if self.sample:
            return self.sample
        paths = [self.training] if self.real_world is None else [self.training, self.real_world]
        digest = hashlib.blake2b(digest_size=_ID_LENGTH // 2)
        for path in paths:
            digest.update(os.path.realpath(_expanded(path)).encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()


def allowed_roots(extra: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Folders that may be looked into, resolved, without repeats.

    Those of the environment variable `EXPLORER_ROOTS` (separated like PATH), else the home and the working
    folder; then `extra`; then the bundled sample data.
    """
    given = [Path(p) for p in os.environ.get(ROOTS_VARIABLE, "").split(os.pathsep) if p.strip()]
    chosen = given or list(_default_roots())
    return tuple(dict.fromkeys(Path(os.path.realpath(_expanded(p))) for p in (*chosen, *extra, SAMPLE_DATA)))


def _default_name(training: Path, real_world: Path | None) -> str:
    if real_world is not None:
        beside = {os.path.dirname(os.path.abspath(_expanded(p))) for p in (training, real_world)}
        if len(beside) == 1:
            return _name_of(Path(beside.pop()))
    return _name_of(training)


def _default_roots() -> Iterable[Path]:
    # A home or working folder of "/" (bare containers, services) would open the whole machine.
    folders = [Path.cwd()]
    with contextlib.suppress(RuntimeError):  # no home for this user
        folders.insert(0, Path.home())
    return (f for f in folders if f.resolve() != Path(f.anchor))


def confine(path: str | Path, roots: Sequence[Path] | None) -> Path:
    """The resolved path (`~` expanded, every link followed), which exists and lies inside one of `roots`.

    Args:
        path: as a person typed it.
        roots: the allowed folders; None allows every path.

    Raises:
        PathNotAllowed: it lies outside, whether it exists or not.
        InputError: it is empty, no path at all, not there, or may not be read.
    """
    text = os.fspath(path).strip() if isinstance(path, str) else os.fspath(path)
    if not text:
        raise InputError("No path was given; type the path of a folder of images or of a manifest.")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise InputError(f"{shown(text)} is not a path: it holds characters no file name can have.") from error
    if "\0" in text:
        raise InputError(f"{shown(text)} is not a path: it holds characters no file name can have.")
    resolved = os.path.realpath(_expanded(text))
    if roots is not None and not any(is_inside(resolved, os.path.realpath(r)) for r in roots):
        names = ", ".join(shown(r, 60) for r in roots) or "none"
        raise PathNotAllowed(
            f"{shown(text)} lies outside the folders this app may read ({names}); choose one inside them,"
            f" or start the app with {ROOTS_VARIABLE} set to your folder."
        )
    try:
        return Path(os.path.realpath(resolved, strict=True))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{shown(text)} is not there; check the path.") from error
    except PermissionError as error:
        raise InputError(f"{shown(text)} may not be read by this user; check its permissions.") from error
    except OSError as error:  # too long, a loop of links, a drive that went away
        raise InputError(f"{shown(text)} cannot be opened ({error.strerror}); check the path.") from error


def load_dataset(
    source: Source,
    *,
    allowed_roots: Sequence[Path] | None = None,
    cache: Path | None = None,
    progress: Progress = no_progress,
) -> Dataset:
    """Read which images there are and what they show. No image is decoded; a folder may hold none.

    Training images come first. Folders are in order of `image_id`, manifests in their own order.

    Args:
        source: the paths.
        allowed_roots: images that lie outside these folders once links are followed are unreadable;
            None allows every path (the command line).
        cache: folder where pictures that lie inside tables are unpacked; by default `analysis.paths.cache_dir`.
        progress: called with what is done, of how much (0: not known), and with what is being done.

    Raises:
        PathNotAllowed: a path of the source lies outside `allowed_roots`.
        InputError: a path is not there or is no folder or manifest, a manifest cannot be read, or the two
            paths overlap.
    """
    training = confine(source.training, allowed_roots)
    real_world = None if source.real_world is None else confine(source.real_world, allowed_roots)
    if real_world is not None and (is_inside(training, real_world) or is_inside(real_world, training)):
        raise InputError(
            f"The training and the real-world images overlap ({shown(training)} and {shown(real_world)});"
            " give two paths, neither inside the other, or one manifest with a column “origin”."
        )
    reading = Reading(training, fence=Fence(allowed_roots), cache=cache, progress=progress)
    listings = [_read(training, reading)]
    roots = {TRAINING: listings[0].root}
    if real_world is not None:
        known = training_concepts(listings[0])
        listings.append(_read(real_world, reading._replace(origin=REAL_WORLD, known=known, prefix=REAL_WORLD_PREFIX)))
        roots[REAL_WORLD] = listings[1].root
    elif any(entry.origin == REAL_WORLD for entry in listings[0].images):
        roots[REAL_WORLD] = listings[0].root  # one manifest that holds both
    return _combine(source.name, roots, listings)


def holds_packed_pictures(path: Path, allowed_roots: Sequence[Path] | None = None) -> bool:
    """Whether the pictures of a path lie inside Parquet tables, so that loading it unpacks them first.

    Raises the errors of `confine`.
    """
    inside = confine(path, allowed_roots)
    reading = Reading(inside, fence=Fence(allowed_roots))
    if inside.is_dir():
        return bool(find_tables(reading))
    return inside.suffix.lower() == ".parquet" and holds_pictures(reading._replace(root=inside.parent), inside.name)


def _read(path: Path, reading: Reading) -> Listing:
    if path.is_dir():
        reading = reading._replace(root=path)
        listing = read_annotated_folder(reading)
        if listing is not None:
            return listing
        return read_folder(
            path,
            origin=reading.origin,
            known=reading.known,
            prefix=reading.prefix,
            fence=reading.fence,
            progress=reading.progress,
        )
    _require_file(path)
    listing = read_annotation_file(reading, path)
    if listing is not None:
        return listing
    if path.suffix.lower() not in MANIFEST_SUFFIXES:
        raise InputError(f"{shown(path)} is neither a folder nor a manifest. {FORMS}")
    forced = REAL_WORLD if reading.prefix else None
    return read_manifest(path, origin=forced, prefix=reading.prefix, fence=reading.fence, progress=reading.progress)


def _require_file(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        raise InputError(f"{shown(path)} is a zip file; unpack it first, or upload it on the start page.")
    if suffix not in (*MANIFEST_SUFFIXES, *ANNOTATION_SUFFIXES):
        raise InputError(f"{shown(path)} is neither a folder nor a manifest. {FORMS}")
    if not path.is_file():
        raise InputError(f"{shown(path)} is not an ordinary file. {FORMS}")


def _combine(name: str, roots: dict[str, Path], listings: Sequence[Listing]) -> Dataset:
    entries = [entry for listing in listings for entry in listing.images]
    columns = {
        column: pd.Series([getattr(e, column) for e in entries], dtype=object)
        for column in ("image_id", "path", "origin", "split")
    }
    free = tuple(dict.fromkeys(key for e in entries for key in e.metadata))
    columns |= {key: series([e.metadata.get(key) for e in entries]) for key in free}
    return Dataset(
        name=name,
        roots=roots,
        images=pd.DataFrame(columns),
        labels=_labels(entries, "concepts"),
        negatives=_labels(entries, "not_concepts"),
        metadata=free,
        unreadable=tuple(u for listing in listings for u in listing.unreadable),
        ignored=sum(listing.ignored for listing in listings),
        boxes=_frame(BOX_COLUMNS, ((row, *box) for row, e in enumerate(entries) for box in e.boxes)),
        predictions=_frame(
            PREDICTION_COLUMNS, ((row, *said) for row, e in enumerate(entries) for said in e.predictions)
        ),
    )


def _frame(columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    empty = empty_frame(columns)
    return pd.DataFrame(list(rows), columns=list(columns)).astype(empty.dtypes.to_dict())


def _labels(entries: Sequence[Entry], column: str) -> pd.DataFrame:
    return label_frame((row, concept) for row, entry in enumerate(entries) for concept in getattr(entry, column))


def _expanded(path: str | Path) -> str:
    return os.path.expanduser(os.fspath(path))


def _name_of(path: Path) -> str:
    full = Path(os.path.abspath(_expanded(path)))
    if full.parent.name.lower() in ANNOTATION_FOLDERS and full.suffix.lower() in ANNOTATION_SUFFIXES:
        full = full.parent.parent
    elif full.suffix.lower() in (*MANIFEST_SUFFIXES, *ANNOTATION_SUFFIXES):
        full = full.parent if full.stem.lower() in _BLAND_STEMS else full.with_suffix("")
    return full.name or str(full)
