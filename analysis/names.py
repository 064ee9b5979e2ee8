"""One form for names: tools write `ä` as one character or as `a` and two dots, and both mean the same."""

from __future__ import annotations

import unicodedata


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC), so that names that read the same are the same.

    For names of concepts; the name of a file stays as it is on disk, or it would not be found again.
    """
    return unicodedata.normalize("NFC", name)
