"""Texts about nothing in particular: what a text vector does by chance, whatever the pictures show.

A text vector always lies nearer to some pictures than to others. Whether a description really picks out its concept
shows only beside texts that were written for no dataset at all: everyday things in everyday words. How far such a text
strays depends on how long it is: the vector of a bare word lies a third further out, along any direction in which
pictures differ, than that of a sentence with the same word in it. So short texts and sentences are kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

MOST_WORDS_OF_SHORT: Final = 12  # from 13 words on a text is compared with sentences (of 16 to 18 words)

NOUNS: Final = """
dog cat horse bird fish pig goat rabbit mouse bear wolf fox deer cow sheep lion tiger elephant monkey zebra giraffe
camel kangaroo squirrel whale dolphin shark octopus crab snail frog turtle crocodile lizard snake spider ant bee
butterfly fly duck goose swan owl eagle parrot penguin peacock chicken car bus truck van taxi bicycle motorcycle
tractor train tram boat ship ferry canoe plane helicopter rocket balloon ambulance wheel engine tyre house church
castle palace temple mosque bridge tower lighthouse windmill barn hut tent shed garage factory hospital school library
museum theatre stadium prison street road path tunnel fence gate wall roof chimney door window stairs balcony fountain
statue monument bench tree flower rose tulip daisy sunflower cactus fern grass moss mushroom bush hedge branch root
seed leaf pine palm mountain hill volcano valley cliff cave desert beach island river lake waterfall swamp forest
jungle field meadow glacier cloud rainbow sunset storm rain snow ice fire smoke star moon chair table lamp bed sofa
desk shelf cupboard drawer mirror curtain carpet pillow blanket towel clock candle vase basket bucket broom mop iron
bathtub toilet sink shower stove oven fridge kettle toaster pan pot bowl plate cup glass fork spoon knife bottle jar
can jug tray bread cake pizza cheese egg sausage soup salad rice pasta sandwich hamburger apple banana orange lemon
grape cherry strawberry melon tomato potato carrot onion cabbage corn pepper cucumber nut chocolate honey butter milk
wine beer coffee shirt dress coat jacket trousers skirt sweater sock shoe boot sandal glove hat cap scarf belt tie
ring necklace bracelet earring watch glasses wig mask crown uniform book newspaper letter envelope stamp map poster
painting photograph pencil pen brush ruler eraser notebook calendar paper card coin banknote wallet purse suitcase
backpack umbrella phone computer laptop keyboard screen camera radio television microphone speaker printer cable
battery plug lightbulb torch fan robot guitar piano violin drum trumpet flute harp accordion hammer saw drill
screwdriver wrench nail screw rope chain ladder axe shovel rake scissors needle thread button zip key lock ball
football racket bat ski skateboard surfboard kite puzzle doll toy dice trophy medal flag doctor nurse child baby woman
man farmer soldier policeman cook teacher dancer bride crowd hand foot eye face rock sand brick wood bone shell
feather fur wool glue soap sponge toothbrush comb razor pill bandage syringe wheelchair anchor net sail oar barrel
crate box bag sack parcel sign traffic-light
"""  # a hyphen stands for a space
ADJECTIVES: Final = "small large old new red blue green white black wooden shiny round long dark bright striped"
SHORT: Final = ("{noun}", "{a_noun}", "{an_adjective} {noun}", "{a_noun} or {other}")
SENTENCES: Final = (
    "This is {an_adjective} {noun} of the kind that many people have at home, often seen in pictures.",
    "Most kinds of {noun}, usually {adjective}, are made or grown in many countries and known to everybody.",
)


@dataclass(frozen=True, slots=True)
class Unrelated:
    """Texts of one length, and the noun that each is about."""

    texts: tuple[str, ...]
    nouns: tuple[str, ...]

    def apart_from(self, written: Collection[str]) -> list[int]:
        """Positions of the texts whose noun stands in none of the `written` texts (in the singular or plural)."""
        words = {w for text in written for w in re.findall(r"[^\W\d_]+", text.lower())}
        words |= {w[: -len(end)] for w in words for end in ("s", "es") if w.endswith(end)}
        return [i for i, noun in enumerate(self.nouns) if not set(noun.split()) & words]


def is_short(text: str) -> bool:
    """Whether a text is to be compared with short unrelated texts."""
    return len(text.split()) <= MOST_WORDS_OF_SHORT


def unrelated_texts(*, short: bool = True) -> Unrelated:
    """About 1,600 short texts, or 800 sentences: always the same, in the same order."""
    nouns = [n.replace("-", " ") for n in dict.fromkeys(NOUNS.split())]
    adjectives = ADJECTIVES.split()
    texts, about = [], []
    for j, form in enumerate(SHORT if short else SENTENCES):
        for i, noun in enumerate(nouns):
            adjective, other = adjectives[(4 * i + 5 * j) % len(adjectives)], nouns[(i + len(nouns) // 4) % len(nouns)]
            words = {"noun": noun, "adjective": adjective, "other": other}
            texts.append(form.format(**words, a_noun=_with_article(noun), an_adjective=_with_article(adjective)))
            about.append(f"{noun} {other}" if "{other}" in form else noun)
    return Unrelated(tuple(texts), tuple(about))


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
