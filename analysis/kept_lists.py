"""What a person did to a dataset (dismissed, answered, edited): a small JSON file of entries each, beside its results.

Files are written whole; a damaged one is set aside and counts as empty, so nothing is lost and nothing stops. Safe to
share between threads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from analysis.errors import StoreError
from analysis.kept_files import folder_name, set_aside, write_whole
from analysis.readers.listing import shown
from analysis.results import RESULTS_FOLDER

T = TypeVar("T")
_LOCK: Final = threading.RLock()  # sessions of one app share the files


class KeptList(Generic[T]):
    """The entries of every dataset under one cache folder.

    Args:
        root: the cache folder.
        name: of the file without `.json`, and of its list.
        as_json: an entry as JSON values.
        parse: back again; raises ValueError, KeyError or TypeError where the value is none.
        version: of the entries' form; files of another are set aside.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        as_json: Callable[[T], dict[str, Any]],
        parse: Callable[[dict[str, Any]], T],
        version: int = 1,
    ) -> None:
        self._root = Path(root) / RESULTS_FOLDER
        self._name, self._version = name, version
        self._as_json, self._parse = as_json, parse

    def every(self, source_id: str) -> tuple[T, ...]:
        """Those of a dataset, oldest first; a damaged file is set aside and counts as none.

        Raises:
            StoreError: the file is there and may not be read.
        """
        path = self._path(source_id)
        with _LOCK:
            try:
                value = json.loads(path.read_bytes())
                if value["version"] != self._version:
                    raise ValueError("another version")
                return tuple(self._parse(v) for v in value[self._name])
            except (FileNotFoundError, NotADirectoryError):
                return ()
            except OSError as error:
                raise StoreError(f"{shown(path)} cannot be read: {error.strerror}.") from error
            except (ValueError, KeyError, TypeError, RecursionError):
                set_aside(path)
                return ()

    def change(self, source_id: str, to: Callable[[tuple[T, ...]], Sequence[T]]) -> None:
        """Replace a dataset's entries by what `to` makes of them; nothing is written where that is the same.

        Raises:
            StoreError: the file cannot be read or written.
        """
        with _LOCK:
            before = self.every(source_id)
            after = tuple(to(before))
            if after != before:
                value = {"version": self._version, self._name: [self._as_json(e) for e in after]}
                write_whole(self._path(source_id), json.dumps(value, indent=1).encode())

    def _path(self, source_id: str) -> Path:
        return self._root / folder_name(source_id) / f"{self._name}.json"
