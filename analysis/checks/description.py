"""Description: does each picture match the written description of its concept, better than those of its siblings?

Question. People label by what is written. Does what is written fit what the pictures show, and which do not fit?

Method. A text fits a concept when it points from the siblings' pictures to its own further than unrelated texts of like
length do (`analysis.description_fit`). That is also how the check knows whether the model in use can read a text at
all: where a description picks out nothing, nothing is claimed. `warn`: it fits a sibling's pictures instead, and no
worse than the sibling's own text (p corrected for the siblings, then over the concepts: Benjamini and Hochberg 1995),
or, under a model that reads any text, the bare name fits the concept and the description does not. `fail`: two
descriptions together fit each other's pictures better than pairs of unrelated texts do, as if exchanged. Pictures are
ranked by how well they fit their own description beside those of siblings; clauses of `exclude` that the model can read
count as siblings.

Limits. Similarity of a sentence and a picture is coarse: colours and kinds are read, numbers and negations are not. The
bundled model knows the things ImageNet has names for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.checks.base import LABELS, ConceptFinding, Findings, Unavailable, Verdict, rank_findings, worst
from analysis.concept_tree import build_tree, entry_of
from analysis.dataset import Dataset
from analysis.description_fit import Clause, Fit, choose_rivals, find_fit, label_fit
from analysis.embedders.base import RECOMMENDED_MODEL
from analysis.features import Features
from analysis.names import Say, leaf, short_names
from analysis.probe import targets
from analysis.progress import Progress, no_progress, scaled
from analysis.statistics import benjamini_hochberg
from analysis.taxonomy import Entry
from analysis.unrelated_texts import is_short, unrelated_texts

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]
Encode = Callable[[Sequence[str]], Float32]

DEFAULT_ALPHA = 0.05  # the usual chance of a false alarm, for the whole check
DEFAULT_MIN_IMAGES = 8  # of a concept; with fewer an AUC may be anything
DEFAULT_MISFIT = 0.1  # share of its own description below which a picture is flagged
DEFAULT_EVIDENCE = 48  # image ids listed: one page of the gallery
NAME_ALPHA: Final = 0.01  # for "the name is known to the model": asked only where the description fails
NOT_AT_ALL: Final = 0.2  # p-value from which a description does no better than an unrelated text
BATCH: Final = 64  # texts encoded between two looks at whether to stop
KEPT_MODELS: Final = 2

METHOD: Final = """
- **Can the model read it?** A description must point to the pictures of its concept, away from those of its siblings,
  further than 1,600 texts of like length about other things do. Where it does not, nothing is claimed about it.
- **Needs work:** two descriptions fit each other's pictures, further than pairs of such texts do: they look exchanged.
  **Look at this:** a description fits the pictures of another concept, or (with a model that reads any text) the
  concept's bare name fits its pictures and the description does not.
  All are corrected for the number of siblings and concepts.
- **Fine:** the description fits its concept best, and no sibling's readable text would do as well in its place.
  **Cannot tell:** fewer than 8 pictures, or the model in use does not understand the text or takes it for a sibling's.
- **Pictures that do not fit.** Each picture is compared with the descriptions of its concept and of the siblings, and
  with what the taxonomy says does not belong (where the model can read that). Those that fit their own least come
  first.
- **Limits.** The bundled model knows only things that have a name among 1,000 everyday classes; others read more.
"""


@dataclass(frozen=True, slots=True)
class Params:
    """`misfit` is a share in (0, 1)."""

    alpha: float = DEFAULT_ALPHA
    min_images: int = DEFAULT_MIN_IMAGES
    misfit: float = DEFAULT_MISFIT
    evidence: int = DEFAULT_EVIDENCE
    seed: int = 0


DEFAULT_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class DescriptionResult:
    """Descriptions beside pictures.

    Attributes:
        concepts: those judged, k of them.
        entries: the taxonomy's entry of each.
        fit: how texts and concepts fit, over the concepts (and the `exclude` clauses that were readable, not in here).
        p_other, p_name: (k,), corrected over the concepts.
        ids: of each label of the dataset, its image id. concept_of: its concept, -1 where it is not judged.
        score: float64, one a label; nan where it is not judged. rival: what fits better, in words, one a label.
        too_few: concepts with a description and too few pictures, with their number.
        undescribed: concepts without a description.
        unread: clauses of `exclude` that the model cannot read.
        reads_all: the model reads any text, so that one it makes nothing of fits nothing.
        params: as used.
        say: what a concept is called in a sentence.
    """

    concepts: tuple[str, ...]
    entries: tuple[Entry, ...]
    fit: Fit
    p_other: Float64
    p_name: Float64
    ids: NDArray[np.object_]
    concept_of: Int64
    score: Float64
    rival: NDArray[np.object_]
    too_few: tuple[tuple[str, int], ...]
    undescribed: tuple[str, ...]
    unread: tuple[str, ...]
    reads_all: bool
    params: Params
    say: Say

    def findings(self) -> Findings:
        """Verdict of each described concept, worst first."""
        found = rank_findings([*(self._finding(j) for j in range(len(self.concepts))), *self._few()])
        verdict = worst(f.verdict for f in found)
        wrong = [f for f in found if f.verdict in (Verdict.WARN, Verdict.FAIL)]
        read = [f for f in found if f.verdict is Verdict.PASS]
        headline = self._headline(wrong, read, len(found))
        return Findings(
            verdict=verdict,
            score=next((f.score for f in found if f.verdict is verdict), None),
            headline=headline,
            reason=headline if verdict is Verdict.CANNOT_TELL else "",
            p_value=float(self.p_other.min()) if len(self.p_other) else None,
            concepts=found,
            extra={"undescribed": list(self.undescribed), "unread_clauses": list(self.unread)},
            fix="Read both descriptions again beside the pictures." if wrong else "",
            tables={LABELS: self._labels(), "misfits": self._misfits(), "descriptions": self._table(found)},
        )

    def _headline(self, wrong: list[ConceptFinding], read: list[ConceptFinding], of: int) -> str:
        if wrong:
            return (
                f"{len(wrong)} of {of} descriptions {'does' if len(wrong) == 1 else 'do'} not fit the pictures; "
                f"first of all that of {self.say(wrong[0].concept)}."
            )
        if len(read) == of:
            return "Every description fits the pictures of its concept best."
        return (
            f"{len(read)} of {of} descriptions fit their pictures best. The others cannot be judged: the model in use "
            f"does not know enough words, {RECOMMENDED_MODEL} would, or there are too few pictures."
        )

    def verdict_of(self, j: int) -> Verdict:
        """Verdict of a concept by its position."""
        if self.p_other[j] <= self.params.alpha:
            i = int(self.fit.other[j])
            exchanged = int(self.fit.other[i]) == j and self.p_other[i] <= self.params.alpha
            return Verdict.FAIL if exchanged else Verdict.WARN
        if self.fit.own_p[j] <= self.params.alpha:  # not corrected: it raises no alarm
            return Verdict.PASS if self.fit.astride[j] < 0 else Verdict.CANNOT_TELL
        return Verdict.WARN if self.reads_all and self._fits_nothing(j) else Verdict.CANNOT_TELL

    def _fits_nothing(self, j: int) -> bool:
        """Whether the model knows the concept by its name, and the description does no better than any text."""
        return bool(self.p_name[j] <= NAME_ALPHA and self.fit.own_p[j] >= NOT_AT_ALL)

    def _finding(self, j: int) -> ConceptFinding:
        verdict, concept, name = self.verdict_of(j), self.concepts[j], self.say(self.concepts[j])
        other = int(self.fit.other[j])
        wrong = verdict in (Verdict.WARN, Verdict.FAIL)
        to_other = wrong and self.p_other[j] <= self.params.alpha
        fix, evidence = "", self._worst_labels(j)
        if to_other:
            else_name = self.say(self.concepts[other])
            if verdict is Verdict.FAIL:
                headline = f"The descriptions of {name} and {else_name} look exchanged: each fits the other's pictures."
            else:
                headline = f"The description of {name} fits the pictures of {else_name}, not its own."
            fix = f"Read what is written for {name} and {else_name} beside these pictures, and correct it."
        elif wrong:
            headline = f"The description of {name} fits none of the pictures, though its bare name fits its own."
            fix = f"Describe {name} by what is seen in its pictures."
        elif verdict is Verdict.PASS:
            times = round(100 * self.fit.auc[j, j])
            headline = f"The description of {name} fits its pictures better than those of others {times} of 100 times."
        elif self.fit.own_p[j] <= self.params.alpha:
            like = self.say(self.concepts[int(self.fit.astride[j])])
            headline = (
                f"Cannot tell: to the model in use this description could as well be that of {like}, and the other way "
                f"round; {RECOMMENDED_MODEL} may tell."
            )
        elif self._fits_nothing(j):
            headline = (
                f"Cannot tell: the model in use knows {name} by its name, but makes nothing of this description; "
                f"{RECOMMENDED_MODEL} may."
            )
        else:
            headline = f"Cannot tell: the model in use does not understand this description; {RECOMMENDED_MODEL} may."
        own = float(self.fit.auc[j, j])
        return ConceptFinding(
            concept=concept,
            verdict=verdict,
            score=None if verdict is Verdict.CANNOT_TELL else float(np.clip(2 * own - 1, 0, 1)) if not wrong else 0.0,
            headline=headline,
            evidence=evidence,
            fix=fix,
            extra={
                "description": self.entries[j].description,
                "auc": own,
                "p_value": float(self.fit.own_p[j]),
                "fits": self.concepts[other] if to_other else "",
            },
        )

    def _few(self) -> list[ConceptFinding]:
        return [
            ConceptFinding(
                name,
                Verdict.CANNOT_TELL,
                None,
                f"Cannot tell: it has {n} training {'picture' if n == 1 else 'pictures'}, "
                f"and at least {self.params.min_images} are needed.",
            )
            for name, n in self.too_few
        ]

    def _worst_labels(self, j: int) -> tuple[str, ...]:
        """Its pictures, those that fit the description least first; by id where they were not compared."""
        mine = np.flatnonzero(self.concept_of == j)
        score = np.nan_to_num(self.score[mine], nan=0.0)
        order = np.lexsort((self.ids[mine].astype(str), score))
        return tuple(str(i) for i in self.ids[mine[order]][: self.params.evidence])

    def _labels(self) -> pd.DataFrame:
        flag = np.nan_to_num(self.score, nan=1.0) < self.params.misfit
        return pd.DataFrame({"description_score": self.score, "description_flag": flag})

    def _misfits(self) -> pd.DataFrame:
        rows = np.flatnonzero(np.nan_to_num(self.score, nan=1.0) < self.params.misfit)
        rows = rows[np.argsort(self.score[rows], kind="stable")][: 4 * self.params.evidence]
        return pd.DataFrame(
            {
                "image_id": self.ids[rows].astype(object),
                "concept": [self.concepts[j] for j in self.concept_of[rows]],
                "fits": self.rival[rows].astype(object),
                "score": self.score[rows],
            }
        )

    def _table(self, found: Sequence[ConceptFinding]) -> pd.DataFrame:
        verdict = {f.concept: str(f.verdict) for f in found}
        rows = [
            (c, e.description, float(self.fit.auc[j, j]), float(self.fit.own_p[j]), verdict[c])
            for j, (c, e) in enumerate(zip(self.concepts, self.entries, strict=True))
        ]
        return pd.DataFrame(rows, columns=["concept", "description", "auc", "p_value", "verdict"])


def find_description(
    dataset: Dataset, features: Features, params: Params = DEFAULT_PARAMS, *, progress: Progress = no_progress
) -> DescriptionResult | Unavailable:
    """Read the taxonomy's descriptions beside the training pictures.

    Args:
        dataset: with `Dataset.taxonomy`.
        features: text-space vectors, and the model's text encoder.
        params: limits and seed.
        progress: counts texts, then concepts.
    """
    if not dataset.taxonomy:
        return Unavailable("There are no written descriptions: give a taxonomy file that says what each concept means.")
    if features.pictures is None:
        return Unavailable("These vectors come without a model that reads texts, so descriptions cannot be compared.")
    tree, every = build_tree(dataset.taxonomy), targets(dataset)
    names = [entry_of(c, tree) for c in every.classes]
    found = [tree.entry(n) if n is not None else None for n in names]
    described = [j for j, e in enumerate(found) if e is not None and (e.description or e.include)]
    if not described:
        return Unavailable("No concept with training pictures has a description in the taxonomy.")
    counts = every.member.sum(axis=0)
    judged = [j for j in described if counts[j] >= params.min_images]
    rows, member = every.rows, every.member[:, judged]
    concepts = tuple(every.classes[j] for j in judged)
    entries = tuple(e for j in judged if (e := found[j]) is not None)
    few = tuple((every.classes[j], int(counts[j])) for j in described if j not in set(judged))
    undescribed = tuple(c for j, c in enumerate(every.classes) if j not in set(described))
    joint = np.asarray(features.joint[rows], dtype=np.float32)
    shown = member.any(axis=1)
    if len(judged) < 2:
        return Unavailable(
            f"Descriptions are compared with one another: at least two concepts with a description and "
            f"{params.min_images} training pictures are needed, and there {'is one' if judged else 'are none'}."
        )
    # what texts and pictures have in common with all others says nothing
    joint = joint - (member[shown].T.astype(np.float32) @ joint[shown] / counts[judged][:, None]).mean(axis=0)
    encode = features.pictures.encode_texts
    texts = _descriptions(entries, encode)
    excluded = [(j, text) for j, e in enumerate(entries) for text in e.exclude]
    vectors = encode([text for _, text in excluded]) if excluded else np.empty((0, joint.shape[1]), np.float32)
    clauses = [(text, Clause(j, v, int(not is_short(text)))) for (j, text), v in zip(excluded, vectors, strict=True)]
    parents = [e.parent or c.rpartition("/")[0] for c, e in zip(concepts, entries, strict=True)]
    null_of = [int(not any(is_short(t) for t in _texts_of(e))) for e in entries]
    written = [*concepts, *(t for e in entries for t in (*_texts_of(e), *e.exclude))]
    lengths = [True, False] if any([*null_of, *(c.null for _, c in clauses)]) else [True]
    nulls = [
        _unrelated(features.model.key, encode, short, written, scaled(progress, 0.25 * i, 0.25 * i + 0.25))
        for i, short in enumerate(lengths)
    ]
    fit = find_fit(
        joint[shown],
        member[shown],
        choose_rivals(joint[shown], member[shown], parents),
        texts,
        encode([leaf(c).replace("-", " ").replace("_", " ") for c in concepts]),
        nulls,
        null_of,
        clauses=[c for _, c in clauses],
        own_limit=params.alpha,
        seed=params.seed,
        progress=scaled(progress, 0.5, 1.0),
    )
    score, rival, unread = _labels(joint, member, concepts, texts, fit, clauses, params)
    place = {int(r): i for i, r in enumerate(rows)}
    column = {c: j for j, c in enumerate(concepts)}
    labels = zip(dataset.labels["image"], dataset.labels["concept"], strict=True)
    at = [(place.get(int(i), -1), column.get(str(c), -1)) for i, c in labels]
    judged_at = [(i, j) if i >= 0 and j >= 0 else (-1, -1) for i, j in at]
    return DescriptionResult(
        concepts=concepts,
        entries=entries,
        fit=fit,
        p_other=benjamini_hochberg(fit.p_other),
        p_name=benjamini_hochberg(fit.name_p),
        ids=dataset.images["image_id"].to_numpy()[dataset.labels["image"].to_numpy(dtype=np.int64)],
        concept_of=np.array([j for _, j in judged_at], dtype=np.int64),
        score=np.array([score[i, j] if j >= 0 else np.nan for i, j in judged_at], dtype=np.float64),
        rival=np.array([rival[i, j] if j >= 0 else "" for i, j in judged_at], dtype=object),
        too_few=few,
        undescribed=undescribed,
        unread=unread,
        reads_all=features.model.knows_text,
        params=params,
        say=short_names(dataset.concepts),
    )


def _texts_of(entry: Entry) -> list[str]:
    """What is written of a concept: its description and what it includes."""
    return [t for t in (entry.description, *entry.include) if t]


def _descriptions(entries: Sequence[Entry], encode: Encode) -> Float32:
    """Vector of each entry: the mean of what is written of it."""
    out = []
    for entry in entries:
        mean = encode(_texts_of(entry)).mean(axis=0)
        out.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return np.array(out, dtype=np.float32)


_UNRELATED: dict[tuple[str, bool], Float32] = {}  # of the models used last: encoding them takes seconds


def _unrelated(model: str, encode: Encode, short: bool, written: Sequence[str], progress: Progress) -> Float32:
    """Vectors of the unrelated texts of this length under this model, those about anything `written` of left out."""
    texts, parts = unrelated_texts(short=short), []
    if (model, short) not in _UNRELATED:
        for start in range(0, len(texts.texts), BATCH):
            progress(start, len(texts.texts), "learning what the model makes of any text")
            parts.append(encode(texts.texts[start : start + BATCH]))
        while len(_UNRELATED) >= 2 * KEPT_MODELS:
            _UNRELATED.pop(next(iter(_UNRELATED)), None)
        _UNRELATED[model, short] = np.concatenate(parts)
    return _UNRELATED[model, short][texts.apart_from(written)]


def _labels(
    joint: Float32,
    member: Bool,
    concepts: tuple[str, ...],
    texts: Float32,
    fit: Fit,
    clauses: Sequence[tuple[str, Clause]],
    params: Params,
) -> tuple[Float64, NDArray[np.object_], tuple[str, ...]]:
    """Score of each (picture, concept), what fits better in words, and the clauses that could not be read."""
    readable = (fit.own_p <= params.alpha) & (fit.p_other > params.alpha)
    read = [c for c, p in zip(clauses, fit.clause_p, strict=True) if p <= params.alpha]
    unread = tuple(text for (text, _), p in zip(clauses, fit.clause_p, strict=True) if p > params.alpha)
    score, best = label_fit(joint, member, texts, readable, fit.rivals, [c for _, c in read])
    words = np.array([*concepts, *(f"not: {text}" for text, _ in read)], dtype=object)
    rival = np.full(member.shape, "", dtype=object)
    rival[best >= 0] = words[best[best >= 0]]
    return score, rival, unread
