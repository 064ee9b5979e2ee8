"""Subject or side matter: heat maps over the pictures, and the regions proposed for a detector."""

from __future__ import annotations

from components.charts import focality
from components.check_page import check_page

check_page("focality", focality.draw)
