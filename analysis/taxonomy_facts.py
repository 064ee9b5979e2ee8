"""What is wrong with a taxonomy as it is written, and with labels beside it: facts, found without looking at pictures.

Each fact names what it concerns and says so in a sentence for a person. Nothing here is a matter of chance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analysis.concept_tree import ConceptTree, entry_of, spelling, spoken
from analysis.dataset import ancestors, is_within
from analysis.same_name import Reason, same_descriptions, suggestion
from analysis.taxonomy import Entry

Say = Callable[[str], str]
"""How a name is called in a sentence."""


class Kind(StrEnum):
    """Kinds of problem."""

    CYCLE = "cycle"
    TWO_PARENTS = "two_parents"
    ONLY_CHILD = "only_child"
    UNKNOWN_LABEL = "unknown_label"
    NO_IMAGES = "no_images"
    SAME_NAME = "same_name"
    SAME_DESCRIPTION = "same_description"
    SHARED_SYNONYM = "shared_synonym"
    ELSEWHERE = "elsewhere"
    NOT_TOLD_APART = "not_told_apart"
    LIKE_COUSINS = "like_cousins"
    AGAINST_LOOKS = "against_looks"


KIND_WORDS: Mapping[Kind, str] = {
    Kind.CYCLE: "lies above itself",
    Kind.TWO_PARENTS: "two parents",
    Kind.ONLY_CHILD: "an only child",
    Kind.UNKNOWN_LABEL: "a label that is not in the taxonomy",
    Kind.NO_IMAGES: "no pictures",
    Kind.SAME_NAME: "two names for one thing",
    Kind.SAME_DESCRIPTION: "the same description twice",
    Kind.SHARED_SYNONYM: "one synonym of two entries",
    Kind.ELSEWHERE: "filed elsewhere than the taxonomy says",
    Kind.NOT_TOLD_APART: "siblings that look the same",
    Kind.LIKE_COUSINS: "looks like another branch",
    Kind.AGAINST_LOOKS: "the tree does not follow looks",
}
"""For a table or a chart."""
MUTUAL = frozenset({Kind.CYCLE, Kind.SAME_NAME, Kind.SAME_DESCRIPTION, Kind.SHARED_SYNONYM, Kind.NOT_TOLD_APART})
"""Kinds that are as wrong of `Problem.others` as of `Problem.concept`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong.

    Attributes:
        kind: what.
        concept: whom it concerns: a label where there is one, else a name of the taxonomy.
        others: further names in it.
        sentence, fix: for a person.
        score: in [0, 1]: 0 where the name means nothing or two things, between where the tree can still be read.
        p_value: corrected, of a problem that was tested; None for a fact.
    """

    kind: Kind
    concept: str
    others: tuple[str, ...]
    sentence: str
    fix: str
    score: float
    p_value: float | None = None


def facts(
    tree: ConceptTree,
    labels: Mapping[str, int],
    encode: Callable[[Sequence[str]], NDArray[np.float32]] | None = None,
    *,
    given: bool = True,
) -> tuple[Problem, ...]:
    """Everything wrong with the tree and the labels beside it.

    Args:
        tree: of the taxonomy.
        labels: number of images of each label, by its full name.
        encode: as of `same_names.same_descriptions`.
        given: whether the taxonomy was written by somebody; one drafted from the labels has no entry without images.
    """
    say = spoken(labels, tree)
    meant = {label: entry_of(label, tree) for label in labels}
    found = [*_cycles(tree, say), *_parents(tree, set(meant.values()), say)]
    if given:
        found += _unknown(tree, labels, meant, say)
        found += _empty(tree, meant, say)
        found += _elsewhere(tree, meant, say)
        found += _descriptions(tree.entries, encode, say)
        found += _synonyms(tree.entries, set(meant.values()), say)
    return tuple(found)


def _cycles(tree: ConceptTree, say: Say) -> list[Problem]:
    return [
        Problem(
            Kind.CYCLE,
            knot[0],
            knot[1:],
            f"{say(knot[0])} lies above itself"
            + (f", by way of {', '.join(say(k) for k in knot[1:])}." if len(knot) > 1 else "."),
            f"Give {say(knot[0])} a parent that is not below it.",
            0.0,
        )
        for knot in tree.cycles()
    ]


def _parents(tree: ConceptTree, labelled: Set[str | None], say: Say) -> list[Problem]:
    """A step that tells nothing apart has one concept below it and, not being in `labelled`, no picture of its own."""
    found = []
    for name in tree.names:
        parents, children = tree.parents(name), tree.children(name)
        if len(parents) > 1:
            found.append(
                Problem(
                    Kind.TWO_PARENTS,
                    name,
                    parents,
                    f"{say(name)} has {len(parents)} parents: {' and '.join(say(p) for p in parents)}.",
                    f"Decide under which of them {say(name)} belongs, or split it into two concepts.",
                    0.5,
                )
            )
        if len(children) == 1 and children[0] != name and name not in labelled:
            found.append(
                Problem(
                    Kind.ONLY_CHILD,
                    name,
                    children,
                    f"{say(name)} has one concept below it only, {say(children[0])}: the step says nothing.",
                    f"Leave {say(name)} out, or add what else it may be.",
                    0.5,
                )
            )
    return found


def _unknown(tree: ConceptTree, labels: Mapping[str, int], meant: Mapping[str, str | None], say: Say) -> list[Problem]:
    found = []
    for label in sorted(labels):
        if meant[label] is not None:
            continue
        near = suggestion(label, tree)
        images = "1 picture" if labels[label] == 1 else f"{labels[label]:,} pictures"
        said = f"{say(label)} ({images}) is not in the taxonomy"
        if near is None:
            sentence, fix = f"{said}.", f"Add {say(label)} to the taxonomy, or give its pictures another label."
        else:
            why = {
                Reason.SPELLING: "is written differently there",
                Reason.TYPING: "looks like a typing mistake",
                Reason.SYNONYM: "is a synonym there",
            }[near[1]]
            sentence, fix = f"{said}; it {why}: {say(near[0])}.", f"Rename {say(label)} to {say(near[0])}."
        found.append(Problem(Kind.UNKNOWN_LABEL, label, (near[0],) if near else (), sentence, fix, 0.0))
    return found


def _empty(tree: ConceptTree, meant: Mapping[str, str | None], say: Say) -> list[Problem]:
    filled = {above for name in meant.values() if name is not None for above in tree.lineage(name)}
    # A label's own ancestors count as filled: a picture in `Fruit/Apple` is a picture of `Fruit`.
    filled |= {n for label in meant for a in ancestors(label) if (n := entry_of(a, tree)) is not None}
    empty = [e.name for e in tree.entries if e.name not in filled]
    topmost = [n for n in empty if not set(tree.parents(n)) & set(empty)]
    return [
        Problem(
            Kind.NO_IMAGES,
            name,
            (),
            f"{say(name)} is in the taxonomy, and there is no picture of it.",
            f"Collect pictures of {say(name)}, or leave it out.",
            0.5,
        )
        for name in topmost
    ]


def _elsewhere(tree: ConceptTree, meant: Mapping[str, str | None], say: Say) -> list[Problem]:
    """Labels whose folder names another branch of the same tree than their entry hangs under."""
    found = []
    for label, name in sorted(meant.items()):
        if name is None or not tree.parents(name):
            continue
        lineage = tree.lineage(name)
        for folder in reversed(ancestors(label)):
            branch = entry_of(folder, tree)
            if branch is None:
                continue
            if branch not in lineage and not is_within(name, branch):
                parent = tree.parents(name)[0]
                found.append(
                    Problem(
                        Kind.ELSEWHERE,
                        label,
                        (branch, parent),
                        f"The pictures of {say(label)} lie under {say(branch)}, "
                        f"and the taxonomy puts it under {say(parent)}.",
                        f"Move its pictures under {say(parent)}, or mend the taxonomy.",
                        0.5,
                    )
                )
            break
    return found


def _descriptions(
    entries: Sequence[Entry], encode: Callable[[Sequence[str]], NDArray[np.float32]] | None, say: Say
) -> list[Problem]:
    return [
        Problem(
            Kind.SAME_DESCRIPTION,
            first,
            (second,),
            f"The descriptions of {say(first)} and {say(second)} say the same, so nobody can label by them.",
            f"Write down what makes {say(second)} different from {say(first)}, as seen in a picture.",
            0.5,
        )
        for first, second in same_descriptions(entries, encode)
    ]


def _synonyms(entries: Sequence[Entry], labelled: Collection[str | None], say: Say) -> list[Problem]:
    """Synonyms of several entries, or that are an entry. Two entries with pictures: `analysis.same_name` says it."""
    holders: dict[str, dict[str, str]] = {}
    for entry in entries:
        for synonym in entry.synonyms:
            holders.setdefault(spelling(synonym), {}).setdefault(entry.name, synonym)
    found = []
    for key, of in holders.items():
        first, *rest = of
        word = of[first]
        named = [e.name for e in entries if spelling(e.name) == key and e.name not in of]
        if rest:
            also = f"another name of {' and of '.join(map(say, of))}"
            found.append(
                Problem(
                    Kind.SHARED_SYNONYM, first, tuple(rest), f"“{word}” is listed as {also}: which is it?",
                    f"List “{word}” under one of them.", 0.0,
                )
            )  # fmt: skip
        found += [
            Problem(
                Kind.SHARED_SYNONYM, one, (first,), f"{say(one)} is an entry and also another name of {say(first)}.",
                f"Take {say(one)} out of the synonyms of {say(first)}, or make the two one entry.", 0.0,
            )
            for one in named
            if not {one, first} <= set(labelled)
        ]  # fmt: skip
    return found
