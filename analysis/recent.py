"""Datasets opened lately, remembered in one small file of the cache folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from analysis.errors import StoreError
from analysis.kept_files import set_aside, write_whole
from analysis.readers.listing import shown
from analysis.sources import Source

RECENT_FILE: Final = "recent.json"
DEFAULT_KEEP: Final = 30  # more than fits a start page, few enough that the file stays small
_VERSION: Final = 1
T = TypeVar("T")
_LOCK: Final = threading.RLock()  # sessions of one app share the file


@dataclass(frozen=True, slots=True)
class RecentEntry:
    """A dataset that was opened, when (UTC), and how many images and concepts it had then."""

    source: Source
    opened_at: datetime
    images: int
    concepts: int


class RecentDatasets:
    """The datasets opened lately, latest first. Safe to share between threads.

    A file that is damaged is renamed (`recent.json.damaged`, then `.damaged-2`, …) and a new one begun.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int = DEFAULT_KEEP,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path = Path(folder) / RECENT_FILE
        self._keep = keep
        self._now = now

    def add(self, source: Source, *, images: int, concepts: int) -> None:
        """Put a dataset first; one with the same id is replaced.

        Raises:
            StoreError: the file cannot be written.
        """
        with _LOCK:
            others = [e for e in self.list() if e.source.id != source.id]
            self._write([RecentEntry(source, self._now(), images, concepts), *others][: self._keep])

    def list(self) -> list[RecentEntry]:
        """Entries, latest first; a folder that is gone since is still among them.

        Raises:
            StoreError: the file is there and cannot be read.
        """
        with _LOCK:
            try:
                text = self._path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return []
            except OSError as error:
                raise StoreError(f"{shown(self._path)} cannot be read: {error.strerror}.") from error
            try:
                return _parse(text)
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                set_aside(self._path)
                return []

    def remove(self, source_id: str) -> None:
        """Forget a dataset; nothing happens when it is not listed. Its files are not touched."""
        with _LOCK:
            entries = self.list()
            left = [e for e in entries if e.source.id != source_id]
            if len(left) != len(entries):
                self._write(left)

    def find(self, source_id: str) -> Source | None:
        """The source with this id, or None."""
        return next((e.source for e in self.list() if e.source.id == source_id), None)

    def _write(self, entries: Sequence[RecentEntry]) -> None:
        content = json.dumps({"version": _VERSION, "datasets": [_as_json(e) for e in entries]}, indent=1)
        write_whole(self._path, content.encode())


def _as_json(entry: RecentEntry) -> dict[str, object]:
    source = entry.source
    return {
        "training": str(source.training),
        "real_world": None if source.real_world is None else str(source.real_world),
        "name": source.name,
        "sample": source.sample,
        "opened_at": entry.opened_at.isoformat(),
        "images": entry.images,
        "concepts": entry.concepts,
    }


def _parse(text: bytes) -> list[RecentEntry]:
    """Entries of the file; ValueError, KeyError or TypeError when it is not what `_write` writes."""
    values = json.loads(text)
    if values["version"] != _VERSION:
        raise ValueError("another version")
    return [_entry(v) for v in values["datasets"]]


def _entry(value: dict[str, object]) -> RecentEntry:
    real_world = value["real_world"]
    opened_at = datetime.fromisoformat(_expect(value["opened_at"], str))
    if opened_at.tzinfo is None:
        raise ValueError("expected a time with its zone")
    source = Source(
        Path(_expect(value["training"], str)),
        None if real_world is None else Path(_expect(real_world, str)),
        _expect(value["name"], str),
        _expect(value["sample"], str),
    )
    return RecentEntry(source, opened_at, _expect(value["images"], int), _expect(value["concepts"], int))


def _expect(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
