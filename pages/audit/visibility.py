"""Visibility: which concepts are confused with which, side by side."""

from __future__ import annotations

from components.charts import visibility
from components.check_page import check_page

check_page("visibility", visibility.draw)
