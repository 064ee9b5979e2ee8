"""What makes training data good, statement by statement, and which checks measure each.

The ids are those of the contract, in the guide's order; the words are ours. A statement that no check measures
yet stands here all the same, so that the scorecard can say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its id (empty where it is not the guide's), our short wording, the checks that measure it."""

    id: str
    words: str
    checks: tuple[str, ...]


STATEMENTS: Final = (
    Statement("G1", "There are enough pictures of every concept", ("quantity",)),
    Statement("G2", "There are enough for the kind of training you plan", ("quantity",)),
    Statement("G3", "Every variety of the thing is there, not only the usual one", ("scope",)),
    Statement("G4", "Every picture is a picture of its own", ("uniqueness", "leakage")),
    Statement("G5", "Pictures of one concept are taken in a consistent way", ("consistency",)),
    Statement("G6", "Every picture fits what its concept means", ("taxonomy", "description", "label_errors")),
    Statement("G7", "They look like the pictures of real use", ("representativeness",)),
    Statement("G8", "A person can see what sets a concept apart", ("visibility",)),
    Statement("G9", "It still shows in a dark, blurred or noisy photo", ("noise_robustness", "image_quality")),
    Statement("G10", "Nothing has to be known that the picture does not show", ("outside_context",)),
    Statement("G11", "A concept's name promises no more than the eye can see", ("visibility", "description")),
    Statement("G12", "No concept gathers things that look too different", ("spread",)),
    Statement("G13", "The breadth and quality of users' own pictures is covered", ("representativeness",)),
    Statement("G14", "Labels say what a picture is of, not what else is in it", ("focality",)),
    Statement("G15", "Nothing else always comes along with a concept", ("co_occurrence",)),
)
BESIDE: Final = (Statement("", "Every concept has its share of the pictures", ("balance",)),)
"""Measured too, though not among the guide's statements; shown after them."""


def statement_words(statement_id: str) -> str:
    """The words of a statement; empty for an unknown id."""
    return next((s.words for s in STATEMENTS if s.id == statement_id), "")
