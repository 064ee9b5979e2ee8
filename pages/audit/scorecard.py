"""Scorecard: what makes training data good, statement by statement, and how this dataset stands."""

from __future__ import annotations

from components import audits, scorecard
from components.shell import shell
from components.state import require_dataset

opened = require_dataset()
shell("Scorecard", "What makes training data good, statement by statement, and how yours stands.", opened)
found = scorecard.lines(opened)
audits.show_unwritten()
scorecard.summary(opened, found)
scorecard.statements(opened, found)
scorecard.legend()
