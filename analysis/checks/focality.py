"""Focality: is the labelled concept what the photo is of, or only something in it?

Question (G14). Label what the photo is *of*, not what is *in* it. Which labels name the subject of their picture, and
which a thing on the side that wants a box of its own?

Method. Every place of a picture has a vector in the space of the model's words. How hot a place is for a concept comes
from its name, held against the other names and common words, and then from the dataset's own hottest and coolest
places (`analysis.focal_heat`; after MaskCLIP, Zhou et al. 2022, arXiv:2112.01071, and self-training). A label's score
is the mean heat of the hottest quarter of its picture, places in the middle counting more: 1 is a middle full of the
concept, 0 no more of it than anywhere. A sample of pictures is looked at twice as finely, in four quarters. A label is
routed *of* from `of_from`, *in* below `in_below` where the concept is found somewhere or the picture is of another
concept (unless it is one thing before a plain ground and looks like others of its label: *of*), else unclear. A label
lies *beside* its picture where little of the concept shows and the whole is not like the concept's clear pictures
(`analysis.focal_aside`); that is *in* as well.
A concept's null hypothesis: all its labels are of their pictures. Two tests, Bonferroni: (1) no more labels lie beside
their pictures than `few_aside`; exact binomial. (2) The routes are mistakes, of which concepts make more or fewer:
beta-binomial with `MISTAKES`, fitted on clean concepts. Corrected over concepts (Benjamini and Hochberg 1995).
`warn`: rejected. `fail`: also at least half of the labels are *in*. `pass`: not rejected, and at least half of the
labels are *of*; where most stay unclear nothing is shown either way. Boxes that came with the dataset are taken as
regions; else the heat proposes them.

Limits. A name that says nothing to the model (`analysis.focal_names`) has the first test alone, and never passes. A
thing that always comes with the concept, and is larger, may take its place in the heat. Boxes from heat are as coarse
as the places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import (
    LABELS,
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    at_least,
    option,
    rank_findings,
    worst,
)
from analysis.dataset import Dataset
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.focal_aside import labels_aside
from analysis.focal_labels import looked_at
from analysis.focal_names import LEAST_WITH, LEAST_WITHOUT
from analysis.names import Say, short_names
from analysis.probe import targets
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

Float64 = NDArray[np.float64]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_SAMPLE = 512  # pictures looked at closely: four quarters each, 20 s on two cores with the bundled model
DEFAULT_STORED = 3000  # pictures whose kept maps are read at most, 4 ms each
DEFAULT_OF_FROM = 0.4  # one in five of the labels that masks call "in" scores higher (docs/checks/focality.md)
DEFAULT_IN_BELOW = 0.2  # one in eight of the labels that masks call "of" scores lower
DEFAULT_FOUND_FROM = 0.4  # peak heat; dark red apples that the model takes for no apple at all stay below
DEFAULT_FEW_ASIDE = 0.1  # of clean labels 2 %, of the worst of 168 clean concepts 27 %; wrong labels make up as many
MISTAKES: Final = (0.4, 5.0)  # beta: what share of a clean concept is routed "in"; mean 7 %, one in ten above 25 %
DEFAULT_FAIL_FROM = 0.5  # of a concept's labels: more are on the side than not
DEFAULT_PASS_FROM = 0.5  # of the labels looked at must be *of*: "not shown to be on the side" is no "fine"
DEFAULT_MIN_LABELS = 8  # of a concept looked at closely: with fewer not even half could be significant
DEFAULT_EVIDENCE = 24
OF: Final = "of"
IN: Final = "in"
UNCLEAR: Final = "unclear"
METHOD: Final = """
- **Where the concept is.** Each place of a picture is compared with the concept's name and with the places in the
  dataset's own pictures where the concept shows most clearly. The heat maps below show it.
- **Of** (keep): the middle of the picture is full of the concept. **In** (draw a box around it, or drop the label):
  little of it is there, or only at the side. **Unclear**: in between, or the model does not know the name.
- **In** is also a picture in which less than half as much of the concept shows as in its clear pictures, and that is
  as a whole more like pictures of other concepts. For this the name need not be known.
- **Look at this:** more than 10 in 100 of a concept's labels are *in* by the second rule (exact binomial test), or
  more by the first than mistakes explain (beta-binomial, from clean photos); corrected for both tests and the number
  of concepts. **Needs work:** at least half of them.
- **Cannot tell:** too few pictures, or fewer than half of which it can be said that they are *of* the concept, or a
  name that says nothing to the model in use (its labelled pictures do not stand out from the others by that name) and
  nothing found without it.
- **Regions.** Boxes that came with the dataset, else boxes around the heat, are proposed for a detector to be trained
  on. They are drafts: look at them first.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """Shares in [0, 1]; counts of pictures or labels."""

    seed: int = 0
    alpha: float = DEFAULT_ALPHA
    sample: int = DEFAULT_SAMPLE
    stored: int = DEFAULT_STORED
    of_from: float = option(
        DEFAULT_OF_FROM,
        "The photo is of it from",
        help="Score from which a label counts as what the photo is of.",
        low=0.2,
        high=0.9,
        step=0.05,
    )
    in_below: float = DEFAULT_IN_BELOW
    found_from: float = DEFAULT_FOUND_FROM
    few_aside: float = DEFAULT_FEW_ASIDE
    fail_from: float = DEFAULT_FAIL_FROM
    pass_from: float = DEFAULT_PASS_FROM
    min_labels: int = DEFAULT_MIN_LABELS
    evidence: int = DEFAULT_EVIDENCE


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class FocalityResult:
    """What each label is, and each concept's share of labels that only name something in the picture.

    Attributes:
        labels: one row a label of `Dataset.labels`: columns `focality_score` (float in [0, 1], nan where not looked
            at), `focality_flag` (bool: routed *in*), `focality_route` (`of`, `in`, `unclear`), `focality_aside`
            (bool: lies beside its picture), `focality_share` (of the picture that is hot), `focality_off_centre`,
            `focality_peak`, `focality_sharpness`,
            `focality_regions`, `focality_subject` (heat of what object discovery calls the subject over that of the
            rest), `focality_agreement` (score of the whole picture at the model's own size over the score from its
            quarters), `focality_rival` (the dataset's concept that is hotter there, or empty),`focality_plain`
            and `focality_own_kind` (one thing before a plain ground, and it looks like others of its label),
            `focality_close` (bool: looked at closely).
        concepts: one row a concept: `concept`, `n` (labels looked at closely), `labels`, `of`, `in`, `unclear` (of
            n), `aside` and `routed` (*in* by each of the two rules),
            `share_in`, `wording`, `auc`, `judged`, `p_value`, `verdict`, `score`.
        regions: columns `regions.REGION_COLUMNS`.
        heat: `image_id`, `concept`, `rows`, `columns`, `values` (list of int, heat in hundredths).
        evidence: for each concept image ids, routed *in* first, of them those that it lies beside, then by score.
        sampled: pictures looked at closely; `scored`: labels scored.
        params: as used.
        say: what a concept is called in a sentence.
    """

    labels: pd.DataFrame
    concepts: pd.DataFrame
    regions: pd.DataFrame
    heat: pd.DataFrame
    evidence: dict[str, tuple[str, ...]]
    sampled: int
    scored: int
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.concepts.to_dict("records"))
        verdict = worst(f.verdict for f in found)
        p = self.concepts["p_value"].dropna()
        bad = [f for f in found if at_least(f.verdict, Verdict.WARN)]
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=self._headline(found, bad),
            reason=self._reason(found) if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(p.min()) if len(p) else None,
            concepts=found,
            extra={
                "looked_at_closely": self.sampled,
                "labels_scored": self.scored,
                "routes": {r: int((self.labels["focality_route"] == r).sum()) for r in (OF, IN, UNCLEAR)},
                "regions": len(self.regions),
            },
            fix="Train a detector on the proposed regions, once you have looked at them." if bad else "",
            tables={LABELS: self.labels, "focality": self.concepts, "regions": self.regions, "heat": self.heat},
        )

    def _headline(self, found: tuple[ConceptFinding, ...], bad: list[ConceptFinding]) -> str:
        seen = f" {self.sampled:,} pictures were looked at closely."
        if bad:
            have = "has" if len(bad) == 1 else "have"
            return (
                f"{len(bad)} of {len(found)} concepts {have} many labels that name something in the picture rather "
                f"than what the picture is of; first of all {self.say(bad[0].concept)}.{seen}"
            )
        fine = sum(f.verdict is Verdict.PASS for f in found)
        if not fine and all(f.extra.get("why") == "name" for f in found):
            whom = "the concept" if len(found) == 1 else f"any of the {len(found)} concepts"
            return f"Cannot tell: the model in use does not know {whom} by name."
        if not fine:
            return self._reason(found)
        if fine < len(found):
            are = "is what its" if fine == 1 else "are what their"
            return f"{fine} of {len(found)} concepts {are} pictures are of; the others stay open.{seen}"
        return f"The labels name what the pictures are of.{seen}"

    def _reason(self, found: tuple[ConceptFinding, ...]) -> str:
        open_ = [f for f in found if f.verdict is Verdict.CANNOT_TELL]
        few, unclear, unknown = (sum(f.extra.get("why") == w for f in open_) for w in ("few", "unclear", "name"))
        parts = []
        if few:
            parts.append(f"{few} of {len(found)} concepts have too few pictures to compare")
        if unknown:
            parts.append(
                f"the names of {unknown} of {len(found)} concepts say too little to the model in use; "
                f"{RECOMMENDED_MODEL} knows more words"
            )
        if unclear:
            parts.append(f"of {unclear} of {len(found)} concepts most pictures are unclear: look at them yourself")
        text = "; ".join(parts) + "."
        return text[0].upper() + text[1:]

    def _finding(self, row: dict[Any, Any]) -> ConceptFinding:
        verdict, name = Verdict(row["verdict"]), self.say(str(row["concept"]))
        bad = at_least(verdict, Verdict.WARN)
        n, inside = int(row["n"]), int(row["in"])
        few = bool(np.isnan(row["auc"])) or n < self.params.min_labels
        open_ = bool(row["judged"]) and not few
        if verdict is Verdict.CANNOT_TELL and open_:
            headline = (
                f"Cannot tell: of {n} pictures looked at, {int(row['of'])} are of {name}, {inside} only have it "
                f"somewhere, and {int(row['unclear'])} are unclear."
            )
        elif verdict is Verdict.CANNOT_TELL:
            headline = (
                f"Cannot tell: too few pictures to compare ({LEAST_WITH} with {name} and {LEAST_WITHOUT} without, "
                f"{self.params.min_labels} looked at closely)."
                if few
                else "Cannot tell: the model in use does not recognise these pictures by the words "
                f"“{row['wording']}”. {RECOMMENDED_MODEL} knows more words."
            )
        else:
            headline = f"In {inside} of {n} pictures looked at, {name} is in the picture but not what it is of."
            if not row["judged"]:
                headline = f"{inside} of {n} pictures looked at are of something else than the others of {name}."
            if not bad and inside:
                headline += " The check itself may be wrong about so many."
        return ConceptFinding(
            concept=str(row["concept"]),
            verdict=verdict,
            score=None if np.isnan(row["score"]) else float(row["score"]),
            headline=headline,
            evidence=self.evidence.get(str(row["concept"]), ()),
            fix=(
                f"Keep the pictures of {name} itself. In the others draw a box around it and train a detector on the "
                "boxes, or drop the label."
                if bad
                else ""
            ),
            extra={
                "n": n,
                "of": int(row["of"]),
                "in": inside,
                "unclear": int(row["unclear"]),
                "wording": str(row["wording"]),
                "name_auc": None if np.isnan(row["auc"]) else float(row["auc"]),
                "p_value": None if np.isnan(row["p_value"]) else float(row["p_value"]),
                "why": ("few" if few else "unclear" if open_ else "name") if verdict is Verdict.CANNOT_TELL else "",
            },
        )


def route(
    score: Float64, found: NDArray[np.bool_], lone: NDArray[np.bool_], judged: NDArray[np.bool_], params: Params
) -> NDArray[np.object_]:
    """`of`, `in` or `unclear` for each label; nan scores and concepts that are not judged are unclear.

    `found`: the concept is somewhere, or the picture is of another one: what is found nowhere may be there unseen.
    `lone`: the picture is one thing before a plain ground, and looks like others of its label.
    """
    out = np.full(len(score), UNCLEAR, dtype=object)
    low = judged & (score < params.in_below)
    out[judged & (score >= params.of_from)] = OF
    out[low & found & ~lone] = IN
    out[low & lone] = OF
    return out


def judge(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The table with `p_value` (corrected), `verdict` and `score`; columns `n`, `of`, `in`, `aside`, `routed`, `judged`
    are read."""
    from scipy.stats import betabinom, binom

    n, inside, aside, routed = (table[c].to_numpy(dtype=np.int64) for c in ("n", "in", "aside", "routed"))
    judged, tested = table["judged"].to_numpy(dtype=bool), n >= params.min_labels
    by_picture = binom.sf(aside - 1, np.maximum(n, 1), params.few_aside)
    by_name = betabinom.sf(routed - 1, np.maximum(n, 1), *MISTAKES)
    p = np.where(judged, np.minimum(1.0, 2 * np.minimum(by_picture, by_name)), by_picture)
    corrected = benjamini_hochberg(np.where(tested, p, np.nan))
    share = inside / np.maximum(n, 1)
    bad = tested & (np.nan_to_num(corrected, nan=1.0) <= params.alpha)
    told = tested & (judged | bad)
    verdict = np.where(told, str(Verdict.PASS), str(Verdict.CANNOT_TELL)).astype(object)
    verdict[told & ~bad & (table["of"].to_numpy(dtype=np.int64) < params.pass_from * n)] = str(Verdict.CANNOT_TELL)
    verdict[bad] = str(Verdict.WARN)
    verdict[bad & (share >= params.fail_from)] = str(Verdict.FAIL)
    return table.assign(
        share_in=np.where(n > 0, share, np.nan),
        p_value=np.where(told, corrected, np.nan),
        verdict=verdict,
        score=np.where(verdict == str(Verdict.CANNOT_TELL), np.nan, 1.0 - share),
    )


def find_focality(
    dataset: Dataset,
    features: Features,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> FocalityResult | Unavailable:
    """Say of each label whether it names what its picture is of, and propose regions where it does not."""
    target = targets(dataset)
    if not len(target.rows):
        return Unavailable("No training picture has a label, so there is no concept to look for.")
    if features.pictures is None:
        return Unavailable("The pictures themselves are not at hand, only vectors: nobody can say where a thing is.")
    seen = looked_at(
        dataset,
        features,
        target,
        dataset.taxonomy,
        sample=params.sample,
        stored=params.stored,
        seed=params.seed,
        progress=progress,
    )
    column = {c: k for k, c in enumerate(target.classes)}
    number = seen.labels["concept"].map(column)
    judged_of = np.array([k.judged for k in seen.known])
    known = number.notna().to_numpy()
    judged = np.zeros(len(number), dtype=bool)
    judged[known] = judged_of[number[known].to_numpy(dtype=np.int64)]
    image_of = seen.labels["image"].to_numpy(dtype=np.int64)
    labels = seen.labels.drop(columns=["image", "concept"]).add_prefix("focality_")
    score = labels["focality_score"].to_numpy(dtype=np.float64)
    lone = (labels["focality_plain"] & labels["focality_own_kind"]).to_numpy(dtype=bool)
    found = (labels["focality_peak"] >= params.found_from) | (labels["focality_rival"] != "")
    of = np.asarray(number.fillna(-1), dtype=np.int64)
    aside = labels_aside(
        features.image,
        image_of,
        of,
        target.member,
        target.rows,
        score,
        judged & (labels["focality_peak"] >= params.found_from).to_numpy(dtype=bool),
        seed=params.seed,
    )
    routes = route(score, found.to_numpy(dtype=bool), lone, judged, params)
    table = _concepts(labels["focality_close"].to_numpy(dtype=bool), routes, aside, judged, of, target.classes)
    table["wording"] = [k.wording for k in seen.known]
    table["auc"] = [k.auc for k in seen.known]
    table["judged"] = judged_of
    table = judge(table, params)
    bad = table["verdict"].isin([str(Verdict.WARN), str(Verdict.FAIL)]).to_numpy()
    routes[aside & known & (judged | bad[of])] = IN
    labels["focality_aside"] = aside
    labels["focality_route"] = routes
    labels["focality_flag"] = routes == IN
    ids = dataset.images["image_id"].to_numpy()
    regions, heat = seen.proposals(dataset, labels["focality_route"].to_numpy(dtype=object), params.found_from)
    return FocalityResult(
        labels=labels,
        concepts=table.sort_values(["share_in", "concept"], ascending=[False, True], ignore_index=True),
        regions=regions,
        heat=heat,
        evidence=_evidence(ids[dataset.labels["image"].to_numpy(dtype=np.int64)], labels, dataset, params.evidence),
        sampled=len(seen.close_rows),
        scored=int(np.isfinite(score).sum()),
        params=params,
        say=short_names(dataset.concepts),
    )


def _concepts(
    close: NDArray[np.bool_],
    routes: NDArray[np.object_],
    aside: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    of: NDArray[np.int64],
    classes: tuple[str, ...],
) -> pd.DataFrame:
    both = np.where(aside, IN, routes)
    out = []
    for k, name in enumerate(classes):
        mine = close & (of == k)
        out.append(
            {
                "concept": name,
                "n": int(mine.sum()),
                "labels": int((of == k).sum()),
                **{r: int((both[mine] == r).sum()) for r in (OF, IN, UNCLEAR)},
                "aside": int(aside[mine].sum()),
                "routed": int((routes[mine] == IN).sum()),
            }
        )
    return pd.DataFrame(out)


def _evidence(ids: NDArray[Any], labels: pd.DataFrame, dataset: Dataset, limit: int) -> dict[str, tuple[str, ...]]:
    order = labels.assign(id=ids, concept=dataset.labels["concept"].to_numpy(), late=~labels["focality_flag"])
    order["other"] = ~labels["focality_aside"]
    order = order[order["focality_score"].notna()].sort_values(["late", "other", "focality_score", "id"])
    return {str(c): tuple(str(i) for i in g["id"].head(limit)) for c, g in order.groupby("concept")}
