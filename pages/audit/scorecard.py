"""Scorecard: the guide's statements in order, each with its verdict."""

from __future__ import annotations

from components import scorecard
from components.shell import shell
from components.state import require_dataset

opened = require_dataset()
shell("Scorecard", "What makes training data good, and how yours stands.", opened)
scorecard.statements(opened)
