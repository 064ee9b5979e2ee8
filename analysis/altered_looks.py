"""Altered pictures shown to a probe that learnt from unaltered ones: what is found, and whether chance explains it.

`Looks` keeps what was embedded and decided, so that nothing is looked at twice: a sample of pictures at each level of
a perturbation asked for, and further pictures of single concepts where the sample left doubt. The shift that all
pictures share is taken out (Sun et al. 2016, arXiv:1511.05547). scikit-learn and scipy load when a function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.features import Features, Pixels
from analysis.perturbations import PERTURBATIONS
from analysis.probe import DEFAULT_C, Targets
from analysis.progress import Progress

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

CHUNK: Final = 24  # pictures embedded between two calls of progress


@dataclass(frozen=True, slots=True)
class Seen:
    """What is left of a concept at one level.

    Attributes:
        found: share of its pictures found. taken: share of other pictures taken for it; both in [0, 1].
        n: pictures of the concept.
        p_value: one-sided, of "no decision became worse" (`mcnemar`).
    """

    found: float
    taken: float
    n: int
    p_value: float

    @property
    def told_apart(self) -> float:
        """Found minus taken, in [-1, 1]."""
        return self.found - self.taken


@dataclass(slots=True)
class Probe:
    """Linear probe with its decisions: the as many best classes as the picture has labels."""

    models: list[Any]
    scale: float
    classes: int

    def decide(self, x: NDArray[np.floating], labels: Int64) -> Bool:
        """Bool (n, classes), which classes each picture is taken for."""
        score = np.full((len(x), self.classes), -np.inf)
        if len(self.models) == 1:
            score[:, self.models[0].classes_] = self.models[0].predict_proba(x * self.scale)
        else:
            for k, model in enumerate(self.models):
                if model is not None:
                    score[:, k] = model.predict_proba(x * self.scale)[:, 1]
        rank = (-score).argsort(axis=1, kind="stable").argsort(axis=1)
        return np.asarray(rank < labels[:, None])


def learn(x: NDArray[np.floating], member: Bool) -> Probe:
    """A probe of these vectors (m, f) and classes, bool (m, k)."""
    from sklearn.linear_model import LogisticRegression

    scale = 1.0 / max(float(np.std(x)), 1e-12)  # as in `analysis.probe`

    def fit(y: NDArray[Any]) -> Any:
        return LogisticRegression(C=DEFAULT_C, max_iter=300).fit(x * scale, y)

    if (member.sum(axis=1) == 1).all():
        return Probe([fit(member.argmax(axis=1))], scale, member.shape[1])
    return Probe([fit(m) if 0 < m.sum() < len(m) else None for m in member.T] + [None], scale, member.shape[1])


def mcnemar(before: Bool, after: Bool) -> float:
    """One-sided exact p-value that no more decisions turned from right to wrong than back; bool (n,) each."""
    from scipy.stats import binom

    worse, better = int((before & ~after).sum()), int((~before & after).sum())
    return float(binom.sf(worse - 1, worse + better, 0.5)) if worse else 1.0


def falling(values: Float64) -> Float64:
    """Values smoothed so that none is above the one before it (isotonic regression, equal weights)."""
    from sklearn.isotonic import isotonic_regression

    return np.asarray(isotonic_regression(values, increasing=False), dtype=np.float64)


def closeness(x: NDArray[np.floating], y: Int64, classes: int) -> Float64:
    """For each class, how close the nearest other class's middle is, by its own spread; the smaller, the closer."""
    centre = np.stack(
        [x[y == k].mean(axis=0) if (y == k).any() else np.full(x.shape[1], np.nan) for k in range(classes)]
    )
    spread = np.array([np.sqrt(((x[y == k] - centre[k]) ** 2).sum(axis=1).mean()) if (y == k).any() else np.nan
                       for k in range(classes)])  # fmt: skip
    apart = np.sqrt(np.maximum((centre**2).sum(1)[:, None] + (centre**2).sum(1)[None] - 2 * centre @ centre.T, 0))
    np.fill_diagonal(apart, np.inf)
    return np.asarray(np.nanmin(np.where(np.isnan(apart), np.inf, apart), axis=1) / np.maximum(spread, 1e-9))


class Looks:
    """The model looking at a sample of pictures, unaltered and altered.

    Args:
        features: with pictures; vectors come from its model.
        target: the labels of the training pictures.
        probe: learnt from pictures outside the sample.
        at: int64, the sample: positions in `target.rows`; those that can no longer be read are left out.
        later: for each concept, further positions to look at in case of doubt.
        own: whether `Features.image` holds a person's own vectors, so that those of `Features.joint` serve.
        progress: told of each batch. expected: embeddings, about, for its total.
    """

    def __init__(
        self,
        features: Features,
        target: Targets,
        probe: Probe,
        at: Int64,
        later: dict[int, Int64],
        *,
        own: bool,
        progress: Progress,
        expected: int,
    ) -> None:
        assert features.pictures is not None
        self._pictures, self._target, self._probe, self._later = features.pictures, target, probe, later
        self._own, self._progress, self._expected = own, progress, expected
        self.embedded = 0
        self.at, self._sample = self._read(at)
        self.truth: Bool = target.member[self.at]
        self.clean: Bool = np.zeros_like(self.truth)
        self.decided: dict[tuple[int, int], Bool] = {}  # (perturbation, place) -> decisions on the sample
        self._shift: dict[tuple[int, int], NDArray[np.floating]] = {}
        self._more: dict[int, tuple[Int64, list[Pixels], Bool]] = {}  # concept -> positions, pictures, found unaltered
        self._more_found: dict[tuple[int, int, int], Bool] = {}  # (concept, perturbation, place)

    @property
    def sampled(self) -> int:
        """Pictures looked at, the further ones included."""
        return len(self.at) + sum(len(pictures) for _, pictures, _ in self._more.values())

    def look_unaltered(self) -> None:
        """Embed and judge the sample as it is; everything else compares with this."""
        self._middle = (vectors := self._encode(self._sample, "unaltered pictures")).mean(axis=0)
        self.clean = self._decide(vectors, self.at)

    def look(self, i: int, place: int) -> None:
        """Judge the sample at one level of a perturbation."""
        p, level = PERTURBATIONS[i], PERTURBATIONS[i].levels[place]
        vectors = self._encode([p.apply(one, level) for one in self._sample], f"{p.title.lower()}: {p.say(level)}")
        self._shift[i, place] = self._middle - vectors.mean(axis=0)
        self.decided[i, place] = self._decide(vectors + self._shift[i, place], self.at)

    def look_closer(self, k: int, i: int, place: int) -> None:
        """Judge the further pictures of a concept at a level that the sample was judged at."""
        if k not in self._more:
            more, pictures = self._read(self._later[k])
            found = self._decide(self._encode(pictures, "more pictures"), more)[:, k] if pictures else np.zeros(0, bool)
            self._more[k] = more, pictures, found
        more, pictures, _ = self._more[k]
        if pictures:
            p, level = PERTURBATIONS[i], PERTURBATIONS[i].levels[place]
            vectors = self._encode([p.apply(one, level) for one in pictures], f"more pictures: {p.title.lower()}")
            self._more_found[k, i, place] = self._decide(vectors + self._shift[i, place], more)[:, k]

    def unaltered(self, k: int) -> float:
        """How well a concept is told apart in the unaltered sample."""
        found, taken = self._shares(k, self.clean)
        return found - taken

    def seen(self, k: int, i: int, place: int) -> Seen:
        """What is left of a concept at a level, its further pictures included."""
        decided, truth = self.decided[i, place], self.truth[:, k]
        found, taken = self._shares(k, decided)
        n = int(truth.sum())
        before, after = self.clean[:, k] == truth, decided[:, k] == truth
        if (k, i, place) in self._more_found:
            was, now = self._more[k][2], self._more_found[k, i, place]
            found = (found * n + now.sum()) / (n + len(now))
            before, after, n = np.r_[before, was], np.r_[after, now], n + len(now)
        return Seen(found, taken, n, mcnemar(before, after))

    def _shares(self, k: int, decided: Bool) -> tuple[float, float]:
        mine = self.truth[:, k]
        found = float(decided[mine, k].mean()) if mine.any() else 0.0
        return found, (float(decided[~mine, k].mean()) if (~mine).any() else 0.0)

    def _decide(self, vectors: NDArray[np.floating], at: Int64) -> Bool:
        return self._probe.decide(vectors, self._target.member[at].sum(axis=1))

    def _encode(self, pictures: Sequence[Pixels], what: str) -> NDArray[np.floating]:
        out = []
        for i in range(0, len(pictures), CHUNK):
            self._progress(min(self.embedded, self._expected - 1), self._expected, what)
            part = self._pictures.encode_pictures(pictures[i : i + CHUNK])
            out.append(part.vectors if self._own else part.features)
            self.embedded += len(pictures[i : i + CHUNK])
        return np.concatenate(out)

    def _read(self, at: Int64) -> tuple[Int64, list[Pixels]]:
        """The pictures that can still be read, and their places."""
        pictures = self._pictures.originals(self._target.rows[at])
        kept = [(a, p) for a, p in zip(at, pictures, strict=True) if p is not None]
        return np.array([a for a, _ in kept], dtype=np.int64), [p for _, p in kept]
