"""Consistency: are the pictures of each concept composed alike?

Question. A model learns from few pictures where these are taken in one way. Which concept is photographed
inconsistently, in what (subject size and position, framing, background, viewpoint, lighting, picture shape), and
which pictures stick out?

Method. `analysis.composition` measures each picture; `analysis.scatter` says how far it is from the usual picture of
its concept. A picture sticks out where it is farther than 95 % of the pictures of the typical sibling concept, and no
sibling has pictures like it. The null hypothesis is that a concept's share of such pictures is one more draw from what
its siblings' shares come from (Student's t on the arcsine scale: how differently concepts are photographed by nature
is known badly from few), corrected over concepts and aspects (Benjamini and Hochberg 1995). `warn` needs a corrected p
of at most `alpha` and a share of at least `matters_from`; `fail` a share of at least `fail_from`. With fewer than
`MIN_SIBLINGS` other concepts none is named: too little is known of what is usual by nature, and random draws of three
to five kinds of goods alarmed up to four times as often as alpha. A share of `matters_from` is then `cannot_tell`, and
so is, among few concepts, one of `fail_from` that is not significant.

Breadth is not inconsistency. Everything is relative: where all concepts are equally broad (phone photos in a shop),
the limit is broad too, and none is found; where they differ by nature in how broad they are, a concept must stand out
from that. And a picture composed like the pictures of real use is wanted, so where there are real-world pictures it
never counts.

Limits. The subject is estimated from colour unless boxes came with the dataset; in a crowded scene the estimate is
the crowd. Turning a thing upside down on a plain table changes nothing measured here. Where every concept is equally
inconsistent, nothing stands out: that is the price of not calling breadth a fault. One concept alone cannot be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import IMAGES, ConceptFinding, Findings, Unavailable, Verdict, option, rank_findings, worst
from analysis.composition import ASPECT_OF, ASPECTS, UNNOTICED, Compositions, measure_pictures
from analysis.dataset import REAL_WORLD, TRAINING, Dataset
from analysis.features import Features
from analysis.names import Say, short_names
from analysis.probe import Targets, targets
from analysis.progress import Progress, no_progress, scaled
from analysis.scatter import Scatter, compare, like_reference, spaces
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_MATTERS_FROM = 0.20  # share of pictures that stick out: every fifth
DEFAULT_FAIL_FROM = 0.30  # every third picture is composed otherwise: a model sees two kinds of picture
DEFAULT_MIN_PICTURES = 12  # of a concept; below, a share of 20 % is one or two pictures
DEFAULT_MIN_KNOWN = 3  # of a concept, for its pictures to have a usual picture at all
DEFAULT_MOST_PICTURES = 6000  # measured, about 3 ms each; from larger datasets as many of each concept as fit
DEFAULT_MOST_REAL = 1500  # real-world pictures measured
DEFAULT_MIN_REAL = 12  # real-world pictures, to say what real use looks like
DEFAULT_FLAGGED = 0.01  # of the pictures of a consistent concept are flagged
MIN_SIBLINGS: Final = 5  # concepts to learn from what is usual by nature; measured in docs/checks/consistency.md
DEFAULT_FEW_CONCEPTS = 10  # with fewer, a concept with `fail_from` that is not significant cannot be told
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
OVERALL: Final = "overall"
WORDS: Final = {**ASPECTS, OVERALL: "composition as a whole"}
ORDER: Final = tuple(WORDS)
_BY_NATURE: Final = {
    "subject": 0.10, "framing": 0.06, "background": 0.10, "viewpoint": 0.10, "lighting": 0.07, "shape": 0.05,
    OVERALL: 0.10,
}  # fmt: skip
PRIOR: Final = np.array([_BY_NATURE[a] for a in ORDER])
"""Prior spread of concepts' shares (`analysis.scatter`), by how differently they were in real sets."""
CAUSES: Final = ("shape", "subject", "framing", "background", "viewpoint", "lighting")
NAMED: Final = 3
_COLUMNS: Final = tuple(np.flatnonzero([a == aspect for a in ASPECT_OF]) for aspect in ASPECTS)

METHOD: Final = """
- **What is measured.** Where the subject is and how large (what differs in colour from the rim of the picture,
  or your boxes where there are some), how much of the frame it touches and fills, the background's colour and
  clutter, viewpoint (direction of edges and of the subject's axis), lighting, and the picture's shape.
- **Sticking out.** Each concept has a usual picture: the middle of those that are most alike. A picture
  sticks out where it is farther from that than 95 of 100 pictures of the typical other concept are from theirs,
  *and* none of your other concepts has pictures like it.
- **The question to chance.** A few in a hundred stick out in a concept composed like the others. Would one more concept
  of the same kind have this many? (Student's t: concepts differ by nature, how much is learnt from the other
  concepts, and with few of them little is known. Corrected for the number of concepts and aspects after
  Benjamini and Hochberg.)
- **Look at this:** chance explains it in fewer than 1 of 20 datasets, *and* at least 20 % of its pictures
  stick out. **Needs work:** 30 % or more. **Cannot tell:** fewer than 12 pictures, no second concept, or too few
  concepts to know how differently they are photographed by nature: 20 % and more stick out and there are fewer than
  six concepts, or 30 % and more that are not significant and there are fewer than ten.
- **Breadth is not inconsistency.** If all your concepts are photographed in as many ways, as real scenes are,
  none is called inconsistent: each is compared with the others, not with a studio. And a picture composed
  like your real-world pictures never counts against its concept.
- **Limits.** The subject is found by colour, so in a crowded picture it is the crowd. A thing on a plain
  table turned upside down is not noticed. Faults that all concepts share are not seen here.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """Shares are in (0, 1); numbers of pictures at least 3."""

    alpha: float = DEFAULT_ALPHA
    matters_from: float = option(
        DEFAULT_MATTERS_FROM,
        "Look at this from",
        help="Share of a concept's pictures that must be composed otherwise; a few in a hundred are usual.",
        low=0.06,
        high=0.9,
        step=0.01,
    )
    fail_from: float = option(
        DEFAULT_FAIL_FROM,
        "Needs work from",
        help="Share of a concept's pictures composed otherwise from which the verdict is worst.",
        low=0.06,
        high=0.95,
        step=0.01,
    )
    min_pictures: int = DEFAULT_MIN_PICTURES
    most_pictures: int = DEFAULT_MOST_PICTURES
    most_real: int = DEFAULT_MOST_REAL
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class ConsistencyResult:
    """Scatter of each concept's compositions beside its siblings', and the pictures that stick out.

    Attributes:
        aspects: a row a judged concept and aspect (`overall` last): `concept`, `n` (int, pictures measured), `aspect`;
            `share` (of its pictures that stick out, in [0, 1]); `dispersion` (mean distance from the usual picture,
            1 is typical); `ratio` (over the siblings' median); `p_value` (corrected, nan where not tested);
            `found` (bool).
        subjects: a row a measured picture and concept: `row` (of `Dataset.images`), `image_id`, `concept`, `x`, `y`,
            `width`, `height` (subject, shares of the picture), `given` (bool, the box came with the dataset), a
            column an aspect (distance over its limit: above 1 it sticks out), `far` (the largest of them over the
            limit of flagging), `like_real_use` (bool), `sticks_out` (bool, never where it is like real
            use), `reason` (words of the aspects it sticks out in).
        few: concepts with too few pictures, and how many they have.
        images: number of rows of `Dataset.images`.
        measured, of: training pictures measured, and all with a concept.
        excused: pictures composed like those of real use that would have stuck out otherwise; real: real-world
            pictures they were compared with.
        params: as used.
        say: what a concept is called in a sentence.
    """

    aspects: pd.DataFrame
    subjects: pd.DataFrame
    few: dict[str, int]
    images: int
    measured: int
    of: int
    excused: int
    real: int
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        judged = [self._finding(str(c), rows) for c, rows in self.aspects.groupby("concept", sort=True)]
        found = rank_findings([*judged, *(self._too_few(c, n) for c, n in self.few.items())])
        verdict = worst(f.verdict for f in found)
        p_values = self.aspects["p_value"].dropna()
        first = next((f for f in found if f.verdict is verdict), found[0])
        return Findings(
            verdict=verdict,
            score=first.score,
            headline=self._headline(verdict, found),
            reason=self._headline(verdict, found) if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(p_values.min()) if len(p_values) and self._judged() > MIN_SIBLINGS else None,
            concepts=found,
            extra={
                "measured": self.measured,
                "of": self.of,
                "like_real_use": self.excused,
                "real_world_measured": self.real,
                "alpha": self.params.alpha,
            },
            tables={
                IMAGES: self._image_columns(),
                "aspects": self.aspects,
                "subjects": self.subjects.drop(columns="row"),
            },
        )

    def _headline(self, verdict: Verdict, found: tuple[ConceptFinding, ...]) -> str:
        sample = "" if self.measured == self.of else f" {self.measured:,} of {self.of:,} pictures were measured."
        odd = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        if odd:
            name = self.say(odd[0].concept)
            how = f"most of all {name}, in {odd[0].extra['in']}" if len(odd) > 1 else f"{name}, in {odd[0].extra['in']}"
            are = "concept is" if len(odd) == 1 else "concepts are"
            return f"{len(odd)} {are} photographed less consistently than the others: {how}.{sample}"
        if verdict is Verdict.CANNOT_TELL:
            if len(found) == 1 and not self.few:
                return "There is one concept only, and none to compare its pictures with."
            if self._judged() < 2:
                return f"Fewer than two concepts have {self.params.min_pictures} pictures, so none can be compared."
            few = list(self.few)
            unclear = [f.concept for f in found if f.verdict is Verdict.CANNOT_TELL and f.concept not in self.few]
            why = []
            if unclear:
                nature = "(too few concepts to know how differently they are photographed by nature)"
                why.append(f"{_names(unclear, self.say)} {nature}")
            if few:
                why.append(f"{_names(few, self.say)} (fewer than {self.params.min_pictures} pictures)")
            fine = len(found) - len(few) - len(unclear)
            rest = "" if not fine else "; the other one is fine" if fine == 1 else f"; the other {fine:,} are fine"
            return f"Cannot tell of {' and of '.join(why)}{rest}.{sample}"
        return f"No concept is photographed less consistently than the others.{sample}"

    def _judged(self) -> int:
        """Concepts with enough pictures: each has the others for siblings."""
        return int(self.aspects["concept"].nunique())

    def _finding(self, concept: str, rows: pd.DataFrame) -> ConceptFinding:
        tested = bool(rows["p_value"].notna().any())
        hits = rows[rows["found"]].sort_values(["p_value", "share"], ascending=[True, False])
        top = (hits if len(hits) else rows.sort_values("share", ascending=False)).iloc[0]
        of = self.subjects[self.subjects["concept"] == concept]
        named = in_what(dict(zip(rows["aspect"], rows["share"], strict=True))) if len(hits) else []
        words = _and([WORDS[a] for a in named])
        share = float(top["share"])
        from_share = self.params.fail_from if self._judged() > MIN_SIBLINGS else self.params.matters_from
        few = self._judged() < DEFAULT_FEW_CONCEPTS
        if not tested:
            verdict, words = Verdict.CANNOT_TELL, ""
        elif not len(hits):
            verdict = Verdict.CANNOT_TELL if few and share >= from_share else Verdict.PASS
        else:
            verdict = Verdict.FAIL if share >= self.params.fail_from else Verdict.WARN
        strange = _telling(of, hits["aspect"].tolist())
        score = 1 - float((rows["share"] * (1 - rows["p_value"])).max())
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=score if verdict is not Verdict.CANNOT_TELL else None,
            headline=_sentence(verdict, words, share, len(of), tested),
            evidence=tuple(strange["image_id"].head(self.params.evidence)),
            fix=_fix(self.say(concept), named, len(strange)) if len(hits) else "",
            extra={
                "n": len(of),
                "in": words,
                "share": share,
                "aspects": [
                    {
                        "aspect": r["aspect"],
                        "share": float(r["share"]),
                        "dispersion": float(r["dispersion"]),
                        "ratio": float(r["ratio"]),
                        "p_value": float(r["p_value"]),
                    }
                    for r in rows.to_dict("records")
                ],
            },
        )

    def _too_few(self, concept: str, n: int) -> ConceptFinding:
        pictures = f"{n:,} picture" + ("" if n == 1 else "s")
        headline = f"Cannot tell: {pictures} only; {self.params.min_pictures} would do."
        return ConceptFinding(concept, Verdict.CANNOT_TELL, None, headline, extra={"n": n, "in": "", "aspects": []})

    def _image_columns(self) -> pd.DataFrame:
        """`consistency_score` (nan where not measured) and `consistency_flag` of every picture.

        A picture of several concepts counts by the one it fits best.
        """
        score = np.full(self.images, np.nan)
        flag = np.zeros(self.images, dtype=bool)
        best = self.subjects.dropna(subset=["far"]).sort_values("far", kind="stable").drop_duplicates("row")
        rows = best["row"].to_numpy(dtype=np.int64)
        score[rows] = 2.0 ** -(best["far"].to_numpy(dtype=np.float64) ** 2)
        flag[rows] = best["sticks_out"].to_numpy(dtype=bool)
        return pd.DataFrame({"consistency_score": score, "consistency_flag": flag})


def in_what(share: Mapping[str, float]) -> list[str]:
    """Up to three aspects to name, from the share of pictures that stick out in each.

    What changes the subject also changes the light and the lines of a picture, so of aspects that are about as
    telling the one nearest to a cause comes first (`CAUSES`).
    """
    most = max(share[a] for a in CAUSES)
    leading = [a for a in CAUSES if share[a] >= 0.8 * most]
    others = [a for a in CAUSES if 0.8 * most > share[a] >= max(0.5 * most, 0.1)]
    return (leading + sorted(others, key=lambda a: -share[a]))[:NAMED]


def _telling(of: pd.DataFrame, aspects: list[str]) -> pd.DataFrame:
    """Pictures of a concept that stick out (in these aspects, where given), the farthest first."""
    if not aspects:
        return of[of["sticks_out"]].sort_values("far", ascending=False, kind="stable")
    of = of[of["sticks_out"]]
    by = of[aspects].max(axis=1)
    return of.loc[by[by > 1].sort_values(ascending=False, kind="stable").index]


def _names(concepts: list[str], say: Say) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    names = [say(c) for c in concepts]
    names = [*names[:3], f"{len(names) - 3:,} more"] if len(names) > 3 else names
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sentence(verdict: Verdict, words: str, share: float, n: int, tested: bool) -> str:
    if verdict is Verdict.CANNOT_TELL and tested:
        return (
            "Cannot tell: there are too few concepts to know how differently concepts are photographed by nature "
            f"({share:.0%} of {n:,} pictures are unlike the rest)."
        )
    if verdict is Verdict.CANNOT_TELL:
        return "Cannot tell: there is no second concept with enough pictures to compare with."
    if verdict is Verdict.PASS:
        return f"Composed as consistently as the other concepts ({n:,} pictures)."
    how = "Photographed inconsistently" if verdict is Verdict.FAIL else "Photographed less consistently"
    return f"{how} in {words}: {share:.0%} of {n:,} pictures are unlike the rest."


def _fix(name: str, aspects: list[str], strange: int) -> str:
    them = "the picture that sticks out" if strange == 1 else f"the {strange:,} pictures that stick out"
    return (
        f"Look at {them}: take them anew like the other pictures of {name} ({_and([WORDS[a] for a in aspects])}), "
        "crop them alike, or leave them out. If real use looks like that, photograph every concept that way."
    )


def _and(words: list[str]) -> str:
    """`a`; `a, and b`: one of the words holds an "and" itself."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}, and {words[-1]}" if words else ""


def sample(groups: list[NDArray[np.int64]], most: int, seed: int) -> list[NDArray[np.int64]]:
    """From each group as many members as all may have so that together they are at most `most`; all if they fit."""
    sizes = np.array([len(g) for g in groups])
    each = int(sizes.max(initial=0))
    if sizes.sum() > most:
        fits = np.arange(1, each + 1)
        each = max(1, int(np.searchsorted(np.minimum(sizes[:, None], fits).sum(axis=0), most, side="right")))
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(g, each, replace=False)) if len(g) > each else g for g in groups]


def judge(scatter: Scatter, params: Params) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Corrected p-values and whether they are a finding: (K, A) each."""
    corrected = benjamini_hochberg(scatter.p_value.ravel()).reshape(scatter.p_value.shape)
    return corrected, (np.nan_to_num(corrected, nan=1.0) <= params.alpha) & (scatter.share >= params.matters_from)


def limits_of_flagging(distance: Sequence[NDArray[np.float64]], judged: int) -> list[float]:
    """For each group the distance that `DEFAULT_FLAGGED` of its siblings' pictures exceed in some aspect; at least 1.

    Siblings weigh alike, whatever their size.
    """
    far = [d.max(axis=1) for d in distance]
    out = []
    for k in range(len(far)):
        others = [j for j in range(judged or len(far)) if j != k] or [k]
        values = np.concatenate([far[j] for j in others])
        weight = np.concatenate([np.full(len(far[j]), 1 / len(far[j])) for j in others])
        order = np.argsort(values, kind="stable")
        place = int(np.searchsorted(np.cumsum(weight[order]), (1 - DEFAULT_FLAGGED) * len(others)))
        out.append(max(1.0, float(values[order][min(place, len(values) - 1)])))
    return out


def _subjects(
    dataset: Dataset,
    names: list[str],
    groups: list[NDArray[np.int64]],
    measured: Compositions,
    scatter: Scatter,
    found: NDArray[np.bool_],
    excused: NDArray[np.bool_] | None,
) -> pd.DataFrame:
    """The table `subjects` of `ConsistencyResult`; the first len(found) groups were judged."""
    ids = dataset.images["image_id"].to_numpy()
    limits = limits_of_flagging(scatter.distance, len(found))
    parts = []
    for k, (name, g) in enumerate(zip(names, groups, strict=True)):
        part = pd.DataFrame({"row": measured.rows[g], "image_id": ids[measured.rows[g]].astype(str), "concept": name})
        part[["x", "y", "width", "height"]] = measured.boxes[g]
        part["given"] = measured.given[g]
        distance = scatter.distance[k]
        part[list(ORDER)] = distance
        part["far"] = distance.max(axis=1) / limits[k]
        hit = found[k] if k < len(found) else np.zeros(len(ORDER), dtype=bool)
        part["like_real_use"] = False if excused is None else excused[g]
        part["sticks_out"] = ((part["far"] > 1) | ((distance > 1) & hit).any(axis=1)) & ~part["like_real_use"]
        part["reason"] = [_reason(d) for d in distance]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _reason(distance: NDArray[np.float64]) -> str:
    """Words of the aspects in which a picture sticks out, the farthest first."""
    order = [a for a in np.argsort(-distance[:-1], kind="stable") if distance[a] > 1]
    words = [WORDS[ORDER[a]] for a in order[:3]]
    return _and(words) if words else WORDS[OVERALL] if distance[-1] > 1 else ""


def _excused(
    dataset: Dataset, features: Features, measured: Compositions, groups: list[NDArray[np.int64]], params: Params,
    progress: Progress,
) -> tuple[NDArray[np.bool_] | None, int]:  # fmt: skip
    """Which measured pictures are composed like those of real use (of one of their concepts, else of any)."""
    rows = dataset.rows(origin=REAL_WORLD)
    if len(rows) < DEFAULT_MIN_REAL or features.pictures is None:
        return None, 0
    rows = sample([rows], params.most_real, params.seed)[0]
    real = measure_pictures(dataset, features.pictures, rows, progress=progress)
    if len(real.rows) < DEFAULT_MIN_REAL:
        return None, 0
    space = spaces(measured.numbers, UNNOTICED, groups, _COLUMNS)
    return like_reference(measured.numbers, real.numbers, space), len(real.rows)


def _groups(
    labels: Targets, rows: NDArray[np.int64], params: Params
) -> tuple[list[str], list[NDArray[np.int64]], int, dict[str, int]]:
    """Concepts with a usual picture, those with enough pictures first; positions in `rows`; how many are enough."""
    position = np.searchsorted(labels.rows, rows)
    member = labels.member[position]
    size = member.sum(axis=0)
    enough = [k for k in range(len(labels.classes)) if size[k] >= params.min_pictures]
    known = [k for k in range(len(labels.classes)) if DEFAULT_MIN_KNOWN <= size[k] < params.min_pictures]
    few = {labels.classes[k]: int(size[k]) for k in range(len(labels.classes)) if size[k] < params.min_pictures}
    use = [*enough, *known]
    return [labels.classes[k] for k in use], [np.flatnonzero(member[:, k]) for k in use], len(enough), few


def find_consistency(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> ConsistencyResult | Unavailable:
    """Compare how scattered the compositions of each concept's training pictures are, and what sticks out."""
    if features.pictures is None:
        return Unavailable("Only vectors are known of these pictures, and composition is seen on the pictures.")
    labels, say = targets(dataset, TRAINING), short_names(dataset.concepts)
    if not len(labels.classes):
        return Unavailable("No training picture has a label, so there is no concept to compare.")
    of_concept = [labels.rows[labels.member[:, k]] for k in range(len(labels.classes))]
    chosen = np.unique(np.concatenate(sample(of_concept, params.most_pictures, params.seed)))
    real_share = 0.3 if dataset.has_real_world else 0.0
    measured = measure_pictures(dataset, features.pictures, chosen, progress=scaled(progress, 0, 0.95 - real_share))
    names, groups, judged, few = _groups(labels, measured.rows, params)
    if not names:
        empty = pd.DataFrame({"concept": [], "n": [], "aspect": [], "share": [], "p_value": [], "found": []})
        nothing = pd.DataFrame({"row": [], "image_id": [], "concept": [], "far": [], "sticks_out": []})
        seen = len(dataset), len(measured.rows), len(labels.rows)
        return ConsistencyResult(empty, nothing, few, *seen, 0, 0, params, say)
    within = scaled(progress, 0.95 - real_share, 0.95)
    excused, real = _excused(dataset, features, measured, groups[:judged] or groups, params, within)
    scatter = compare(measured.numbers, UNNOTICED, groups, _COLUMNS, judged, excused, PRIOR)
    corrected, found = judge(scatter, params)
    if judged <= MIN_SIBLINGS:
        found[:] = False
    aspects = pd.DataFrame(
        {
            "concept": np.repeat(np.array(names[:judged], dtype=object), len(ORDER)),
            "n": np.repeat([len(g) for g in groups[:judged]], len(ORDER)),
            "aspect": np.tile(np.array(ORDER, dtype=object), judged),
            "share": scatter.share.ravel(),
            "dispersion": scatter.dispersion.ravel(),
            "ratio": scatter.ratio.ravel(),
            "p_value": corrected.ravel(),
            "found": found.ravel(),
        }
    )
    subjects = _subjects(dataset, names, groups, measured, scatter, found, excused)
    progress(1, 1, "comparing")
    return ConsistencyResult(
        aspects=aspects,
        subjects=subjects,
        few=few,
        images=len(dataset),
        measured=len(measured.rows),
        of=len(labels.rows),
        excused=scatter.excused,
        real=real,
        params=params,
        say=say,
    )
