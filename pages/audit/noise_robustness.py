"""Noise of a photo: where each concept is lost."""

from __future__ import annotations

from components.charts import noise_robustness
from components.check_page import check_page

check_page("noise_robustness", noise_robustness.draw)
