"""Vectors of a dataset's images, aligned with `Dataset.images`."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.embedders.base import Float32, ModelInfo


@dataclass(frozen=True, slots=True)
class Features:
    """Vectors of all images of one dataset under one model; arrays are read-only.

    Attributes:
        model: the model they come from.
        image: float32 (n, f), L2-normalised; for neighbours, maps, probes.
        joint: float32 (n, d), L2-normalised; the space shared with text vectors.
    """

    model: ModelInfo
    image: Float32
    joint: Float32

    def __post_init__(self) -> None:
        if len(self.image) != len(self.joint):
            raise ValueError(f"expected equal lengths, got {len(self.image)} and {len(self.joint)}")
        self.image.setflags(write=False)
        self.joint.setflags(write=False)

    def __len__(self) -> int:
        return len(self.image)
