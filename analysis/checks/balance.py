"""Balance: does every concept have its share of the training pictures?

Question. A model that sees one concept ten times as often as another learns to answer with the first. Which
concepts are too rare beside the others?

Method. A concept is counted with its descendants and never compared with its own ancestors or descendants. A
concept without concepts below it is compared with all others of that kind; a concept with concepts below it is
compared at its own level, every other concept cut to that level. The null hypothesis is that each of the K
concepts compared is equally likely, so a concept's count among N labels is binomial(N, 1/K); the p-value is the
exact lower tail, corrected for the number of concepts (Benjamini and Hochberg 1995). `warn` needs a corrected p
of at most `alpha` and a count that also matters: below four fifths of the equal share N/K (with thousands of
pictures any small difference is significant). `fail` is a tenth of the equal share or less.
How even it is altogether: the ratio of largest to smallest, and the effective number of concepts (exp of the
Shannon entropy, the Hill number of order 1: Hill 1973, doi:10.2307/1934352; Jost 2006,
doi:10.1111/j.2006.0030-1299.14714.x).
What it costs, where there are vectors: the cross-validated recall of each of the most detailed concepts by a linear
probe, and the same with the imbalance weighed out (`analysis.imbalance`). The cost never changes a verdict: counts
alone do. It says whether a rare concept is worth the trouble.

Limits. Only rare concepts are findings: a concept that is too common shows as all others falling below the equal
share. Real use need not be balanced: whether it should be is a person's decision, the check only counts. Where a
picture carries several labels the binomial tail is a little wider than the truth, so the test errs on the quiet
side. Near-duplicates count as often as they occur. A concept is not called fine when the test could not have
found it rare: with too few pictures for each concept the answer is `cannot_tell`, unless the counts are even. The
recall is that of a probe on this model's vectors; a model trained from scratch suffers more from imbalance.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import ConceptFinding, Findings, Unavailable, Verdict, rank_findings, worst
from analysis.counts import concept_counts, effective_number, imbalance_ratio, unlabelled
from analysis.dataset import REAL_WORLD, TRAINING, Dataset, ancestors, at_level
from analysis.features import Features
from analysis.imbalance import cost_of_imbalance
from analysis.names import Say, short_names
from analysis.probe import targets
from analysis.progress import Progress, no_progress
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_MATTERS_BELOW = 0.8  # of the equal share; the "four-fifths rule": a smaller gap changes no decision
DEFAULT_FAIL_BELOW = 0.1  # of the equal share: an order of magnitude rarer than its peers
DEFAULT_MIN_LABELLED = 20  # labelled training pictures; with fewer, two concepts of 10 to 3 are not told apart
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
DEFAULT_MIN_RECALL = 5  # pictures of a concept below which its recall is not stated: one a fold
DEFAULT_PROBED = 4000  # pictures the probe learns from at most, drawn at random; keeps the check within seconds
RECALL: Final = ("recall", "recall_low", "recall_high", "recall_even", "recall_others")
"""Columns and report keys that say what the imbalance costs."""

METHOD: Final = """
- **Counting.** A concept counts its own training pictures and those of the concepts below it. Parent and
  child never compete: each concept is compared with the others of its level that are neither above nor below
  it. Real-world pictures do not count here.
- **The question to chance.** If every concept were equally likely, how often would a concept get this few
  pictures or fewer? (Exact binomial test, corrected for the number of concepts after Benjamini and Hochberg.)
- **Look at this:** chance explains it in fewer than 1 of 20 datasets, *and* it has less than four fifths of
  an equal share. **Needs work:** a tenth of an equal share or less. **Cannot tell:** too few pictures to say.
- **Counts like N concepts.** The number of equally common concepts with the same variety (exponential of the
  Shannon entropy; Hill 1973, Jost 2006).
- **What it costs.** A simple classifier on top of the model in use is asked about pictures it has not seen: how
  often does it recognise the concept? Then its preference for common concepts is taken away (Saerens et al.
  2002, Menon et al. 2021) and it is asked again. The difference is what the imbalance costs; what is still
  missing beside the others is for want of pictures. The cost is shown, the verdict comes from the counts.
- **Limits.** Only rare concepts are named, never a too common one. Whether concepts should be equally common
  is yours to decide: if real use is uneven, uneven training may be right. Copies count as they occur.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`matters_below` and `fail_below` are shares of the equal share, in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    matters_below: float = DEFAULT_MATTERS_BELOW
    fail_below: float = DEFAULT_FAIL_BELOW
    min_labelled: int = DEFAULT_MIN_LABELLED
    evidence: int = DEFAULT_EVIDENCE
    min_recall: int = DEFAULT_MIN_RECALL
    probed: int = DEFAULT_PROBED
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class BalanceResult:
    """Counts of each concept and what chance says of them.

    Attributes:
        table: one row a concept, rarest first: `concept` (str); `n` (int, training pictures); `equal_share`
            (float, pictures it would have were all compared concepts equally common); `typical` (float, median
            count of the compared concepts); `largest` (str, most common of them) and `largest_n` (int);
            `compared` (int, number of concepts compared, itself included); `score` (min(1, n / equal_share),
            in [0, 1]); `p_value` and `p_corrected` (in [0, 1]; nan where nothing can be compared); `verdict`;
            `recall`, `recall_low`, `recall_high` (cross-validated recall as it stands and its 95 % interval),
            `recall_even` (with the imbalance weighed out), `recall_others` (of all other concepts together),
            `recall_p` (of "weighing out finds no more"), all in [0, 1], nan where not measured: without vectors,
            for a concept with others below it, with fewer than `Params.min_recall` pictures.
        imbalance: largest over smallest count of the most detailed concepts, at least 1 (inf when one is 0).
        effective: effective number of those concepts, in [0, K].
        concepts: K, their number.
        labelled: training pictures with a label. unlabelled: those without.
        probed: training pictures that the recall was measured on; 0 where it was not.
        evidence: for each concept, up to `Params.evidence` of its training pictures' ids (of its real-world
            pictures when it has no training picture).
        params: as used.
        say: what a concept is called in a sentence.
    """

    table: pd.DataFrame
    imbalance: float
    effective: float
    concepts: int
    labelled: int
    unlabelled: int
    probed: int
    evidence: Mapping[str, tuple[str, ...]]
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(row) for row in self.table.to_dict("records"))
        verdict = worst(f.verdict for f in found)
        corrected = self.table["p_corrected"].dropna()
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=self._headline(found),
            reason=self._reason(found) if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            extra={
                "imbalance_ratio": self.imbalance,
                "effective_concepts": self.effective,
                "labelled": self.labelled,
                "unlabelled": self.unlabelled,
                "recall_measured_on": self.probed,
                "alpha": self.params.alpha,
            },
            tables={"balance": self.table.drop(columns=["p_value", "recall_p"])},
        )

    def _headline(self, found: tuple[ConceptFinding, ...]) -> str:
        rare = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        without = f" {_pictures(self.unlabelled)} without a label not counted." if self.unlabelled else ""
        if rare:
            return (
                f"{len(rare)} of {len(found)} concepts {'is' if len(rare) == 1 else 'are'} too rare beside the others; "
                f"the rarest is {rare[0].concept}.{self._cost(rare)}{without}"
            )
        if found[0].verdict is Verdict.CANNOT_TELL:
            return f"{self._reason(found)}{without}"
        if self.imbalance == 1.0:
            return f"All {self.concepts} concepts are equally common.{without}"
        rarest, most = self.table.iloc[0], self.table.iloc[-1]
        return (
            f"No concept is clearly rarer than its share: the rarest has {_pictures(int(rarest['n']))}, "
            f"the most common {most['n']:,}.{without}"
        )

    def _cost(self, rare: list[ConceptFinding]) -> str:
        """What imbalance costs the rare concepts, after a space; empty where it was not measured."""
        rows = self.table[self.table["concept"].isin([f.concept for f in rare]) & self.table["recall"].notna()]
        if rows.empty:
            return ""
        lost = rows.assign(cost=rows["recall_even"] - rows["recall"]).sort_values(
            ["cost", "n"], ascending=[False, True]
        )
        worst_row = lost.iloc[0]
        if worst_row["cost"] <= 0 or worst_row["recall_p"] > self.params.alpha / len(rows):
            return " The imbalance does not clearly cost recognition."
        name = "It" if len(rare) == 1 else self.say(str(worst_row["concept"]))
        return (
            f" {name} is recognised in {worst_row['recall']:.0%} of its pictures, "
            f"and would be in {worst_row['recall_even']:.0%} were all equally common."
        )

    def _reason(self, found: tuple[ConceptFinding, ...]) -> str:
        if self.labelled < self.params.min_labelled:
            return (
                f"Only {_pictures(self.labelled)} with a label; "
                f"at least {self.params.min_labelled} are needed to judge balance."
            )
        if self.concepts < 2:
            return "There is only one concept, so there is nothing to compare it with."
        unsure = sum(f.verdict is Verdict.CANNOT_TELL for f in found)
        return (
            f"Too few training pictures for each concept to tell a rare one from chance "
            f"({unsure} of {len(found)} concepts stay open)."
        )

    def _finding(self, row: Mapping[Hashable, Any]) -> ConceptFinding:
        verdict, concept, n = Verdict(row["verdict"]), str(row["concept"]), int(row["n"])
        rare = verdict in (Verdict.WARN, Verdict.FAIL)
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=float(row["score"]),
            headline=_sentence(verdict, n, row["equal_share"]) + (_recognised(row) if rare else ""),
            evidence=self.evidence.get(concept, ()),
            fix=_fix(row, self.say, self.params) if rare else "",
            extra={
                "n": n,
                "equal_share": float(row["equal_share"]),
                "typical": float(row["typical"]),
                "compared": int(row["compared"]),
                "p_value": float(row["p_corrected"]),
                **{key: None if np.isnan(row[key]) else float(row[key]) for key in RECALL},
            },
        )


def _pictures(n: int) -> str:
    return f"{n:,} training picture" + ("" if n == 1 else "s")


def _sentence(verdict: Verdict, n: int, share: float) -> str:
    has = f"{_pictures(n)}; an equal share would be {share:,.0f}"
    if verdict is Verdict.FAIL:
        return f"Far too rare: {has}."
    if verdict is Verdict.WARN:
        return f"Rarer than the others: {has}."
    if verdict is Verdict.CANNOT_TELL:
        return f"Cannot tell: {has}, and so few could be chance."
    return f"{has}."


def _recognised(row: Mapping[Hashable, Any]) -> str:
    if np.isnan(row["recall"]):
        return ""
    others = f", against {row['recall_others']:.0%} for the others" if not np.isnan(row["recall_others"]) else ""
    even = "the same" if row["recall_even"] == row["recall"] else f"{row['recall_even']:.0%}"
    return f" Recognised in {row['recall']:.0%} of cases{others}; with the imbalance weighed out {even}."


def _fix(row: Mapping[Hashable, Any], say: Say, params: Params) -> str:
    name, n, typical = say(row["concept"]), int(row["n"]), round(row["typical"])
    if n < params.matters_below * row["typical"]:
        more = max(1, typical - n)
        few = "picture" if more == 1 else "pictures"
        return f"Collect about {more:,} more {few} of {name} to reach the typical {typical:,}."
    largest, more = say(row["largest"]), max(1, round(row["equal_share"]) - n)
    return (
        f"Use fewer of the {row['largest_n']:,} pictures of {largest}, which crowd out the rest, "
        f"or collect about {more:,} more of {name}."
    )


def compared_groups(concepts: tuple[str, ...]) -> dict[int | None, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Which concepts are compared with which: level -> (concepts judged, names they are compared with).

    The level None holds the concepts without concepts below them, compared among themselves. A level from 1
    holds the broad concepts of that depth; their names are all concepts cut to that depth. Names of one level
    never overlap: none is an ancestor of another.
    """
    broad = {a for c in concepts for a in ancestors(c)}
    detailed = tuple(c for c in concepts if c not in broad)
    out: dict[int | None, tuple[tuple[str, ...], tuple[str, ...]]] = {None: (detailed, detailed)}
    for level in sorted({c.count("/") + 1 for c in concepts if c in broad}):
        cut = tuple(dict.fromkeys(at_level(c, level) for c in concepts))
        above = {a for c in cut for a in ancestors(c)}
        judged = tuple(c for c in concepts if c in broad and c.count("/") + 1 == level)
        out[level] = (judged, tuple(c for c in cut if c not in above))
    return out


def lower_tail(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(X <= n) for each count n of K, X binomial(N, 1/K), N their sum: float64 (K,) in [0, 1]."""
    from scipy.stats import binom

    out: NDArray[np.float64] = binom.cdf(counts, counts.sum(), 1 / len(counts))
    return out


def _compare(dataset: Dataset, params: Params, labelled: int) -> pd.DataFrame:
    """The table of `BalanceResult`, not sorted; `p_one` (p-value of a single picture) is the test's power."""
    from scipy.stats import binom

    tables = []
    for level, (judged, names) in compared_groups(dataset.concepts).items():
        counted = concept_counts(dataset, level).set_index("concept")["training"]
        counts = counted.reindex(list(names)).to_numpy(dtype=np.int64)
        total, k = int(counts.sum()), len(names)
        enough = k >= 2 and total > 0 and labelled >= params.min_labelled
        table = pd.DataFrame({"concept": pd.Series(names, dtype=object), "n": counts})
        table["equal_share"], table["typical"] = total / k, float(np.median(counts))
        table["largest"], table["largest_n"] = names[int(counts.argmax())], int(counts.max())
        table["compared"] = k
        table["score"] = np.minimum(1.0, counts * k / total) if total else 0.0
        table["p_value"] = lower_tail(counts) if enough else np.nan
        table["p_one"] = float(binom.cdf(1, total, 1 / k))
        tables.append(table[table["concept"].isin(judged)])
    out = pd.concat(tables, ignore_index=True)
    out["p_corrected"] = benjamini_hochberg(out["p_value"].to_numpy(dtype=np.float64))
    return out


def _verdicts(table: pd.DataFrame, params: Params) -> list[str]:
    tests = max(1, int(table["p_value"].notna().sum()))
    out = []
    for n, share, p, p_one in zip(table["n"], table["equal_share"], table["p_corrected"], table["p_one"], strict=True):
        if np.isnan(p):
            verdict = Verdict.CANNOT_TELL
        elif n >= params.matters_below * share:
            verdict = Verdict.PASS
        elif p <= params.alpha:
            verdict = Verdict.FAIL if n <= params.fail_below * share else Verdict.WARN
        else:  # not significant: fine only where a concept with a single picture would have been found
            verdict = Verdict.PASS if p_one <= params.alpha / tests else Verdict.CANNOT_TELL
        out.append(str(verdict))
    return out


def _with_cost(
    table: pd.DataFrame, dataset: Dataset, features: Features | None, params: Params, progress: Progress
) -> tuple[pd.DataFrame, int]:
    """The table with the columns `RECALL` and `recall_p`, and how many pictures they were measured on."""
    out = table.assign(**dict.fromkeys((*RECALL, "recall_p"), np.nan))
    if features is None:
        return out, 0
    target = targets(dataset)
    enough = target.member.sum(axis=0) >= params.min_recall
    if len(target.classes) < 2 or enough.sum() < 1 or len(target.rows) < params.min_labelled:
        return out, 0
    chosen = np.arange(len(target.rows))
    if len(chosen) > params.probed:
        chosen = np.sort(np.random.default_rng(params.seed).choice(len(chosen), params.probed, replace=False))
    member = target.member[chosen]
    cost = cost_of_imbalance(features.image[target.rows[chosen]], member, seed=params.seed, progress=progress)
    stated = cost.n >= params.min_recall
    values = (cost.recall, cost.low, cost.high, cost.even, cost.others, cost.p_value)
    measured = pd.DataFrame(
        {name: np.where(stated, value, np.nan) for name, value in zip((*RECALL, "recall_p"), values, strict=True)},
        index=list(target.classes),
    )
    out[list(measured.columns)] = measured.reindex(out["concept"]).to_numpy()
    return out, len(chosen)


def _evidence(dataset: Dataset, concepts: list[str], limit: int) -> dict[str, tuple[str, ...]]:
    ids = dataset.images["image_id"].to_numpy()
    out = {}
    for concept in concepts:
        rows = dataset.rows(concept=concept, origin=TRAINING)
        if not len(rows):
            rows = dataset.rows(concept=concept, origin=REAL_WORLD)
        out[concept] = tuple(str(i) for i in ids[rows[:limit]])
    return out


def find_balance(
    dataset: Dataset,
    features: Features | None = None,
    params: Params = DEFAULT_PARAMS,
    *,
    progress: Progress = no_progress,
) -> BalanceResult | Unavailable:
    """Count the training pictures of each concept, say which are too rare and, with `features`, what that costs."""
    if not len(dataset.concepts):
        return Unavailable("No picture has a label, so there are no concepts to count.")
    progress(0, 1, "counting")
    without = unlabelled(dataset)
    labelled = len(dataset.rows(origin=TRAINING)) - without
    table = _compare(dataset, params, labelled)
    table["verdict"] = _verdicts(table, params)
    table, probed = _with_cost(table, dataset, features, params, progress)
    table = table.drop(columns="p_one").sort_values(["n", "concept"], ignore_index=True)
    broad = {a for c in dataset.concepts for a in ancestors(c)}
    detailed = table.loc[~table["concept"].isin(broad), "n"]
    return BalanceResult(
        table=table,
        imbalance=imbalance_ratio(detailed),
        effective=effective_number(detailed),
        concepts=len(detailed),
        labelled=labelled,
        unlabelled=without,
        probed=probed,
        evidence=_evidence(dataset, table.loc[table["verdict"] != "pass", "concept"].tolist(), params.evidence),
        params=params,
        say=short_names((*dataset.concepts, *table["largest"])),  # a broad one may have no label of its own
    )
