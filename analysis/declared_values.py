"""Values that a concept should have though no picture of real use is there: those its taxonomy names, and those its
siblings show. What a taxonomy names is its owner's word; what siblings show is only a hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.missing_values import LEAST_SHOWN, MATTERS_FROM, STRAY, apart
from analysis.prompt_values import Prompt
from analysis.said_values import said_of
from analysis.statistics import benjamini_hochberg
from analysis.subject_light import LIGHTS
from analysis.subject_values import COLOURS, VALUES, SubjectValues, colours_of
from analysis.taxonomy import Entry

Int64 = NDArray[np.int64]

WORDS: Final = "words"
"""Kind of a value that a prompt sees."""
SEEN: Final = 0.8
"""Least share of pictures with a value in which the value is measured: see docs/checks/scope.md."""
PARTLY: Final = 0.3
"""Share of the subject that has a colour from which the picture shows it."""
MOST_SIBLINGS: Final = 2 / 3
"""Share of the siblings that must show a value before its lack is worth a hint."""
EXAMPLES: Final = 4
"""Siblings that pictures are shown of."""
OF_THE_PHOTO: Final = ("size", "posture", "background")
"""Kinds that siblings tell something about: the colours of other things say nothing of this one's."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A value the taxonomy names for a concept.

    Attributes:
        word: as the taxonomy has it. kind, value: of `VALUES`; the kind is `words` for what a calibrated prompt
            sees, and both are empty for what is not measured.
        shown: training pictures that show it, under any plausible light; n: of how many.
        corrected: p-value of "a tenth of the pictures show it", corrected; nan where it is not measured.
        known: rows of pictures known to show it, where a prompt sees it.
    """

    word: str
    kind: str
    value: str
    shown: int
    n: int
    corrected: float
    known: tuple[int, ...] = ()

    @property
    def lacking(self) -> bool:
        """Whether as good as no training picture shows it."""
        return bool(self.kind) and self.shown <= STRAY * self.n


def words_of(entry: Entry) -> list[tuple[str, str, str]]:
    """(word, kind, value) of the values an entry says of its concept (`said_values`): each item of `include`, and an
    enumeration of colours in the description. Kind and value are empty for an item that says nothing measured."""
    out: list[tuple[str, str, str]] = []
    for item in entry.include:
        found = said_of(entry, item)
        out += [(item, *f) for f in found] or [(item, "", "")]
    colours = [f for f in said_of(entry, entry.description) if f[0] == "colour"]
    if len(colours) > 1:  # one alone tells what is usual, not what there should be
        out += [(value, kind, value) for kind, value in colours]
    known: dict[str, tuple[str, str, str]] = {}
    for word, kind, value in out:
        known.setdefault(value or word, (word, kind, value))
    return list(known.values())


def declared(entry: Entry, training: SubjectValues, prompts: Mapping[str, Prompt] | None = None) -> list[Declared]:
    """What the taxonomy names for a concept, counted in its training pictures; `corrected` within the concept."""
    from scipy.stats import binom

    words, n = words_of(entry), len(training.rows)
    if not words or not n:
        return []
    shows, codes = _shown_under_any_light(training), training.codes()
    found = []
    for word, kind, value in words:
        prompt = (prompts or {}).get(word) if not kind else None
        if kind == "colour":
            count = int(shows[:, COLOURS.index(value)].sum())
        elif kind:
            count = int((codes[kind] == VALUES[kind].index(value)).sum())
        else:
            count = int(prompt.shown(training.rows).sum()) if prompt else 0
        if prompt:
            kind, value = WORDS, word
        chance = float(binom.cdf(count, n, MATTERS_FROM * SEEN)) if kind else float("nan")
        known = tuple(int(r) for r in prompt.known) if prompt else ()
        found.append(Declared(word, kind, value, count, n, chance, known))
    corrected = benjamini_hochberg(np.array([d.corrected for d in found]))
    return [replace(d, corrected=float(p)) for d, p in zip(found, corrected, strict=True)]


def _shown_under_any_light(values: SubjectValues) -> NDArray[np.bool_]:
    """bool (n, len(COLOURS)): a good part of the subject has the colour, or might have under a plausible light."""
    out = np.zeros((len(values.points), len(COLOURS)), dtype=bool)
    for gains in LIGHTS:
        colours = colours_of(values.points * np.array(gains, dtype=np.float32))
        out |= colours.shares >= PARTLY
        out[np.arange(len(out)), colours.main] = True
    return out


@dataclass(frozen=True, slots=True)
class Hint:
    """A value that most siblings show and this concept does not: `shown` of `n`; `share` of a sibling's pictures on
    average; `examples` are (sibling, its pictures' places)."""

    kind: str
    value: str
    shown: int
    n: int
    share: float
    examples: tuple[tuple[str, Int64], ...]


def photo_codes(training: Mapping[str, SubjectValues]) -> dict[str, dict[str, Int64]]:
    """For each concept with pictures, the codes of the kinds `OF_THE_PHOTO`."""
    return {
        name: {kind: codes for kind, codes in values.codes().items() if kind in OF_THE_PHOTO}
        for name, values in training.items()
        if len(values.rows)
    }


def hints(concept: str, codes: Mapping[str, Mapping[str, Int64]], alpha: float) -> list[Hint]:
    """Values most siblings show that this concept's pictures lack, most common first; `codes` by `photo_codes`."""
    from scipy.stats import binom

    siblings = [name for name in codes if apart(name, concept)]
    if concept not in codes or len(siblings) < 2:
        return []
    out = []
    for kind, mine in codes[concept].items():
        n = len(mine)
        for v, value in enumerate(VALUES[kind]):
            shown = int((mine == v).sum())
            if shown > STRAY * n or n < LEAST_SHOWN:
                continue
            share = np.array([(codes[name][kind] == v).mean() for name in siblings])
            usual = (share >= STRAY).mean() >= MOST_SIBLINGS and share.mean() >= MATTERS_FROM
            if usual and binom.cdf(shown, n, np.quantile(share, 1 - MOST_SIBLINGS)) <= alpha:
                order = np.argsort(-share, kind="stable")[:EXAMPLES]
                examples = tuple((siblings[j], np.flatnonzero(codes[siblings[j]][kind] == v)) for j in order)
                out.append(Hint(kind, value, shown, n, float(share.mean()), examples))
    return sorted(out, key=lambda h: -h.share)
