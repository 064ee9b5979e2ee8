"""Which pictures cannot be used as they are: dark, overexposed, blurry, empty, oddly shaped, compressed, tiny.

Question (G9): can the concept be picked up through the noise of the photo, or is the photo itself the problem?

Method. Each picture is judged for seven faults on what the ingest measured (`analysis.faults`: measures, limits).
A limit comes from this dataset's own training pictures, between two absolute values: where the rest of the dataset
would put one ordinary picture in a thousand (`one_in`), never on what no person would call a fault, never past what
no person would keep. Then shares of flagged pictures are judged. The null hypothesis is that a concept's pictures
are fine and flagged by mistake, each with a chance of at most `FALSE_ALARMS` (2 %; measured: 0 to 2 % of
the clean photos of four sets) or, for what is past any use, `USELESS_ALARMS`. The p-value is the exact upper binomial
tail (the smaller of the two, doubled), corrected over the concepts and the dataset as a whole (Benjamini and
Hochberg 1995). `warn`: corrected p at most alpha. `fail`: also a tenth of the concept's pictures or more.

Where there are pictures from real use, a fault that is common there (at least `common_from` of them, more than
mistakes explain) is no fault: a model must cope with it. No picture is flagged for it; instead, if training has less
than half of that share (Fisher's exact test, corrected over the kinds), its absence is the finding. A concept is named
for it only by its own pictures: its real-world pictures against its training pictures, at least `MIN_OWN` (10) of
each, corrected over concepts and kinds. Where no concept is significant alone, or real-world pictures carry no
labels, the dataset as a whole is, and the concept of the lowest p bears the verdict and says so.

References: of the measures, in `analysis.attributes`; Fisher 1922, doi:10.2307/2340521.

Limits. A fault of many pictures (a third or more) becomes what is usual here and is then only found by the absolute
values. A picture that is meant to be dark or soft is flagged among others that are not. Compression marks vanish in
a resize. Large JPEG files (1,024 pixels or more) are judged for compression by what the file says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import (
    IMAGES,
    ConceptFinding,
    Findings,
    Unavailable,
    Verdict,
    option,
    rank_findings,
    worst,
)
from analysis.dataset import REAL_WORLD, TRAINING, Dataset
from analysis.fault_shares import FALSE_ALARMS, add_lacking, find_common, judge
from analysis.faults import FAULTS, MIN_REFERENCE, NEEDED, beyond, find_limits, measures, scores, useless
from analysis.features import Features
from analysis.names import Say, short_names
from analysis.progress import Progress, no_progress

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_ONE_IN = 1000  # ordinary pictures of which one is flagged, for each of the seven faults
DEFAULT_FAIL_SHARE = 0.10  # every tenth picture of a concept: training on it is no longer a detail
DEFAULT_COMMON_FROM = 0.05  # of the real-world pictures; one in twenty is met in every day's use
DEFAULT_LACKING_FAIL = 0.25  # a quarter of real use, and training has next to nothing of it
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
METHOD: Final = """
- **Seven faults**, each measured on the picture itself: dark, overexposed, blurry, empty (next to nothing to see),
  oddly shaped, heavily compressed, tiny. Plain backgrounds do not count: blur looks only at edges, light only at
  places where there is something to see. Compression is seen in the picture, whatever the file says.
- **Where the limit lies.** Your own training pictures decide, between two fixed values: nothing is flagged that
  no person would call a fault, and what no person would keep is always flagged. Among night photos a dark picture
  is usual; among daylight photos it is not.
- **Common in real use is no fault.** If pictures of real use are often dark, a model has to cope with dark
  pictures. Then none is flagged for it, and the finding is that training lacks them. A concept is named
  for it by its own pictures only (10 of real use and 10 of training at least); else it is a finding of the whole.
- **Look at this:** more pictures of a concept are flagged than mistakes explain (2 of 100; binomial test,
  corrected for the number of concepts). **Needs work:** a tenth or more of its pictures. **Cannot tell:** fewer
  than 20 training pictures, so that nothing is known of what is usual.
- **Limits.** A fault that a third of the pictures share passes for usual unless it is extreme. A picture meant to be
  dark or soft is flagged all the same: look before you drop.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`fail_share`, `common_from` and `lacking_fail` are shares in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    one_in: int = option(
        DEFAULT_ONE_IN,
        "One mistake in",
        help="A picture is flagged when it is odder than one in this many ordinary ones; higher flags fewer.",
        low=50,
        high=100_000,
        step=50,
    )
    fail_share: float = option(
        DEFAULT_FAIL_SHARE,
        "Needs work from",
        help="Share of a concept's pictures that must be flagged before it needs work.",
        low=0.02,
        high=1.0,
        step=0.01,
    )
    common_from: float = option(
        DEFAULT_COMMON_FROM,
        "Common in real use from",
        help="Share of real-world pictures with a fault from which it counts as part of real use.",
        low=0.01,
        high=1.0,
        step=0.01,
    )
    lacking_fail: float = DEFAULT_LACKING_FAIL
    evidence: int = DEFAULT_EVIDENCE


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class ImageQualityResult:
    """Faults of each picture and what they mean for each concept.

    Attributes:
        images: one row an image, in the order of `Dataset.images`: `image_id`; `image_quality_score` (float in
            [0, 1], 1 fine, at most 1/2 exactly where flagged); `image_quality_flag` (bool); `image_quality_reasons`
            (list of kinds).
        kinds: one row a fault, in the contract's order: `kind`, `adjective`, `measure`, `unit` (str); `worse` (+1 or
            -1), `log` (bool, ratios matter); `limit` (in `unit`); `flagged` (int, training pictures);
            `training_share`, `real_share` (shares past the limit, nan without such pictures); `common` (bool, part
            of real use); `lacking` (bool, training lacks it); `p_value` (of lacking, corrected, nan if not tested).
        measured: one row an image, a float column a kind: what was measured, nan where it cannot be judged.
        pictures: one row a picture and reason, worst first: `image` (row of `Dataset.images`), `image_id`, `kind`,
            `origin`, `value` (measure), `score`, `flagged` (bool; else it shows a fault that is common in real use).
        concepts: one row a concept, and the dataset as a whole with `concept` "" in the last row: `n` (training
            pictures), `flagged`, `useless` (int), `share`, `p_value` (corrected, of the test that made the verdict,
            nan if n is 0), `verdict`, `score`, `by_flags`, `lacking`, `borne` (see `fault_shares.add_lacking`).
        reference: training pictures that say what is usual.
        params: as used.
        say: what a concept is called in a sentence.
    """

    images: pd.DataFrame
    kinds: pd.DataFrame
    measured: pd.DataFrame
    pictures: pd.DataFrame
    concepts: pd.DataFrame
    members: Mapping[str, NDArray[np.int64]]
    reference: int
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        whole = self.concepts.iloc[-1]
        found = rank_findings(self._finding(row) for row in self.concepts.iloc[:-1].to_dict("records"))
        verdict = worst([*(f.verdict for f in found), Verdict(whole["verdict"])])  # unlabelled pictures count too
        made = self.concepts[self.concepts["verdict"] == str(verdict)]
        p = made["p_value"].dropna()
        bad = verdict in (Verdict.WARN, Verdict.FAIL)
        return Findings(
            verdict=verdict,
            score=found[0].score if found and found[0].verdict is verdict else float(whole["score"]),
            headline=self._headline(),
            reason=self._reason() if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(p.min()) if len(p) else None,
            concepts=found,
            evidence=self._evidence(None),
            fix=self._fix(self._of(None), self._lacking() or _first_lacking(found, self.concepts)) if bad else "",
            extra={
                "flagged": int(whole["flagged"]),
                "reasons": {str(k): int(n) for k, n in zip(self.kinds["kind"], self.kinds["flagged"], strict=True)},
                "limits": {str(k): float(v) for k, v in zip(self.kinds["kind"], self.kinds["limit"], strict=True)},
                "common_in_real_use": self.kinds.loc[self.kinds["common"], "kind"].tolist(),
                "lacking": [
                    {"kind": r["kind"], "real_world": r["real_share"], "training": r["training_share"]}
                    for r in self._lacking()
                ],
                "false_alarms": FALSE_ALARMS,
                "alpha": self.params.alpha,
            },
            tables={
                IMAGES: self.images,
                "kinds": self.kinds,
                "measured": self.measured,
                "pictures": self.pictures,
            },
        )

    def _row(self, concept: str | None) -> pd.Series:
        """Its row of `concepts`; the dataset's for None."""
        if concept is None:
            return self.concepts.iloc[-1]
        return self.concepts.iloc[list(self.members).index(concept)]

    def _lacking(self, concept: str | None = None) -> list[dict[str, object]]:
        """What a concept's training pictures lack of its real use, the dataset's for None; most frequent first."""
        return list(self._row(concept)["lacking"])

    def _of(self, concept: str | None) -> pd.DataFrame:
        """Flagged training pictures (rows of `pictures`) of a concept, of all for None."""
        out = self.pictures[self.pictures["flagged"] & (self.pictures["origin"] == TRAINING)]
        return out if concept is None else out[out["image"].isin(self.members[concept])]

    def _evidence(self, concept: str | None) -> tuple[str, ...]:
        """Flagged training pictures, worst first, and real-world pictures of what training lacks.

        Those come first where no more are flagged than would be by mistake: they are what was found.
        """
        lacking = [str(r["kind"]) for r in self._lacking(concept)]
        common = self.pictures[self.pictures["kind"].isin(lacking) & (self.pictures["origin"] == REAL_WORLD)]
        if concept is not None:
            own = common["image"].isin(self.members[concept])
            others = common[~own] if self._row(concept)["borne"] else common[:0]  # of the whole, its own come first
            common = pd.concat([common[own], others])
        ids = [*self._of(concept)["image_id"], *common["image_id"]]
        if Verdict(str(self._row(concept)["by_flags"])) not in (Verdict.WARN, Verdict.FAIL):
            ids = [*common["image_id"], *self._of(concept)["image_id"]]
        return tuple(dict.fromkeys(str(i) for i in ids))[: self.params.evidence]

    def _headline(self) -> str:
        whole, of = self.concepts.iloc[-1], self._of(None)
        n, flagged = int(whole["n"]), int(whole["flagged"])
        parts = []
        lacking = [
            f"{_adjective(r)} ({_percent(r['real_share'])} of real use, {_percent(r['training_share'])} of training)"
            for r in self._lacking()
        ]
        if lacking:
            parts.append(f"Training lacks pictures that real use has: {_and(lacking)}.")
        named = self.concepts.iloc[:-1]
        named = named[named["lacking"].map(bool) & ~named["borne"]].sort_values("p_value", kind="stable")
        if len(named) and (not lacking or len(named) < len(self.concepts) - 1):
            first, r = self.say(str(named["concept"].iloc[0])), named["lacking"].iloc[0][0]
            shares = f"{_percent(r['real_share'])} of its real use, {_percent(r['training_share'])} of its training"
            more = f", and of {len(named) - 1:,} more" if len(named) > 1 else ""
            which = "Above all of" if lacking else "Training lacks pictures that real use has of"
            parts.append(f"{which} {first}: {_adjective(r)} ({shares}){more}.")
        if not flagged:
            parts.append(
                "The one training picture does not look unusable."
                if n == 1
                else f"None of the {_pictures(n)} looks unusable."
            )
        else:
            usual = "" if whole["by_flags"] != Verdict.PASS else ", no more than would be flagged by mistake"
            verb = "has" if flagged == 1 else "have"
            parts.append(f"{flagged:,} of {_pictures(n)} {verb} a fault ({_counts(of)}){usual}.")
            worst_off = self.concepts.iloc[:-1].query("flagged > 0").sort_values("share", kind="stable").tail(1)
            for top in worst_off.to_dict("records"):
                if top["by_flags"] in (Verdict.WARN, Verdict.FAIL) and len(self.concepts) > 2:
                    name = self.say(str(top["concept"]))
                    parts.append(f"{name} is hit most: {_percent(top['share'])} of its pictures.")
        return " ".join(parts)

    def _reason(self) -> str:
        if not int(self.concepts.iloc[-1]["n"]):
            return "There is no training picture to judge."
        return (
            f"With {_pictures(self.reference)} nothing is known of what is usual here ({MIN_REFERENCE} are needed): "
            "only extreme faults can be seen."
        )

    def _finding(self, row: Mapping[object, object]) -> ConceptFinding:
        concept, verdict, n = str(row["concept"]), Verdict(str(row["verdict"])), int(str(row["n"]))
        of, bad = self._of(concept), str(row["verdict"]) in (Verdict.WARN, Verdict.FAIL)
        lacking = self._lacking(concept) if bad else []
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=float(str(row["score"])),
            headline=self._sentence(row, of, lacking),
            evidence=self._evidence(concept) if bad else tuple(dict.fromkeys(of["image_id"]))[: self.params.evidence],
            fix=self._fix(of, lacking) if bad else "",
            extra={
                "n": n,
                "flagged": int(str(row["flagged"])),
                "reasons": {str(k): int(v) for k, v in of["kind"].value_counts().items()},
                "lacking": [
                    {"kind": r["kind"], "real_world": r["real_share"], "training": r["training_share"]} for r in lacking
                ],
                "borne_for_the_whole": bool(row["borne"]),
                "p_value": row["p_value"],
            },
        )

    def _sentence(self, row: Mapping[object, object], of: pd.DataFrame, lacking: Sequence[Mapping[str, object]]) -> str:
        n, flagged = int(str(row["n"])), int(str(row["flagged"]))
        if not n:
            return "There is no training picture to judge."
        names = _and([_adjective(r) for r in lacking]) if lacking else ""
        absent = [f"its training hardly has the {names} pictures of its real use"] if lacking else []
        if row["borne"]:
            absent = [f"training as a whole hardly has the {names} pictures of real use, which no concept shows alone"]
        if not flagged:
            said = "Its one training picture is not flagged" if n == 1 else f"None of its {_pictures(n)} is flagged"
        else:
            said = f"{flagged:,} of its {_pictures(n)} ({flagged / n:.0%}) flagged: {_counts(of)}"
            if row["by_flags"] == Verdict.PASS:
                said += ", no more than by mistake"
        return "; ".join([said, *absent]) + "."

    def _fix(self, of: pd.DataFrame, lacking: Sequence[Mapping[str, object]]) -> str:
        parts = []
        if len(of):
            parts.append(
                "Look at the flagged pictures: drop or retake those in which you yourself can hardly tell the concept."
            )
        if lacking:
            names = _and([_adjective(r) for r in lacking])
            parts.append(
                f"Collect {names} pictures as real use has them, and keep the {names} ones that training already has."
            )
        return " ".join(parts)


def _first_lacking(found: Sequence[ConceptFinding], concepts: pd.DataFrame) -> list[dict[str, object]]:
    """What the worst concept lacks, where the whole lacks nothing."""
    lacking = dict(zip(concepts["concept"], concepts["lacking"], strict=True))
    return next((lacking[f.concept] for f in found if lacking[f.concept]), [])


def _adjective(row: Mapping[str, object]) -> str:
    return str(row["adjective"])


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _percent(share: object) -> str:
    value = float(str(share))
    return f"{value:.0%}" if value == 0 or value >= 0.095 else f"{value:.1%}"


def _pictures(n: int) -> str:
    return f"{n:,} training picture" + ("" if n == 1 else "s")


def _counts(of: pd.DataFrame) -> str:
    """`3 blurry, 1 dark`, most frequent first."""
    counted = of["kind"].value_counts()
    order = sorted(FAULTS, key=lambda f: -int(counted.get(f.kind, 0)))
    return ", ".join(f"{int(counted[f.kind]):,} {f.adjective}" for f in order if f.kind in counted)


def find_image_quality(
    dataset: Dataset,
    features: Features | None = None,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> ImageQualityResult | Unavailable:
    """Find the pictures that cannot be used as they are. `features` are not used."""
    from scipy.stats import norm

    images = dataset.images
    missing = [name for name in NEEDED if name not in images]
    if missing or images.empty:
        return Unavailable("The pictures themselves were not measured, so their quality cannot be judged.")
    progress(0, 3, "measuring")
    measured = measures(images)
    real: Bool = np.asarray(images["origin"] == REAL_WORLD, dtype=bool)
    training: Bool = np.asarray(~real, dtype=bool)
    reference = training if training.any() else real
    limits = find_limits(measured, reference, float(norm.isf(1.0 / params.one_in)))
    progress(1, 3, "comparing with real use")
    past = beyond(measured, limits)
    kinds = pd.DataFrame(
        {
            "kind": [f.kind for f in FAULTS],
            "adjective": [f.adjective for f in FAULTS],
            "measure": [f.measure for f in FAULTS],
            "unit": [f.unit for f in FAULTS],
            "worse": [f.worse for f in FAULTS],
            "log": [f.scale == "log" for f in FAULTS],
            "limit": [limits[f.kind] for f in FAULTS],
        }
    )
    kinds = pd.concat(
        [kinds, find_common(past, training, real, alpha=params.alpha, common_from=params.common_from)], axis=1
    )
    removed = past.copy()
    removed[kinds.loc[kinds["common"], "kind"].tolist()] = False
    kinds["flagged"] = removed.to_numpy()[training].sum(axis=0)
    score = scores(measured, limits)
    progress(2, 3, "judging the concepts")
    members = {c: dataset.rows(concept=c) for c in dataset.concepts}
    beyond_use: Bool = np.asarray((useless(measured) & removed).any(axis=1))
    flag: Bool = np.asarray(removed.any(axis=1))
    groups = [*members.values(), np.arange(len(images))]
    own = [np.intersect1d(rows, np.flatnonzero(training)) for rows in groups]
    table = pd.DataFrame(
        {
            "concept": pd.Series([*members, ""], dtype=object),
            "n": [len(rows) for rows in own],
            "flagged": [int(flag[rows].sum()) for rows in own],
            "useless": [int(beyond_use[rows].sum()) for rows in own],
        }
    )
    enough = int(reference.sum()) >= MIN_REFERENCE
    table = judge(table, alpha=params.alpha, fail_share=params.fail_share, enough=enough)
    there = [np.intersect1d(rows, np.flatnonzero(real)) for rows in groups]
    table = add_lacking(
        table, kinds, past, own, there,
        alpha=params.alpha, fail_from=params.lacking_fail, common_from=params.common_from,
    )  # fmt: skip
    progress(3, 3, "judging the concepts")
    return ImageQualityResult(
        images=_images(images, past, removed, score),
        kinds=kinds,
        measured=measured,
        pictures=_picture_rows(images, past, removed, measured, score),
        concepts=table,
        members=members,
        reference=int(reference.sum()),
        params=params,
        say=short_names(dataset.concepts),
    )


def _images(images: pd.DataFrame, past: pd.DataFrame, removed: pd.DataFrame, score: pd.DataFrame) -> pd.DataFrame:
    """`ImageQualityResult.images`. What is common in real use, or told by another fault, does not lower a score."""
    hit, flag, each = past.to_numpy(), removed.to_numpy(), score[past.columns].to_numpy()
    above = np.maximum(each, np.nextafter(0.5, 1.0))
    counted = np.where(flag, np.minimum(each, 0.5), np.where(hit, 1.0, above))
    names = past.columns.to_numpy()
    return pd.DataFrame(
        {
            "image_id": images["image_id"].to_numpy(),
            "image_quality_score": counted.min(axis=1),
            "image_quality_flag": flag.any(axis=1),
            "image_quality_reasons": [names[row].tolist() for row in flag],
        }
    )


def _picture_rows(
    images: pd.DataFrame, past: pd.DataFrame, removed: pd.DataFrame, measured: pd.DataFrame, score: pd.DataFrame
) -> pd.DataFrame:
    """`ImageQualityResult.pictures`."""
    parts = []
    for fault in FAULTS:
        rows = np.flatnonzero(past[fault.kind].to_numpy())
        parts.append(
            pd.DataFrame(
                {
                    "image": rows.astype(np.int64),
                    "image_id": images["image_id"].to_numpy()[rows],
                    "kind": fault.kind,
                    "origin": images["origin"].to_numpy()[rows],
                    "value": measured[fault.kind].to_numpy()[rows],
                    "score": score[fault.kind].to_numpy()[rows],
                    "flagged": removed[fault.kind].to_numpy()[rows],
                }
            )
        )
    out = pd.concat(parts, ignore_index=True)
    return out.sort_values(["score", "image_id", "kind"], kind="stable", ignore_index=True)
