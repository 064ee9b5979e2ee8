"""Visibility: can the concept be seen at all, and with which other is it confused?

Question. Shown one picture of each of two concepts, can one say which is which?

Method. For each pair of the most detailed concepts (each one's closest three where there are many), a classifier on
the pair's own pictures is asked about pictures it has not seen (`analysis.separability`); the share of right answers
is the AUC. The null hypothesis is that a pair is told apart in 75 of 100 cases or more, the point where a difference
counts as just noticeable in two-alternative forced choice (Green and Swets 1966). A concept's p-value is its most
confused pair's, corrected for the number of concepts (Benjamini and Hochberg 1995). `warn`: below that point; `fail`:
also not above guessing (permutation of the labels). Where wrong labels explain it (the pictures form two groups that
most labels follow) the answer is `cannot_tell`, and `label_errors` speaks.

Limits. What the model in use cannot see counts as not visible: a person's own eyes are the judge, so the page
shows both side by side. Only pairs are judged: a concept may be told from every single other and still be hard among
many. It differs from `outside_context`, which asks for proof that a label is at chance.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

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
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.names import Say, short_names
from analysis.probe import targets
from analysis.progress import Progress, no_progress
from analysis.separability import Pair, examine, p_below
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_NOTICEABLE = 0.75  # right answers: the just noticeable difference of two-alternative forced choice
DEFAULT_MIN_IMAGES = 8  # of each concept: below, an interval spans half of the scale
DEFAULT_EVIDENCE = 24  # pictures listed a concept
TELLING: Final = 3  # pictures of a concept too small to be judged from which it may still raise a doubt about another
LISTED: Final = 5  # others named a concept
TABLE_COLUMNS: Final = [
    *(
        "concept",
        "n",
        "other",
        "own",
        "its",
        "least",
        "auc",
        "low",
        "high",
        "p_chance",
        "conflict",
        "p_value",
        "groups",
    ),
    *("left_out", "doubt"),
]
PAIR_COLUMNS: Final = (
    *("a", "b", "n_a", "n_b", "auc", "low", "high", "p_chance", "conflict", "groups", "p_value"),
    *("predicted_errors", "predicted_n", "pictures_a", "pictures_b"),
)

METHOD: Final = """
- **One picture of each.** A simple classifier on top of the model in use learns two concepts and is then shown one
  unseen picture of each, again and again: how often does it say rightly which is which? Guessing is right in 50 of
  100 cases. Near-identical pictures count once. With many concepts each is compared with its three closest.
- **Look at this:** surely below 75 of 100, the point where a difference counts as just noticeable (Green and Swets
  1966), after correction for the number of concepts (Benjamini and Hochberg). **Needs work:** not even better than
  guessing.
- **Cannot tell:** too few pictures, or labels so mixed up that wrong labels explain it: look at *Label errors* first.
- **Your own eyes.** What the model cannot see a person may: the page shows the pictures of both side by side.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`noticeable` is an AUC in (0.5, 1)."""

    noticeable: float = option(
        DEFAULT_NOTICEABLE,
        "Right answers a pair must reach",
        help="Higher: more pairs are called too alike.",
        low=0.6,
        high=0.95,
        step=0.05,
    )
    alpha: float = DEFAULT_ALPHA
    min_images: int = DEFAULT_MIN_IMAGES
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class VisibilityResult:
    """Pairs and concepts.

    Attributes:
        pairs: one row a pair examined, most confused first: `a`, `b` (concepts), `n_a`, `n_b`, `auc`, `low`, `high`
            (95 %), `p_chance`, `conflict`, `groups` (see `separability.Pair`), `p_value` (of "noticeable"),
            `predicted_errors` of `predicted_n` pictures taken one for the other by the person's own model,
            `pictures_a`, `pictures_b` (lists of ids, the most confused first).
        table: one row a concept: `concept`, `n`, `other` (of the pair that decides), `own` and `its` (different
            pictures of each in it), `left_out` (others with too few pictures), `doubt` (one of them that is confused
            all the same, or empty), `auc`, `low`, `high`, `p_corrected`, `verdict`.
        possible: number of pairs there are.
        params: as used.
        say: what a concept is called in a sentence.
    """

    pairs: pd.DataFrame
    table: pd.DataFrame
    possible: int
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first."""
        found = rank_findings(self._finding(row) for row in self.table.to_dict("records"))
        verdict = worst(f.verdict for f in found)
        corrected = self.table["p_corrected"].dropna()
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=self._headline(found),
            reason=found[0].headline if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            extra={
                "pictures_wanted": self.params.min_images,
                "pairs_examined": len(self.pairs),
                "pairs_possible": self.possible,
            },
            tables={"separability": self.pairs, "visibility": self.table},
        )

    def _headline(self, found: tuple[ConceptFinding, ...]) -> str:
        lost = sum(f.verdict in (Verdict.WARN, Verdict.FAIL) for f in found)
        if not lost:
            if found[0].verdict is Verdict.CANNOT_TELL:
                return not_judged(found, self.say)
            enough = self.pairs[["n_a", "n_b"]].min(axis=1) >= self.params.min_images
            row = self.pairs[enough].iloc[0]
            return (
                f"Every concept can be told from the others; the closest two are {self.say(row['a'])} and "
                f"{self.say(row['b'])}, mixed up in {wrong(row['auc'])} of 100 cases."
            )
        row = self.table[self.table["concept"] == found[0].concept].iloc[0]
        return (
            f"{lost} of {len(found)} concepts {'is' if lost == 1 else 'are'} too hard to see: in {wrong(row['auc'])} "
            f"of 100 cases the pictures do not tell {self.say(found[0].concept)} and {self.say(row['other'])} apart."
        )

    def _finding(self, row: Mapping[Hashable, Any]) -> ConceptFinding:
        verdict, concept, other = Verdict(row["verdict"]), str(row["concept"]), str(row["other"])
        mine = self.pairs[(self.pairs["a"] == concept) | (self.pairs["b"] == concept)]
        names = [b if a == concept else a for a, b in zip(mine["a"], mine["b"], strict=True)]
        confused = [{"concept": n, "auc": float(v)} for n, v in zip(names, mine["auc"], strict=True)][:LISTED]
        measured = not np.isnan(row["auc"])
        fix, evidence = "", ()
        if measured:
            first = deciding(self.pairs, concept, other)
            own, its = ("pictures_a", "pictures_b") if first["a"] == concept else ("pictures_b", "pictures_a")
            shown = [i for pair in zip(first[own], first[its], strict=False) for i in pair]
            evidence = tuple(shown[: self.params.evidence])
        if verdict in (Verdict.WARN, Verdict.FAIL):
            fix = (
                f"Look at {self.say(concept)} and {self.say(other)} side by side: if you cannot tell them apart "
                "either, merge them or take pictures that show the difference; if you can, open the dataset with "
                f"{RECOMMENDED_MODEL}."
            )
        return ConceptFinding(
            concept,
            verdict,
            float(np.clip(2 * row["auc"] - 1, 0, 1)) if measured else None,
            self._sentence(row, verdict) + (_own_model(first, other) if measured else ""),
            evidence,
            fix,
            {
                "n": int(row["n"]),
                "confused_with": confused,
                "auc_low": float(row["low"]) if measured else None,
                "auc_high": float(row["high"]) if measured else None,
                "p_value": float(row["p_corrected"]) if not np.isnan(row["p_corrected"]) else None,
            },
        )

    def _sentence(self, row: Mapping[Hashable, Any], verdict: Verdict) -> str:
        if np.isnan(row["auc"]):
            return "Cannot tell: there is no other concept to compare its pictures with."
        ends = f"{wrong(row['high'])} to {wrong(row['low'])}"
        cases = f"in {wrong(row['auc'])} of 100 cases ({ends}; guessing: 50)"
        other = self.say(str(row["other"]))
        if verdict is Verdict.FAIL:
            return f"Not told apart from {other} any better than by guessing: mixed up {cases}."
        if verdict is Verdict.WARN:
            return f"Too alike to {other}: the pictures do not tell the two apart {cases}."
        if verdict is Verdict.PASS:
            others = "every other with enough pictures" if row["left_out"] else "every other"
            return f"Can be told from {others}; closest is {other}, mixed up {cases}."
        why = too_few(row, self.params.min_images, self.say)
        if why:
            return f"Cannot tell: {why}."
        if row["groups"]:
            return f"Cannot tell: labels of this and {other} are mixed up, see the label errors first ({cases})."
        few = pictures(int(row["least"]))
        return f"Cannot tell: {few} of each are too few to say whether {other} is too alike; mixed up {cases}."


def deciding(pairs: pd.DataFrame, concept: str, other: str) -> pd.Series:
    """The row of `pairs` of these two."""
    both = ((pairs["a"] == concept) & (pairs["b"] == other)) | ((pairs["a"] == other) & (pairs["b"] == concept))
    return pairs[both].iloc[0]


def wrong(auc: float) -> int:
    """Wrong answers in 100, never more than by guessing."""
    return round(100 * (1 - max(auc, 0.5)))


def _own_model(row: pd.Series, other: str) -> str:
    if not row["predicted_n"]:
        return ""
    return f" Your own model takes one for the other in {row['predicted_errors']:,} of {row['predicted_n']:,} pictures."


def pair_table(dataset: Dataset, pairs: list[Pair], names: tuple[str, ...], rows: Any, limit: float) -> pd.DataFrame:
    """The frame `VisibilityResult.pairs`; `rows` are the dataset's rows of the pairs' positions."""
    ids = dataset.images["image_id"].to_numpy()
    said = _predicted(dataset)
    out = []
    for p in sorted(pairs, key=lambda p: (p.auc, p.a, p.b)):
        a_first = np.argsort(np.where(p.is_a, p.score, np.inf), kind="stable")[: int(p.is_a.sum())]
        b_first = np.argsort(np.where(~p.is_a, -p.score, np.inf), kind="stable")[: int((~p.is_a).sum())]
        at = rows[p.rows]
        known = [(said[int(r)], a) for r, a in zip(at, p.is_a, strict=True) if int(r) in said]
        errors = sum(s == (names[p.b] if a else names[p.a]) for s, a in known)
        out.append(
            (names[p.a], names[p.b], p.n_a, p.n_b, p.auc, p.low, p.high, p.p_chance, p.conflict, p.groups,
             p_below(p.auc, limit, p.n_a, p.n_b), errors, len(known),
             [str(i) for i in ids[at[a_first]][:24]], [str(i) for i in ids[at[b_first]][:24]])
        )  # fmt: skip
    return pd.DataFrame(out, columns=PAIR_COLUMNS)


def _predicted(dataset: Dataset) -> dict[int, str]:
    if not len(dataset.predictions):
        return {}
    best = dataset.predictions.sort_values("confidence", kind="stable", na_position="first").groupby("image").tail(1)
    return {int(i): str(c) for i, c in zip(best["image"], best["concept"], strict=True)}


def concept_table(
    pairs: pd.DataFrame, names: tuple[str, ...], counts: Any, enough: tuple[int, ...], alpha: float
) -> pd.DataFrame:
    """One row a concept with the pair that decides of it.

    That is the most confused pair with `enough` different pictures on both sides (the first of these numbers that any
    of its pairs has); one that is surely confused (p-value, times the number of such pairs, at most `alpha`) comes
    before one that is not; where no pair has enough, the most confused. `left_out` counts others with too few pictures,
    `doubt` names one of them that all the same is surely confused.
    """
    rows = []
    for name, n in zip(names, counts, strict=True):
        mine = pairs[(pairs["a"] == name) | (pairs["b"] == name)]
        least = mine[["n_a", "n_b"]].min(axis=1)
        judged = next((mine[least >= m] for m in enough if (least >= m).any()), mine)
        rest = mine.drop(judged.index)
        telling = rest[least[rest.index] >= TELLING]
        row: dict[str, Any] = {"concept": name, "n": int(n), "left_out": len(rest), "doubt": ""}
        if len(mine):
            sure, doubted = (some[some["p_value"] * len(some) <= alpha] for some in (judged, telling))
            row |= _from(name, (judged if sure.empty else sure).iloc[0])
            row["doubt"] = "" if doubted.empty else _from(name, doubted.iloc[0])["other"]
        rows.append(row)
    table = pd.DataFrame(rows, columns=TABLE_COLUMNS).fillna({"other": "", "own": 0, "its": 0, "least": 0})
    table = table.astype({"own": np.int64, "its": np.int64, "least": np.int64, "p_value": np.float64})
    table["groups"] = table["groups"].eq(True)
    table["p_corrected"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=np.float64))
    return table


def _from(concept: str, pair: pd.Series) -> dict[str, Any]:
    """A pair as seen from one of its two concepts."""
    first = pair["a"] == concept
    own, its = (int(pair["n_a"]), int(pair["n_b"])) if first else (int(pair["n_b"]), int(pair["n_a"]))
    kept = {k: pair[k] for k in ("auc", "low", "high", "p_chance", "conflict", "p_value", "groups")}
    return {"other": pair["b"] if first else pair["a"], "own": own, "its": its, "least": min(own, its), **kept}


def too_few(row: Mapping[Hashable, Any], enough: int, say: Say) -> str:
    """Why there are too few pictures to tell of a concept; empty where that is not the reason."""
    if row["doubt"]:
        return f"it may be mixed up with {say(row['doubt'])}, which has too few pictures to say"
    if row["own"] < enough:
        return f"{pictures(int(row['own']))} {'is' if row['own'] == 1 else 'are'} too few to say; {enough} would do"
    if row["its"] < enough:
        return f"no other concept that it was compared with has the {enough} pictures that would do"
    return ""


def pictures(n: int) -> str:
    """`1 picture`, `1,200 pictures`."""
    return f"{n:,} picture{'' if n == 1 else 's'}"


def _verdict(row: Mapping[Hashable, Any], params: Params) -> Verdict:
    if np.isnan(row["auc"]) or row["least"] < params.min_images:
        return Verdict.CANNOT_TELL
    if row["p_corrected"] <= params.alpha:
        if row["groups"]:
            return Verdict.CANNOT_TELL
        return Verdict.FAIL if row["p_chance"] > params.alpha else Verdict.WARN
    return Verdict.PASS if row["auc"] >= params.noticeable and not row["doubt"] else Verdict.CANNOT_TELL


def find_visibility(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> VisibilityResult | Unavailable:
    """Tell each concept's training pictures from those of the others."""
    target = targets(dataset)
    if not len(target.classes):
        return Unavailable("No training picture has a label, so there are no concepts to tell apart.")
    x = np.asarray(features.image[target.rows], dtype=np.float32)
    found = examine(x, target.member, seed=params.seed, progress=progress)
    pairs = pair_table(dataset, found, target.classes, target.rows, params.noticeable)
    table = concept_table(pairs, target.classes, target.member.sum(axis=0), (params.min_images,), params.alpha)
    table["verdict"] = [str(_verdict(row, params)) for row in table.to_dict("records")]
    k = len(target.classes)
    return VisibilityResult(pairs, table, k * (k - 1) // 2, params, short_names(dataset.concepts))
