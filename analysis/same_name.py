"""Two names for one thing: spelled differently, mistyped, or synonyms by the taxonomy; and descriptions said twice.

A name alone proves nothing (*globe* is no mistyped *glove*), so a suspected typing mistake is a suspicion until
the pictures were asked (`analysis.checks.taxonomy`). Edit distance: optimal string alignment (Damerau 1964), by
RapidFuzz, which loads when a function runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.concept_tree import ConceptTree, entry_of, spelling
from analysis.names import leaf
from analysis.taxonomy import Entry

ONE_SLIP: Final = 5
"""Letters from which one slip (a letter more, less, wrong, or two swapped) is likelier than another word."""
TWO_SLIPS: Final = 9
"""Letters from which two are."""
SAME_MEANING: Final = 0.95
"""Cosine of two sentence vectors of the bundled text model from which they say the same; texts on two products that
differ in one word have 0.95 at most, in a shop's 81 descriptions, the same text with a sentence more 0.99."""
SAME_MEANING_SHORT: Final = 0.90
"""The same for short texts, where one other word ("red" for "green") already takes it to about 0.8."""
SHORT: Final = 12  # words
BOILERPLATE: Final = 7
"""Words, the entry's name left out, from which a text says more than the name: two that are equal but for the names are
then one text used twice. In a shorter one the name is what it says (*a glass bottle*, *a plastic bottle*)."""
_STOP: Final = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in", "is", "it", "its", "of", "on"}
    | {"or", "that", "the", "this", "to", "with"}
)


class Reason(StrEnum):
    """Why two names may mean one thing."""

    SPELLING = "spelling"
    TYPING = "typing"
    SYNONYM = "synonym"


@dataclass(frozen=True, slots=True)
class SameName:
    """Two names suspected of meaning one thing."""

    first: str
    second: str
    reason: Reason


def alike(a: str, b: str) -> Reason | None:
    """Whether two names differ by spelling or by slips of the finger; None for two different words.

    Names that differ in a digit are different on purpose (`type 1`, `type 2`).
    """
    from rapidfuzz.distance import OSA

    one, two = spelling(a), spelling(b)
    if one == two or one.replace(" ", "") == two.replace(" ", ""):
        return Reason.SPELLING
    if re.sub(r"\D", "", one) != re.sub(r"\D", "", two):
        return None
    slips = OSA.distance(one, two, score_cutoff=2)
    differ = [w for pair in _differing(one, two) for w in pair]
    shortest = min((len(w) for w in differ), default=0)
    allowed = 2 if shortest >= TWO_SLIPS else 1 if shortest >= ONE_SLIP else 0
    return Reason.TYPING if slips <= allowed else None


def _differing(one: str, two: str) -> list[tuple[str, str]]:
    """Words in which the names differ; the whole names where they have not the same number of words."""
    a, b = one.split(), two.split()
    if len(a) != len(b):
        return [(one, two)]
    return [(x, y) for x, y in zip(a, b, strict=True) if x != y]


def same_names(labels: Sequence[str], tree: ConceptTree) -> tuple[SameName, ...]:
    """Pairs of labels suspected of meaning one thing, in order of the labels; parent and child are never a pair.

    Where both have a place in the tree, a slip of the finger is suspected between siblings only: in a large tree
    words of different branches (`plants`, `space/planets`) come as near by chance.
    """
    spelled: dict[str, set[str]] = {}
    for entry in tree.entries:
        for synonym in entry.synonyms:
            spelled.setdefault(spelling(synonym), set()).add(spelling(entry.name))
    found = []
    for i, first in enumerate(labels):
        for second in labels[i + 1 :]:
            if leaf(first) == leaf(second) or f"{second}/".startswith(f"{first}/"):
                continue
            one, two = spelling(first), spelling(second)
            synonyms = two in spelled.get(one, ()) or one in spelled.get(two, ())
            reason = Reason.SYNONYM if synonyms else alike(first, second)
            if reason is not None and not (reason is Reason.TYPING and _in_other_branches(first, second, tree)):
                found.append(SameName(first, second, reason))
    return tuple(found)


def _in_other_branches(first: str, second: str, tree: ConceptTree) -> bool:
    one, other = entry_of(first, tree), entry_of(second, tree)
    return (
        one is not None
        and other is not None
        and set(tree.parents(one)).isdisjoint(tree.parents(other))
        and bool(tree.parents(one) or tree.parents(other))
    )


def suggestion(label: str, tree: ConceptTree) -> tuple[str, Reason] | None:
    """The entry that a label unknown to the taxonomy most likely means, and why."""
    found: list[tuple[int, str, Reason]] = []
    for entry in tree.entries:
        if spelling(label) in {spelling(s) for s in entry.synonyms}:
            found.append((0, entry.name, Reason.SYNONYM))
        elif (reason := alike(label, entry.name)) is not None:
            found.append((1 if reason is Reason.SPELLING else 2, entry.name, reason))
    return min(found)[1:] if found else None


def same_descriptions(
    entries: Sequence[Entry], encode: Callable[[Sequence[str]], NDArray[np.float32]] | None
) -> tuple[tuple[str, str], ...]:
    """Pairs of entries whose descriptions say the same; in long ones the entries' own names are left out.

    Args:
        entries: of the taxonomy.
        encode: sentence vectors, float32 (n, d), L2-normalised, of the bundled text model, whose scale the limits
            are of; None judges by the words alone.
    """
    told = [e for e in entries if e.description]
    if len(told) < 2:
        return ()
    words, beside = [_content(e) for e in told], [_content(e, named=False) for e in told]
    vectors = encode([e.description for e in told]) if encode is not None else None
    found = []
    for i in range(len(told)):
        for j in range(i + 1, len(told)):
            same = words[i] == words[j] and bool(words[i])
            but_for_names = not same and beside[i] == beside[j]
            if but_for_names:
                same = len(beside[i]) >= BOILERPLATE
            elif vectors is not None and not same:
                length = min(len(told[i].description.split()), len(told[j].description.split()))
                limit = SAME_MEANING_SHORT if length <= SHORT else SAME_MEANING
                same = float(vectors[i] @ vectors[j]) >= limit
            if same:
                found.append((told[i].name, told[j].name))
    return tuple(found)


def _content(entry: Entry, *, named: bool = True) -> frozenset[str]:
    """The words of a description that carry meaning; without those of the entry's own name unless `named`."""
    own = set() if named else set(spelling(entry.name).split())
    words = re.findall(r"\w+", entry.description.casefold())
    return frozenset(w for w in words if w not in _STOP and spelling(w) not in own)
