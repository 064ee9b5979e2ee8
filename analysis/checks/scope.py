"""Scope: is a concept narrower in training than it is in the world?

Question. A model that has only seen green apples takes a red one for another kind of fruit. Which values of the
subject - its colour, its size in the picture, how it lies, what stands behind it - does real use have and training
lack?

Method. Each picture's subject is found and described (`analysis.subject_values`). Where real use is there with
labels, the shares of each value are compared with Fisher's exact test, one-sided, corrected over all values of all
concepts (Benjamini and Hochberg 1995); a difference of light, or one that the other concepts share, is not a finding
(`analysis.missing_values`). `warn`: a value that at least a tenth of real use shows and training as good as never.
`fail`: missing values cover a quarter of real use. Values that the taxonomy names are looked for in the training
pictures (exact binomial test of "a tenth shows it"). Without real use and without such values "uniform by nature" and
"narrowly sampled" are the same to any statistic: the verdict is `cannot_tell`, and what siblings show serves as a hint.
How varied the pictures are altogether is the Vendi score (`analysis.vendi`), which changes no verdict.

Limits. Only the values of `subject_values.VALUES` are named. The subject is found without a model, so in a cluttered
picture the values may be those of the surroundings; this costs power, and rarely makes a finding, as training is
measured in the same way. Colours under strongly coloured light are not named rather than named wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis import scope_words as words
from analysis.checks.base import ConceptFinding, Findings, Unavailable, Verdict, option, rank_findings, worst
from analysis.concept_tree import build_tree, entry_of
from analysis.dataset import REAL_WORLD, TRAINING, Dataset
from analysis.declared_values import Declared, declared, hints, photo_codes, words_of
from analysis.features import Features
from analysis.missing_values import exact, findings_of, lacking, tally
from analysis.names import Say, short_names
from analysis.progress import Progress, no_progress, scaled
from analysis.prompt_values import calibrated
from analysis.scope_concept import Judged, common, missing_of
from analysis.subject_values import SubjectValues, measure_pictures
from analysis.taxonomy import Entry
from analysis.vendi import Diversity, diversity

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_FAIL_FROM = 0.25  # of real use lies outside what training shows: one question in four is a guess
DEFAULT_MIN_PICTURES = 12  # of each origin: with fewer, a value of a third of real use may be absent by chance
DEFAULT_MOST_PICTURES = 4000  # measured at most, 5 ms each
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
METHOD: Final = """
- **What is measured.** Of each picture's subject: its colour (eleven basic colour words), how much of the picture it
  fills, whether it stands upright or lies flat, and what is behind it. The light is taken out first, as far as it can
  be known.
- **With pictures of real use** of the same concepts: does real use show a value that training lacks? (Fisher's exact
  test, corrected for the number of values and concepts after Benjamini and Hochberg.) The pictures that show it must
  also be clearly unlike every training picture, under any plausible lamp, and the other concepts must not lack it
  just as much: what all concepts lack is a matter of how the pictures were taken.
- **Look at this:** training as good as never shows a value that at least one in ten pictures of real use shows.
  **Needs work:** missing values cover a quarter of real use or more.
- **With a taxonomy** that names values ("red apples"): are they among the training pictures?
- **Cannot tell:** with neither, nobody can know whether a concept is uniform by nature or was sampled narrowly. What
  most other concepts show, and this one does not, is listed as a hint.
- **How varied.** The Vendi score (Friedman and Dieng 2023): as how many entirely different pictures twelve pictures
  count. It can be compared between datasets, and changes no verdict.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`fail_from` is a share of a concept's real use."""

    fail_from: float = option(
        DEFAULT_FAIL_FROM,
        "Share of real use outside what training shows",
        help="Lower: a concept needs work sooner.",
        low=0.1,
        high=0.9,
        step=0.05,
    )
    alpha: float = DEFAULT_ALPHA
    min_pictures: int = DEFAULT_MIN_PICTURES
    most_pictures: int = DEFAULT_MOST_PICTURES
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class ScopeResult:
    """All concepts; whether there is real use, with labels or assumed to be of the only one, and a taxonomy's values;
    `measured` of `of` pictures; what a concept is called in a sentence."""

    concepts: tuple[Judged, ...]
    real_world: bool
    labelled_real: bool
    assumed: bool
    taxonomy: bool
    measured: int
    of: int
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each concept, worst first, and of the dataset."""
        found = rank_findings(self._finding(j) for j in self.concepts)
        verdict = worst(f.verdict for f in found)
        p_values = [t.corrected for j in self.concepts for t in j.tallies if not t.everywhere]
        p_values += [d.corrected for j in self.concepts for d in j.declared]
        known = [p for p in p_values if not np.isnan(p)]
        everywhere = words.in_all(t for j in self.concepts for t in j.tallies)
        return Findings(
            verdict=verdict,
            score=found[0].score,
            headline=words.headline(found, self.measured, self.of, self._against(found)) + self._assumption(),
            reason=self._reason(found) if verdict is Verdict.CANNOT_TELL else "",
            p_value=min(known) if known else None,
            concepts=found,
            extra={"everywhere": everywhere, "measured": self.measured, "of": self.of},
            tables={"scope": self._table(), "scope_diversity": self._diversity()},
        )

    def _against(self, found: Sequence[ConceptFinding]) -> list[str]:
        """What the concepts that are narrow, or else all that were judged, were compared with."""
        narrow = {f.concept for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)}
        if narrow:
            of = [j for j in self.concepts if j.concept in narrow]
            world = any(t.missing for j in of for t in j.tallies)
            taxonomy = any(d.lacking and d.corrected <= self.params.alpha for j in of for d in j.declared)
        else:
            world = any(j.tallies for j in self.concepts)
            taxonomy = any(d.kind for j in self.concepts for d in j.declared)
        return [words.WORLD] * (world or not taxonomy) + [words.TAXONOMY] * taxonomy

    def _assumption(self) -> str:
        if not (self.assumed and self.real_world):
            return ""
        return " The pictures of real use have no labels; as there is no other concept, all of them count."

    def _reason(self, found: Sequence[ConceptFinding]) -> str:
        if not self.real_world and not self.taxonomy:
            return words.NOTHING_TO_COMPARE
        if self.real_world and not self.labelled_real and not self.taxonomy:
            return words.NO_LABELS
        return found[0].headline

    def _finding(self, j: Judged) -> ConceptFinding:
        missing = missing_of(j, self.params.alpha, self.params.evidence)
        lost = sorted({int(i) for t in j.tallies if lacking(t) and not t.everywhere for i in t.shown})
        absent = [d for d in j.declared if d.lacking and d.corrected <= self.params.alpha]
        found = [t for t in j.tallies if t.missing]
        outside = len({int(i) for t in found for i in t.shown}) / max(j.n_real, 1)
        named = [d for d in j.declared if d.kind]
        score: float | None = None
        if j.tallies:
            score = 1 - len(lost) / j.n_real
        if named:
            score = min(1.0 if score is None else score, 1 - sum(d.lacking for d in named) / len(named))
        if (found and outside >= self.params.fail_from) or (absent and 2 * len(absent) >= len(named)):
            verdict = Verdict.FAIL
        elif found or absent:
            verdict = Verdict.WARN
        elif self._could_tell(j, named):
            verdict = Verdict.PASS
        else:
            verdict = Verdict.CANNOT_TELL
        evidence = [i for m in missing for i in _strings(m["evidence"])]
        rest = j.ids if verdict in (Verdict.PASS, Verdict.CANNOT_TELL) or not evidence else ()
        return ConceptFinding(
            concept=j.concept,
            verdict=verdict,
            score=None if verdict is Verdict.CANNOT_TELL else score,
            headline=words.sentence(
                verdict, self.say(j.concept), j, found, absent, self.real_world, self.params.min_pictures
            ),
            evidence=tuple(dict.fromkeys([*evidence, *rest]))[: self.params.evidence],
            fix=words.fix(self.say(j.concept), found, absent) if verdict in (Verdict.WARN, Verdict.FAIL) else "",
            extra={
                "n": j.of,
                "real_n": j.of_real,
                "missing": missing,
                "share_outside": outside if j.tallies else None,
                "training_examples": list(j.ids[:8]),
                "looked_for": list(dict.fromkeys(d.value for d in named)),
                "not_looked_for": [d.word for d in j.declared if not d.kind],
                "diversity": _diversity_words(j.varied),
                "diversity_real": _diversity_words(j.varied_real),
            },
        )

    def _could_tell(self, j: Judged, named: Sequence[Declared]) -> bool:
        """Whether a gap of the size that fails would have been found (at the strictest step of the correction)."""
        alpha = self.params.alpha / max(1, j.tests)
        if j.tallies:
            return exact(0, j.n, round(self.params.fail_from * j.n_real), j.n_real) <= alpha
        return bool(named) and all(not d.lacking for d in named)

    def _table(self) -> pd.DataFrame:
        rows = [
            {
                "concept": j.concept,
                "kind": t.kind,
                "value": t.value,
                "training": t.training,
                "training_n": t.training_n,
                "real": t.real,
                "real_n": t.real_n,
                "clear": t.clear,
                "p_corrected": t.corrected,
                "missing": t.missing,
                "everywhere": t.everywhere and lacking(t),
            }
            for j in self.concepts
            for t in j.tallies
        ]
        columns = ["concept", "kind", "value", "training", "training_n", "real", "real_n", "clear", "p_corrected",
                   "missing", "everywhere"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def _diversity(self) -> pd.DataFrame:
        columns = ["concept", "n", "value", "low", "high", "real_value", "real_low", "real_high"]
        return pd.DataFrame(
            [
                (j.concept, j.of, *_three(j.varied), *_three(j.varied_real))
                for j in sorted(self.concepts, key=lambda j: j.concept)
            ],
            columns=columns,
        )


def _strings(values: object) -> list[str]:
    return [str(v) for v in values] if isinstance(values, list) else []


def _three(d: Diversity) -> tuple[float, float, float]:
    return d.value, d.low, d.high


def _diversity_words(d: Diversity) -> dict[str, float | None] | None:
    if np.isnan(d.value):
        return None
    low, high = (None if np.isnan(v) else v for v in (d.low, d.high))
    return {"vendi": d.value, "low": low, "high": high}


def of_concept(dataset: Dataset, concept: str, origin: str, concepts: Sequence[str]) -> np.ndarray:
    """Rows of a concept; where it is the only one and no picture of real use has a label, all real use is its own."""
    rows = dataset.rows(concept=concept, origin=origin)
    if origin == REAL_WORLD and len(concepts) == 1 and not len(rows):
        return dataset.rows(origin=REAL_WORLD)
    return rows


def chosen(dataset: Dataset, concepts: Sequence[str], params: Params) -> dict[tuple[str, str], np.ndarray]:
    """Rows to measure of each (concept, origin): all, or a like number at random where they are too many."""
    groups = {(c, o): of_concept(dataset, c, o, concepts) for c in concepts for o in (TRAINING, REAL_WORLD)}
    rng = np.random.default_rng(params.seed)
    sizes = np.array([len(g) for g in groups.values()])
    most = int(sizes.max(initial=0))
    while most > params.min_pictures and np.minimum(sizes, most).sum() > params.most_pictures:
        most = max(params.min_pictures, int(most * 0.9))
    return {
        key: np.sort(rng.choice(rows, most, replace=False)) if len(rows) > most else rows
        for key, rows in groups.items()
    }


def declared_of(
    dataset: Dataset, features: Features, entries: Sequence[Entry], concept: str, training: SubjectValues
) -> tuple[Declared, ...]:
    """What these entries of the taxonomy name for a concept, by measurement or by a prompt that passed."""
    out: list[Declared] = []
    for entry in entries:
        unmeasured = [word for word, kind, _ in words_of(entry) if not kind]
        out += declared(entry, training, calibrated(dataset, features, unmeasured, concept))
    return tuple(out)


def find_scope(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> ScopeResult | Unavailable:
    """Compare each concept's training pictures with real use, its taxonomy's values, or its siblings."""
    if features.pictures is None:
        return Unavailable(
            "Only vectors are known of these pictures, and what their subjects are like is seen on them."
        )
    concepts = [c for c in dataset.concepts if len(dataset.rows(concept=c, origin=TRAINING))]
    if not concepts:
        return Unavailable("No training picture has a label, so there is no concept to look at.")
    groups = chosen(dataset, concepts, params)
    few = {c for c in concepts if len(groups[c, TRAINING]) < params.min_pictures}
    rows = np.unique(np.concatenate([of for (c, o), of in groups.items() if o == TRAINING or c not in few]))
    measured = measure_pictures(dataset, features.pictures, rows, progress=scaled(progress, 0, 0.9))
    values = {key: measured.take(np.flatnonzero(np.isin(measured.rows, of))) for key, of in groups.items()}
    enough = [c for c in concepts if all(len(values[c, o].rows) >= params.min_pictures for o in (TRAINING, REAL_WORLD))]
    within = scaled(progress, 0.9, 1.0)
    tallies = tally(
        enough, [values[c, TRAINING] for c in enough], [values[c, REAL_WORLD] for c in enough], params.alpha,
        progress=within,
    )  # fmt: skip
    tallies = findings_of(tallies, params.alpha)
    tests = len({(t.concept, t.kind) for t in tallies if not np.isnan(t.corrected)})
    tree = build_tree(dataset.taxonomy) if dataset.taxonomy else None
    ids = dataset.images["image_id"].astype(str).to_numpy()
    training = [values[c, TRAINING] for c in concepts]
    codes = photo_codes(dict(zip(concepts, training, strict=True)))
    judged = []
    for k, concept in enumerate(concepts):
        within(k, len(concepts), "comparing")
        name = entry_of(concept, tree) if tree is not None else None
        entries = [e for e in dataset.taxonomy if name is not None and e.name == name]
        of, of_real = (of_concept(dataset, concept, o, concepts) for o in (TRAINING, REAL_WORLD))
        hinted = hints(concept, codes, params.alpha) if concept not in enough else []
        said = declared_of(dataset, features, entries, concept, training[k])
        judged.append(
            Judged(
                concept=concept,
                n=len(training[k].rows),
                n_real=len(values[concept, REAL_WORLD].rows) if concept not in few else len(of_real),
                of=len(of),
                of_real=len(of_real),
                tallies=tuple(t for t in tallies if t.concept == concept),
                tests=tests,
                declared=said,
                hints=tuple(hinted),
                common=common(training[k]),
                varied=diversity(features.image[groups[concept, TRAINING]], params.seed),
                varied_real=diversity(features.image[groups[concept, REAL_WORLD]], params.seed),
                ids=tuple(ids[training[k].rows][: params.evidence]),
                real_ids=tuple(ids[values[concept, REAL_WORLD].rows]),
                hint_ids=tuple(
                    tuple(str(ids[values[c, TRAINING].rows[i]]) for c, at in h.examples for i in at[:4]) for h in hinted
                ),
                known_ids=tuple(tuple(str(ids[r]) for r in d.known[: params.evidence]) for d in said),
            )
        )
    return ScopeResult(
        concepts=tuple(judged),
        real_world=dataset.has_real_world,
        labelled_real=any(len(v) for (_, o), v in groups.items() if o == REAL_WORLD),
        assumed=len(concepts) == 1 and not len(dataset.rows(concept=concepts[0], origin=REAL_WORLD)),
        taxonomy=any(j.declared for j in judged),
        measured=len(measured.rows),
        of=len(np.unique(np.concatenate([of_concept(dataset, c, o, concepts) for c, o in groups]))),
        params=params,
        say=short_names(dataset.concepts),
    )
