"""Which values real use has and training lacks: the counting and the tests behind the check `scope`.

Two steps, so that few pictures are enough (hierarchical testing: Yekutieli 2008). First, for each concept and each
kind of value (colour, size, posture, ground): are more pictures of real use clearly unlike every training picture than
training pictures are unlike the rest of training? Then, where that is so, for each value: does training show it as
often as real use does, counting in real use only what is clearly unlike training? Both by Fisher's exact test,
one-sided, corrected (Benjamini and Hochberg 1995) over concepts and kinds, then over the values of the kind.

Two doubts must be ruled out. Light: a tone counts as unlike only where no plausible lamp (`subject_light.LIGHTS`)
brings it near a training picture's. The way all pictures were taken: a value that the other concepts lack just as
much is a difference between studio and street, not of this concept (`Tally.everywhere`). scipy loads when a function
runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.dataset import is_within
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg
from analysis.subject_light import LIGHTS, MIN_OTHERS, common_light, mean_light, relit
from analysis.subject_values import VALUES, SubjectValues, colours_of

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

KINDS: Final = tuple(VALUES)
UNLIKE: Final = {"colour": 15.0, "size": 0.12, "posture": 0.25, "background": 14.0}
"""Least distance to training that counts as another value: CIELAB units (lightness half) for colour and ground, a
share of the picture's side, a share of the posture's scale."""
LIGHTNESS: Final = 0.5
"""Weight of lightness beside hue and chroma in a distance: exposure and shadow change it."""
STRAY: Final = 0.05
"""Share of training pictures that may be measured wrongly or labelled wrongly and do not count as showing a value."""
MATTERS_FROM: Final = 0.1
"""Share of real use that shows the value: below it the gain does not pay for a collection."""
LEAST_SHOWN: Final = 3
"""Real pictures that show it; one or two may be mistakes."""
ABSENT_BELOW: Final = 0.2
"""Share of training over share of real use below which a value is as good as absent."""
EVERYWHERE: Final = 1 / 3
"""A value that the other concepts lack at least a third as much is not this concept's own gap."""

SAME: Final = 0.05
"""P-value above which a concept may lack a value no more than the others do."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One value of one concept, counted.

    Attributes:
        concept: its name; kind, value: of `VALUES`.
        training, training_n: training pictures that show it, of how many.
        real, real_n: pictures of real use that show it, of how many.
        clear: those of them that are clearly unlike all training pictures.
        unlike: pictures of real use that are so in this kind, whatever their value.
        p_value: of "training shows it as often", one-sided, exact.
        corrected: the larger of the corrected p-values of both steps; nan where not tested.
        shown: int64, places of the clear real pictures, the most unlike first.
        everywhere: it is lacking, and the other concepts lack it just as much.
        missing: it is a finding.
    """

    concept: str
    kind: str
    value: str
    training: int
    training_n: int
    real: int
    real_n: int
    clear: int
    unlike: int
    p_value: float
    corrected: float
    shown: Int64
    everywhere: bool = False
    missing: bool = False

    @property
    def gap(self) -> float:
        """Share of real use (clear pictures) less share of training, in [-1, 1]."""
        return self.clear / self.real_n - self.training / self.training_n


def tally(
    names: Sequence[str],
    training: Sequence[SubjectValues],
    real: Sequence[SubjectValues],
    alpha: float,
    *,
    progress: Progress = no_progress,
) -> list[Tally]:
    """All values of concepts that were measured in both origins, each concept's largest gap first."""
    moved = [mean_light(r.points).mean(axis=0) - mean_light(t.points).mean(axis=0)
             for t, r in zip(training, real, strict=True)]  # fmt: skip
    groups: list[list[Tally]] = []
    strays: list[tuple[int, int, int, int]] = []
    for k, (name, before, after) in enumerate(zip(names, training, real, strict=True)):
        progress(k, len(names), "comparing values")
        shift = common_light([m for m, other in zip(moved, names, strict=True) if apart(name, other)])
        after = replace(after, points=relit(after.points, shift), ground=after.ground * np.exp(-shift))
        for kind in KINDS:
            if kind == "colour":
                codes = colours_of(before.points).main, colours_of(after.points).main
            else:
                codes = before.codes()[kind], after.codes()[kind]
            far, own = unlike_training(before, after, kind), unlike_training(before, before, kind, own=True)
            unlike = UNLIKE[kind]
            strays.append((int((own >= unlike).sum()), len(own), int((far >= unlike).sum()), len(far)))
            groups.append([_count(name, kind, v, *codes, far) for v in range(len(VALUES[kind]))])
    first = first_step(strays, alpha)
    out = [t for group, p in zip(groups, first, strict=True) for t in second_step(group, float(p))]
    by_value: dict[str, list[Tally]] = {}
    for t in out:
        by_value.setdefault(t.value, []).append(t)
    out = [replace(t, everywhere=lacking(t) and _everywhere(t, by_value[t.value])) for t in out]
    order = {name: k for k, name in enumerate(names)}
    return sorted(out, key=lambda t: (order[t.concept], -t.gap))


def first_step(strays: Sequence[tuple[int, int, int, int]], alpha: float) -> Float64:
    """Corrected p-values, float64 (g,), of "real use is unlike training no more often than training itself".

    Args:
        strays: for each concept and kind, training pictures unlike the rest of training, of how many, and pictures of
            real use unlike training, of how many.
        alpha: of the check.

    Returns:
        nan where too few pictures are unlike training to be a finding however they divide: that is no test and
        costs the others nothing (Tarone 1990; with the false discovery rate: Gilbert 2005).
    """
    least = np.array([exact(max(0, a + b - m), n, min(m, a + b), m) for a, n, b, m in strays])
    kept = np.array([a + b >= max(LEAST_SHOWN, MATTERS_FROM * m) for a, n, b, m in strays], dtype=bool)
    tests = next((k for k in range(1, len(strays) + 1) if (kept & (least <= alpha / k)).sum() <= k), 1)
    kept &= least <= alpha / tests
    return benjamini_hochberg(np.array([exact(*s) if k else np.nan for s, k in zip(strays, kept, strict=True)]))


def second_step(group: Sequence[Tally], first: float) -> list[Tally]:
    """The values of one concept and kind with `corrected`, `first` being the p-value of the kind.

    Values too rare or too common in both origins together to be `lacking` are no tests.
    """
    tested = [
        max(LEAST_SHOWN, MATTERS_FROM * t.real_n) <= t.training + t.real <= t.real_n + STRAY * t.training_n
        for t in group
    ]
    corrected = benjamini_hochberg(np.where(tested, [t.p_value for t in group], np.nan))
    return [replace(t, corrected=float(np.maximum(p, first))) for t, p in zip(group, corrected, strict=True)]


def apart(a: str, b: str) -> bool:
    """Whether neither concept lies within the other."""
    return not is_within(a, b) and not is_within(b, a)


def findings_of(tallies: Sequence[Tally], alpha: float) -> list[Tally]:
    """The same with `missing` set where the difference is significant, matters, and is this concept's own."""
    return [
        replace(t, missing=t.corrected <= alpha and lacking(t) and not t.everywhere) if not np.isnan(t.corrected) else t
        for t in tallies
    ]


def lacking(t: Tally) -> bool:
    """Whether real use shows the value often enough to matter and training as good as never."""
    share = t.clear / t.real_n
    return (
        t.clear >= LEAST_SHOWN
        and share >= MATTERS_FROM
        and t.training <= STRAY * t.training_n
        and t.training / t.training_n <= ABSENT_BELOW * share
    )


def exact(a: int, n: int, b: int, m: int) -> float:
    """P of a or fewer among n, were the a + b that show the value spread by chance over n + m pictures."""
    from scipy.stats import hypergeom

    return float(hypergeom.cdf(a, n + m, a + b, n))


def _count(name: str, kind: str, v: int, before: Int64, after: Int64, far: Float64) -> Tally:
    holds = after == v
    clear = np.flatnonzero(holds & (far >= UNLIKE[kind]))
    a, b, n, m = int((before == v).sum()), int(holds.sum()), len(before), len(after)
    return Tally(
        concept=name,
        kind=kind,
        value=VALUES[kind][v],
        training=a,
        training_n=n,
        real=b,
        real_n=m,
        clear=len(clear),
        unlike=int((far >= UNLIKE[kind]).sum()),
        p_value=exact(a, n, len(clear), m),
        corrected=float("nan"),
        shown=clear[np.argsort(-far[clear], kind="stable")],
    )


def _everywhere(t: Tally, same: Sequence[Tally]) -> bool:
    """Whether the other concepts lack the value too: at least a third as much, or to a degree that may be the same.

    A ground is called by other words beside a dark subject than beside a light one, so there any new ground counts.
    """
    others = [o for o in same if apart(o.concept, t.concept)]
    if len(others) < MIN_OTHERS:
        return False
    ground = t.kind == "background"
    seen = [o.unlike if ground else o.real for o in others]
    known = [0.0 if ground else o.training / o.training_n for o in others]
    lack = float(np.mean([b / o.real_n - a for a, b, o in zip(known, seen, others, strict=True)]))
    of = sum(o.real_n for o in others)
    more = round(sum(b - a * o.real_n for a, b, o in zip(known, seen, others, strict=True)))  # than their training has
    return lack >= EVERYWHERE * t.gap > 0 or (
        lack >= ABSENT_BELOW * t.gap > 0 and exact(max(0, more), of, t.clear, t.real_n) > SAME
    )


def unlike_training(before: SubjectValues, after: SubjectValues, kind: str, *, own: bool = False) -> Float64:
    """Distance of each of `after` to training in this kind, under the light that brings it nearest: float64 (m,)."""
    if kind in ("size", "posture"):
        return distance(getattr(before, kind)[:, None], getattr(after, kind)[:, None], own=own)
    training = tones(before, kind, LIGHTS[0])
    return np.asarray(np.min([distance(training, tones(after, kind, g), own=own) for g in LIGHTS], axis=0))


def tones(of: SubjectValues, kind: str, gains: tuple[float, float, float]) -> Float64:
    """CIELAB of the subjects' main colours, or of their grounds, under a light; lightness weighs less: (n, 3)."""
    light = np.array(gains)
    lab = of.ground_lab(light) if kind == "background" else colours_of(of.points * light.astype(np.float32)).tone
    return np.asarray(lab * np.array([LIGHTNESS, 1.0, 1.0]), dtype=np.float64)


def distance(before: Float64, after: Float64, *, own: bool = False) -> Float64:
    """Distance of each of `after` (m, d) to `before` (n, d), float64 (m,); `STRAY` of them may lie nearer.

    With `own` the two are the same pictures, and none is compared with itself.
    """
    if len(before) <= own:
        return np.full(len(after), np.inf)
    skipped = int(STRAY * (len(before) - own))
    out = np.empty(len(after))
    for start in range(0, len(after), 512):
        part = np.linalg.norm(after[start : start + 512, None] - before[None], axis=2)
        if own:
            part[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        out[start : start + 512] = np.partition(part, skipped, axis=1)[:, skipped]
    return out
