"""The checks, written out in order. No scanning, no decorators, no import for effect."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.checks import (
    balance,
    consistency,
    image_quality,
    label_errors,
    leakage,
    noise_robustness,
    outside_context,
    quantity,
    representativeness,
    scope,
    taxonomy,
    uniqueness,
    visibility,
)
from analysis.checks.base import Check
from analysis.errors import UsageError

CHECKS: tuple[Check, ...] = (
    Check(
        id="quantity",
        guideline=("G1", "G2"),
        title="Quantity",
        question="How many pictures does each concept have, and how many does it need?",
        needs=("labels", "features"),
        page="quantity",
        function=quantity.find_quantity,
        params=quantity.Params,
        method=quantity.METHOD,
        version=2,
    ),
    Check(
        id="balance",
        guideline=(),
        title="Class balance",
        question="Does every concept have its share of the training pictures?",
        needs=("labels",),
        page="balance",
        function=balance.find_balance,
        params=balance.Params,
        method=balance.METHOD,
        version=2,
    ),
    Check(
        id="scope",
        guideline=("G3",),
        title="Scope",
        question="Is every variety of each concept there, or only the usual one?",
        needs=("labels",),
        page="scope",
        function=scope.find_scope,
        params=scope.Params,
        method=scope.METHOD,
        reads_taxonomy=True,
    ),
    Check(
        id="uniqueness",
        guideline=("G4",),
        title="Repeated pictures",
        question="Does any picture repeat another one?",
        needs=("features",),
        page="uniqueness",
        function=uniqueness.find_uniqueness,
        params=uniqueness.Params,
        method=uniqueness.METHOD,
        version=2,
    ),
    Check(
        id="leakage",
        guideline=("G4",),
        title="Pictures on both sides",
        question="Is a picture kept for judging also among those to learn from?",
        needs=("features",),
        page="leakage",
        function=leakage.find_leakage,
        params=leakage.Params,
        method=leakage.METHOD,
        version=2,
    ),
    Check(
        id="consistency",
        guideline=("G5",),
        title="Consistent composition",
        question="Are the pictures of each concept photographed in a consistent way?",
        needs=("labels",),
        page="consistency",
        function=consistency.find_consistency,
        params=consistency.Params,
        method=consistency.METHOD,
        version=5,
    ),
    Check(
        id="image_quality",
        guideline=("G9",),
        title="Picture quality",
        question="Which pictures are too dark, blurred or empty to learn from, and which of them does real use have?",
        needs=(),
        page="image_quality",
        function=image_quality.find_image_quality,
        params=image_quality.Params,
        method=image_quality.METHOD,
        version=2,
    ),
    Check(
        id="label_errors",
        guideline=("G6",),
        title="Label errors",
        question="Which pictures look like another concept than the one they are labelled with?",
        needs=("labels", "features"),
        page="label_errors",
        function=label_errors.find_label_errors,
        params=label_errors.Params,
        method=label_errors.METHOD,
    ),
    Check(
        id="taxonomy",
        guideline=("G6",),
        title="Taxonomy",
        question="Do the labels, the written taxonomy and the pictures agree with one another?",
        needs=("labels",),
        page="taxonomy",
        function=taxonomy.find_taxonomy,
        params=taxonomy.Params,
        method=taxonomy.METHOD,
        reads_taxonomy=True,
    ),
    Check(
        id="representativeness",
        guideline=("G7", "G13"),
        title="Real use",
        question="Do the training pictures show what real use shows, and which pictures are missing?",
        needs=("features", "real_world"),
        page="representativeness",
        function=representativeness.find_representativeness,
        params=representativeness.Params,
        method=representativeness.METHOD,
    ),
    Check(
        id="visibility",
        guideline=("G8", "G11"),
        title="Visibility",
        question="Can each concept be seen at all, and with which other is it confused?",
        needs=("labels", "features"),
        page="visibility",
        function=visibility.find_visibility,
        params=visibility.Params,
        method=visibility.METHOD,
    ),
    Check(
        id="noise_robustness",
        guideline=("G9",),
        title="Noise of a photo",
        question="Is each concept still seen in a blurred, compressed, small, noisy or dark photo?",
        needs=("labels", "features"),
        page="noise_robustness",
        function=noise_robustness.find_noise_robustness,
        params=noise_robustness.Params,
        method=noise_robustness.METHOD,
    ),
    Check(
        id="outside_context",
        guideline=("G10",),
        title="Outside context",
        question="Do the pictures explain their labels, or does a label state what no picture shows?",
        needs=("labels", "features"),
        page="outside_context",
        function=outside_context.find_outside_context,
        params=outside_context.Params,
        method=outside_context.METHOD,
        reads_taxonomy=True,
    ),
)


def checks_by_id(ids: Sequence[str] | None = None) -> tuple[Check, ...]:
    """The checks with these ids, in the registry's order; all for None. `UsageError` for an unknown id."""
    if ids is None:
        return CHECKS
    known = [check.id for check in CHECKS]
    for one in ids:
        if one not in known:
            raise UsageError(f"There is no check '{one}'; there are: {', '.join(known)}.")
    return tuple(check for check in CHECKS if check.id in ids)
