"""Label errors: which pictures look like another concept than the one they are labelled with?

Question. A wrong label teaches the model the wrong thing, and spoils every measurement made with it. Which labels
should a person look at, and what do the pictures show instead?

Method. `analysis.label_noise`: every label is judged from all *other* labelled pictures (training and real
world together), by kernel regressions, distances and votes of neighbours, stacked with a loss that wrong labels
cannot dominate; then once more with the suspicious labels set aside. A model of how labels go wrong (the share
of wrong ones, evenly or between certain concepts; Dawid and Skene 1979) turns this into a probability that the
label is wrong. A label is flagged when it is right with a probability below `flag_below`. The null hypothesis is that
all labels are right and some pictures ambiguous. Two questions share `alpha` (Bonferroni). The first is a likelihood
ratio against labels drawn from the null (`analysis.noise_evidence`), of all labels together and of each concept. The
second compares the number flagged with the Poisson law of three times the mean that the calibrated probabilities give
(corrected for the number of concepts: Benjamini and Hochberg 1995); it sees wrong labels where hardly any picture is
ambiguous. `warn` is a corrected p of at most `alpha`, or
to be the most suspicious concept where all labels together say so, and `min_wrong` labels flagged in the dataset: a
single one says little of the others, whatever its p. `fail` is also `fail_share` of the labels or more.
Idea of judging labels out of sample: Northcutt et al. 2021, arXiv:1911.00068.

Limits. What the model in use cannot tell apart, it cannot find mislabelled: where a wrong label of the concept would
mostly go unseen, the answer is `cannot_tell`. Labels on a concept with others below it are not judged (they are true
of all below), nor is the only picture of a concept in training, or in real use: beside one of each concept from a
studio, it is like the others from the studio first of all. Pictures hard for anyone come first with the wrong ones. A
whole group of pictures with the same wrong label looks right. A person's own predictions count only against a label:
their model may have learnt the label itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import LABELS, ConceptFinding, Findings, Unavailable, Verdict, option, rank_findings, worst
from analysis.dataset import Dataset, is_within
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.label_noise import Doubts, doubts
from analysis.names import Say, short_names
from analysis.neighbours import nearest
from analysis.noise_evidence import NoiseEvidence
from analysis.probe import Targets, targets
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

Int64 = NDArray[np.int64]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_FLAG_BELOW = 0.7  # probability of being right under which a label is flagged: 3 in 10 is worth a look
DEFAULT_FAIL_SHARE = 0.1  # a tenth of a concept's labels wrong costs every model and no longer averages out
DEFAULT_MIN_IMAGES = 8  # with fewer, "like the others of its concept" has no meaning worth a verdict
DEFAULT_MIN_WRONG = 2  # flagged labels that make a verdict: a single odd picture is listed, no more
DEFAULT_MIN_POWER = 0.5  # a wrong label of the concept must be seen at least half the time to call it fine
DEFAULT_SUSPECTS = 48  # listed a concept: one page of the gallery
CAUTION: Final = 3.0  # times the expected number: the probabilities are estimated from the same pictures
QUESTIONS: Final = 2  # that share alpha: are labels unlikely, are many flagged
NEIGHBOURS: Final = 4  # of each concept beside a suspect: what fits a row
FLOW_ROWS: Final = 400
PREDICTION_LIMIT: Final = 2.0  # log-odds a person's own prediction may add: it may have seen the label

METHOD: Final = """
- **Judged by the others.** Each label is judged by all *other* labelled pictures: which concept do they say this
  picture shows? Several ways of asking (regressions, distances, votes of the most alike) are combined, then asked
  once more with the suspicious labels set aside, so that wrong labels do not vouch for each other.
- **From doubt to probability.** How often labels are wrong, and whether mostly between certain concepts, is
  estimated from your pictures (Dawid and Skene 1979). A label is flagged when it is wrong with a
  probability of 3 in 10 or more.
- **Look at this:** more labels look wrong than ambiguous pictures alone would explain in 19 of 20 datasets. Labels are
  drawn anew 399 times, as often another one as the pictures are ambiguous, and compared with yours: all
  together, and concept by concept (corrected for their number). A single odd label is listed, but no verdict.
  **Needs work:** at least a tenth of the
  concept's labels. **Cannot tell:** fewer than 8 pictures, or concepts this model cannot tell apart.
- **Not judged:** labels on a concept that has others below it, and the only picture of a concept.
- **Limits.** A whole group with the same wrong label looks right. Some suspects are right but unusual: look first.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`flag_below` is a probability, `fail_share` and `min_power` shares in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    flag_below: float = option(
        DEFAULT_FLAG_BELOW,
        "Flag below",
        help="Labels less likely to be right than this are flagged; higher flags more, with more false alarms.",
        low=0.05,
        high=0.95,
        step=0.05,
    )
    fail_share: float = option(
        DEFAULT_FAIL_SHARE,
        "Needs work from",
        help="Share of a concept's labels that look wrong from which it needs work; higher is more lenient.",
        low=0.02,
        high=0.5,
        step=0.01,
    )
    min_images: int = DEFAULT_MIN_IMAGES
    min_wrong: int = DEFAULT_MIN_WRONG
    min_power: float = DEFAULT_MIN_POWER
    suspects: int = DEFAULT_SUSPECTS
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class LabelErrorsResult:
    """Every label judged, and what that says of each concept.

    Attributes:
        labels: one row a label, in the order of `Dataset.labels`: `label_errors_score` (float in [0, 1],
            probability that it is right; 1 where not judged), `label_errors_flag` (bool), `suggested_concept`
            (str or None, of flagged labels).
        table: one row a judged concept, most suspicious first: `concept`; `n` (int, labels); `flagged`
            (int); `expected` (float, that ambiguity alone explains); `power` (float in [0, 1], share of other
            pictures that would look wrong here); `most_like` (str, most frequent suggestion or empty);
            `p_value`, `p_corrected` (nan where not tested); `for_all` (bool, its verdict is that of all labels
            together); `score` (1 - flagged / n); `verdict`.
        suspects: one row a flagged label, most suspicious first, up to `Params.suspects` a concept: `image_id`,
            `concept`, `suggested_concept`, `score`, `neighbours` (list of image_ids of the suggested concept, most
            alike first), `neighbours_given` (likewise of its own concept).
        flow: flagged labels by `given` and `suggested`, with their number `n`, most first.
        rate: estimated share of wrong labels among those judged, nan when none was.
        reason: why nothing could be judged; else empty.
        params: as used.
        say: what a concept is called in a sentence.
    """

    labels: pd.DataFrame
    table: pd.DataFrame
    suspects: pd.DataFrame
    flow: pd.DataFrame
    rate: float
    reason: str
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.table.to_dict("records"))
        verdict = worst(f.verdict for f in found) if found else Verdict.CANNOT_TELL
        n = self.table["n"]
        judged, flagged = int(n[n > 1].sum()), int(self.table["flagged"].sum())
        corrected = self.table["p_corrected"].dropna()
        bad = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        reason = self.reason or _unsure(found) if verdict is Verdict.CANNOT_TELL else ""
        return Findings(
            verdict=verdict,
            score=found[0].score if found else None,
            headline=reason or self._headline(judged, flagged, bad),
            reason=reason,
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            extra={
                "judged": judged,
                "flagged": flagged,
                "estimated_share_wrong": self.rate,
                "alpha": self.params.alpha,
            },
            evidence=tuple(self.suspects["image_id"].astype(str)[: self.params.suspects]) if bad else (),
            fix="Look at the pictures below, most suspicious first, and correct or remove the labels that are wrong."
            if bad
            else "",
            tables={LABELS: self.labels, "suspects": self.suspects, "flow": self.flow},
        )

    def _headline(self, judged: int, flagged: int, bad: list[ConceptFinding]) -> str:
        if bad:
            return f"{flagged:,} of {judged:,} labels look wrong; worst is {bad[0].concept}."
        if flagged == 1:
            return f"One of {judged:,} labels looks odd: look at it. One alone is no sign of more."
        if flagged:
            return f"{flagged:,} of {judged:,} labels look odd, no more than ambiguous pictures explain."
        return f"None of {judged:,} labels looks wrong."

    @property
    def _others(self) -> str:
        """What is said of the flagged labels of a concept that has no finding."""
        if int(self.table["flagged"].sum()) == 1:
            return ", the only one"
        if self.table["for_all"].any():
            return ": too few by themselves, but labels as a whole look wrong more often than ambiguity explains"
        return ", no more than ambiguous pictures explain"

    def _finding(self, row: Mapping[Hashable, Any]) -> ConceptFinding:
        verdict, concept = Verdict(row["verdict"]), str(row["concept"])
        mine = self.suspects[self.suspects["concept"] == concept]
        bad = verdict in (Verdict.WARN, Verdict.FAIL)
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=float(row["score"]) if verdict is not Verdict.CANNOT_TELL else None,  # nothing could be noticed
            headline=_sentence(row, self.say, self.params, self._others),
            evidence=tuple(mine["image_id"].astype(str)),
            fix=_fix(row, self.say) if bad else "",
            extra={
                "n": int(row["n"]),
                "flagged": int(row["flagged"]),
                "expected_by_ambiguity": float(row["expected"]),
                "power": float(row["power"]),
                "most_like": str(row["most_like"]),
                "p_value": float(row["p_corrected"]),
                "borne_for_the_whole": bool(row["for_all"]),
                "suspects": mine.drop(columns="concept").to_dict("records"),
            },
        )


def _sentence(row: Mapping[Hashable, Any], say: Say, params: Params, quiet: str) -> str:
    n, flagged, name = int(row["n"]), int(row["flagged"]), say(str(row["concept"]))
    pictures = f"{n:,} picture{'' if n == 1 else 's'} labelled {name}"
    if row["verdict"] == Verdict.CANNOT_TELL:
        if n < params.min_images:
            return f"Cannot tell: only {pictures}; at least {params.min_images} are needed."
        return (
            f"Cannot tell: the model in use does not tell {name} from other concepts well enough to notice a wrong "
            f"label. {RECOMMENDED_MODEL} may."
        )
    if not flagged:
        return f"None of the {pictures} looks like something else."
    like = f"; most like {say(str(row['most_like']))}" if row["most_like"] else ""
    looks = "looks" if flagged == 1 else "look"
    said = f"{flagged:,} of {pictures} {looks} like something else{like}"
    if row["verdict"] not in (Verdict.WARN, Verdict.FAIL):
        return f"{said}{quiet}."
    return f"{said}. That labels are wrong shows in all concepts together." if row["for_all"] else f"{said}."


def _fix(row: Mapping[Hashable, Any], say: Say) -> str:
    n, name = int(row["flagged"]), say(str(row["concept"]))
    these = "this picture: is it" if n == 1 else f"these {n:,} pictures: are they"
    like = f" or {say(str(row['most_like']))}" if row["most_like"] else ""
    return f"Look at {these} {name}{like}? Move or remove what is wrong."


def _unsure(found: tuple[ConceptFinding, ...]) -> str:
    few = sum(f.verdict is Verdict.CANNOT_TELL for f in found)
    return f"No label looks clearly wrong, but {few} of {len(found)} concepts cannot be judged."


def _pairs(frame: pd.DataFrame, t: Targets, rows: Int64) -> tuple[Int64, Int64, NDArray[np.bool_]]:
    """(position among `t.rows`, class, known) of the rows of a table with `image` and `concept`."""
    at = np.full(int(rows.max(initial=0)) + 1, -1, dtype=np.int64)
    at[t.rows] = np.arange(len(t.rows))
    column = {c: i for i, c in enumerate(t.classes)}
    picture = at[frame["image"].to_numpy(dtype=np.int64)]
    concept = np.array([column.get(str(c), -1) for c in frame["concept"]], dtype=np.int64)
    return picture, concept, (picture >= 0) & (concept >= 0)


def _barred(dataset: Dataset, t: Targets) -> NDArray[np.bool_]:
    out = np.zeros(t.member.shape, dtype=bool)
    picture, concept, known = _pairs(dataset.negatives, t, np.arange(len(dataset)))
    out[picture[known], concept[known]] = True
    return out & ~t.member


def predicted_otherwise(dataset: Dataset, t: Targets, d: Doubts) -> NDArray[np.float64]:
    """Log-odds (m,) that a person's own predictions add to each label's doubt: 0 or more, at most a small limit."""
    out = np.zeros(len(d.label))
    if not len(dataset.predictions):
        return out
    best = dataset.predictions.sort_values("confidence", kind="stable", na_position="first").groupby("image").tail(1)
    said = dict(zip(best["image"], zip(best["concept"], best["confidence"], strict=True), strict=True))
    for i, (picture, label) in enumerate(zip(t.rows[d.picture], d.label, strict=True)):
        if picture not in said:
            continue
        concept, confidence = str(said[picture][0]), float(said[picture][1])
        own = t.classes[label]
        if is_within(own, concept) or is_within(concept, own) or concept not in t.classes:
            continue
        c = min(max(0.75 if np.isnan(confidence) else confidence, 0.5), 0.99)
        out[i] = min(PREDICTION_LIMIT, float(np.log(c / (1 - c))))
    return out


def _table(
    t: Targets, d: Doubts, flagged: NDArray[np.bool_], judged: NDArray[np.bool_], params: Params
) -> pd.DataFrame:
    from scipy.special import logit
    from scipy.stats import poisson

    k = len(t.classes)
    n = t.member.sum(axis=0)
    out = pd.DataFrame({"concept": pd.Series(t.classes, dtype=object), "n": n})
    out["flagged"] = np.bincount(d.label[flagged], minlength=k)
    out["expected"], out["power"] = d.expected, d.power
    most = []
    for c in range(k):
        instead = d.instead[flagged & (d.label == c) & (d.instead >= 0)]
        most.append(t.classes[int(np.bincount(instead).argmax())] if len(instead) else "")
    out["most_like"] = most
    cut = -float(logit(params.flag_below))
    looks_wrong = np.bincount(d.label[judged & (d.wrong > cut)], minlength=k)
    p = np.where(n >= params.min_images, poisson.sf(looks_wrong - 1, np.maximum(CAUTION * d.expected, 1e-3)), np.nan)
    out["p_value"] = p
    share = out["flagged"].to_numpy() / np.maximum(n, 1)
    out["p_corrected"] = _corrected(p, d.evidence, share)
    out["score"] = 1.0 - out["flagged"] / np.maximum(n, 1)
    own = _of_itself(p, d.evidence)  # else what all labels together say is borne by this concept
    out["for_all"] = (out["p_corrected"] <= params.alpha) & (own > params.alpha)
    enough = int(out["flagged"].sum()) >= params.min_wrong
    out["verdict"] = [str(_verdict(row, params, enough=enough)) for row in out.to_dict("records")]
    return out.sort_values(["score", "concept"], ignore_index=True)


def _of_itself(p: NDArray[np.float64], evidence: NoiseEvidence | None) -> NDArray[np.float64]:
    """p-values (k,) of what each concept's own labels say, corrected for the concepts and the questions."""
    counted = benjamini_hochberg(p)
    if evidence is None:
        return counted
    return np.where(np.isnan(p), np.nan, np.minimum(1.0, QUESTIONS * np.fmin(counted, evidence.classes)))


def _corrected(
    p: NDArray[np.float64], evidence: NoiseEvidence | None, share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """p-values (k,) of concepts, corrected for their number and for the other questions.

    Args:
        p: of the number flagged; nan where a concept is not asked.
        evidence: the other questions; None where they are not asked. The answer to the one that is asked of all labels
            together is borne by the most suspicious concept; of equals, the one with the largest `share`.
        share: of each concept's labels, flagged.
    """
    out = _of_itself(p, evidence)
    if evidence is None:
        return out
    candidates = ~np.isnan(p) & (share > 0)
    if candidates.any():
        suspicion = np.where(candidates, np.fmin(p, evidence.alone), 2.0)
        first = int(np.lexsort((-share, suspicion))[0])
        out[first] = min(float(out[first]), QUESTIONS * evidence.together)
    return out


def _verdict(row: Mapping[Hashable, Any], params: Params, *, enough: bool) -> Verdict:
    if row["n"] < params.min_images:
        return Verdict.CANNOT_TELL
    if enough and row["flagged"] and row["p_corrected"] <= params.alpha:
        return Verdict.FAIL if row["flagged"] >= params.fail_share * row["n"] else Verdict.WARN
    return Verdict.PASS if row["power"] >= params.min_power else Verdict.CANNOT_TELL


def _suspects(
    ids: NDArray[Any], image: NDArray[np.float32], t: Targets, d: Doubts, flagged: NDArray[np.bool_], params: Params
) -> pd.DataFrame:
    order = np.flatnonzero(flagged)
    order = order[np.argsort(-d.wrong[order], kind="stable")]
    place = pd.Series(d.label[order]).groupby(d.label[order]).cumcount().to_numpy()
    order = order[place < params.suspects] if len(order) else order
    doubtful = set(d.picture[flagged].tolist())
    steady = np.array([i not in doubtful for i in range(len(t.rows))], dtype=bool)
    near: list[list[list[str]]] = []
    for i in order:
        pair = []
        for concept in (int(d.instead[i]), int(d.label[i])):
            among = np.flatnonzero(t.member[:, concept] & steady) if concept >= 0 else np.empty(0, dtype=np.int64)
            own = np.array([d.picture[i]], dtype=np.int64)
            rows = nearest(image, image[own], NEIGHBOURS, own, among)[0][0] if len(among) else among
            pair.append([str(x) for x in ids[rows]])
        near.append(pair)
    from scipy.special import expit

    names = np.array([*t.classes, None], dtype=object)
    return pd.DataFrame(
        {
            "image_id": [str(x) for x in ids[d.picture[order]]],
            "concept": names[d.label[order]],
            "suggested_concept": names[d.instead[order]],
            "score": expit(-d.wrong[order]),
            "neighbours": pd.Series([p[0] for p in near], dtype=object),
            "neighbours_given": pd.Series([p[1] for p in near], dtype=object),
        }
    )


def _nothing(dataset: Dataset, t: Targets, reason: str, params: Params) -> LabelErrorsResult:
    m = len(dataset.labels)
    labels = pd.DataFrame(
        {
            "label_errors_score": np.ones(m),
            "label_errors_flag": np.zeros(m, dtype=bool),
            "suggested_concept": pd.Series([None] * m, dtype=object),
        }
    )
    table = pd.DataFrame({"concept": pd.Series(t.classes, dtype=object), "n": t.member.sum(axis=0)})
    table = table.assign(flagged=0, expected=0.0, power=0.0, most_like="", p_value=np.nan, p_corrected=np.nan)
    table = table.assign(score=1.0, for_all=False, verdict=str(Verdict.CANNOT_TELL))
    columns = ("image_id", "concept", "suggested_concept", "score", "neighbours", "neighbours_given")
    suspects = pd.DataFrame({c: pd.Series([], dtype=float if c == "score" else object) for c in columns})
    flow = pd.DataFrame({"given": pd.Series([], dtype=object), "suggested": [], "n": pd.Series([], dtype=np.int64)})
    return LabelErrorsResult(labels, table, suspects, flow, float("nan"), reason, params, short_names(dataset.concepts))


def comparable(dataset: Dataset, t: Targets) -> NDArray[np.bool_]:
    """Labels, bool (m, k), that another picture of the same origin carries too: others have nothing to be like."""
    origin = dataset.images["origin"].to_numpy()[t.rows]
    out = np.zeros(t.member.shape, dtype=bool)
    for one in pd.unique(origin):
        of = origin == one
        out[of] = t.member[of] & (t.member[of].sum(axis=0) > 1)
    return out


def find_label_errors(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> LabelErrorsResult | Unavailable:
    """Judge every label by all other labelled pictures."""
    from scipy.special import expit, logit

    if not len(dataset.concepts):
        return Unavailable("No picture has a label, so there is none to check.")
    t = targets(dataset, None)
    if len(t.classes) < 2:
        return _nothing(dataset, t, "There is only one concept, so nothing a picture could be instead.", params)
    if len(t.rows) < params.min_images:
        return _nothing(dataset, t, f"Only {len(t.rows)} labelled pictures; too few to judge their labels.", params)
    image = np.asarray(features.image[t.rows], dtype=np.float32)
    cut = -float(logit(params.flag_below))
    has_like = comparable(dataset, t)
    d = doubts(
        image, t.member, _barred(dataset, t), cut=cut, counted=has_like, seed=params.seed, progress=progress
    )  # fmt: skip
    wrong = d.wrong + predicted_otherwise(dataset, t, d)
    judged = has_like[d.picture, d.label]
    score = np.where(judged, expit(-wrong), 1.0)
    flagged = judged & (wrong > cut)

    out = _nothing(dataset, t, "", params).labels
    picture, concept, known = _pairs(dataset.labels, t, np.arange(len(dataset)))
    at = np.full(t.member.shape, -1, dtype=np.int64)
    at[d.picture, d.label] = np.arange(len(d.label))
    mine = at[picture[known], concept[known]]
    every_score, every_flag = np.ones(len(out)), np.zeros(len(out), dtype=bool)
    every_score[known], every_flag[known] = score[mine], flagged[mine]
    names = np.array([*t.classes, None], dtype=object)
    suggested = np.full(len(out), None, dtype=object)
    suggested[every_flag] = names[d.instead[at[picture[every_flag], concept[every_flag]]]]
    out = pd.DataFrame(
        {
            "label_errors_score": every_score,
            "label_errors_flag": every_flag,
            "suggested_concept": pd.Series(suggested, dtype=object),
        }
    )

    ids = dataset.images["image_id"].to_numpy()[t.rows]
    told = d.instead >= 0
    flow = pd.DataFrame({"given": names[d.label[flagged & told]], "suggested": names[d.instead[flagged & told]]})
    flow = flow.value_counts(["given", "suggested"]).rename("n").reset_index()
    flow = flow.sort_values(["n", "given", "suggested"], ascending=[False, True, True], ignore_index=True)[:FLOW_ROWS]
    progress(4, 4, "weighing the doubts")
    return LabelErrorsResult(
        labels=out,
        table=_table(t, d, flagged, judged, params),
        suspects=_suspects(ids, image, t, d, flagged, params),
        flow=flow,
        rate=d.rate,
        reason="",
        params=params,
        say=short_names(dataset.concepts),
    )
