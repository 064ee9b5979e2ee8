"""Label errors: pictures that look like another concept than their label."""

from __future__ import annotations

from components.charts import label_errors
from components.check_page import check_page

check_page("label_errors", label_errors.draw)
