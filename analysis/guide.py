"""What a person is told about good training data, statement by statement, and which checks measure each.

The ids are those of the contract. The order is the guide's; a statement that no check measures yet still stands
here, so that the scorecard can say so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its id, our short wording, and the ids of the checks that measure it."""

    id: str
    words: str
    checks: tuple[str, ...]


STATEMENTS: tuple[Statement, ...] = (
    Statement("G1", "There are enough pictures of every concept.", ("quantity",)),
    Statement("G2", "There are enough for the kind of training you plan.", ("quantity",)),
    Statement("G3", "Every kind of the thing is there, not only the usual one.", ("scope",)),
    Statement("G4", "No picture is there twice.", ("uniqueness", "leakage")),
    Statement("G5", "Pictures of one concept are taken in a consistent way.", ("consistency",)),
    Statement("G6", "Every picture fits what its concept is meant to be.", ("taxonomy", "description", "label_errors")),
    Statement("G7", "They look like the pictures of real use.", ("representativeness",)),
    Statement("G8", "What sets a concept apart can be seen.", ("visibility",)),
    Statement("G9", "It can still be seen in a noisy, dark or blurred photo.", ("noise_robustness", "image_quality")),
    Statement("G10", "Nothing needs to be known that the picture does not show.", ("outside_context",)),
    Statement("G11", "Names do not promise more than the eye can see.", ("visibility", "description")),
    Statement("G12", "A concept is not cast too wide.", ("spread",)),
    Statement("G13", "The breadth and quality of real users' pictures is covered.", ("representativeness",)),
    Statement("G14", "Labels say what a picture is of, not what happens to be in it.", ("focality",)),
    Statement("G15", "Nothing always comes along with the concept.", ("co_occurrence",)),
)
