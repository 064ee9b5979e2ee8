"""Spread: which concepts hold several kinds of picture, and which kinds those are."""

from __future__ import annotations

from components.charts import spread
from components.check_page import check_page

check_page("spread", spread.draw)
