"""Taxonomy: do the labels, the written taxonomy and the pictures agree with one another?

Question. A taxonomy is a promise: every label is one of its concepts, every concept means one thing. Where is it
broken - by the labels, by the way it is written, or by what the pictures look like?

Method. Facts first (`analysis.taxonomy_facts`): labels that are not in the taxonomy (with what they most likely mean),
entries without a picture, an entry above itself, two parents, an only child, a folder that lies in another branch
than the taxonomy says, descriptions that say the same. Two labels whose names differ by spelling, by a slip of the
finger or by a synonym the taxonomy lists are one thing under two names, unless their pictures are told apart: for a
suspected slip, as *glove* and *globe* are (`analysis.same_name`).
Then the pictures (`analysis.tree_fit`): a cross-validated linear probe gives every picture a probability for every
concept. Siblings - concepts with one parent, and those at the top, which a flat folder has only - are not told apart
where their AUC is significantly below 0.75 (null: it is 0.75; corrected over all pairs asked). A concept looks like
its cousins where the next best answer is a concept of one other branch for most of its pictures, or for a third of them
and hardly ever of its own, and significantly more of all its pictures look like that branch than like its own (sign
test, Bonferroni over all concepts); asked only where the tree as a whole follows looks better than trees drawn at
random, else that is the finding. Without a written taxonomy one is drafted from the labels, and only what can be
wrong with such a draft is asked.
`fail`: an entry above itself; a label unknown to the taxonomy that holds a tenth of all labels or more. All else is
`warn`. The check never answers `cannot_tell`: facts need no number of pictures; how many pairs of siblings had too few
pictures (20 each) is said.

References. Benjamini and Hochberg (1995); Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747; edit
distance: Damerau (1964), doi:10.1145/363958.363994.

Limits. Whether a taxonomy serves its purpose is beyond this check. A tree may be right and not follow looks (a tomato
is a fruit); that is worth knowing and no mistake, so it is a thing to look at. Looks are those the model in use sees.
That two texts say the same is judged by their words, and by the bundled text model where that is the model in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import ConceptFinding, Findings, Unavailable, Verdict, rank_findings, worst
from analysis.concept_tree import ConceptTree, build_tree, drafted, entry_of, spoken
from analysis.dataset import TRAINING, Dataset, ancestors
from analysis.features import Features
from analysis.probe import Targets, out_of_fold, targets
from analysis.progress import Progress, no_progress
from analysis.same_name import Reason, same_names
from analysis.taxonomy_facts import KIND_WORDS, MUTUAL, Kind, Problem, facts
from analysis.taxonomy_looks import (
    fit_of,
    group_of,
    named_twice,
    not_told_apart,
    out_of_place,
    said_already,
    side_by_side,
    two_names,
)
from analysis.tree_fit import Agreement, Siblings, siblings_apart

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_TOLD_APART = 0.75  # AUC below which more than one in four pairs of pictures are taken for each other
DEFAULT_MIN_IMAGES = 20  # of a sibling; with fewer, an AUC of 0.5 and one of 0.75 are not told apart
DEFAULT_FAIL_SHARE = 0.1  # of all labels, that an unknown label holds
DEFAULT_MOST = 0.6  # of a concept's pictures that look like one other branch
DEFAULT_PROBED = 4000  # pictures the probe learns from at most, drawn at random per concept; keeps it within seconds
DEFAULT_COMPONENTS = 100  # principal components the probe works on; a fifth of the time or less, the same siblings
DEFAULT_EVIDENCE = 48  # image ids listed a concept: one page of the gallery
BUNDLED: Final = "bundled"

METHOD: Final = """
- **What is written.** Labels that are not in the taxonomy, concepts without a picture, concepts above themselves,
  with two parents or as an only child, folders that lie in another branch, descriptions that say the same: these
  are facts, found by reading. Without a taxonomy one is drafted from your labels.
- **Two names for one thing.** Names that differ in spelling, by a slip of the finger, or by a synonym you listed;
  a synonym that you listed under two entries, or that is an entry itself.
  For a slip the pictures are asked: where they are clearly two different things, nothing is said.
- **Siblings that look the same.** Siblings are concepts below one parent, and all those at the top. A simple
  classifier that has not seen the pictures ranks them; where it would take one for the other in significantly more
  than 1 of 4 pairs, the two are named: one entry or two?
- **Looks like another branch.** Set a concept's own name aside: what would its pictures be taken for next? Named where
  most of them go to one other branch, or a third of them and hardly any to its own, more than chance explains. If
  the whole tree follows looks no better than trees drawn at random, that is said instead: it is then made by
  something else than looks, which may be right.
- **Needs work:** a concept above itself, or an unknown label that holds a tenth of all labels. All else: **Look at
  this.** Corrected for the number of questions (pairs: Benjamini and Hochberg; branches: Bonferroni).
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`told_apart` is an AUC in (0.5, 1); `fail_share` and `most` are shares in (0, 1]."""

    alpha: float = DEFAULT_ALPHA
    told_apart: float = DEFAULT_TOLD_APART
    min_images: int = DEFAULT_MIN_IMAGES
    fail_share: float = DEFAULT_FAIL_SHARE
    most: float = DEFAULT_MOST
    probed: int = DEFAULT_PROBED
    components: int = DEFAULT_COMPONENTS
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class TaxonomyResult:
    """What is wrong, and the tree it is wrong with.

    Attributes:
        problems: in no order.
        tree: of the given taxonomy, or the drafted one. given: which.
        labels: images of each label.
        images: for each name, ids that show it, itself and below.
        pairs: siblings asked; class numbers of `classes`. unasked: pairs of siblings with too few images.
        agreement: of the tree with looks; None where it could not be asked.
        classes: the most detailed concepts.
        probed: pictures looked at. sampled: whether they are not all there are.
        params: as used.
    """

    problems: tuple[Problem, ...]
    tree: ConceptTree
    given: bool
    labels: Mapping[str, int]
    images: Mapping[str, tuple[str, ...]]
    pairs: tuple[Siblings, ...]
    unasked: int
    agreement: Agreement | None
    classes: tuple[str, ...]
    probed: int
    sampled: bool
    params: Params

    def findings(self) -> Findings:
        """Verdict of each name, worst first, and of the dataset."""
        by_name = self._by_name()
        names = [n for n in (*self.labels, *self.tree.names) if n not in by_name]
        ranked = rank_findings(
            [
                *(self._finding(name, found) for name, found in by_name.items()),
                *(self._fine(name) for name in dict.fromkeys(names)),
            ]
        )
        # Of equals, whom a problem is said of comes before the other half of it.
        rank = {key: i for i, key in enumerate(dict.fromkeys((f.verdict, f.score) for f in ranked))}
        said = {p.concept for p in self.problems}
        found = tuple(sorted(ranked, key=lambda f: (rank[f.verdict, f.score], f.concept not in said)))
        verdict = worst(f.verdict for f in found) if found else Verdict.PASS
        tested = [p.p_value for p in self.problems if p.p_value is not None]
        return Findings(
            verdict=verdict,
            score=found[0].score if found else 1.0,
            headline=self._headline(),
            p_value=min(tested, default=None),
            concepts=found,
            extra={
                "drafted": not self.given,
                "siblings_compared": len(self.pairs),
                "siblings_not_compared": self.unasked,
                "follows_looks": None if self.agreement is None else self.agreement.own,
                "follows_looks_by_chance": None if self.agreement is None else self.agreement.by_chance,
            },
            evidence=tuple(i for f in found if f.verdict is not Verdict.PASS for i in f.evidence[:2])[:12],
            fix=self._fix(),
            tables={"tree": self._tree_table(found), "problems": self._problem_table(), "siblings": self._pair_table()},
        )

    def _by_name(self) -> dict[str, list[Problem]]:
        """Problems of each name: said of it, or of its other half where both are wrong; label and entry alike."""
        same: dict[str, set[str]] = {}
        for label in self.labels:
            if (name := entry_of(label, self.tree)) is not None:
                same.setdefault(label, set()).add(name)
                same.setdefault(name, set()).add(label)
        out: dict[str, list[Problem]] = {}
        for problem in self.problems:
            named = (problem.concept, *(problem.others if problem.kind in MUTUAL else ()))
            for name in dict.fromkeys((*named, *(s for n in named for s in sorted(same.get(n, ()))))):
                if name:
                    out.setdefault(name, []).append(problem)
        return out

    def _verdict(self, problem: Problem) -> Verdict:
        everything = max(1, sum(self.labels.values()))
        much = self.labels.get(problem.concept, 0) >= self.params.fail_share * everything
        grave = problem.kind is Kind.CYCLE or (problem.kind is Kind.UNKNOWN_LABEL and much)
        return Verdict.FAIL if grave else Verdict.WARN

    def _finding(self, name: str, problems: Sequence[Problem]) -> ConceptFinding:
        ordered = sorted(problems, key=lambda p: (self._verdict(p) is not Verdict.FAIL, p.score, p.kind))
        first = ordered[0]
        about = dict.fromkeys((name, *(n for p in ordered for n in (p.concept, *p.others))))
        shown = [self.images.get(n, ()) for n in about]
        turns = [ids[i] for i in range(max(map(len, shown), default=0)) for ids in shown if i < len(ids)]
        return ConceptFinding(
            concept=name,
            verdict=worst(self._verdict(p) for p in problems),
            score=first.score,
            headline=" ".join(p.sentence for p in ordered),
            evidence=tuple(dict.fromkeys(turns))[: self.params.evidence],
            fix=first.fix,
            extra={"problems": [{"kind": str(p.kind), "names": [p.concept, *p.others]} for p in ordered]},
        )

    def _fine(self, name: str) -> ConceptFinding:
        return ConceptFinding(
            name, Verdict.PASS, 1.0, "Nothing is wrong with it.", self.images.get(name, ())[: self.params.evidence]
        )

    def _headline(self) -> str:
        if not self.problems:
            if self.given:
                who = "The taxonomy, the labels and the pictures" if self.pairs else "The taxonomy and the labels"
                said = f"{who} agree: nothing is named twice, missing or out of place."
            else:
                what = "one another and with the pictures" if self.pairs else "one another"
                said = f"Your labels agree with {what}: nothing is named twice or out of place."
            return f"{said} {self._compared()}"
        worst_one = min(self.problems, key=lambda p: (self._verdict(p) is not Verdict.FAIL, p.score, p.kind, p.concept))
        rest = len(self.problems) - 1
        more = "" if not rest else " There is one thing more." if rest == 1 else f" There are {rest} things more."
        return worst_one.sentence + more

    def _compared(self) -> str:
        """What the pictures were asked, in a sentence."""
        done, left = len(self.pairs), self.unasked
        if not done and not left:
            return "No two concepts stand side by side, so the pictures were not compared."
        pairs = "1 pair" if done == 1 else f"{done:,} pairs"
        said = f"Pictures were compared for {pairs} of concepts that stand side by side" if done else ""
        rest = "1 pair" if left == 1 else f"{left:,} pairs"
        among = f" among the {self.probed:,} looked at" if self.sampled else ""
        few = f"with fewer than {self.params.min_images} pictures of one of them{among}"
        if not said:
            return f"Pictures were not compared: {few}, {rest} of concepts side by side could not be."
        return f"{said}; {rest}, {few}, could not be." if left else f"{said}."

    def _fix(self) -> str:
        if not self.problems:
            return ""
        return min(self.problems, key=lambda p: (self._verdict(p) is not Verdict.FAIL, p.score, p.kind, p.concept)).fix

    def _tree_table(self, found: Sequence[ConceptFinding]) -> pd.DataFrame:
        """One row a name: `name`, `parent` (the first; empty at the top), `images`, `verdict`, `headline`."""
        verdicts = {f.concept: f for f in found}
        label_of = {n: label for label in self.labels if (n := entry_of(label, self.tree)) is not None}
        cyclic = {n for knot in self.tree.cycles() for n in knot}
        rows = []
        for name in self.tree.names:
            said = [verdicts[x] for x in {name, label_of.get(name, name)} if x in verdicts]
            parents = () if name in cyclic else self.tree.parents(name)
            telling = rank_findings(said)
            rows.append(
                {
                    "name": name,
                    "parent": parents[0] if parents else "",
                    "images": len(self.images.get(name, ())),
                    "verdict": str(worst(f.verdict for f in said)) if said else str(Verdict.PASS),
                    "headline": telling[0].headline if telling else "",
                }
            )
        return pd.DataFrame(rows, columns=["name", "parent", "images", "verdict", "headline"])

    def _problem_table(self) -> pd.DataFrame:
        columns = ["concept", "kind", "what", "others", "sentence", "fix"]
        rows = [
            (p.concept, str(p.kind), KIND_WORDS[p.kind], list(p.others), p.sentence, p.fix)
            for p in sorted(self.problems, key=lambda p: (self._verdict(p) is not Verdict.FAIL, p.score, p.concept))
        ]
        return pd.DataFrame(rows, columns=columns)

    def _pair_table(self) -> pd.DataFrame:
        rows = [(self.classes[p.a], self.classes[p.b], p.auc, p.low, p.high, p.p_value) for p in self.pairs]
        table = pd.DataFrame(rows, columns=["first", "second", "auc", "low", "high", "p_value"])
        return table.sort_values(["auc", "first", "second"], ignore_index=True)


def find_taxonomy(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> TaxonomyResult | Unavailable:
    """What is wrong with the taxonomy, the labels beside it, and the pictures beside both.

    Args:
        dataset: with or without `Dataset.taxonomy`; only training images are looked at.
        features: image vectors; text vectors where the bundled model is in use.
        params: limits and seed.
        progress: told now and then.
    """
    of_training = dataset.labels[dataset.labels["image"].isin(dataset.rows(origin=TRAINING))]
    labels = {str(k): int(v) for k, v in of_training["concept"].value_counts().sort_index().items()}
    if not labels:
        return Unavailable("No training picture has a label, so there is nothing to compare a taxonomy with.")
    tree = build_tree(dataset.taxonomy or drafted(labels))
    progress(0, 4, "reading the taxonomy")
    encode = (
        features.pictures.encode_texts if features.pictures is not None and features.model.name == BUNDLED else None
    )
    found = list(facts(tree, labels, encode, given=bool(dataset.taxonomy)))
    progress(1, 4, "comparing siblings")
    suspects, say = same_names(sorted(labels), tree), spoken(labels, tree)
    t, single = _single_labels(dataset, params)
    groups = [group_of(c, tree) for c in t.classes]
    needed = any(True for _ in side_by_side(groups)) or any(s.reason is Reason.TYPING for s in suspects)
    probability = _probabilities(features, t, params) if needed else np.zeros(t.member.shape)
    progress(3, 4, "comparing siblings")
    counts = t.member.sum(axis=0)
    enough = [i for i in range(len(t.classes)) if counts[i] >= params.min_images]
    suspects = tuple(s for s in suspects if not said_already(found, s))
    found += two_names(suspects, t, probability, enough, limit=params.told_apart, say=say)
    twice, many = named_twice(found), set(enough)
    siblings = [(a, b) for a, b in side_by_side(groups) if frozenset((t.classes[a], t.classes[b])) not in twice]
    asked = [(a, b) for a, b in siblings if a in many and b in many]
    pairs = siblings_apart(probability, t.first, asked, limit=params.told_apart)
    found += not_told_apart(pairs, t.classes, alpha=params.alpha, say=say)
    fit = fit_of(probability, t, groups, enough, most=params.most, seed=params.seed)
    if fit is not None:
        found += out_of_place(fit, t.classes, groups, alpha=params.alpha, say=say)
    return TaxonomyResult(
        problems=tuple(found),
        tree=tree,
        given=bool(dataset.taxonomy),
        labels=labels,
        images=_images(dataset, labels, tree),
        pairs=pairs,
        unasked=len(siblings) - len(asked),
        agreement=fit,
        classes=t.classes,
        probed=len(t.rows),
        sampled=len(t.rows) < single,
        params=params,
    )


def _single_labels(dataset: Dataset, params: Params) -> tuple[Targets, int]:
    """Training pictures with one class, `Params.probed` at most, and how many there are.

    Those with two are left out: of two concepts at once, neither ranks the other.
    """
    t = targets(dataset)
    single = np.flatnonzero(t.member.sum(axis=1) == 1)
    everything = len(single)
    if everything > params.probed:
        # As many of each concept as fit, so that a rare one keeps what it has and can still be compared.
        of = t.first[single]
        count = np.bincount(of)
        most = max(c for c in range(params.probed + 1) if np.minimum(count, c).sum() <= params.probed)
        order = np.random.default_rng(params.seed).permutation(len(single))
        place = np.empty(len(single), dtype=np.int64)  # among the pictures of its concept, in that order
        order = order[np.argsort(of[order], kind="stable")]
        place[order] = np.arange(len(single)) - np.repeat(np.cumsum(count) - count, count)
        single = single[place < most]
    return Targets(t.rows[single], t.classes, t.member[single]), everything


def _probabilities(features: Features, t: Targets, params: Params) -> NDArray[np.float64]:
    """Out-of-fold probabilities of the classes, on the leading principal components."""
    if len(t.rows) < 2:
        return np.zeros(t.member.shape)
    x = features.image[t.rows].astype(np.float64)
    x -= x.mean(axis=0)
    if min(x.shape) > params.components:
        from sklearn.decomposition import PCA

        x = PCA(params.components, svd_solver="randomized", random_state=params.seed).fit_transform(x)
    return out_of_fold(x, t.member, seed=params.seed)


def _images(dataset: Dataset, labels: Mapping[str, int], tree: ConceptTree) -> dict[str, tuple[str, ...]]:
    """Ids of training images of each label and each name of the tree, what lies below included."""
    ids = dataset.images["image_id"].to_numpy()
    shown = {label: {label, *(a for a in ancestors(label) if a in labels)} for label in labels}
    for label in labels:
        name = entry_of(label, tree)
        shown[label] |= tree.lineage(name) if name is not None else set()
    rows: dict[str, set[int]] = {name: set() for name in (*labels, *tree.names)}
    of_training = dataset.labels[dataset.labels["image"].isin(dataset.rows(origin=TRAINING))]
    for image, concept in zip(of_training["image"], of_training["concept"], strict=True):
        for name in shown[concept]:
            rows[name].add(int(image))
    return {name: tuple(str(ids[r]) for r in sorted(found)) for name, found in rows.items()}
