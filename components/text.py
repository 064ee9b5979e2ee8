"""Words and numbers for people, and escaping for names that come from files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from analysis.names import short_names

_PUNCTUATION: Final = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
_COLON_CODE: Final = re.compile(r":(?=[\w+-])")
_WORD_JOINER: Final = "\u2060"


def plain(text: str) -> str:
    """One line without control or invisible formatting characters: each becomes a space, ends are cut."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text).strip()


def md(text: str) -> str:
    """Text as Streamlit Markdown that shows exactly that text: no markup, link, colour, icon or formula.

    Every punctuation mark is escaped. Streamlit looks for `:name:` codes after Markdown was read, where
    escapes are gone, so an invisible word joiner separates a colon from a letter that follows it.
    """
    return _PUNCTUATION.sub(r"\\\1", _COLON_CODE.sub(":" + _WORD_JOINER, plain(text)))


def count(n: int, noun: str, plural: str | None = None) -> str:
    """`1 image`, `2,640 images`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """A share in [0, 1] as per cent: whole numbers, except near 0 and 1 where rounding would mislead."""
    if share != share:  # NaN
        return "–"
    if 0 < share < 0.01:
        return "under 1%"
    if 0.99 < share < 1:
        return "over 99%"
    return f"{share:.0%}"


def short_concepts(concepts: Sequence[str]) -> dict[str, str]:
    """Shortest ends of the concepts' paths that tell them apart, for axes and legends."""
    say = short_names(concepts)
    return {c: say(c) for c in concepts}


def duration(seconds: float) -> str:
    """Time in words, rounded as a person would say it: `a moment`, `20 seconds`, `3 minutes`, `2 hours`."""
    if seconds < 3:
        return "a moment"
    if seconds < 10:
        return f"{round(seconds)} seconds"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} seconds"
    if seconds < 90:
        return "a minute"
    if seconds < 55 * 60:
        return f"{round(seconds / 60)} minutes"
    if seconds < 90 * 60:
        return "an hour"
    return f"{round(seconds / 3600)} hours"


def file_size(n: float) -> str:
    """Bytes in words: `812 bytes`, `34 KB`, `2.1 MB`."""
    if n < 1000:
        return f"{n:.0f} bytes"
    for unit, size in (("KB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if n < size * 1000 or unit == "GB":
            value = n / size
            return f"{value:.1f} {unit}" if value < 10 and unit != "KB" else f"{value:,.0f} {unit}"
    raise AssertionError("unreachable")


def enumerate_words(words: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
