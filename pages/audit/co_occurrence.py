"""Co-occurrence: what travels with a concept, whether the score leans on it, and the fix tried."""

from __future__ import annotations

from components.charts import co_occurrence
from components.check_page import check_page

check_page("co_occurrence", co_occurrence.draw)
