"""Real use: what training does not show, what to collect next, and what that would bring."""

from __future__ import annotations

from components.charts import representativeness
from components.check_page import check_page

check_page("representativeness", representativeness.draw)
