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
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.altered_looks import Looks, Seen, closeness, falling, learn
from analysis.checks.base import ConceptFinding, Findings, Unavailable, Verdict, at_least, rank_findings, worst
from analysis.dataset import Dataset
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.names import Say, short_names
from analysis.perturbations import EVERYDAY, PERTURBATIONS, Perturbation
from analysis.probe import Targets, targets
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
DEFAULT_MIN_LOOKED_AT = 5  # pictures of a concept in the sample; with fewer no loss can be significant
EVERY: Final = range(len(PERTURBATIONS))
Key = TypeVar("Key")
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
        say: what a concept is called in a sentence.
    """

    curves: pd.DataFrame
    concepts: pd.DataFrame
    evidence: dict[str, tuple[str, ...]]
    sampled: int
    altered: int
    skipped: tuple[str, ...]
    params: Params
    say: Say

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
            name = self.say(bad[0].concept)
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
            fix=_fix(self.say(concept), soon) if soon and at_least(verdict, Verdict.WARN) else "",
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


def _fix(name: str, soon: Sequence[tuple[Perturbation, Any]]) -> str:
    what = " and ".join(p.title.lower() for p, _ in soon)
    return (
        f"What tells {name} apart is finer than {what} leaves it: photograph it closer and larger in the frame, "
        "train on larger pictures, or choose a concept with a mark that is easier to see."
    )


def find_noise_robustness(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> NoiseRobustnessResult | Unavailable:
    """Alter a sample of the training pictures step by step and say where each concept is lost."""
    target, say = targets(dataset), short_names(dataset.concepts)
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
    order = enough[np.argsort(closeness(x, target.first, len(target.classes))[enough], kind="stable")]
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
        return _too_few(target, counts, params, say)
    expected = sum(map(len, first)) * (1 + len(PERTURBATIONS) * (len(PERTURBATIONS[0].levels) - 1)) + 1
    progress(0, expected, "learning the concepts")
    looks = Looks(
        features,
        target,
        learn(x[rest], target.member[rest]),
        np.concatenate(first),
        later,
        own=own,
        progress=progress,
        expected=expected,
    )
    if len(looks.at) < params.min_pictures:
        return _too_few(target, counts, params, say)
    looks.look_unaltered()
    base = {int(k): looks.unaltered(int(k)) for k in looked}
    judged = [k for k in base if base[k] >= params.min_clean and looks.truth[:, k].sum() >= DEFAULT_MIN_LOOKED_AT]
    everyday = _look(looks, base, judged, params)
    curves = _curve_table(looks, target.classes, base, judged, everyday, params)
    gone = _gone(looks, base, everyday, params)
    ids = dataset.images["image_id"].astype(str).to_numpy()
    rows, evidence = [], {}
    for k in [*base, *few]:
        name, n = target.classes[k], int(looks.truth[:, k].sum())
        score, verdict = np.nan, Verdict.CANNOT_TELL
        if k in judged:
            of_concept = curves[curves["concept"] == name]
            score, verdict = _judged(of_concept, params)
            n = int(of_concept["n"].max())
        rows.append({"concept": name, "n": n, "clean": base.get(k, np.nan), "pictures": int(counts[k]),
                     "verdict": str(verdict), "score": score})  # fmt: skip
        shown = looks.at[_evidence(looks, k, gone)]
        evidence[name] = tuple(ids[target.rows[shown]][: params.evidence])
    return NoiseRobustnessResult(
        curves, pd.DataFrame(rows), evidence, looks.sampled, looks.embedded, skipped, params, say
    )


def _too_few(target: Targets, counts: Int64, params: Params, say: Say) -> NoiseRobustnessResult:
    """`clean` is 0, not nan, where nothing was measured although there were enough pictures."""
    clean = np.where(counts >= params.min_pictures, 0.0, np.nan)
    concepts = pd.DataFrame({"concept": list(target.classes), "n": 0, "clean": clean, "pictures": counts,
                             "verdict": str(Verdict.CANNOT_TELL), "score": np.nan})  # fmt: skip
    return NoiseRobustnessResult(_curves([]), concepts, {}, 0, 0, (), params, say)


def _curves(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = ("concept", "perturbation", "unit", "level", "place", "everyday", "n", "found", "taken", "told_apart",
             "left", "p_value", "lost")  # fmt: skip
    out = pd.DataFrame(rows, columns=list(names))
    return out.astype({"lost": bool, "everyday": bool}) if len(out) else out.astype({"lost": bool, "place": int})


def _look(looks: Looks, base: dict[int, float], judged: list[int], params: Params) -> dict[tuple[int, int], float]:
    """Embed what has to be looked at; returns the corrected p-values at the everyday level by (concept, perturbation).

    The everyday level first, with a closer look where a concept seems to suffer; the mildest one where something is
    lost there; harsher ones until nothing is left.
    """
    for i in EVERY:
        looks.look(i, EVERYDAY)
        for k in judged:
            if looks.seen(k, i, EVERYDAY).told_apart < DEFAULT_SUSPICIOUS_BELOW * base[k]:
                looks.look_closer(k, i, EVERYDAY)
    keys = [(k, i) for k in judged for i in EVERY]
    corrected = _corrected(keys, [looks.seen(k, i, EVERYDAY).p_value for k, i in keys])
    gone = _gone(looks, base, corrected, params)
    for i in sorted({i for _, i in gone}):
        looks.look(i, 0)
        for k in [k for k, j in gone if j == i]:
            looks.look_closer(k, i, 0)
    for i in EVERY:
        for place in range(EVERYDAY + 1, len(PERTURBATIONS[i].levels)):
            if judged and all(_nothing_left(looks.seen(k, i, place - 1), base[k], params) for k in judged):
                break
            looks.look(i, place)
    return corrected


def _gone(
    looks: Looks, base: dict[int, float], corrected: dict[tuple[int, int], float], params: Params
) -> list[tuple[int, int]]:
    """(concept, perturbation) where the concept is lost at the everyday level."""
    return [
        (k, i)
        for (k, i), p_value in corrected.items()
        if p_value <= params.alpha and looks.seen(k, i, EVERYDAY).told_apart < params.lost_below * base[k]
    ]


def _nothing_left(seen: Seen, base: float, params: Params) -> bool:
    return seen.told_apart < params.lost_below * base / 2 and seen.p_value <= params.alpha / 100


def _corrected(keys: Sequence[Key], p_values: Sequence[float]) -> dict[Key, float]:
    return dict(zip(keys, benjamini_hochberg(np.array(p_values)).tolist(), strict=True))


def _curve_table(
    looks: Looks,
    classes: Sequence[str],
    base: dict[int, float],
    judged: list[int],
    everyday: dict[tuple[int, int], float],
    params: Params,
) -> pd.DataFrame:
    """`NoiseRobustnessResult.curves`."""
    gone = set(_gone(looks, base, everyday, params))
    keys = [(k, i, place) for k in judged for i, place in sorted(looks.decided)]
    seen = {key: looks.seen(*key) for key in keys}
    wide = _corrected(keys, [seen[key].p_value for key in keys])
    rows: list[dict[str, Any]] = []
    for k in judged:
        for i, p in enumerate(PERTURBATIONS):
            places = sorted(place for j, place in looks.decided if j == i)
            levels = [seen[k, i, place] for place in places]
            left = falling(np.array([base[k], *(s.told_apart for s in levels)]))[1:] / base[k]
            for place, s, smooth in zip(places, levels, np.clip(left, 0, 1), strict=True):
                p_value = everyday[k, i] if place == EVERYDAY else wide[k, i, place]
                lost = smooth < params.lost_below and p_value <= params.alpha and (place > EVERYDAY or (k, i) in gone)
                rows.append({"concept": classes[k], "perturbation": p.id, "unit": p.unit,
                             "level": float(p.levels[place]), "place": place, "everyday": place == EVERYDAY, "n": s.n,
                             "found": s.found, "taken": s.taken, "told_apart": s.told_apart, "left": float(smooth),
                             "p_value": p_value, "lost": bool(lost)})  # fmt: skip
    return _curves(rows)


def _judged(mine: pd.DataFrame, params: Params) -> tuple[float, Verdict]:
    """Score and verdict of a concept from its rows of the curves."""
    score = float(mine.loc[mine["everyday"], "left"].min())
    if mine.loc[mine["lost"], "place"].min() == 0:
        return score, Verdict.FAIL
    if (mine["lost"] & mine["everyday"]).any():
        return score, Verdict.WARN
    return score, Verdict.PASS if score >= params.lost_below else Verdict.CANNOT_TELL


def _evidence(looks: Looks, k: int, gone: Sequence[tuple[int, int]]) -> Int64:
    """Places in the sample of a concept's pictures, those no longer found first."""
    own = np.flatnonzero(looks.truth[:, k])
    where = [i for c, i in gone if c == k] or list(EVERY)
    still = np.mean([looks.decided[i, EVERYDAY][own, k] for i in where], axis=0)
    return own[np.lexsort((still, ~looks.clean[own, k]))].astype(np.int64)
