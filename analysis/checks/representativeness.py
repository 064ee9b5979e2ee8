"""Representativeness: do the training pictures show what real use shows?

Question. Pictures from real use are seldom like the ones a professional takes. Is there a gap, in what do they differ,
where is training blind, which pictures should be collected next, and what would that bring?

Method. *Gap*: a calibrated two-sample test on vectors and measured attributes (`analysis.two_sample`). *Axes*: named
measures of training against real use, ranked by effect (`analysis.shift_axes`). *Coverage*: a real-world picture is
uncovered when it lies farther from its nearest training picture than 95 % of the training pictures lie from theirs; the
null, that both sets are draws from one, is tested by dealing the pictures out anew (`analysis.coverage_test`), for the
whole and, where both sides have labels, for each concept among its own pictures. *Range*: a model that sees past the
light finds a match for a picture from a dim bar too, so pictures darker, warmer, softer ... than nearly all of training
are uncovered as well, where a tenth of real use is (`analysis.out_of_range`). All p-values are corrected together
(Benjamini and Hochberg 1995). `warn` needs a corrected p of at most `alpha` and a difference that matters: a tenth of
the real-world pictures uncovered (twice what is usual), or an axis of at least medium effect (Cliff's delta 0.33).
`fail`: half of them have no like in the model's eyes, or a concept of real use has no training picture at all.
*Blind spots*: groups of uncovered pictures (`analysis.blind_spots`). *Collect next*: few and diverse pictures that
cover most of what is uncovered and teach most (`analysis.collect`). *What if*: accuracy on held-out real-world pictures
with ranked and with random pictures added (`analysis.what_if`).

Limits. Real-world pictures must be a fair draw of real use. Bursts of one scene, on either side, make differences look
surer than they are. Coverage is what the model in use can tell apart. A gap says that pictures differ, not that a
model fails on them: that is what the what-if measures, and it needs labels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.blind_spots import BlindSpot, find_blind_spots
from analysis.checks.base import (
    IMAGES,
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    borne,
    option,
    rank_findings,
    worst,
)
from analysis.compare import Coverage, find_coverage
from analysis.coverage_test import farther_p_value
from analysis.dataset import Dataset
from analysis.features import Features
from analysis.names import Say, short_names
from analysis.out_of_range import TAIL, End
from analysis.own_model import OwnModel, own_model
from analysis.progress import Progress, no_progress, scaled
from analysis.real_shift import Shift, measure_shift
from analysis.real_use import Sides, both_sides, concept_coverage, to_collect, what_would_help, with_outside
from analysis.real_use_words import alike_sentence, beyond_sentence, concept_sentence, differs_sentence, fix, too_few
from analysis.statistics import benjamini_hochberg
from analysis.what_if import MIN_LABELLED, WhatIf

Rows = NDArray[np.int64]
Float64 = NDArray[np.float64]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_FAR = 0.95  # as in `compare`: one in twenty pictures is usually as far
DEFAULT_MATTERS = 0.10  # uncovered share: twice what is usual
DEFAULT_FAIL = 0.50  # uncovered share: half of real use is unlike anything in training
DEFAULT_MEDIUM = 0.33  # Cliff's delta, "medium" after Romano et al. 2006
DEFAULT_MIN_PICTURES = 20  # on each side; with fewer the 95 % point of own distances is a guess
DEFAULT_MIN_CONCEPT = 8  # real-world pictures of a concept; with fewer only gross gaps could be found
DEFAULT_MIN_CONCEPT_TRAINING = 5  # training pictures of it: below, their own distances say nothing
DEFAULT_LIST = 100  # pictures to collect: the largest amount of the what-if
DEFAULT_EVIDENCE = 48  # image ids listed: one page of the gallery
DEFAULT_SPLITS = 40  # of the what-if; the ends of its intervals are then known to a few points
CONCEPT_MATTERS: Final = 0.2  # uncovered share of a concept: with ten training pictures a tenth is usual by chance

METHOD: Final = """
- **Is there a gap?** Were training and real use one collection, which picture is called training would be chance.
  A test asks how often chance alone would tell them apart this well.
- **In what?** Light, colour, sharpness, noise, compression, size, view, background and content of training and real
  use side by side, the largest difference first.
- **Covered or not.** A real-world picture is covered when some training picture is about as close to it as training
  pictures are to each other; it is not when it lies farther away than 95 of 100 of them lie from their nearest fellow.
  Of pictures just like training, 5 of 100 count as uncovered. Nor is it where a tenth of real use is darker, warmer,
  softer … than all but 25 in 1,000 training pictures, and this is one of them.
- **Look at this:** chance explains the gap in fewer than 1 of 20 datasets, *and* it matters: a tenth of real use is
  uncovered, or one measure differs clearly. **Needs work:** half of real use is uncovered, or a concept of real use
  has no training picture. **Cannot tell:** fewer than 20 pictures on either side.
- **Collect next.** The list is made so that few pictures cover much: first those that many uncovered pictures
  resemble, never two alike. What training covers already counts a tenth. It also asks what a picture would teach.
- **What if?** Real-world pictures with labels are split at random, 40 times. From two thirds, pictures are added to
  training, by the list or by chance; a simple classifier is then asked about the other third, which neither the list
  nor the classifier has seen.
- **Limits.** The real-world pictures must be a fair sample of real use. What the model in use cannot see, it cannot
  miss. A gap alone does not say that recognition suffers: the what-if does.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`far`, `matters` and `fail` are shares in (0, 1)."""

    alpha: float = DEFAULT_ALPHA
    far: float = DEFAULT_FAR
    matters: float = DEFAULT_MATTERS
    fail: float = option(
        DEFAULT_FAIL,
        "Needs work from",
        help="Share of the real-world pictures that training does not cover.",
        low=0.1,
        high=0.9,
        step=0.05,
    )
    medium: float = DEFAULT_MEDIUM
    min_pictures: int = DEFAULT_MIN_PICTURES
    min_concept: int = DEFAULT_MIN_CONCEPT
    min_concept_training: int = DEFAULT_MIN_CONCEPT_TRAINING
    collect: int = option(
        DEFAULT_LIST,
        "Pictures to collect",
        help="Length of the list of pictures to collect.",
        low=10,
        high=500,
        step=10,
    )
    splits: int = DEFAULT_SPLITS
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class RepresentativenessResult:
    """Training beside real use.

    Attributes:
        ids: image ids of the dataset, in its order.
        shift: the two-sample test and the measured axes.
        concepts: one row a concept with labelled real-world pictures: `concept`, `training`, `real_world` (pictures),
            `uncovered` (share of the latter, nan where not measured), `outside` (of them, out of range and nothing
            else), `p_value`, `p_corrected`, `verdict`, `score`.
        coverage: each real-world picture's nearest training pictures.
        p_value: the smallest corrected one of gap, coverage and range of the whole; nan where not tested.
        uncovered: share of the real-world pictures that are not covered, or out of training's range.
        beyond: ends of training's range that a tenth of real use or more lies beyond, surely.
        spots: blind spots, the largest first.
        collect: `image_id`, `concept` (str), `stands_for` (int, see `collect.Choice`), the first to collect first.
        by_labels: whether the list uses labels.
        what_if: None where it could not be done; `why_not` then says why.
        own: what the person's own model said of real use; None without enough of its answers.
        evidence: for each concept its uncovered real-world pictures (all of them where none is), farthest first.
        verdict: of the whole. reason: why that is `cannot_tell`.
        params: as used.
        say: what a concept is called in a sentence.
    """

    ids: NDArray[np.object_]
    shift: Shift
    concepts: pd.DataFrame
    coverage: Coverage
    p_value: float
    uncovered: float
    beyond: tuple[End, ...]
    spots: tuple[BlindSpot, ...]
    collect: pd.DataFrame
    by_labels: bool
    what_if: WhatIf | None
    why_not: str
    own: OwnModel | None
    evidence: Mapping[str, tuple[str, ...]]
    verdict: Verdict
    reason: str
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of the whole and of each concept that has real-world pictures with labels."""
        found = rank_findings(self._concept(row) for row in self.concepts.to_dict("records"))
        wrong = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        score = None if self.reason else covered_score(self.uncovered)
        advice = "Add pictures of the list to collect to training."
        found = borne(found, self.verdict, self._of_the_whole(), advice, score)
        verdict = worst([self.verdict, *(f.verdict for f in found)])
        score = found[0].score if found else score
        open_concepts = [f for f in found if f.verdict is Verdict.CANNOT_TELL]
        reason = self.reason
        if not reason and verdict is Verdict.CANNOT_TELL:
            reason = (
                f"As a whole real use is covered, but {len(open_concepts)} of {len(found)} concepts have too few "
                "pictures on one of the sides to tell for each."
            )
        return Findings(
            verdict=verdict,
            score=score,
            headline=self._headline(wrong),
            reason=reason if verdict is Verdict.CANNOT_TELL else "",
            p_value=None if np.isnan(self.p_value) else self._smallest_p(),
            concepts=found,
            extra=self._extra(),
            evidence=self._evidence()
            if self.verdict in (Verdict.WARN, Verdict.FAIL)
            else wrong[0].evidence
            if wrong
            else (),
            fix=fix(self.collect["row"].tolist(), self.spots, self.what_if, self.say)
            if verdict in (Verdict.WARN, Verdict.FAIL)
            else "",
            tables=self._tables(),
        )

    def _of_the_whole(self) -> str:
        if self.reason:
            return self.reason
        beyond = beyond_sentence([{"share": e.share, "word": e.word} for e in self.beyond])
        return f"Real use as a whole differs. {beyond}".rstrip()

    def _smallest_p(self) -> float:
        return float(np.nanmin([self.p_value, *self.concepts["p_corrected"].to_numpy(dtype=np.float64)]))

    def _headline(self, wrong: list[ConceptFinding]) -> str:
        if self.reason:
            return f"{wrong[0].concept}: {wrong[0].headline} As a whole: {self.reason}" if wrong else self.reason
        if self.verdict in (Verdict.WARN, Verdict.FAIL):
            words = [e.word for e in self.beyond]
            return differs_sentence(self.shift.table, self.uncovered, self.params.matters, words)
        sure = self.p_value <= self.params.alpha
        return alike_sentence(self.uncovered, [f.concept for f in wrong], len(self.concepts), sure, self.shift.table)

    def _evidence(self) -> tuple[str, ...]:
        """Blind spots, the largest first (half a page of it); then the list, which mixes all gaps.

        Without any uncovered picture, the list as it is.
        """
        groups = [s.rows.tolist()[: self.params.evidence // 2] for s in self.spots]
        far = set(self._uncovered_rows().tolist())
        listed = [i for i, row in zip(self.collect["image_id"], self.collect["row"], strict=True) if row in far]
        if not groups and not listed:
            listed = self.collect["image_id"].tolist()
        every = dict.fromkeys([*(str(self.ids[r]) for rows in groups for r in rows), *listed])
        return tuple(every)[: self.params.evidence]

    def _uncovered_rows(self) -> Rows:
        far = self.coverage.rows[self.coverage.farther_than >= self.params.far]
        return np.union1d(far, rows_beyond(self.beyond))

    def _concept(self, row: Mapping[Hashable, Any]) -> ConceptFinding:
        verdict, concept = Verdict(row["verdict"]), str(row["concept"])
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=None if np.isnan(row["score"]) or verdict is Verdict.CANNOT_TELL else float(row["score"]),
            headline=concept_sentence(
                row,
                self.params.min_concept_training,
                self.params.min_concept,
                self.params.alpha,
                [e.word for e in self.beyond],
            ),
            evidence=self.evidence.get(concept, ()),
            fix=f"Add real-world pictures of {self.say(concept)} to training, the first of the list to collect first."
            if verdict in (Verdict.WARN, Verdict.FAIL)
            else "",
            extra={
                "training": int(row["training"]),
                "real_world": int(row["real_world"]),
                "uncovered": None if np.isnan(row["uncovered"]) else float(row["uncovered"]),
                "p_value": None if np.isnan(row["p_corrected"]) else float(row["p_corrected"]),
            },
        )

    def _extra(self) -> dict[str, object]:
        axes = self.shift.table
        columns = ["axis", "effect", "p_value", "direction", "sentence", "differs"]
        return {
            "uncovered": self.uncovered,
            "gap": {"p_value": self.shift.p_value, "strength": self.shift.strength},
            "out_of_range": [
                {"axis": e.axis, "word": e.word, "limit": e.limit, "share": e.share, "p_value": e.p_value}
                for e in self.beyond
            ],
            "axes": axes[columns].to_dict("records"),
            "blind_spots": [self._spot(s) for s in self.spots],
            "collect_next": self.collect["image_id"].tolist(),
            "collected_by_labels": self.by_labels,
            "what_if": [asdict(s) for s in self.what_if.steps] if self.what_if is not None else [],
            "what_if_pool": self.what_if.pool if self.what_if is not None else None,
            "what_if_held_out": self.what_if.held_out if self.what_if is not None else None,
            "what_if_splits": self.what_if.splits if self.what_if is not None else None,
            "why_no_what_if": self.why_not,
            "own_model": None if self.own is None else {**asdict(self.own), "sentence": self.own.sentence()},
            "alpha": self.params.alpha,
        }

    def _spot(self, spot: BlindSpot) -> dict[str, object]:
        place = {int(row): i for i, row in enumerate(self.coverage.rows)}
        shown = spot.rows[: self.params.evidence]
        nearest = [int(self.coverage.nearest[place[int(row)], 0]) for row in shown]
        return {
            "name": spot.called(self.say),
            "share": spot.share,
            "pictures": len(spot.rows),
            "concept": spot.concept,
            "axes": [asdict(d) for d in spot.differences],
            "evidence": [str(self.ids[row]) for row in shown],
            "nearest_training": [str(self.ids[row]) for row in nearest],
        }

    def _tables(self) -> dict[str, pd.DataFrame]:
        score = np.full(len(self.ids), np.nan)
        score[self.coverage.rows] = 1.0 - self.coverage.farther_than
        outside = rows_beyond(self.beyond)
        score[outside] = np.minimum(score[outside], TAIL)
        flag = np.zeros(len(self.ids), dtype=bool)
        flag[self._uncovered_rows()] = True
        return {
            IMAGES: pd.DataFrame({"representativeness_score": score, "representativeness_flag": flag}),
            "axes": self.shift.table,
            "distributions": self.shift.distributions,
            "concepts": self.concepts,
            "collect": self.collect.drop(columns="row"),
        }


def rows_beyond(ends: Iterable[End]) -> Rows:
    """Real-world pictures beyond any of these ends: the farthest beyond the first end first."""
    return np.array(list(dict.fromkeys(row for e in ends for row in e.rows.tolist())), dtype=np.int64)


def covered_score(uncovered: float) -> float:
    """Share of real-world pictures covered, in [0, 1]: 1 where no more are uncovered than of training itself."""
    return float(np.clip((1.0 - uncovered) / DEFAULT_FAR, 0.0, 1.0))


def _judged(concepts: pd.DataFrame, corrected: Float64, params: Params) -> pd.DataFrame:
    """The concepts with corrected p-values, verdicts and scores."""
    out = concepts.assign(p_corrected=corrected)
    absent = (out["training"] == 0) & out["uncovered"].notna()
    sure = out["p_corrected"] <= params.alpha
    verdict = np.where(out["p_corrected"].isna(), Verdict.CANNOT_TELL, Verdict.PASS)
    verdict = np.where(sure & (out["uncovered"] >= CONCEPT_MATTERS), Verdict.WARN, verdict)
    verdict = np.where(absent | (sure & (out["uncovered"] >= params.fail)), Verdict.FAIL, verdict)
    out["verdict"] = [str(v) for v in verdict]
    out["score"] = [covered_score(u) if np.isfinite(u) else np.nan for u in out["uncovered"]]
    return out


def _whole(result_p: Float64, unlike: float, beyond: tuple[End, ...], shift: Shift, params: Params) -> Verdict:
    """Verdict of the whole from the corrected p-values of gap, coverage and range; `unlike` is the share of real use
    without a like in the model's eyes."""
    gap, coverage, outside = (float(p) for p in result_p)
    if coverage <= params.alpha and unlike >= params.fail:
        return Verdict.FAIL
    differs = bool((shift.table["differs"] & (shift.table["effect"].abs() >= params.medium)).any())
    if min(gap, coverage) <= params.alpha and (unlike >= params.matters or (gap <= params.alpha and differs)):
        return Verdict.WARN
    if beyond and outside <= params.alpha:
        return Verdict.WARN
    return Verdict.PASS


def _evidence(
    sides: Sides, coverage: Coverage, uncovered: Mapping[str, Rows], ids: NDArray[np.object_], params: Params
) -> dict[str, tuple[str, ...]]:
    """For each concept the pictures its sentence counts, `uncovered`, in their order; where it has none, its
    real-world pictures, those least like training first."""
    alike = dict(zip(coverage.rows.tolist(), coverage.similarity[:, 0].tolist(), strict=True))
    out = {}
    for k, name in enumerate(sides.classes):
        rows = uncovered.get(name, np.empty(0, dtype=np.int64)).tolist()
        rows = rows or sorted(sides.real_world[sides.member[sides.real_world, k]].tolist(), key=alike.__getitem__)
        out[name] = tuple(str(ids[r]) for r in rows[: params.evidence])
    return out


def find_representativeness(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> RepresentativenessResult | Unavailable:
    """Compare training with pictures from real use: gap, axes, blind spots, what to collect, and what that brings."""
    if not dataset.has_real_world:
        return Unavailable(
            "There are no pictures from real use to compare with: open the dataset with a second folder of them."
        )
    sides = both_sides(dataset)
    if not len(sides.training):
        return Unavailable("There are no training pictures to compare real use with.")
    image = np.asarray(features.image, dtype=np.float32)
    coverage = find_coverage(
        image, sides.training, sides.real_world, seed=params.seed, progress=scaled(progress, 0.0, 0.1)
    )
    far = coverage.farther_than >= params.far
    shift = measure_shift(
        dataset, features, sides.training, sides.real_world, seed=params.seed, progress=scaled(progress, 0.1, 0.4)
    )
    concepts, far_of = concept_coverage(
        image,
        sides,
        far=params.far,
        least_training=params.min_concept_training,
        least_real=params.min_concept,
        seed=params.seed,
        progress=scaled(progress, 0.4, 0.5),
    )
    enough = min(len(sides.training), len(sides.real_world)) >= params.min_pictures
    covered_p = farther_p_value(image[sides.training], image[sides.real_world], seed=params.seed) if enough else np.nan
    gap_p, range_p = (shift.p_value, shift.outside.p_value) if enough else (np.nan, np.nan)
    corrected = benjamini_hochberg(np.array([gap_p, covered_p, range_p, *concepts["p_value"]], dtype=np.float64))
    beyond = shift.outside.sure(params.alpha, params.matters) if enough and corrected[2] <= params.alpha else ()
    unlike = float(far.mean())
    outside = np.isin(sides.real_world, rows_beyond(beyond))
    concepts, uncovered_of = with_outside(concepts, far_of, sides, rows_beyond(beyond))
    judged = _judged(concepts, corrected[3:], params)
    wrong = judged.loc[judged["verdict"].isin([Verdict.WARN, Verdict.FAIL]), "concept"]
    lacking = np.unique(np.concatenate([sides.real_world[far | outside], *(uncovered_of[str(c)] for c in wrong)]))
    reason = "" if enough else too_few(len(sides.training), len(sides.real_world), params.min_pictures)
    listed = to_collect(
        image,
        sides,
        params.collect,
        uncovered=lacking,
        least_labelled=MIN_LABELLED,
        seed=params.seed,
        progress=scaled(progress, 0.5, 0.7),
    )
    ids = dataset.images["image_id"].to_numpy()
    after, why_not = what_would_help(
        image,
        sides,
        uncovered=lacking,
        splits=params.splits,
        least_labelled=MIN_LABELLED,
        seed=params.seed,
        progress=scaled(progress, 0.7, 1.0),
    )
    return RepresentativenessResult(
        ids=ids,
        shift=shift,
        concepts=judged,
        coverage=coverage,
        p_value=float(np.min(corrected[:2])) if np.isnan(corrected[2]) else float(np.min(corrected[:3])),
        uncovered=float((far | outside).mean()),
        beyond=beyond,
        spots=find_blind_spots(
            image,
            sides.training,
            sides.real_world,
            sides.real_world[far | outside],
            shift.measured,
            concepts_of=dataset.concepts_of,
            by_chance=1.0 - params.far,
        ),
        collect=pd.DataFrame(
            {
                "row": listed.rows,
                "image_id": ids[listed.rows].astype(object),
                "concept": ["; ".join(dataset.concepts_of(int(row))) for row in listed.rows],
                "stands_for": listed.stands_for,
            }
        ),
        by_labels=listed.by_labels,
        what_if=after,
        why_not=why_not,
        own=own_model(dataset, sides.real_world, far),
        evidence=_evidence(sides, coverage, uncovered_of, ids, params),
        verdict=_whole(corrected[:3], unlike, beyond, shift, params) if enough else Verdict.CANNOT_TELL,
        reason=reason,
        params=params,
        say=short_names(dataset.concepts),
    )
