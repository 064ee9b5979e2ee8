"""Labels a person has looked at and found right: kept per dataset, so that suspects are not looked at twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.kept_lists import KeptList

Label = tuple[str, str]
"""An image id and the concept it is labelled as."""


class LabelReviews:
    """The labels found right in every dataset under one cache folder (see `KeptList`)."""

    def __init__(self, root: Path) -> None:
        self._kept: KeptList[Label] = KeptList(root, "label_reviews", _as_json, _parse)

    def right(self, source_id: str) -> frozenset[Label]:
        """Those of a dataset. Raises StoreError like `KeptList.every`."""
        return frozenset(self._kept.every(source_id))

    def say(self, source_id: str, label: Label, *, right: bool) -> None:
        """Keep that a label is right, or take that back. Raises StoreError like `KeptList.change`."""
        new = [label] if right else []
        self._kept.change(source_id, lambda every: [*(e for e in every if e != label), *new])


def _as_json(label: Label) -> dict[str, Any]:
    return {"image_id": label[0], "concept": label[1]}


def _parse(value: dict[str, Any]) -> Label:
    image_id, concept = value["image_id"], value["concept"]
    if not isinstance(image_id, str) or not isinstance(concept, str):
        raise TypeError("expected texts")
    return image_id, concept
