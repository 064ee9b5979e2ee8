"""Noise robustness: is a concept still told apart in a blurred, compressed, small, noisy or dark photo?

Question (G9). Can each concept be picked up through the noise of a photo, and from which level on is it lost?

Method. A linear probe learns from the unaltered pictures outside a sample. The sample (stratified; its size is in the
findings) is altered by five perturbations, level by level (`analysis.perturbations`), embedded anew and shown to the
probe. A shift that all pictures share is taken out first (their mean is moved back to that of the unaltered sample,
a simple form of the alignment of Sun et al. 2016, arXiv:1511.05547): a model that has seen such photos gets used to
it, and it is not what tells concepts apart. What is measured of a concept is the share of its pictures found minus
the share of other pictures taken for it, so that a concept that everything turns into does not pass for found.
The null hypothesis is that a perturbation makes no decision worse ("this concept or not", paired by picture); the
p-value is McNemar's exact one-sided test (1947), corrected over concepts and perturbations (Benjamini and Hochberg
1995). A concept is lost at a level where that is significant and less than half of what is told apart in the
unaltered pictures remains, the levels being smoothed so that harsher is never better (isotonic regression). `warn`:
lost at the level that everyday photos have, for a concept that is told apart in unaltered ones. `fail`: already at the
mildest level. Concepts that look suspicious at the everyday level get more pictures before the test; those that do
not get none and cannot be rejected, which only makes the test stricter.
Dodge and Karam 2016 (arXiv:1604.04004) and Hendrycks and Dietterich 2019 (arXiv:1903.12261) measured networks so.

Limits. Another model, or one trained on altered pictures, may see more. Levels beyond the everyday one are
measured on fewer pictures. With many concepts only those closest to another are looked at. One perturbation at a
time: real photos have several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import ConceptFinding, Findings, Unavailable, Verdict, at_least, rank_findings, worst
from analysis.dataset import Dataset
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features, Pixels
from analysis.perturbations import EVERYDAY, PERTURBATIONS, Perturbation
from analysis.probe import DEFAULT_C, Targets, targets
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_LOST_BELOW = 0.5  # of what is told apart clean: more is lost than is left
DEFAULT_SUSPICIOUS_BELOW = 0.65  # of the same: from here a concept gets more pictures before it is tested
DEFAULT_MIN_CLEAN = 0.5  # told apart in unaltered pictures; below, there is nothing that noise could take
DEFAULT_MIN_PICTURES = 12  # of a concept: six to learn from and six to look at
DEFAULT_PER_CONCEPT = 12  # pictures sampled of a concept, of up to ten concepts
DEFAULT_PER_MANY = 8  # of more than ten
DEFAULT_MORE = 12  # further pictures of a suspicious concept: 20 in all are significant also among many tests
DEFAULT_SAMPLE = 160  # pictures altered at each level: 20 s on two cores with the bundled model
DEFAULT_SAMPLE_SLOW = 64  # with any other model, about five times slower
DEFAULT_PROBED = 3000  # pictures the probe learns from at most
DEFAULT_EVIDENCE = 24
CHUNK: Final = 24  # pictures embedded between two calls of progress
METHOD: Final = """
- **Altered pictures.** A sample of the training pictures is blurred, compressed, scaled down, made noisy and darkened,
  step by step, and looked at again by the model. The pictures outside the sample taught it what each concept is.
- **Told apart** is the share of a concept's pictures that are found, minus the share of other pictures that are
  taken for it.
- **Lost** is a concept where less than half of that is left, and chance does not explain it (exact test on the same
  pictures before and after, corrected for the number of concepts and perturbations).
- **Look at this:** lost at a level that everyday photos have. **Needs work:** already lost at the mildest level.
  **Cannot tell:** fewer than 12 pictures, or a concept that is not told apart even in clear pictures.
- **Limits.** Another model may see more, or less. One perturbation at a time. With many concepts, only those closest
  to another one are looked at: the others are easier.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """Shares in (0, 1]; counts of pictures."""

    seed: int = 0
    alpha: float = DEFAULT_ALPHA
    lost_below: float = DEFAULT_LOST_BELOW
    min_clean: float = DEFAULT_MIN_CLEAN
    min_pictures: int = DEFAULT_MIN_PICTURES
    per_concept: int = DEFAULT_PER_CONCEPT
    more: int = DEFAULT_MORE
    sample: int = DEFAULT_SAMPLE
    evidence: int = DEFAULT_EVIDENCE


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class NoiseRobustnessResult:
    """How far each concept is told apart, level by level.

    Attributes:
        curves: one row a concept, perturbation and level that was measured: `concept`, `perturbation`, `unit` (str),
            `level` (float), `place` (int, 0 mildest), `everyday` (bool), `n` (pictures of the concept), `found`
            (share of them found), `taken` (share of others taken for it), `told_apart` (found - taken, in [-1, 1]),
            `left` (told apart, smoothed over levels, over the same unaltered, in [0, 1]), `p_value` (corrected),
            `lost` (bool).
        concepts: one row a concept that was looked at: `concept`, `n`, `clean` (told apart unaltered), `pictures` (of
            training), `verdict`, `score` (the least `left` at the everyday level, nan where not judged).
        evidence: for each concept, ids of its sampled pictures, those no longer found first.
        sampled: pictures that were embedded anew. altered: embeddings made.
        skipped: concepts that were not looked at.
        params: as used.
    """

    curves: pd.DataFrame
    concepts: pd.DataFrame
    evidence: dict[str, tuple[str, ...]]
    sampled: int
    altered: int
    skipped: tuple[str, ...]
    params: Params
    model: str = ""

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.concepts.to_dict("records"))
        verdict = worst(f.verdict for f in found)
        tested = self.curves.loc[self.curves["place"] == EVERYDAY, "p_value"].dropna()
        headline = self._headline(found)
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=headline,
            reason=self._reason(found) if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(tested.min()) if len(tested) else None,
            concepts=found,
            extra={
                "sampled": self.sampled,
                "altered": self.altered,
                "not_looked_at": list(self.skipped),
                "perturbations": [
                    {"perturbation": p.id, "unit": p.unit, "levels": list(p.levels), "everyday": p.levels[EVERYDAY]}
                    for p in PERTURBATIONS
                ],
            },
            tables={"curves": self.curves, "robustness": self.concepts},
        )

    def _headline(self, found: tuple[ConceptFinding, ...]) -> str:
        looked = f" Measured on {self.sampled:,} sampled pictures"
        looked += f" of the {len(found)} concepts closest to another." if self.skipped else "."
        bad = [f for f in found if at_least(f.verdict, Verdict.WARN)]
        if bad:
            name = bad[0].concept.rsplit("/", 1)[-1]
            verb = "is" if len(bad) == 1 else "are"
            return (
                f"{len(bad)} of {len(found)} concepts {verb} lost in photos such as people take every day; "
                f"first of all {name}.{looked}"
            )
        judged = sum(f.verdict is Verdict.PASS for f in found)
        if not judged:
            return f"{self._reason(found)}{looked}"
        if judged < len(found):
            return f"{judged} of {len(found)} concepts stay visible in everyday photos; the others stay open.{looked}"
        return f"Every concept stays visible in everyday blur, noise, darkness and compression.{looked}"

    def _reason(self, found: tuple[ConceptFinding, ...]) -> str:
        unsure = [f for f in found if f.verdict is Verdict.CANNOT_TELL]
        few = sum(int(f.extra["pictures"]) < self.params.min_pictures for f in unsure)  # type: ignore[call-overload]
        if few == len(unsure):
            return f"Too few pictures of {few} of {len(found)} concepts: {self.params.min_pictures} each are needed."
        return (
            f"{len(unsure)} of {len(found)} concepts have too few pictures or are not told apart in clear ones, "
            f"to say what noise would take. A stronger model may see more: {RECOMMENDED_MODEL}."
        )

    def _finding(self, row: dict[Any, Any]) -> ConceptFinding:
        verdict, concept = Verdict(row["verdict"]), str(row["concept"])
        mine = self.curves[(self.curves["concept"] == concept) & self.curves["lost"]]
        first = [
            (p, mine[mine["perturbation"] == p.id].sort_values("place"))
            for p in PERTURBATIONS
            if (mine["perturbation"] == p.id).any()
        ]
        limits = [{"perturbation": p.id, "level": float(m["level"].iloc[0]), "unit": p.unit} for p, m in first]
        soon = [(p, m.iloc[0]) for p, m in first if m["place"].iloc[0] <= EVERYDAY]
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=None if np.isnan(row["score"]) else float(row["score"]),
            headline=self._sentence(verdict, row, first, soon),
            evidence=self.evidence.get(concept, ()),
            fix=_fix(concept, soon) if soon and at_least(verdict, Verdict.WARN) else "",
            extra={
                "limits": limits if verdict is not Verdict.CANNOT_TELL else [],
                "n": int(row["n"]),
                "pictures": int(row["pictures"]),
                "told_apart": None if np.isnan(row["clean"]) else float(row["clean"]),
            },
        )

    def _sentence(
        self,
        verdict: Verdict,
        row: dict[Any, Any],
        first: Sequence[tuple[Perturbation, pd.DataFrame]],
        soon: Sequence[tuple[Perturbation, Any]],
    ) -> str:
        if verdict is Verdict.CANNOT_TELL:
            if row["pictures"] < self.params.min_pictures:
                return f"Cannot tell: only {int(row['pictures'])} pictures; {self.params.min_pictures} are needed."
            if row["clean"] < self.params.min_clean:
                return (
                    f"Cannot tell: not told apart well even in clear pictures ({row['clean']:.0%}), "
                    "so there is little that noise could take."
                )
            return f"Cannot tell: some of it may be lost in everyday photos, but {int(row['n'])} pictures are too few."
        if soon:
            words = " and ".join(f"at {p.say(at['level'])}" for p, at in soon)
            p, at = min(soon, key=lambda s: s[1]["left"])
            return (
                f"Lost {words}, which everyday photos have: at {p.say(at['level'])} {at['found']:.0%} of its pictures "
                f"are still found, of {int(at['n'])} looked at."
            )
        if first:
            words = ", ".join(f"at {p.say(float(m['level'].iloc[0]))}" for p, m in first)
            return f"Stays visible in everyday photos; lost {words}."
        open_ends = self.curves[
            (self.curves["concept"] == row["concept"]) & (self.curves["left"] < self.params.lost_below)
        ]
        if len(open_ends):
            return "Stays visible in everyday photos; harsher ones take much of it, from where on is not certain."
        return "Stays visible in everyday photos, and at every harsher level that was tried."


def _fix(concept: str, soon: Sequence[tuple[Perturbation, Any]]) -> str:
    name, what = concept.rsplit("/", 1)[-1], " and ".join(p.title.lower() for p, _ in soon)
    return (
        f"What tells {name} apart is finer than {what} leaves it: photograph it closer and larger in the frame, "
        "train on larger pictures, or choose a concept with a mark that is easier to see."
    )


@dataclass(slots=True)
class _Probe:
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


def _learn(x: NDArray[np.floating], member: Bool) -> _Probe:
    from sklearn.linear_model import LogisticRegression

    scale = 1.0 / max(float(np.std(x)), 1e-12)  # as in `analysis.probe`

    def fit(y: NDArray[Any]) -> Any:
        return LogisticRegression(C=DEFAULT_C, max_iter=300).fit(x * scale, y)

    if (member.sum(axis=1) == 1).all():
        return _Probe([fit(member.argmax(axis=1))], scale, member.shape[1])
    return _Probe([fit(m) if 0 < m.sum() < len(m) else None for m in member.T] + [None], scale, member.shape[1])


def mcnemar(before: Bool, after: Bool) -> float:
    """One-sided exact p-value that no more decisions turned from right to wrong than back; bool (n,) each."""
    from scipy.stats import binom

    worse, better = int((before & ~after).sum()), int((~before & after).sum())
    return float(binom.sf(worse - 1, worse + better, 0.5)) if worse else 1.0


def falling(values: Float64) -> Float64:
    """Values smoothed so that none is above the one before it (isotonic regression, equal weights)."""
    from sklearn.isotonic import isotonic_regression

    return np.asarray(isotonic_regression(values, increasing=False), dtype=np.float64)


@dataclass(slots=True)
class _Eye:
    """The model looking at altered pictures: what encodes, what judges, what was counted."""

    features: Features
    probe: _Probe | None
    own: bool  # vectors of the space of `Features.joint` serve where `image` holds a person's own
    progress: Progress
    expected: int
    done: int = 0
    shift: dict[tuple[str, float], NDArray[np.floating]] = field(default_factory=dict)

    def encode(self, pictures: Sequence[Pixels], what: str) -> NDArray[np.floating]:
        assert self.features.pictures is not None
        out = []
        for i in range(0, len(pictures), CHUNK):
            self.progress(min(self.done, self.expected - 1), self.expected, what)
            part = self.features.pictures.encode_pictures(pictures[i : i + CHUNK])
            out.append(part.vectors if self.own else part.features)
            self.done += len(pictures[i : i + CHUNK])
        return np.concatenate(out)


def _closeness(x: NDArray[np.floating], y: Int64, classes: int) -> Float64:
    """For each class, how close the nearest other class's middle is, by its own spread; the smaller, the closer."""
    centre = np.stack(
        [x[y == k].mean(axis=0) if (y == k).any() else np.full(x.shape[1], np.nan) for k in range(classes)]
    )
    spread = np.array([np.sqrt(((x[y == k] - centre[k]) ** 2).sum(axis=1).mean()) if (y == k).any() else np.nan
                       for k in range(classes)])  # fmt: skip
    apart = np.sqrt(np.maximum((centre**2).sum(1)[:, None] + (centre**2).sum(1)[None] - 2 * centre @ centre.T, 0))
    np.fill_diagonal(apart, np.inf)
    return np.asarray(np.nanmin(np.where(np.isnan(apart), np.inf, apart), axis=1) / np.maximum(spread, 1e-9))


def find_noise_robustness(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> NoiseRobustnessResult | Unavailable:
    """Alter a sample of the training pictures step by step and say where each concept is lost."""
    target = targets(dataset)
    if not len(target.rows):
        return Unavailable("No training picture has a label, so there is no concept to look for.")
    if len(target.classes) < 2:
        return Unavailable("There is only one concept, so there is nothing to tell it apart from.")
    if features.pictures is None:
        return Unavailable("The pictures themselves are not at hand, only vectors: nothing can be altered.")
    own = "+own-" in features.model.key
    x = np.asarray((features.joint if own else features.image)[target.rows], dtype=np.float32)
    counts = target.member.sum(axis=0)
    slow = features.model.name != "bundled"
    sample = min(params.sample, DEFAULT_SAMPLE_SLOW) if slow else params.sample
    enough = np.flatnonzero(counts >= params.min_pictures)
    per = params.per_concept if len(enough) * params.per_concept <= sample * 3 // 4 else DEFAULT_PER_MANY
    order = enough[np.argsort(_closeness(x, target.first, len(target.classes))[enough], kind="stable")]
    looked = np.sort(order[: max(2, sample // per)])
    skipped = tuple(target.classes[k] for k in order[max(2, sample // per) :])
    rng = np.random.default_rng(params.seed)
    first, later = [], {}
    taken = np.zeros(len(target.rows), dtype=bool)
    for k in looked:
        mine = rng.permutation(np.flatnonzero(target.member[:, k] & ~taken))
        half = mine[: max(0, min(per + params.more, len(mine) // 2))]
        taken[half] = True
        first.append(half[:per])
        later[int(k)] = half[per:]
    few = [k for k in range(len(counts)) if counts[k] < params.min_pictures]
    rest = np.flatnonzero(~taken)
    if len(rest) > DEFAULT_PROBED:
        rest = np.sort(rng.choice(rest, DEFAULT_PROBED, replace=False))
    if len(looked) < 2 or len(np.unique(target.first[rest])) < 2:
        return _too_few(target, counts, params)
    at = np.concatenate(first)
    expected = len(at) * (1 + len(PERTURBATIONS) * (len(PERTURBATIONS[0].levels) - 1)) + 1
    progress(0, expected, "learning the concepts")
    eye = _Eye(features, _learn(x[rest], target.member[rest]), own, progress, expected)
    return _look(dataset, target, eye, at, later, looked, few, skipped, counts, params)


def _too_few(target: Targets, counts: Int64, params: Params) -> NoiseRobustnessResult:
    concepts = pd.DataFrame({"concept": list(target.classes), "n": 0, "clean": np.nan, "pictures": counts,
                             "verdict": str(Verdict.CANNOT_TELL), "score": np.nan})  # fmt: skip
    short = replace_pictures(concepts, params)
    return NoiseRobustnessResult(_curves([]), short, {}, 0, 0, (), params)


def replace_pictures(concepts: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The table with `clean` 0 where nothing was measured although there were enough pictures."""
    return concepts.assign(clean=np.where(concepts["pictures"] >= params.min_pictures, 0.0, np.nan))


def _curves(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = ("concept", "perturbation", "unit", "level", "place", "everyday", "n", "found", "taken", "told_apart",
             "left", "p_value", "lost")  # fmt: skip
    out = pd.DataFrame(rows, columns=list(names))
    return out.astype({"lost": bool, "everyday": bool}) if len(out) else out.astype({"lost": bool, "place": int})


def _look(
    dataset: Dataset,
    target: Targets,
    eye: _Eye,
    at: Int64,
    later: dict[int, Int64],
    looked: Int64,
    few: list[int],
    skipped: tuple[str, ...],
    counts: Int64,
    params: Params,
) -> NoiseRobustnessResult:
    assert eye.features.pictures is not None and eye.probe is not None
    at, pictures = _read(eye.features, target, at)
    if len(at) < params.min_pictures:
        return _too_few(target, counts, params)
    clean_x = eye.encode(pictures, "unaltered pictures")
    clean = eye.probe.decide(clean_x, target.member[at].sum(axis=1))
    truth = target.member[at]

    def told(k: int, truth: Bool, decided: Bool) -> tuple[float, float]:
        mine = truth[:, k]
        taken = float(decided[~mine, k].mean()) if (~mine).any() else 0.0
        return (float(decided[mine, k].mean()) if mine.any() else 0.0), taken

    base = {int(k): (lambda f: f[0] - f[1])(told(int(k), truth, clean)) for k in looked}
    judged = [int(k) for k in looked if base[int(k)] >= params.min_clean and truth[:, k].sum() >= 5]
    decided: dict[tuple[int, int], Bool] = {}  # (perturbation, place) -> decisions on the sample
    extra: dict[tuple[int, int, int], tuple[Int64, Bool, Bool]] = {}  # (concept, perturbation, place)
    shifts: dict[tuple[int, int], NDArray[np.floating]] = {}

    def measure(i: int, place: int) -> None:
        p, level = PERTURBATIONS[i], PERTURBATIONS[i].levels[place]
        altered = [p.apply(one, level) for one in pictures]
        vectors = eye.encode(altered, f"{p.title.lower()}: {p.say(level)}")
        shifts[i, place] = clean_x.mean(axis=0) - vectors.mean(axis=0)
        decided[i, place] = eye.probe.decide(vectors + shifts[i, place], truth.sum(axis=1))  # type: ignore[union-attr]

    def numbers(k: int, i: int, place: int) -> tuple[float, float, int, float]:
        """Found, taken, pictures, p-value of one concept, its further pictures included."""
        found, taken = told(k, truth, decided[i, place])
        n = int(truth[:, k].sum())
        before, after = clean[:, k] == truth[:, k], decided[i, place][:, k] == truth[:, k]
        if (k, i, place) in extra:
            _, was, now = extra[k, i, place]
            found = (found * n + now.sum()) / (n + len(now))
            before, after, n = np.r_[before, was], np.r_[after, now], n + len(now)
        return found, taken, n, mcnemar(before, after)

    loaded: dict[int, tuple[Int64, list[Pixels], Bool]] = {}

    def look_closer(k: int, i: int, place: int) -> None:
        assert eye.probe is not None
        if k not in loaded:
            more, pics = _read(eye.features, target, later[k])
            was = (
                eye.probe.decide(eye.encode(pics, "more pictures"), target.member[more].sum(axis=1))[:, k]
                if pics
                else np.zeros(0, bool)
            )
            loaded[k] = more, pics, was
        more, pics, was = loaded[k]
        if pics:
            p, level = PERTURBATIONS[i], PERTURBATIONS[i].levels[place]
            v = eye.encode([p.apply(one, level) for one in pics], f"more pictures: {p.title.lower()}")
            now = eye.probe.decide(v + shifts[i, place], target.member[more].sum(axis=1))[:, k]
            extra[k, i, place] = more, was, now

    every = range(len(PERTURBATIONS))
    for i in every:
        measure(i, EVERYDAY)
        for k in judged:
            f, t, *_ = numbers(k, i, EVERYDAY)
            if f - t < DEFAULT_SUSPICIOUS_BELOW * base[k]:
                look_closer(k, i, EVERYDAY)
    soon = {(k, i): numbers(k, i, EVERYDAY) for k in judged for i in every}
    corrected = dict(zip(soon, benjamini_hochberg(np.array([v[3] for v in soon.values()])), strict=True))
    gone = [
        (k, i) for (k, i), (f, t, _, _) in soon.items()
        if f - t < params.lost_below * base[k] and corrected[k, i] <= params.alpha
    ]  # fmt: skip
    for i in sorted({i for _, i in gone}):
        measure(i, 0)
        for k in [k for k, j in gone if j == i]:
            look_closer(k, i, 0)
    for i in every:
        for place in range(EVERYDAY + 1, len(PERTURBATIONS[i].levels)):
            if judged and all(_gone(numbers(k, i, place - 1), base[k], params) for k in judged):
                break  # nothing is left to be lost
            measure(i, place)
    keys = [(k, i, place) for k in judged for (i, place) in sorted(decided)]
    all_numbers = {key: numbers(*key) for key in keys}
    wide = dict(zip(keys, benjamini_hochberg(np.array([all_numbers[key][3] for key in keys])), strict=True))
    rows: list[dict[str, Any]] = []
    for k in judged:
        for i in every:
            places = sorted(place for j, place in decided if j == i)
            apart = np.array([all_numbers[k, i, q][0] - all_numbers[k, i, q][1] for q in places])
            left = np.clip(falling(np.r_[base[k], apart])[1:] / base[k], 0, 1)
            for q, value, smooth in zip(places, apart, left, strict=True):
                found, taken, n, _ = all_numbers[k, i, q]
                p_value = corrected[k, i] if q == EVERYDAY else wide[k, i, q]
                everyday_lost = (k, i) in gone
                lost = smooth < params.lost_below and p_value <= params.alpha
                lost &= everyday_lost if q <= EVERYDAY else True
                p = PERTURBATIONS[i]
                rows.append({"concept": target.classes[k], "perturbation": p.id, "unit": p.unit,
                             "level": float(p.levels[q]), "place": q, "everyday": q == EVERYDAY, "n": n,
                             "found": found, "taken": taken, "told_apart": value, "left": float(smooth),
                             "p_value": float(p_value), "lost": bool(lost)})  # fmt: skip
    curves = _curves(rows)
    table, evidence = [], {}
    ids = dataset.images["image_id"].astype(str).to_numpy()
    for k in [*(int(k) for k in looked), *few]:
        name = target.classes[k]
        mine = curves[curves["concept"] == name]
        n = int(truth[:, k].sum())
        score, verdict = np.nan, Verdict.CANNOT_TELL
        if k in judged:
            score = float(mine.loc[mine["everyday"], "left"].min())
            if mine.loc[mine["lost"], "place"].min() == 0:
                verdict = Verdict.FAIL
            elif (mine["lost"] & mine["everyday"]).any():
                verdict = Verdict.WARN
            elif score >= params.lost_below:
                verdict = Verdict.PASS
            n = int(mine["n"].max())
        table.append({"concept": name, "n": n, "clean": base.get(k, np.nan), "pictures": int(counts[k]),
                      "verdict": str(verdict), "score": score})  # fmt: skip
        own = np.flatnonzero(truth[:, k])
        bad = [i for (c, i) in gone if c == k] or list(every)
        still = np.mean([decided[i, EVERYDAY][own, k] for i in bad], axis=0) if len(own) else np.zeros(0)
        ranked = own[np.lexsort((still, ~clean[own, k]))] if len(own) else own
        evidence[name] = tuple(ids[target.rows[at[ranked]]][: params.evidence])
    return NoiseRobustnessResult(
        curves, pd.DataFrame(table), evidence, len(at) + sum(len(p) for _, p, _ in loaded.values()), eye.done,
        skipped, params,
    )  # fmt: skip


def _gone(numbers: tuple[float, float, int, float], base: float, params: Params) -> bool:
    return numbers[0] - numbers[1] < params.lost_below * base / 2 and numbers[3] <= params.alpha / 100


def _read(features: Features, target: Targets, at: Int64) -> tuple[Int64, list[Pixels]]:
    """The pictures that can still be read, and their places."""
    assert features.pictures is not None
    pictures = features.pictures.originals(target.rows[at])
    kept = [(a, p) for a, p in zip(at, pictures, strict=True) if p is not None]
    return np.array([a for a, _ in kept], dtype=np.int64), [p for _, p in kept]
