"""Scope: which colours, sizes, postures and grounds real use shows and training lacks."""

from __future__ import annotations

from components.charts import scope
from components.check_page import check_page

check_page("scope", scope.draw)
