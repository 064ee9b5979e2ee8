"""Outside context: labels that the pictures do not explain."""

from __future__ import annotations

from components.charts import outside_context
from components.check_page import check_page

check_page("outside_context", outside_context.draw)
