"""Galleries of pictures, and one picture in full with what is known about it."""

from __future__ import annotations

from components.gallery.dialog import picture_dialog
from components.gallery.tiles import gallery

__all__ = ["gallery", "picture_dialog"]
