"""Taxonomies edited in the app: each saved version, beside the results; the user's own file is never written.

Saving adds a version, undoing takes the last one away; the oldest go beyond `MOST_VERSIONS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from analysis.errors import InputError
from analysis.kept_lists import KeptList
from analysis.taxonomy import Entry, as_rows, parse_rows

MOST_VERSIONS: Final = 30


@dataclass(frozen=True, slots=True)
class Version:
    """A taxonomy as it was saved; `at` is UTC."""

    entries: tuple[Entry, ...]
    at: datetime


class Taxonomies:
    """The taxonomy of every dataset under one cache folder (see `KeptList`)."""

    def __init__(self, root: Path) -> None:
        self._kept = KeptList(root, "taxonomies", _as_json, _parse)

    def versions(self, source_id: str) -> tuple[Version, ...]:
        """Those of a dataset, oldest first. Raises StoreError like `KeptList.every`."""
        return self._kept.every(source_id)

    def current(self, source_id: str) -> tuple[Entry, ...]:
        """The entries saved last; empty where nothing is saved. Raises StoreError like `KeptList.every`."""
        versions = self.versions(source_id)
        return versions[-1].entries if versions else ()

    def save(self, source_id: str, entries: Sequence[Entry]) -> None:
        """Keep a new version; one like the last is not kept twice.

        Raises:
            InputError: a concept is listed twice under one parent.
            StoreError: it cannot be written.
        """
        checked = without_doubles(entries)
        one = Version(checked, datetime.now(UTC))

        def add(every: tuple[Version, ...]) -> Sequence[Version]:
            if every and every[-1].entries == checked:
                return every
            return [*every, one][-MOST_VERSIONS:]

        self._kept.change(source_id, add)

    def undo(self, source_id: str) -> None:
        """Take the last version away; nothing happens where there is none. Raises StoreError."""
        self._kept.change(source_id, lambda every: every[:-1])


def without_doubles(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries as given. Raises InputError where a concept is listed twice under one parent."""
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.name, entry.parent) in seen:
            where = f" under {entry.parent}" if entry.parent else ""
            raise InputError(f"{entry.name} is listed twice{where}: keep one of the two rows.")
        seen.add((entry.name, entry.parent))
    return tuple(entries)


def _as_json(version: Version) -> dict[str, Any]:
    return {"entries": as_rows(version.entries), "at": version.at.isoformat()}


def _parse(value: dict[str, Any]) -> Version:
    entries = parse_rows(value["entries"])
    if len(entries) != len(value["entries"]):
        raise ValueError("expected a name in each entry")
    at = datetime.fromisoformat(value["at"])
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone")
    return Version(entries, at)
