"""Pictures on both sides: each copy that crosses from one part of the data to another."""

from __future__ import annotations

from components.charts import leakage
from components.check_page import check_page

check_page("leakage", leakage.draw)
