"""Texts about nothing in particular: what a text vector does by chance, whatever the pictures show.

A text vector always lies nearer to some pictures than to others. Whether a description really picks out its concept
shows only beside texts that were written for no dataset at all: everyday things in everyday words, each noun with each
adjective.
"""

from __future__ import annotations

from typing import Final

NOUNS: Final = """
dog cat horse bird fish car bus bicycle train boat ship plane house church bridge tower tree flower mountain river beach
chair table lamp bed sofa guitar piano drum book phone computer keyboard camera clock watch shoe hat shirt dress ball
racket ski bottle cup plate knife spoon bread cake pizza hammer saw scissors umbrella backpack candle mask balloon fence
door window road street tent doctor child woman farmer football rain snow desert forest castle engine wheel ladder
pencil letter ring necklace coat glove sock cow sheep lion elephant monkey snake spider butterfly bee shell rock
"""
ADJECTIVES: Final = "small large old new red blue green white black wooden shiny round long dark bright striped"


def unrelated_texts() -> tuple[str, ...]:
    """About 1,500 short descriptions, always the same, in the same order."""
    return tuple(f"a photo of a {adjective} {noun}" for noun in NOUNS.split() for adjective in ADJECTIVES.split())
