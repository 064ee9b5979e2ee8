"""Repeated pictures: groups of copies side by side, and the list of which to keep."""

from __future__ import annotations

from components.charts import uniqueness
from components.check_page import check_page

check_page("uniqueness", uniqueness.draw)
