"""What travels with a concept: elements of its pictures, marks and labels, each with every test of it.

`examine` gathers, for one concept, what recurs in its pictures; how much more often than in others (Fisher's exact
test on pictures that the element was not learnt from); what hiding it costs the probe's score, against hiding as much
of the same picture at random; and, where there are real-world pictures known not to show the concept, how often they
have it, how often they are wrongly scored, and what hiding it does there. scipy loads when a function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.companion_presence import presence
from analysis.elements import Elements, LocalMaps, best_limit, find_elements
from analysis.fixed_marks import Mark, find_mark
from analysis.hiding import Fall, Scorer, Space, fall_of, fit_scorer, held_out_scorers, p_above_zero, rise_of

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

LOOK: Final = "look"
MARK: Final = "mark"
LABEL: Final = "label"
HIDDEN_IN: Final = 40  # pictures in which an element is hidden
RARE: Final = 0.05  # p of the enrichment above which hiding is not tried


@dataclass(frozen=True, slots=True)
class Pool:
    """The pictures examined together: the first `training` of them train, the others are from real use.

    Attributes:
        maps: of all of them.
        x: float32 (m, f), pooled.
        space: where probes are fitted.
        fields: float32 (m, SIDE, SIDE, 2), see `fixed_marks`.
        training: number of training pictures.
        corners: float16 (m, frames, CORNER, CORNER, 2), likewise; None where all pictures are of one shape.
        shapes: int64 (m, 2), height and width of each; None likewise.
    """

    maps: LocalMaps
    x: Float32
    space: Space
    fields: Float32
    training: int
    corners: NDArray[np.float16] | None = None
    shapes: Int64 | None = None


@dataclass(frozen=True, slots=True)
class Companion:
    """One thing that recurs with a concept, and what was measured of it.

    Attributes:
        kind: `look`, `mark` or `label`.
        number: of the element, or of the label.
        at: bool (m, l), where it is, in all pictures of the pool.
        numbers: see `NUMBERS`.
    """

    kind: str
    number: int
    at: Bool
    numbers: dict[str, float]

    @property
    def has(self) -> Bool:
        """bool (m,), the pictures that have it."""
        return np.asarray(self.at.any(axis=1))


NUMBERS: Final = (
    "with_it", "n_with", "without_it", "n_without", "positives", "others", "lift", "low",
    "p_enriched", "score_before", "score_drop",
    "random_drop", "p_hidden", "real_with_it", "real_n", "real_count", "wrong_with", "wrong_without", "real_drop",
    "p_elsewhere", "p_wrong", "p_real_hidden", "odds", "p_inserted", "gap", "level", "beyond",
)  # fmt: skip
"""Of a companion: share of positives that have it and their number, of others; lift and the lower end of its 95 %
interval; then see the docstrings of `enriched`, `hide`, `_elsewhere`, `_inserted` and, where no real picture tells,
`companion_presence.cut`. nan where not measured."""


def examine(
    pool: Pool, positive: Bool, real_negative: Bool, *, clusters: int, seed: int = 0
) -> tuple[list[Companion], list[Scorer], Int64, Scorer]:
    """The looks and the mark of one concept, with the scorers used.

    Args:
        pool: the pictures.
        positive: bool (training,), pictures labelled with the concept.
        real_negative: bool (m - training,), real pictures known not to show it.
        clusters: looks sought.
        seed: of halves, clusters and draws.
    """
    n = pool.training
    learn = _half(positive, seed)
    scorers, of = held_out_scorers(pool.space, positive, seed=seed)
    whole = fit_scorer(pool.space, np.arange(n), positive)
    elements = find_elements(pool.maps.reduced[:n], positive, learn, clusters=clusters, seed=seed)
    found = [(LOOK, i, at) for i, at in enumerate(_places(elements, pool.maps))]
    mark = _mark(pool, positive, learn)
    if mark is not None:
        found.append((MARK, 0, _where(mark, pool, positive, learn)))
    out = []
    for kind, number, at in found:
        numbers = _measured(pool, at, positive, ~learn, real_negative, scorers, of, whole, seed)
        if kind == MARK:
            numbers |= _inserted(pool, at, positive, scorers, of, seed)
        out.append(Companion(kind, number, at, numbers))
    return out, scorers, of, whole


def _measured(
    pool: Pool, at: Bool, positive: Bool, counted: Bool, real_negative: Bool,
    scorers: list[Scorer], of: Int64, whole: Scorer, seed: int,
) -> dict[str, float]:  # fmt: skip
    n = pool.training
    has: Bool = np.asarray(at.any(axis=1))
    numbers = {**dict.fromkeys(NUMBERS, float("nan")), **enriched(has[:n][counted], positive[counted])}
    if numbers["p_enriched"] <= RARE:
        numbers |= hide(pool.maps.local[:n], at[:n], has[:n] & positive, scorers, of, seed)
        if real_negative.any():
            numbers |= _elsewhere(pool, at, real_negative, whole, numbers, seed)
        elif numbers["p_hidden"] <= RARE:
            numbers |= presence(pool.maps.reduced[:n], at[:n], positive)
    return numbers


def _places(elements: Elements, maps: LocalMaps) -> Bool:
    return elements.at(maps.reduced)


def _mark(pool: Pool, positive: Bool, learn: Bool) -> Mark | None:
    """The mark on the whole picture, else the one with most pixels in a corner; None where there is none."""
    n = pool.training
    found = find_mark(pool.fields[:n], positive, learn)
    if found is not None or pool.corners is None:
        return found
    each = [find_mark(pool.corners[:n, f], positive, learn, f) for f in range(pool.corners.shape[1])]
    return max((m for m in each if m is not None), key=lambda m: int(m.pixels.sum()), default=None)


def _where(mark: Mark, pool: Pool, positive: Bool, learn: Bool) -> Bool:
    """bool (m, l): the mark's locations in the pictures that carry it."""
    if mark.frame < 0 or pool.corners is None or pool.shapes is None:
        fields, cells = pool.fields, mark.cells(pool.maps.grid)[None, :]
    else:
        fields = pool.corners[:, mark.frame].astype(np.float32)
        cells = np.stack([mark.cells(pool.maps.grid, (int(h), int(w))) for h, w in np.maximum(pool.shapes, 1)])
    carried = mark.carried(fields)
    known = carried[: pool.training]
    limit = best_limit(known[learn & positive], known[learn & ~positive])
    return np.asarray((carried >= limit)[:, None] & cells)


def _half(positive: Bool, seed: int) -> Bool:
    """Every other picture of both sides, in random order."""
    rng = np.random.default_rng(seed)
    out = np.zeros(len(positive), dtype=bool)
    for side in (True, False):
        rows = rng.permutation(np.flatnonzero(positive == side))
        out[rows[: len(rows) // 2]] = True
    return out


def enriched(has: Bool, positive: Bool) -> dict[str, float]:
    """How much more often the concept's pictures have it: shares, lift with the lower end of its Wilson interval,
    one-sided Fisher's exact test. The lift is the share among the positives over that among all, both sides of the
    dataset weighing what they weigh: a dominant concept has a lift near 1."""
    a, b = int((has & positive).sum()), int((has & ~positive).sum())
    m, k = int(positive.sum()), int((~positive).sum())
    every = (a + b) / max(1, m + k)
    p = _more([[a, m - a], [b, k - b]])
    return {
        "with_it": a / max(1, m), "n_with": a, "without_it": b / max(1, k), "n_without": b, "positives": m, "others": k,
        "lift": a / m / every if m and every else float("nan"),
        "low": wilson(a, m)[0] / every if m and every else float("nan"), "p_enriched": p,
    }  # fmt: skip


def _more(table: list[list[int]]) -> float:
    """One-sided p-value of Fisher's exact test: the first row has more of the first column."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array(table, dtype=np.int64), alternative="greater").pvalue)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def hide(
    local: NDArray[np.float16], at: Bool, chosen: Bool, scorers: list[Scorer], of: Int64, seed: int
) -> dict[str, float]:
    """What hiding it costs positives that have it, scored by a probe that has not seen them: mean probability before,
    its fall beyond that of hiding as much at random, the fall at random, and the p-value of "no more than random"."""
    rows = _some(np.flatnonzero(chosen), seed)
    fall = fall_of(local[rows], at[rows], scorers, of[rows], seed=seed)
    if not len(rows):
        return {}
    return {
        "score_before": float(fall.before.mean()), "score_drop": fall.drop,
        "random_drop": float((fall.before - fall.other).mean()), "p_hidden": fall.p_value(),
    }  # fmt: skip


def _inserted(pool: Pool, at: Bool, positive: Bool, scorers: list[Scorer], of: Int64, seed: int) -> dict[str, float]:
    """What a mark does when other pictures get it: by how much the odds of the concept are multiplied, beyond what the
    same places of unmarked pictures do, and the p-value of "by no more than one"."""
    n = pool.training
    has = at[:n].any(axis=1)
    marked, plain = np.flatnonzero(has & positive), np.flatnonzero(~has & ~positive)
    if not len(marked) or not len(plain):
        return {}
    cells: Bool = np.asarray(at[:n].any(axis=0))
    rise = rise_of(pool.maps.local[:n], cells, _some(plain, seed), marked, plain, scorers, of, seed=seed)
    return {"odds": float(np.exp(rise.mean())), "p_inserted": p_above_zero(rise)}


def _elsewhere(
    pool: Pool, at: Bool, real_negative: Bool, whole: Scorer, numbers: dict[str, float], seed: int
) -> dict[str, float]:
    """Real pictures known not to show the concept: share that have it (tested against the training pictures without
    the concept), share of these scored above one half, of those without it (tested against each other), and how far
    the score falls when it is hidden."""
    n = pool.training
    negative = np.flatnonzero(real_negative)
    has: Bool = np.asarray(at[n:].any(axis=1))[negative]
    wrong = whole.probability(pool.x[n:][negative]) > 0.5
    k, count = len(negative), int(has.sum())
    trained = round(numbers["n_without"])
    others = round(numbers["others"])
    out = {
        "real_n": k, "real_count": count, "real_with_it": count / k,
        "wrong_with": float(wrong[has].mean()) if count else float("nan"),
        "wrong_without": float(wrong[~has].mean()) if count < k else 0.0,
        "p_elsewhere": (_more([[count, k - count], [trained, others - trained]])),
        "p_wrong": float(
            _more([[(wrong & has).sum(), (~wrong & has).sum()], [(wrong & ~has).sum(), (~wrong & ~has).sum()]])
        ),
    }  # fmt: skip
    rows = _some(negative[has], seed)
    if len(rows):
        fall: Fall = fall_of(pool.maps.local[n:][rows], at[n:][rows], [whole], np.zeros(len(rows), np.int64), seed=seed)
        out |= {"real_drop": fall.drop, "p_real_hidden": fall.p_value()}
    return out


def _some(rows: Int64, seed: int) -> Int64:
    if len(rows) <= HIDDEN_IN:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, HIDDEN_IN, replace=False))


def with_label(
    pool: Pool, positive: Bool, other: Bool, scorers: list[Scorer], of: Int64, number: int, place: Scorer, *, seed: int
) -> Companion:
    """Another label that comes with the concept; it is hidden where `place`, its own scorer, sees most of it.

    `wrong_with`, `wrong_without` and `p_wrong` are of training pictures without the concept, that have the other label
    and that do not, scored by a probe that has not seen them.
    """
    n = pool.training
    local = pool.maps.local
    rows = np.flatnonzero(other)
    at = np.zeros((len(pool.x), local.shape[1]), dtype=bool)
    best = max(1, local.shape[1] // 4)
    for i in rows:
        seen = np.asarray(local[i], dtype=np.float64) @ place.weight
        at[i, np.argsort(-seen, kind="stable")[:best]] = True
    numbers = {**dict.fromkeys(NUMBERS, float("nan")), **enriched(other, positive)}
    numbers |= hide(local[:n], at[:n], other & positive, scorers, of, seed)
    score = np.array([scorers[of[i]].probability(pool.x[i : i + 1])[0] for i in range(n)])
    wrong = score > 0.5
    lone, neither = other & ~positive, ~other & ~positive
    if lone.any() and neither.any():
        numbers |= {
            "real_n": float((~positive).sum()), "real_count": float(lone.sum()),
            "real_with_it": float(lone.sum() / (~positive).sum()),
            "wrong_with": float(wrong[lone].mean()), "wrong_without": float(wrong[neither].mean()),
            "p_wrong": (_more([[(wrong & lone).sum(), (~wrong & lone).sum()],
                                           [(wrong & neither).sum(), (~wrong & neither).sum()]])),
        }  # fmt: skip
    return Companion(LABEL, number, at, numbers)


def p_joint(numbers: dict[str, float], names: Sequence[str]) -> float:
    """The p-value of "not all of these hold": the largest of them (intersection-union test, Berger 1982).

    One that was not measured counts as 1: what came before it had failed, or there was nothing to measure.
    """
    return float(max(1.0 if np.isnan(numbers[name]) else numbers[name] for name in names))
