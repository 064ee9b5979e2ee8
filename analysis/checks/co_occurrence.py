"""Co-occurrence: what travels with a concept and would be mistaken for it?

Question. A bride under greenery scores as "holds a bouquet" because nearly all bouquets of the training pictures come
with veils and greenery. What recurs with a concept without being it, and does the model lean on it?

Method. Three kinds of companions are examined: *elements* (clusters of local features, `analysis.elements`), *marks*
at the same place in most pictures (`analysis.fixed_marks`) and other *labels*. Each must pass every one of these tests
(the largest p-value counts: Berger 1982; corrected over all companions of all concepts, Benjamini and Hochberg 1995):
it is more frequent among the concept's pictures (Fisher's exact test on pictures it was not learnt from); hiding it
costs the held-out probe's score more than hiding as many other locations of the same picture (Wilcoxon; a mark is put
onto other pictures instead, and must raise their score more than the same places of unmarked pictures do); and it is
not the concept itself. The last is what pictures of one kind cannot show, so it takes evidence from elsewhere: for an
element, real pictures known not to show the concept that have it more often than the training pictures without the
concept, are wrongly scored more often than those without it, and whose score falls when it is hidden; for a label,
the same of training pictures with that label alone; a mark on the same pixels is printed, and needs no more. `warn`
from there; `fail` where half or more of the pictures that have it without the concept are wrongly scored.
The lift is relative to all pictures, so a dominant concept has a lift near 1. Then the guide's fix is tried
(`analysis.narrowing`), and the element is hidden in a few pictures themselves.

Limits. Without labelled real pictures an unlabelled companion cannot be told from a part of the concept: where one is
in most of its pictures, in few others, and out of focus (at the rim, or small and all over the picture) or clearly
there or clearly not (`analysis.companion_presence`), the answer is `cannot_tell` and the person sees it. Any other is
likelier a part of the concept: it is named as what may be either, and what is said of the concept leaves it open.
Elements are as coarse as the model's grid (7 x 7). What the model cannot see it cannot lean on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis import companion_tables as tables
from analysis.checks.base import (
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    not_judged,
    option,
    rank_findings,
    worst,
)
from analysis.companion_pool import known_negatives, read_pool, single_targets
from analysis.companion_presence import CLEARER, there_or_not
from analysis.companions import LABEL, MARK, Companion, enriched, examine, p_joint, with_label
from analysis.dataset import Dataset, is_within
from analysis.features import Features
from analysis.hiding import fit_scorer
from analysis.names import Say, short_names
from analysis.narrowing import Narrowing, narrow
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

if TYPE_CHECKING:
    from analysis.companions import Pool

Bool = NDArray[np.bool_]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_MATTERS = 0.3  # share of the concept's pictures that must have it: the probe rests on what most share
DEFAULT_FELT = 0.02  # fall of the probability in real pictures when it is hidden; less changes no answer
DEFAULT_ODDS = 1.25  # what a mark makes of the concept's odds when another picture gets it; less changes no answer
DEFAULT_FAIL_WRONG = 0.5  # share of pictures with it and without the concept that are wrongly scored: as often as not
DEFAULT_MIN_IMAGES = 20  # of the concept, and of all others: half of them test what the other half taught
DEFAULT_CLUSTERS = 16  # elements sought a concept; a 7 x 7 grid then gives each about three locations a picture
DEFAULT_SURE = 0.5  # share of its pictures, less that of others, from which an unproven element is shown to a person
DEFAULT_PICTURES = 2000  # training pictures looked at, the same number of each concept; keeps the check within seconds
DEFAULT_EVIDENCE = 24
RIM: Final = 0.65  # share of an element's places on the outermost ones (half of a 7 x 7 grid): not the focal point
SMALL: Final = 0.1  # of the places: as large as a label stuck on
WANDERS: Final = 0.27  # spread of its places both ways, as a share of the side; all over a picture is 0.29-0.33
LOOK_TESTS: Final = ("p_enriched", "p_hidden", "p_elsewhere", "p_wrong", "p_real_hidden")
LABEL_TESTS: Final = ("p_enriched", "p_hidden", "p_wrong")
MARK_TESTS: Final = ("p_enriched", "p_inserted")

METHOD: Final = """
- **What recurs.** The model's view of each picture is cut into places. Places that look alike again and again in one
  concept are an *element*: a veil, leaves, a part of the thing itself. Marks on the same pixels (logos, frames,
  watermarks) and other labels are looked for too.
- **Three questions, all must be answered with yes.** Is it more frequent with this concept than without? (Fisher's
  exact test.) Does hiding it cost the score more than hiding as much elsewhere in the same picture? (Wilcoxon
  test; a mark is put onto other pictures, which must raise their score.)
  Is it something else than the concept? For that, real pictures *without* the concept must have it, be wrongly scored
  and recover when it is hidden; a mark on the same pixels is printed on and needs no more.
- **Look at this:** all yes, corrected for the number of things tried (Benjamini and Hochberg), and it is in 30 % of the
  concept's pictures or more. **Needs work:** half or more of the pictures that have it without the concept are wrong.
- **Cannot tell:** something is in most of the concept's pictures and hardly elsewhere, and no real picture says whether
  it is the thing itself or its company; and it looks like company: it is at the rim, or small and now here, now there,
  or clearly there in some pictures and in the rest as little as in other concepts' (where that is very clear, it need
  not be in most, 30 % do). You see it: decide.
- **Fine** says only that nothing is shown to mislead. What the score leans on is listed all the same: without labelled
  real pictures it is likely the thing itself, but may be its company.
- **The fix is tried.** Only pictures in which the concept takes more room than its company are kept, a probe learns
  anew, and real pictures say what that brings and what it costs. It is recommended only where wrong answers become
  fewer (McNemar's test) and at most 5 of 100 pictures of the concept are lost; else it says that this does not help.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`matters`, `fail_wrong` and `sure` are shares in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    matters: float = option(
        DEFAULT_MATTERS,
        "Share of the concept's pictures that must have it",
        help="Higher: only what nearly all pictures share is named.",
        low=0.1,
        high=0.9,
        step=0.1,
    )
    felt: float = DEFAULT_FELT
    odds: float = DEFAULT_ODDS
    fail_wrong: float = DEFAULT_FAIL_WRONG
    min_images: int = DEFAULT_MIN_IMAGES
    clusters: int = DEFAULT_CLUSTERS
    sure: float = DEFAULT_SURE
    pictures: int = DEFAULT_PICTURES
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class CoOccurrenceResult:
    """What travels with each concept.

    Attributes:
        concepts: one row a concept: `concept`, `n`, `verdict`, `score` (1 less the largest excess of an accused
            companion: its share among the concept's pictures less that among others; 1 without one, nan where
            that cannot be told).
        companions: see `companion_tables.companion_rows`; accused first.
        places: where they are in some pictures, see `companion_tables.companion_rows`.
        narrowing: see `companion_tables.narrowing_rows`; one row a concept whose fix was tried.
        scores: real pictures of these concepts, `concept`, `image_id`, `shows` (bool), `before`, `after`.
        used: training pictures looked at; `real`: real ones known to show or not to show a concept.
        grid: rows and columns of locations.
        params: as used.
        say: what a concept is called in a sentence.
    """

    concepts: pd.DataFrame
    companions: pd.DataFrame
    places: pd.DataFrame
    narrowing: pd.DataFrame
    scores: pd.DataFrame
    used: int
    real: int
    grid: tuple[int, int]
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first."""
        found = rank_findings(self._finding(row) for row in self.concepts.to_dict("records"))
        verdict = worst(f.verdict for f in found)
        bad = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        corrected = self.companions["p_corrected"].dropna()
        if bad:
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            headline = f"{self.say(bad[0].concept)}{more}: {bad[0].headline[0].lower()}{bad[0].headline[1:]}"
        elif verdict is Verdict.CANNOT_TELL:
            headline = not_judged(found, self.say)
            if tables.left_open(found):
                headline = headline.partition("; the other")[0] + "; of the others nothing is shown to mislead a score."
        else:
            headline = tables.nothing_shown(found)
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=headline,
            reason=found[0].headline if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            extra={"used": self.used, "real_used": self.real, "grid": list(self.grid)},
            tables={
                "companions": self.companions, "places": self.places, "narrowing": self.narrowing,
                "scores": self.scores,
            },
        )  # fmt: skip

    def _finding(self, row: Mapping[Any, Any]) -> ConceptFinding:
        verdict, concept = Verdict(row["verdict"]), str(row["concept"])
        own = self.companions[self.companions["concept"] == concept]
        accused, fix = own[own["role"] == tables.ACCUSED], ""
        fixed = self.narrowing[self.narrowing["concept"] == concept]
        if len(accused):
            fix = tables.fix_sentence(concept, accused.iloc[0].to_dict(), fixed.to_dict("records"), self.say)
        first = accused if len(accused) else own[own["role"] == tables.UNPROVEN]
        evidence = first.iloc[0]["evidence"][: self.params.evidence] if len(first) and verdict != Verdict.PASS else ()
        return ConceptFinding(
            concept,
            verdict,
            None if np.isnan(row["score"]) else float(row["score"]),
            tables.headline(row, accused.to_dict("records"), own.to_dict("records"), self.say),
            tuple(evidence),
            fix,
            {
                "n": int(row["n"]),
                "confounders": tables.confounders(accused),
                "candidates": tables.confounders(own[own["role"].isin(tables.OPEN)]),
            },
        )


@dataclass(frozen=True, slots=True)
class _Examined:
    concept: int
    companions: list[Companion]
    positive: Bool
    narrowing: Narrowing | None = None


def _labels_of(
    pool: Pool, member: Bool, k: int, classes: Sequence[str], scorers: Any, of: Any, params: Params
) -> list[Companion]:
    """Labels that come with concept `k` more often than chance has it."""
    out = []
    for d in range(member.shape[1]):
        if d == k or is_within(classes[d], classes[k]) or is_within(classes[k], classes[d]):
            continue
        both = int((member[:, d] & member[:, k]).sum())
        if both < params.matters * member[:, k].sum() or enriched(member[:, d], member[:, k])["p_enriched"] > 0.05:
            continue
        if member[:, d].all():
            continue
        place = fit_scorer(pool.space, np.arange(pool.training), member[:, d])
        out.append(with_label(pool, member[:, k], member[:, d], scorers, of, d, place, seed=params.seed))
    return out


def _tests(companion: Companion) -> tuple[str, ...]:
    return {MARK: MARK_TESTS, LABEL: LABEL_TESTS}.get(companion.kind, LOOK_TESTS)


def out_of_focus(at: Bool, grid: tuple[int, int]) -> bool:
    """Whether something is hardly the focal point: mostly on the outermost places, or small and all over the picture.

    Args:
        at: bool (m, l), its places in the pictures that have it.
        grid: rows and columns of places.
    """
    rim = np.ones(grid, dtype=bool)
    rim[1:-1, 1:-1] = False
    if at[:, rim.ravel()].sum() >= RIM * at.sum():
        return True
    ys, xs = np.unravel_index(np.nonzero(at)[1], grid)
    spread = min(ys.std() / max(1, grid[0] - 1), xs.std() / max(1, grid[1] - 1))
    return bool(at.sum(axis=1).mean() <= SMALL * at.shape[1] and spread >= WANDERS)


def _role(companion: Companion, p: float, grid: tuple[int, int], params: Params) -> str:
    """Accused, likely the concept itself, unproven, or nothing to speak of."""
    n = companion.numbers
    if companion.kind == MARK:
        felt = n["odds"] >= params.odds
    else:
        fall = n["score_drop"] if np.isnan(n["real_drop"]) else n["real_drop"]
        felt = fall >= (params.felt if companion.kind == "look" else 0)
    if p <= params.alpha and n["with_it"] >= params.matters and n["low"] > 1 and felt:
        return tables.ACCUSED
    drives = n["p_enriched"] <= params.alpha and n["p_hidden"] <= params.alpha
    if not drives or companion.kind != "look":
        return tables.ALONG
    if not np.isnan(n["real_with_it"]):
        return tables.ITSELF if n["p_elsewhere"] > params.alpha else tables.ALONG
    excess = n["with_it"] - n["without_it"]
    if excess < params.sure:
        return tables.UNPROVEN if excess >= params.matters and there_or_not(n, CLEARER) else tables.ALONG
    apart = out_of_focus(companion.at[companion.has], grid) or there_or_not(n)
    return tables.UNPROVEN if apart else tables.MIDDLE


def find_co_occurrence(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> CoOccurrenceResult | Unavailable:
    """Find what travels with each concept, whether a probe leans on it, and what narrowing the pictures brings."""
    if not dataset.concepts:
        return Unavailable("No training picture has a label, so nothing can travel with one.")
    if features.pictures is None:
        return Unavailable("Only vectors are open here; what is where in a picture can be seen in the pictures alone.")
    target, say = single_targets(dataset), short_names(dataset.concepts)
    count, every = target.member.sum(axis=0).astype(np.int64), len(target.rows)
    if not every:
        return Unavailable("No training picture has a label, so nothing can travel with one.")
    if not (np.minimum(count, every - count) >= params.min_images).any():
        none = tables.no_rows()
        table = tables.concept_rows(target.classes, count, every, none[0], params.min_images, params.fail_wrong)
        return CoOccurrenceResult(table, *none, used=0, real=0, grid=(1, 1), params=params, say=say)
    read = read_pool(dataset, features.pictures, params.pictures, seed=params.seed, progress=progress)
    pool, member, classes = read.pool, read.member, read.classes
    examined: list[_Examined] = []
    wholes = {}
    for k in range(len(classes)):
        progress(k, len(classes), "hiding what recurs")
        positive = member[:, k]
        if min(positive.sum(), (~positive).sum()) < params.min_images:
            continue
        negative = known_negatives(read, k)
        found, scorers, of, wholes[k] = examine(pool, positive, negative, clusters=params.clusters, seed=params.seed)
        if (member.sum(axis=1) > 1).any():
            found += _labels_of(pool, member, k, classes, scorers, of, params)
        examined.append(_Examined(k, found, positive))
    tried = [(e, c) for e in examined for c in e.companions]
    joint = np.array([p_joint(c.numbers, _tests(c)) for _, c in tried], dtype=np.float64)
    corrected = benjamini_hochberg(joint) if len(joint) else joint
    roles = [_role(c, p, pool.maps.grid, params) for (_, c), p in zip(tried, corrected, strict=True)]
    narrowed: dict[int, Narrowing] = {}
    for e in examined:
        of_e = [(c, r) for (x, c), r in zip(tried, roles, strict=True) if x is e]
        accused = [c.at for c, r in of_e if r == tables.ACCUSED]
        own = [c.at for c, r in of_e if r in (tables.ITSELF, tables.MIDDLE)]
        if accused and own and known_negatives(read, e.concept).any():
            fixed = narrow(pool, e.positive, np.any(accused, axis=0), np.any(own, axis=0), wholes[e.concept])
            if fixed is not None:
                narrowed[e.concept] = fixed
    listed = [(e.concept, c, p, r) for (e, c), p, r in zip(tried, corrected, roles, strict=True)]
    companions, places = tables.companion_rows(dataset, features, read, listed, wholes, progress)
    narrowing, scores = tables.narrowing_rows(dataset, read, narrowed)
    return CoOccurrenceResult(
        concepts=tables.concept_rows(classes, count, every, companions, params.min_images, params.fail_wrong),
        companions=companions,
        places=places,
        narrowing=narrowing,
        scores=scores,
        used=pool.training,
        real=int(read.real_known.any(axis=1).sum()),
        grid=pool.maps.grid,
        params=params,
        say=say,
    )
