"""Descriptions: which texts fit the pictures of their concept, and which pictures do not fit the text."""

from __future__ import annotations

from components.charts import description
from components.check_page import check_page

check_page("description", description.draw)
