"""Read a taxonomy: what each concept's name means, in the dataset owner's words."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import InputError

FORMS = "expected .yaml or .json with a list of objects, or .csv, each with a name and a description"

COLUMNS = ("name", "description", "parent", "synonyms", "include", "exclude")


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

    A concept may be listed under two parents (the check `taxonomy` says so), but not twice under one.

    Raises:
        InputError: the file is not there, of another form, empty, or lists a concept twice.
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
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.name, entry.parent) in seen:
            raise InputError(f"--taxonomy {path}: {entry.name!r} occurs twice.")
        seen.add((entry.name, entry.parent))
    return entries


def as_rows(entries: Sequence[Entry]) -> list[dict[str, object]]:
    """The entries as JSON or YAML holds them; `parse_rows` gives them back."""
    return [
        {
            "name": e.name,
            "description": e.description,
            "parent": e.parent,
            "synonyms": list(e.synonyms),
            "include": list(e.include),
            "exclude": list(e.exclude),
        }
        for e in entries
    ]


def parse_rows(rows: Sequence[Mapping[str, object]]) -> tuple[Entry, ...]:
    """Entries from rows, those without a name left out. Lists may be lists, or text with `;` between the items."""
    return tuple(_entry(row) for row in rows if str(row.get("name") or "").strip())


def as_csv(entries: Sequence[Entry]) -> str:
    """The entries as a CSV file that `read_taxonomy` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in as_rows(entries):
        writer.writerow("; ".join(v) if isinstance(v, list) else v for v in row.values())
    return text.getvalue()


def as_yaml(entries: Sequence[Entry]) -> str:
    """The entries as a YAML file that `read_taxonomy` reads, empty fields left out."""
    import yaml

    rows = [{key: value for key, value in row.items() if value or key == "description"} for row in as_rows(entries)]
    text: str = yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=100)
    return text


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
