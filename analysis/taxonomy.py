"""Read a taxonomy: what each concept's name means, in the dataset owner's words."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import InputError

FORMS = "expected .yaml or .json with a list of objects, or .csv, each with a name and a description"


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept as its owner describes it; `include` and `exclude` say what belongs to it and what does not."""

    name: str
    description: str = ""
    parent: str = ""
    synonyms: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def read_taxonomy(path: Path) -> tuple[Entry, ...]:
    """The entries of a taxonomy file, in its order.

    Raises:
        InputError: the file is not there, of another form, empty, or names a concept twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"--taxonomy {path}: cannot be read ({reason}).") from error
    rows = _parse(text, path)
    if not isinstance(rows, list) or not rows or not all(isinstance(r, Mapping) and r.get("name") for r in rows):
        raise InputError(f"--taxonomy {path}: {FORMS}.")
    entries = tuple(_entry(row) for row in rows)
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise InputError(f"--taxonomy {path}: {entry.name!r} occurs twice.")
        seen.add(entry.name)
    return entries


def _parse(text: str, path: Path) -> object:
    suffix = path.suffix.lower()
    try:
        if suffix == ".json":
            return json.loads(text)
        if suffix in (".yaml", ".yml"):
            import yaml

            try:
                return yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from error
        if suffix == ".csv":
            return list(csv.DictReader(text.splitlines()))
    except (ValueError, csv.Error, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--taxonomy {path}: cannot be understood ({reason}); {FORMS}.") from error
    raise InputError(f"--taxonomy {path}: {FORMS}.")


def _entry(row: Mapping[str, object]) -> Entry:
    return Entry(
        name=str(row["name"]).strip(),
        description=str(row.get("description") or "").strip(),
        parent=str(row.get("parent") or "").strip(),
        synonyms=_several(row.get("synonyms")),
        include=_several(row.get("include")),
        exclude=_several(row.get("exclude")),
    )


def _several(value: object) -> tuple[str, ...]:
    """A list, or text with `;` between the items."""
    items = value if isinstance(value, list) else str(value or "").split(";")
    return tuple(str(item).strip() for item in items if str(item).strip())
