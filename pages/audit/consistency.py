"""Consistency: which concept is photographed inconsistently, in what, and the pictures that stick out."""

from __future__ import annotations

from components.charts import consistency
from components.check_page import check_page

check_page("consistency", consistency.draw)
