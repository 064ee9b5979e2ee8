"""Picture quality: dark, overexposed, blurry, empty, oddly shaped, compressed and tiny pictures."""

from __future__ import annotations

from components.charts import image_quality
from components.check_page import check_page

check_page("image_quality", image_quality.draw)
