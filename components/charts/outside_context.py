"""Outside context: how well each label is explained, and similar pictures with different labels side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.checks.base import Findings
from components.charts.visibility import draw_pairs

if TYPE_CHECKING:
    from analysis.opening import OpenDataset


def draw(opened: OpenDataset, findings: Findings) -> None:
    """The pairs with their intervals, those told apart least first, then one pair's pictures."""
    draw_pairs(opened, findings, "outside_context", 0.65, "explained from here")
