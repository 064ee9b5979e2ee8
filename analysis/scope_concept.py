"""What the check `scope` knows of one concept, and what of it the report lists as missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.declared_values import Declared, Hint
from analysis.missing_values import Tally
from analysis.subject_values import VALUES, SubjectValues, colours_of
from analysis.vendi import Diversity

USUAL: Final = ("of middle size", "neither upright nor flat")  # tell nobody anything
MOST_SHARED: Final = 0.9  # of the training pictures share a value: the concept looks uniform


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of one concept.

    Attributes:
        concept: its name.
        n, n_real: pictures measured of training and of real use.
        of, of_real: pictures there are.
        tallies: its values counted in both origins; empty where real use is not there or too small.
        tests: number of values tested over all concepts, for the power.
        declared: values its taxonomy names. hints: values its siblings show.
        common: (value, share of training) of values nearly all training pictures share.
        varied, varied_real: diversity of either origin.
        ids: ids of its measured training pictures; real_ids: of real use; hint_ids: of each hint's examples;
            known_ids: of pictures known to show each declared value.
    """

    concept: str
    n: int
    n_real: int
    of: int
    of_real: int
    tallies: tuple[Tally, ...]
    tests: int
    declared: tuple[Declared, ...]
    hints: tuple[Hint, ...]
    common: tuple[tuple[str, float], ...]
    varied: Diversity
    varied_real: Diversity
    ids: tuple[str, ...]
    real_ids: tuple[str, ...]
    hint_ids: tuple[tuple[str, ...], ...]
    known_ids: tuple[tuple[str, ...], ...]


def missing_of(j: Judged, alpha: float, evidence: int) -> list[dict[str, object]]:
    """The contract's `missing`, most telling first; `certain` is false for what only siblings hint at."""
    out: list[dict[str, object]] = [
        {
            "name": t.value,
            "kind": t.kind,
            "evidence": [j.real_ids[i] for i in t.shown[:evidence]],
            "training": t.training,
            "training_n": t.training_n,
            "real": t.real,
            "real_n": t.real_n,
            "p_value": t.corrected,
            "certain": True,
        }
        for t in j.tallies
        if t.missing
    ]
    named = {m["name"] for m in out}
    out += [
        {
            "name": d.value,
            "kind": d.kind,
            "evidence": list(known),
            "training": d.shown,
            "training_n": d.n,
            "p_value": d.corrected,
            "certain": True,
        }
        for d, known in zip(j.declared, j.known_ids, strict=True)
        if d.lacking and d.corrected <= alpha and d.value not in named
    ]
    if not j.tallies:
        out += [
            {
                "name": h.value,
                "kind": h.kind,
                "evidence": list(ids),
                "training": h.shown,
                "training_n": h.n,
                "siblings": h.share,
                "certain": False,
            }
            for h, ids in zip(j.hints, j.hint_ids, strict=True)
        ]
    return out


def common(values: SubjectValues) -> tuple[tuple[str, float], ...]:
    """Values that nearly all of these pictures share, the colour first, and the share that does."""
    if not len(values.rows):
        return ()
    codes = {"colour": colours_of(values.points).main, **values.codes()}
    out = []
    for kind, of in codes.items():
        share = np.bincount(of, minlength=len(VALUES[kind])) / len(of)
        if share.max() >= MOST_SHARED and VALUES[kind][int(share.argmax())] not in USUAL:
            out.append((VALUES[kind][int(share.argmax())], float(share.max())))
    return tuple(out)
