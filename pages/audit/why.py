"""Why did it say that: from a wrong answer to the places, the pictures and the company that taught it."""

from __future__ import annotations

from components.shell import shell
from components.state import require_dataset
from components.why_page import why_page

opened = require_dataset()
shell(
    "Why did it say that?",
    "A wrong answer: which places of the picture, and which training pictures, are behind it?",
    opened,
)
why_page(opened)
