"""Taxonomy: do labels, taxonomy and pictures agree?"""

from __future__ import annotations

from components.charts import taxonomy
from components.check_page import check_page

check_page("taxonomy", taxonomy.draw)
