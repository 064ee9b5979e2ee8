"""Quantity: how many pictures each concept has and needs."""

from __future__ import annotations

from components.charts import quantity
from components.check_page import check_page

check_page("quantity", quantity.draw)
