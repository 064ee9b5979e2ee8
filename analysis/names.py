"""Names of concepts: one form for what reads the same, and what to call them in a sentence."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping

Say = Callable[[str], str]
"""What a concept is called in a sentence, from its full name."""


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC), so that names that read the same are the same.

    Tools write `ä` as one character or as `a` and two dots, and both mean the same.
    For names of concepts; the name of a file stays as it is on disk, or it would not be found again.
    """
    return unicodedata.normalize("NFC", name)


def leaf(name: str) -> str:
    """The last part of a path."""
    return name.rsplit("/", 1)[-1]


def short_names(names: Iterable[str], same: Mapping[str, str] | None = None) -> Say:
    """How to call each name in a sentence: its last part, and as much of its path as tells it from the others.

    Args:
        names: everything that may be named together.
        same: names that mean the same as another one (an entry and its label), which need not be told apart.
    """
    same = same or {}
    meant: dict[str, set[str]] = {}
    for name in names:
        for end in _ends(name):
            meant.setdefault(end, set()).add(same.get(name, name))

    def short(name: str) -> str:
        own = {same.get(name, name)}
        return next((end for end in _ends(name) if meant.get(end, own) <= own), name)

    return short


def _ends(name: str) -> list[str]:
    """`c`, `b/c` and `a/b/c` of `a/b/c`."""
    parts = name.split("/")
    return ["/".join(parts[-take:]) for take in range(1, len(parts) + 1)]
