"""Quantity: how many pictures does each concept have, how many does it need?

Question. How often is each concept found in pictures the model has not seen, would more pictures help, and how many?

Method. A probe on frozen vectors learns from growing shares of the training pictures and is asked about pictures it
never saw (`analysis.learning_curve`); the recall of each concept over the number of its pictures is its learning
curve. The curve is continued by several forms, weighted by how they foretold the larger measured sizes from the
smaller ones, and concepts with few pictures lean on the curve of the whole (`analysis.forecast`). With `deep`, the
same is done with a small network trained from scratch (`analysis.deep_probe`).
The null hypothesis is that a concept's recall is at least `target`. Then the number found among its n pictures is
binomial, and the p-value is its lower tail, corrected over the concepts (Benjamini and Hochberg 1995). `warn`: a
corrected p of at most `alpha`. `fail`: also, even the upper end of the 90 % interval at ten times the pictures (of
what would be observed, as the report states it) stays below the target: more of the same will not help. Never of a
concept with less than half the pictures of the median concept: it is missed also because others crowd it out, which
pictures of its own would mend.

Limits. "Found" means by this model's vectors and a linear probe; another model may need more or less. All concepts
are thought to grow together, in the same proportions and from the same source: pictures of another kind may help
more, copies help nothing. Cross-validated recalls vary a little more than the binomial says, because the
pictures learnt from vary too; averaging over repeats keeps the test within its level (tests). Beyond ten times the
pictures at hand nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.checks.base import ConceptFinding, Findings, Unavailable, Verdict, option, rank_findings, worst
from analysis.dataset import Dataset
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.forecast import FACTORS, STATED, TAIL, Float64, Int64, Regime, continued, needed_factors, points, stated
from analysis.learning_curve import measure
from analysis.names import Say, short_names
from analysis.probe import Targets, targets
from analysis.progress import Progress, no_progress, scaled
from analysis.statistics import benjamini_hochberg

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_TARGET = 0.90  # nine of ten: what people ask of a model that works on its own, and what the fix speaks of
DEFAULT_MIN_N = 5  # pictures; with fewer, some fifth has none to ask about. The exact test holds at any n
DEFAULT_NEAR = 0.15  # below the target: a concept that may be that far below is not called fine
DEFAULT_RARE = 0.5  # of the median concept's pictures: below, a concept is also missed because the others crowd it out
DEFAULT_MAX_IMAGES = 20_000  # pictures used; beyond, a stratified part
DEFAULT_WORK = 12_000  # pictures times repeats: about 10 s on one core
DEFAULT_REPEATS = 8
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
GUIDE: Final[Mapping[str, tuple[int, int]]] = {"transfer": (10, 50_000), "deep": (1_000, 5_000_000)}
"""The guide's ranges: tens to tens of thousands, thousands to millions."""


METHOD: Final = """
- **Measuring.** A simple classifier learns from a small part of your training pictures, then from more and more,
  and each time it is asked about pictures it has not seen. It stands on the model in use, as a custom model on
  top of an existing one does. For each concept: how many of its pictures are found.
- **Looking ahead.** Five forms of curve are fitted; those count most that foretold the measured larger sizes from
  the smaller ones. A concept with few pictures leans on the curve of all. Of 100 forecast ranges about 90
  should hold what will then be observed.
- **Look at this:** the concept is found less often than the target, chance explains it in fewer than 1 of 20
  datasets (exact binomial test, corrected after Benjamini and Hochberg), and more pictures may help.
  **Needs work:** even ten times the pictures are not expected to reach the target: more of the same
  will not help. **Cannot tell:** fewer than 5 pictures, or too few to say whether the target is met.
- **Deep trained.** On request a small network is trained from scratch on your pictures alone, for a fixed number
  of steps at each size. It shows how much further the way is without an existing model.
- **Limits.** All concepts are thought to grow together with pictures of the same kind as now; copies help nothing.
  Beyond ten times the pictures at hand nothing is said. Real-world pictures are not counted.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`target` and `near` are shares of a concept's pictures, in (0, 1)."""

    target: float = option(
        DEFAULT_TARGET,
        "Target: share of a concept's pictures found",
        help="Higher asks for more pictures.",
        low=0.5,
        high=0.99,
        step=0.01,
    )
    deep: bool = option(
        False,
        "Also train a small network from scratch",
        help="Takes a few minutes; shows how many pictures a model without an existing one to stand on would need.",
    )
    alpha: float = DEFAULT_ALPHA
    min_n: int = DEFAULT_MIN_N
    near: float = DEFAULT_NEAR
    rare: float = DEFAULT_RARE
    max_images: int = DEFAULT_MAX_IMAGES
    repeats: int = DEFAULT_REPEATS
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class QuantityResult:
    """Counts, recalls, forecasts.

    Attributes:
        table: one row a concept: `concept` (str), `n` (int, training pictures), `typical` (float,
            median of them), `now` (float in [0, 1], recall; nan
            where not measured), `p_value`, `p_corrected` (nan where not tested), `low`, `high` (90 % interval of the
            recall to be expected now), `outlook` (`reached`, `reachable`, `no_help`, `cannot_tell`), `needed`,
            `needed_low`, `needed_high` (pictures in all to reach the target; nan where beyond ten times),
            `verdict`, `score` (min(1, now / target); nan where not measured).
        transfer, deep: the two regimes; None where it could not be measured (or `deep` is off).
        images: training pictures with a label. used: how many of them were measured with.
        evidence: for each concept, its pictures, those most often missed first.
        why_not_deep: sentence, where `deep` was asked for in vain.
        params: as used.
        say: what a concept is called in a sentence.
    """

    table: pd.DataFrame
    transfer: Regime | None
    deep: Regime | None
    images: int
    used: int
    evidence: Mapping[str, tuple[str, ...]]
    why_not_deep: str
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(i, row) for i, row in enumerate(self.table.to_dict("records")))
        verdict = worst(f.verdict for f in found)
        corrected = self.table["p_corrected"].dropna()
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=self._headline(found, verdict),
            reason=self._reason() if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(corrected.min()) if len(corrected) else None,
            concepts=found,
            extra={
                "images": self.images,
                "images_used": self.used,
                "target": self.params.target,
                "alpha": self.params.alpha,
                "guide": {name: list(ends) for name, ends in GUIDE.items()},
                "deep_note": self.why_not_deep,
                "forecast": {
                    "transfer": self._forecast(self.transfer, None, self.images),
                    "deep": self._forecast(self.deep, None, self.images),
                },
            },
            tables={"curves": _curves(self), "needs": self.table},
        )

    def _forecast(self, regime: Regime | None, i: int | None, n: int) -> dict[str, object] | None:
        """Of concept `i`, or of all together; None where there is nothing to state."""
        if regime is None or (i is not None and n < self.params.min_n):
            return None
        m = regime.measured
        if i is None:
            whole, chance = regime.whole.ahead, regime.chances[0]
            out = stated(whole, m.overall, m.shares, n, m.pictures, "accuracy", self.params.target, chance)
            return {**out, "forms": dict(regime.whole.weights)}
        used = int(m.counts[i])
        return stated(regime.ahead[i], m.recall[i], m.shares, n, used, "recall", self.params.target, regime.chances[1])

    def _headline(self, found: Sequence[ConceptFinding], verdict: Verdict) -> str:
        goal = _of_100(self.params.target)
        part = f" Measured with {self.used:,} of {self.images:,} pictures." if self.used < self.images else ""
        wanting = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        if self.transfer is None or verdict is Verdict.CANNOT_TELL:
            return f"{self._reason()}{part}"
        now = f"On the whole {_of_100(self.transfer.measured.overall[-1])} of 100 pictures are named right"
        if not wanting:
            return f"{now}, and no concept is clearly found less often than {goal} of 100.{part}"
        helpless = sum(f.verdict is Verdict.FAIL for f in found)
        many = f"{len(wanting)} of {len(found)} concepts are" if len(found) > 1 else "The concept is"
        many = many.replace(" are", " is") if len(wanting) == 1 else many
        tail = f"; for {helpless} of them more of the same will not help" if helpless else ""
        least = f"{self.say(wanting[0].concept)} least{tail}"
        return f"{many} found less often than {goal} of 100 times, {least}. {now}.{part}"

    def _reason(self) -> str:
        if len(self.table) < 2:
            return "There is only one concept, so there is nothing to tell it from."
        if self.transfer is None:
            return f"Too few pictures ({self.images:,} with a label) to measure how many are needed."
        unsure = int((self.table["verdict"] == "cannot_tell").sum())
        return (
            f"Too few pictures to tell whether {'the target is' if unsure == 1 else 'the targets are'} met "
            f"for {unsure} of {len(self.table)} concepts; no other falls short."
        )

    def _finding(self, i: int, row: Mapping[Any, Any]) -> ConceptFinding:
        verdict, concept, n = Verdict(row["verdict"]), str(row["concept"]), int(row["n"])
        extra: dict[str, object] = {"n": n, "outlook": row["outlook"], "p_value": _number(row["p_corrected"])}
        extra["forecast"] = {
            "transfer": self._forecast(self.transfer, i, n),
            "deep": self._forecast(self.deep, i, n),
        }
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=_number(row["score"]),
            headline=_sentence(verdict, row, self.params),
            evidence=self.evidence.get(concept, ()),
            fix=_fix(verdict, row, self.say(concept), self.params),
            extra=extra,
        )


def _of_100(share: float) -> str:
    return f"{100 * share:.0f}"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _whole(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None


def _pictures(n: int) -> str:
    return f"{n:,} training picture" + ("" if n == 1 else "s")


def _sentence(verdict: Verdict, row: Mapping[Any, Any], params: Params) -> str:
    n = int(row["n"])
    if n < params.min_n or not np.isfinite(row["now"]):
        return f"Cannot tell: {_pictures(n)}, at least {params.min_n} are needed to measure."
    found = f"{_of_100(row['now'])} of 100 found, of {_pictures(n)}"
    if verdict is Verdict.FAIL:
        return f"{found}; ten times as many like these would bring {int(100 * row['far'] + 1e-9)} at best."
    if verdict is Verdict.WARN:
        return f"{found}; {_of_100(params.target)} are wanted."
    if verdict is Verdict.CANNOT_TELL:
        return f"Cannot tell: {found}, and so few could be chance ({_of_100(params.target)} are wanted)."
    return f"{found}."


def _fix(verdict: Verdict, row: Mapping[Any, Any], name: str, params: Params) -> str:
    """What to do: how many more, or that more do not help, or that it cannot be said."""
    n, goal = int(row["n"]), f"{_of_100(params.target)} %"
    if n < params.min_n:
        more = params.min_n - n
        return f"Collect at least {more} more picture{'' if more == 1 else 's'} of {name} to be able to tell."
    if verdict not in (Verdict.WARN, Verdict.FAIL):
        return ""
    if row["outlook"] == "no_help":
        return (
            f"More of the same will not help: look at the pictures of {name} that are missed, at their labels and at "
            f"what they are mistaken for, or use a stronger model ({RECOMMENDED_MODEL})."
        )
    if row["outlook"] == "reachable":
        more, low = max(1, int(row["needed"]) - n), max(0, int(row["needed_low"]) - n)
        known = np.isfinite(row["needed_high"])
        ends = f"between {low:,} and {int(row['needed_high']) - n:,}" if known else f"at least {low:,}"
        return f"Collect about {more:,} more pictures of {name} ({ends}) to reach {goal}."
    if n < params.rare * row["typical"]:
        return (
            f"Collect about {round(row['typical']) - n:,} more pictures of {name}, so that it has as many as the other "
            f"concepts, and measure again; how many {goal} takes cannot be told yet."
        )
    return (
        f"Cannot tell how many more pictures of {name} would reach {goal}: perhaps more than ten times as many. "
        "Collect twice as many and measure again."
    )


def outlook(
    factors: tuple[float, float, float], chance: float, *, rare: bool = False, within: bool = False
) -> str:  # fmt: skip
    """One word: `chance` is the share of curves that reach the target within ten times the pictures.

    `within`: whether the interval stated for ten times the pictures reaches the target; then never `no_help`.

    Forecasts let all concepts grow together, so a concept that is `rare` stays so. It would gain more from pictures
    of its own, which was not measured: never `no_help`.
    """
    if factors[0] <= 1.0:
        return "reached"
    if chance < TAIL and not rare and not within:
        return "no_help"
    return "reachable" if np.isfinite(factors[0]) else "cannot_tell"


def lower_tail(now: Float64, counts: Int64, target: float) -> Float64:
    """P(X <= found) for each concept, X binomial(n, target), found = n * now rounded: float64 (k,) in [0, 1]."""
    from scipy.stats import binom

    return np.asarray(binom.cdf(np.rint(now * counts), counts, target), dtype=np.float64)


def _verdict(row: Mapping[str, Any], params: Params) -> Verdict:
    if not np.isfinite(row["p_corrected"]):
        return Verdict.CANNOT_TELL
    if row["p_corrected"] <= params.alpha:
        return Verdict.FAIL if row["outlook"] == "no_help" else Verdict.WARN
    if row["now"] >= params.target or row["outlook"] == "reached" or row["low"] >= params.target - params.near:
        return Verdict.PASS
    return Verdict.CANNOT_TELL


def _judge(names: Sequence[str], counts: Int64, transfer: Regime | None, params: Params) -> pd.DataFrame:
    """The table of `QuantityResult`, in the order of `names`."""
    k = len(names)
    now: Float64 = transfer.measured.recall[:, -1] if transfer is not None else np.full(k, np.nan)
    p_value: Float64 = np.full(k, np.nan)
    tested = (counts >= params.min_n) & np.isfinite(now)
    p_value[tested] = lower_tail(now[tested], counts[tested], params.target)
    rows, typical = [], float(np.median(counts))
    for i, corrected in enumerate(benjamini_hochberg(p_value)):
        row: dict[str, Any] = {
            "concept": names[i],
            "n": int(counts[i]),
            "typical": typical,
            "now": float(now[i]),
            "p_value": p_value[i],
        }
        row |= dict.fromkeys(("low", "high", "far", "needed", "needed_low", "needed_high"), np.nan)
        row |= {"p_corrected": corrected, "outlook": "cannot_tell"}
        if transfer is not None and counts[i] >= params.min_n:
            curves = transfer.ahead[i]
            row["low"], row["high"] = np.quantile(curves[:, 0], [TAIL, 1 - TAIL])
            ahead = points(curves[:, np.searchsorted(FACTORS, STATED)], STATED, row["n"], transfer.chances[1])
            row["far"] = ahead[-1]["high"]  # as the report states it
            factors = needed_factors(curves, params.target, float(now[i]))
            rare, chance = counts[i] < params.rare * typical, float((curves >= params.target).any(axis=1).mean())
            row["outlook"] = outlook(factors, chance, rare=bool(rare), within=row["far"] >= params.target)
            needs = [np.ceil(f * row["n"] - 1e-9) for f in factors]
            if np.isfinite(factors[0]):
                row["needed"], row["needed_low"], row["needed_high"] = (v if np.isfinite(v) else np.nan for v in needs)
        row["verdict"] = str(_verdict(row, params))
        rows.append(row)
    table = pd.DataFrame(rows)
    measured = table["now"].where(table["n"] >= params.min_n)
    return table.assign(score=measured.div(params.target).clip(upper=1.0))


def _curves(result: QuantityResult) -> pd.DataFrame:
    """For the chart: `regime`, `concept` (empty: all), `kind` (`measured`, `ahead`), `n`, `mean`, `low`, `high`.

    `low` and `high` hold the recall itself at measured sizes, and what would be observed ahead.
    """
    rows: list[tuple[object, ...]] = []
    for name, regime in (("transfer", result.transfer), ("deep", result.deep)):
        if regime is None:
            continue
        m, counts = regime.measured, regime.measured.counts
        at_hand = dict(zip(result.table["concept"], result.table["n"], strict=True))
        every = [("", result.images, m.pictures, m.overall, regime.whole.measured, regime.whole.ahead)]
        every += [
            (concept, int(at_hand[concept]), int(counts[i]), m.recall[i], regime.at[i], regime.ahead[i])
            for i, concept in enumerate(m.names)
            if at_hand[concept] >= result.params.min_n
        ]
        for concept, n, used, values, at, ahead in every:
            low, high = np.quantile(at, [TAIL, 1 - TAIL], axis=0)
            rows += [
                (name, concept, "measured", float(s * used), *map(float, ends))
                for s, *ends in zip(m.shares, values, low, high, strict=True)
            ]
            rows += [
                (name, concept, "ahead", float(p["n"]), p["mean"], p["low"], p["high"])
                for p in points(ahead, FACTORS, n, regime.chances[1 if concept else 0])
            ]
    return pd.DataFrame(rows, columns=["regime", "concept", "kind", "n", "mean", "low", "high"])


def _part(goal: Targets, limit: int, seed: int) -> np.ndarray:
    """Positions of at most `limit` pictures, each class by its share, ascending; a class keeps at least one."""
    if len(goal.rows) <= limit:
        return np.arange(len(goal.rows))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(goal.rows))
    order = order[np.argsort(goal.first[order], kind="stable")]
    size = np.bincount(goal.first)
    rank = np.arange(len(order)) - np.searchsorted(goal.first[order], goal.first[order], side="left")
    quota = np.maximum(1, np.floor(size * limit / len(order)))
    return np.sort(order[rank < quota[goal.first[order]]])


def find_quantity(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> QuantityResult | Unavailable:
    """Measure each concept's learning curve on the training pictures and say how many more it needs."""
    goal = targets(dataset)
    if not len(goal.rows):
        return Unavailable("No training picture has a label, so there is nothing to learn.")
    part = _part(goal, params.max_images, params.seed)
    counts = goal.member.sum(axis=0).astype(np.int64)
    transfer, deep, why = None, None, ""
    if len(goal.classes) >= 2 and len(goal.rows) >= params.min_n:
        share = 0.05 if params.deep else 0.95
        measured = measure(
            np.ascontiguousarray(features.image[goal.rows[part]], dtype=np.float32),
            goal.member[part],
            goal.classes,
            repeats=int(np.clip(DEFAULT_WORK // len(part), 1, params.repeats)),
            seed=params.seed,
            progress=scaled(progress, 0.0, share),
        )
        transfer = continued(measured, len(goal.rows), seed=params.seed)
        if params.deep and features.pictures is None:
            why = "There are only vectors, no pictures, so no network can be trained from scratch."
        elif params.deep and features.pictures is not None:
            from analysis.deep_probe import measure_from_scratch, too_little

            rows, member = goal.rows[part], goal.member[part]
            why = too_little(member.sum(axis=0), len(rows))
            into = scaled(progress, share, 0.98)
            if not why:
                scratch = measure_from_scratch(
                    features.pictures, rows, member, goal.classes, seed=params.seed, progress=into
                )
                deep = None if scratch is None else continued(scratch, len(goal.rows), seed=params.seed)
                why = "" if deep is not None else "Too few pictures can be read to train a network from scratch."
    elif params.deep:
        why = "No network was trained from scratch: that takes two concepts with pictures enough."
    table = _judge(goal.classes, counts, transfer, params)
    progress(1000, 1000, "done")
    return QuantityResult(
        table=table,
        transfer=transfer,
        deep=deep,
        images=len(goal.rows),
        used=len(part),
        evidence=_evidence(dataset, goal, part, transfer, table, params),
        why_not_deep=why,
        params=params,
        say=short_names(dataset.concepts),
    )


def _evidence(
    dataset: Dataset,
    goal: Targets,
    part: np.ndarray,
    transfer: Regime | None,
    table: pd.DataFrame,
    params: Params,
) -> dict[str, tuple[str, ...]]:
    """Pictures of each concept that does not pass: those the probe missed most often first."""
    ids, out = dataset.images["image_id"].to_numpy(), {}
    for i, concept in enumerate(goal.classes):
        if table["verdict"].iloc[i] == "pass":
            continue
        rows = goal.rows[goal.member[:, i]]
        if transfer is not None:
            m = transfer.measured
            labels = np.flatnonzero(m.concept == i)
            order = np.lexsort((m.found[labels].mean(axis=1), m.found[labels, -1]))
            rows = goal.rows[part[m.image[labels[order]]]]
        out[concept] = tuple(str(v) for v in ids[rows[: params.evidence]])
    return out
