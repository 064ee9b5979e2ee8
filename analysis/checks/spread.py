"""Spread: was a concept cast too wide, so that visually different kinds of picture share one name?

Question. Which concept holds several kinds of picture that look as different from each other as concepts do? Into
which parts does it fall, and would a model gain if each had a name of its own?

Method. Each concept's training pictures are divided in two as well as can be (`analysis.parts`). Three things are
measured (`analysis.wide`): how dispersed the concept is, how clean the gap between its halves is, and how far apart the
halves are beside the nearest other concept. The null hypothesis is that a concept's width (the three together) is one
more draw from its siblings' (Student's t on their median and median absolute deviation), corrected over concepts
(Benjamini and Hochberg 1995). A concept that is wider must also have a gap that one wide heap of the same shape and
tails has in fewer than 1 of 20 draws (Monte Carlo, after Liu et al. 2008, doi:10.1198/016214508000000454), and parts
each two of which lie farther apart than the halves of five of six other concepts. Then it is `warn`, and `fail` where
two parts differ as much as two concepts usually do. Wider without parts is variety, not a fault: `pass`, and said.
There are as many parts as two halves of the pictures agree on (prediction strength: Tibshirani and Walther 2005); among
many concepts the most that lie so far apart. Among fewer than ten concepts, an alarm also asks for a sure gain or a
corrected p of at most 0.002, else it is `cannot_tell`. So are parts that differ as concepts do, with a width that
chance explains in one of ten, or that are only farther apart than the halves of half of the other concepts. They are
shown.

Limits. Kinds that the model in use hardly tells apart stay together. All real concepts have bursts of like pictures, so
a gap alone never alarms: the siblings say what is usual, and with few of them little is known. Two concepts that look
alike, merged, are no wider than others and are not found. Where every concept is cast too wide, none stands out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

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
from analysis.dataset import Dataset
from analysis.features import Features
from analysis.kinds import POINT_COLUMNS, Prepared, in_parts, points_of, prepare
from analysis.merges import merges_noticed
from analysis.names import Say, short_names
from analysis.parts import unimodal_p
from analysis.progress import Progress, no_progress, scaled
from analysis.spread_words import Judged, fix, sentence, unnoticed
from analysis.statistics import benjamini_hochberg
from analysis.wide import (
    FARTHER,
    PRIOR_SPREAD_CLOSE,
    divide,
    excess,
    halves,
    least_apart,
    usual_distance,
)

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_MIN_PICTURES = 16  # of a concept; below, a half has too few pictures to be a kind
DEFAULT_MOST_OF_ONE = 300  # pictures of a concept that are divided, at random; the others join the nearest part
DEFAULT_MOST_PICTURES = 4000  # divided in all; keeps the check within seconds
DEFAULT_FEW_CONCEPTS = 10  # with fewer, a concept that `maybe` is wider and falls into parts cannot be told
DEFAULT_MAYBE = 0.10  # uncorrected, siblings taken to be alike: one of ten is what few concepts cannot rule out
DEFAULT_DRAWS = 99  # of the unimodal reference: the least that tells 1 in 100
DEFAULT_NAMED = 60  # pictures of a part whose subject is measured for its name
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery

METHOD: Final = """
- **What is measured.** Each concept is divided in two as well as can be, by what the model in use sees. How
  scattered is the concept, how empty is the gap between its halves, and are the halves as far apart as concepts are?
- **The question to chance.** Every real concept has some halves. Are these farther apart than those of one more
  concept of your kind would be? (Student's t, learnt from your other concepts, corrected for their number after
  Benjamini and Hochberg.) And is there a real gap? (Compared with draws of one wide heap of the same shape; after Liu
  et al. 2008.)
- **Look at this:** chance explains it in fewer than 1 of 20 datasets, there is a gap, *and* each two parts
  lie farther apart than the halves of five of six other concepts. **Needs work:** two parts differ as much as
  two of your concepts usually do. **Cannot tell:** fewer than 16 pictures, fewer than two other concepts to compare, or
  fewer than ten concepts and parts that differ as concepts do, but that chance explains in up to one of ten. Also where
  nothing was found, but of ten pairs of your own concepts, put together to see, fewer than half would be noticed, or
  three concepts are too few to try that.
- **Variety is no fault.** A concept that is more varied than the others, but in one piece, is fine, and so it is said.
- **What splitting would gain.** A simple classifier learns the concept once as one and once as its parts, and is asked
  about pictures it has not seen.
- **Limits.** Kinds that the model in use hardly tells apart stay together. With few concepts little is known of what
  is usual. Names of parts come from what is measured of the subject; where nothing tells them apart, they get letters.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """Numbers of pictures at least 4; `farther` is a share in (0, 1)."""

    alpha: float = DEFAULT_ALPHA
    farther: float = option(
        FARTHER,
        "Parts are farther apart than",
        help="Share of the other concepts whose halves lie nearer together than two parts must; more finds fewer.",
        low=0.5,
        high=0.99,
        step=0.01,
    )
    min_pictures: int = DEFAULT_MIN_PICTURES
    most_of_one: int = DEFAULT_MOST_OF_ONE
    most_pictures: int = DEFAULT_MOST_PICTURES
    few_concepts: int = DEFAULT_FEW_CONCEPTS
    maybe: float = DEFAULT_MAYBE
    draws: int = DEFAULT_DRAWS
    named: int = DEFAULT_NAMED
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class SpreadResult:
    """Width of each concept beside its siblings', and the parts of those cast too wide.

    Attributes:
        concepts: one a concept.
        points: a row a divided picture: `image_id`, `concept`, `x`, `y` (the concept's own projection), `part` (its
            number, 0 is the largest; without parts 0), `name` (of the part; empty without parts).
        params: as used.
        say: what a concept is called in a sentence.
    """

    concepts: tuple[Judged, ...]
    points: pd.DataFrame
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(j) for j in self.concepts)
        verdict = worst(f.verdict for f in found)
        corrected = [j.corrected for j in self.concepts if not np.isnan(j.corrected)]
        headline = self._headline(verdict, found)
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=headline,
            reason=headline if verdict is Verdict.CANNOT_TELL else "",
            p_value=min(corrected) if corrected else None,
            concepts=found,
            extra={"alpha": self.params.alpha, "min_pictures": self.params.min_pictures},
            tables={"spread": self._table(), "spread_points": self.points},
        )

    def _headline(self, verdict: Verdict, found: tuple[ConceptFinding, ...]) -> str:
        wide = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        small = sum(j.halves is None for j in self.concepts)
        if wide:
            name = self.say(wide[0].concept)
            many = wide[0].extra["parts"]
            kinds = len(many) if isinstance(many, list) else 0
            what = (
                f"One concept is cast too wide: {name}" if len(wide) == 1 else f"{len(wide)} concepts are cast too wide"
            )
            return f"{what}{'' if len(wide) == 1 else f', most of all {name}'}, with {kinds} kinds of picture in one."
        if verdict is Verdict.CANNOT_TELL:
            if any(j.names for j in self.concepts):
                return "There are too few concepts to know how wide a concept usually is; one may hold several kinds."
            if len(self.concepts) - small < 3 and small == 0:
                return "There are fewer than two other concepts to say how wide a concept usually is."
            if len(self.concepts) - small < 3:
                return f"Fewer than three concepts have {self.params.min_pictures} pictures, so none can be compared."
            blind = next((j.power for j in self.concepts if j.blind), None)
            if blind is not None:
                return f"Cannot tell: {unnoticed(blind)}."
            return not_judged(found, self.say)
        return "No concept falls into kinds of picture that look like concepts of their own."

    def _finding(self, j: Judged) -> ConceptFinding:
        verdict = j.verdict(self.params.alpha)
        if j.halves is None:
            pictures = f"{j.n:,} picture" + ("" if j.n == 1 else "s")
            headline = f"Cannot tell: {pictures} only; {self.params.min_pictures} would do."
            return ConceptFinding(j.concept, verdict, None, headline, extra={"n": j.n, "parts": []})
        if np.isnan(j.corrected):
            headline = "Cannot tell: there are fewer than two other concepts to compare with."
            return ConceptFinding(j.concept, verdict, None, headline, extra={"n": j.n, "parts": []})
        wide = bool(j.names)  # in parts, surely or perhaps
        extra: dict[str, object] = {
            "n": j.n,
            "used": j.used,
            "parts": [{"name": n, "images": list(i)} for n, i in zip(j.names, j.images, strict=True)] if wide else [],
            "dispersion": j.halves.dispersion,
            "dispersion_ratio": None if np.isnan(j.ratio) else j.ratio,
            "cut": j.halves.cut,
            "p_value": j.p_value,
            "p_corrected": j.corrected,
            "gap_p_value": None if np.isnan(j.gap_p) else j.gap_p,
            "merges_noticed": j.power.noticed,
            "merges_tried": j.power.tried,
            "in_one_piece": j.corrected <= self.params.alpha and not wide,
        }
        if j.gain is not None and wide:
            g = j.gain
            extra["gain"] = {"single": g.single, "split": g.split, "low": g.low, "high": g.high, "n": g.n}
        turns = [i for some in zip(*(p[: self.params.evidence] for p in j.images), strict=False) for i in some]
        return ConceptFinding(
            concept=j.concept,
            verdict=verdict,
            score=j.score,
            headline=sentence(j, wide, self.params.alpha),
            evidence=tuple(turns[: self.params.evidence]) if wide else (),
            fix=fix(self.say(j.concept)) if wide else "",
            extra=extra,
        )

    def _table(self) -> pd.DataFrame:
        rows = [
            (j.concept, j.n, j.halves.dispersion, j.ratio, j.halves.cut, j.halves.width, j.corrected,
             str(j.verdict(self.params.alpha)))
            for j in self.concepts
            if j.halves is not None
        ]  # fmt: skip
        columns = ["concept", "n", "dispersion", "ratio", "cut", "width", "p_corrected", "verdict"]
        return pd.DataFrame(rows, columns=columns).sort_values(["width", "concept"], ascending=[False, True])


def find_spread(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> SpreadResult | Unavailable:
    """Compare how wide each concept is with its siblings, and say into which parts the too wide ones fall."""
    prepared = prepare(dataset, features, params.most_of_one, params.most_pictures, params.min_pictures, params.seed)
    if prepared is None:
        return Unavailable("No training picture has a label, so there is no concept to look at.")
    made, places = prepared.space, prepared.places
    asked = [k for k, at in enumerate(places) if len(at) >= params.min_pictures]
    few = len(asked) < params.few_concepts
    judged = [
        Judged(c, int(n), len(at), few=few) for c, n, at in zip(prepared.concepts, prepared.sizes, places, strict=True)
    ]
    within = scaled(progress, 0, 0.6)
    for i, k in enumerate(asked):
        within(i, len(asked), "dividing concepts in two")
        judged[k] = replace(judged[k], halves=halves(made, k, places[k], params.seed))
    found = {k: h for k in asked if (h := judged[k].halves) is not None}
    width, pictures = np.array([found[k].width for k in asked]), np.array([len(places[k]) for k in asked])
    p_values, perhaps = excess(width, pictures), excess(width, pictures, PRIOR_SPREAD_CLOSE)
    corrected = benjamini_hochberg(p_values)
    within = scaled(progress, 0.6, 0.9)
    for i, k in enumerate(asked):
        tick = partial(within, i, len(asked), "looking for parts")
        tick()
        others = [found[o] for o in asked if o != k]
        usual = float(np.median([h.dispersion for h in others])) if others else 0.0
        ratio = found[k].dispersion / usual if usual > 0 else float("nan")  # 0: siblings of one and the same picture
        judged[k] = replace(judged[k], p_value=float(p_values[i]), corrected=float(corrected[i]), ratio=ratio)
        if corrected[i] <= params.alpha or (few and perhaps[i] <= params.maybe):
            apart = [h.apart for h in others]
            limit = least_apart(apart, params.farther)
            division = divide(made, k, places[k], limit, params.seed, known=not few, tick=tick)
            near = division is None and few
            if near:
                division = divide(made, k, places[k], least_apart(apart, 0.5), params.seed, tick=tick)
            gap_p = unimodal_p(made.plain[places[k]], params.draws, params.seed, within_alpha=params.alpha)
            judged[k] = replace(judged[k], gap_p=gap_p, division=division, near=near)
            alike = division is None or not division.farthest >= usual_distance(made, k)
            unsure = near or corrected[i] > params.alpha
            if division is not None and gap_p <= params.alpha and not (unsure and alike):
                kinds = in_parts(
                    dataset, features, prepared, k, division.labels, named=params.named, seed=params.seed,
                    progress=within,
                )  # fmt: skip
                judged[k] = replace(judged[k], alike=alike, names=kinds.names, images=kinds.images, gain=kinds.gain)
    power = merges_noticed(
        made, places, found, alpha=params.alpha, farther=params.farther,
        most_of_one=params.most_of_one, seed=params.seed, tick=partial(progress, 9, 10, "putting concepts together"),
    )  # fmt: skip
    judged = [replace(j, power=power) for j in judged]
    progress(1, 1, "putting concepts together")
    return SpreadResult(tuple(judged), _points(dataset, prepared, judged), params, short_names(dataset.concepts))


def _points(dataset: Dataset, prepared: Prepared, judged: list[Judged]) -> pd.DataFrame:
    """The table `points` of `SpreadResult`."""
    tables = [
        points_of(dataset, prepared, k, j.division.labels if j.division is not None and j.names else None, j.names)
        for k, j in enumerate(judged)
        if j.halves is not None
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({c: [] for c in POINT_COLUMNS})
