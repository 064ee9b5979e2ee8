"""The bundled sample datasets: what each `sample_data/<name>/sample.json` says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.errors import InputError
from analysis.readers.listing import is_inside, shown
from analysis.sources import SAMPLE_DATA, Source
from analysis.taxonomy import Entry, read_taxonomy

SAMPLE_FILE: Final = "sample.json"
_ID: Final = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Sample:
    """One bundled dataset, with the words and pictures that introduce it.

    Attributes:
        id: lower-case name; also the id of `source`.
        title: a few words.
        tagline: one sentence.
        story: what happened, a short paragraph.
        source: where its images are.
        cover: pictures for its card, absolute paths.
        taxonomy: what is written of its concepts; may be empty.
    """

    id: str
    title: str
    tagline: str
    story: str
    source: Source
    cover: tuple[Path, ...]
    taxonomy: tuple[Entry, ...] = ()


def bundled_samples(folder: Path = SAMPLE_DATA) -> tuple[Sample, ...]:
    """The samples below `folder`, in order of their folders' names; none where the folder is missing.

    Raises:
        InputError: a `sample.json` or its taxonomy is damaged, or names a path that is missing or outside its folder.
    """
    samples = tuple(_read(path) for path in sorted(folder.glob(f"*/{SAMPLE_FILE}")))
    ids = [s.id for s in samples]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise InputError(f"Two bundled samples have the id “{twice[0]}”; give each its own.")
    return samples


def _read(path: Path) -> Sample:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)} cannot be read ({shown(error)}); install the sample again.") from error
    if not isinstance(values, dict):
        raise InputError(f"{shown(path)} must hold one object; install the sample again.")
    sample_id = _text(values, "id", path)
    if not _ID.fullmatch(sample_id):
        raise InputError(f"{shown(path)}: id “{shown(sample_id)}” must be lower-case letters, digits and “_”.")
    title = _text(values, "title", path)
    training, real_world = _place(path, _text(values, "training", path)), values.get("real_world")
    source = Source(
        training,
        None if real_world is None else _place(path, _text(values, "real_world", path)),
        title,
        sample_id,
    )
    return Sample(
        id=sample_id,
        title=title,
        tagline=_text(values, "tagline", path),
        story=_text(values, "story", path),
        source=source,
        cover=_cover(values, path),
        taxonomy=read_taxonomy(_place(path, _text(values, "taxonomy", path))) if "taxonomy" in values else (),
    )


def _cover(values: Mapping[str, object], path: Path) -> tuple[Path, ...]:
    given = values.get("cover", [])
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise InputError(f"{shown(path)}: “cover” must be a list of paths.")
    return tuple(_place(path, name) for name in names)


def _text(values: Mapping[str, object], key: str, path: Path) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{shown(path)}: “{key}” must be a text that is not empty.")
    return value.strip()


def _place(path: Path, relative: str) -> Path:
    """The place a path relative to `sample.json` means; it stays inside the sample's folder and exists."""
    folder = path.parent.resolve()
    place = (folder / relative).resolve()
    if not is_inside(place, folder) or not place.exists():
        raise InputError(f"{shown(path)}: “{shown(relative)}” is missing or lies outside the sample's folder.")
    return place
