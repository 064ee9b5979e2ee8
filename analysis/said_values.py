"""Which colours and postures a taxonomy says of a concept itself, and not of a bag, a table or a leaf beside it.

A clause is read with a small grammar, from its first word to its last: colours before the concept's name (“red or
green apples”), after “are” (“apples that are red”), after its name and a comma (“apples, red or green”), alone (“red,
yellow or green”), and how it stands or lies (“lying on its side”). What follows the name after a preposition is not
read. A clause that denies something, or that the grammar does not know to the end, says nothing here: a value that was
never meant must not be named as missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from analysis.names import leaf
from analysis.subject_values import COLOURS
from analysis.taxonomy import Entry

Value = tuple[str, str]

COLOUR_WORDS: Final = {c: c for c in COLOURS} | {
    "gray": "grey", "violet": "purple", "crimson": "red", "scarlet": "red", "golden": "yellow", "beige": "brown",
}  # fmt: skip
"""Words of a taxonomy for colours. Shades (“dark red”, “reddish”) are named by another word where they are measured."""
POSTURES: Final = (
    (r"(?:(?:standing|stood) )?upright|(?:standing|stood) up", "upright"),
    (r"(?:lying|laid|laying) (?:flat|down|on (?:its|their|one|the) sides?)", "flat"),
)
"""“Lying on a table” says nothing of how a thing lies, and “flat peaches” are no posture."""
DENIES: Final = re.compile(
    r"\b(?:not|no|non|never|nor|neither|none|without|except|excepting|excluding|excludes?|excluded|exclude|unlike|"
    r"but|rather|instead|cannot|hardly|rarely|seldom|scarcely|barely|lacking|lacks?|missing|minus|avoid|free|anything|"
    r"(?:other|different|apart|aside) (?:than|from)|more than|less than|if|unless|\w+n['’]t)\b"
)
KINDS_BY_COLOUR: Final = (
    "wine", "grape", "cabbage", "onion", "tea", "coffee", "chocolate", "meat", "hair", "currant", "lentil", "bread",
    "rice", "pudding",
)  # fmt: skip
"""Of these a colour word names a kind: white wine is yellow, red cabbage purple."""
OF_THE_PICTURE: Final = ("black and white", "black & white", "black/white")
LONGEST: Final = 300
"""Letters of a clause that is read."""
ONES: Final = r"ones?|variet(?:y|ies)|kinds?|types?|versions?|specimens?|examples?"
PREPOSITIONS: Final = (
    "in on at with from under behind beside besides near before between inside against by over above below next of "
    "for into onto around among across outside indoors outdoors lying standing hanging photographed seen shown held"
)
_NAME: Final = "§"
_COLOUR: Final = rf"(?:{'|'.join(COLOUR_WORDS)})(?:[- ]colou?red)?"
_AND: Final = r"\s*(?:,\s*(?:and|or)?|/|&|\band/or\b|\band\b|\bor\b|\bas well as\b)\s*"
_COLOURS: Final = rf"(?:{_COLOUR})(?:{_AND}(?:(?:also|sometimes) )?(?:{_COLOUR}))*"
_OPENING: Final = (
    r"(?:(?:photos?|pictures?|images?|photographs?) of )?"
    r"(?:(?:a|an|the|some|any|all|every|each|both|either|also|including|usually|mostly|often|only|sometimes|always) )*"
)
_PLAIN: Final = (
    r"(?:(?:small|big|large|tiny|whole|ripe|unripe|fresh|round|long|bent|shiny|old|new|young|single|plain|pure|smooth|"
    r"firm|sweet|sour|upright)[, ]+)*"
)
_HEAD: Final = rf"(?:{_NAME}|(?:{ONES})(?: of {_NAME}|(?! of )))"
_AFTER: Final = rf"(?: (?:{'|'.join(PREPOSITIONS.split())})\b.*)?"
_ARE: Final = (
    r"(?:(?:that|which|who|they|it) )*(?:is|are|be|being|(?:can|may|might|must|should|could|will) be|"
    r"(?:can |may |might )?comes? in|(?:is |are )?(?:sold|available) in|(?:is |are )?colou?red)"
)
_OFTEN: Final = r"(?:(?:either|both|usually|mostly|often|sometimes|always|also|mainly|all|entirely|fully) )*"
_BEFORE: Final = rf"{_OPENING}{_PLAIN}(?P<colours>{_COLOURS}),? {_PLAIN}{_HEAD}"
_FORMS: Final = (
    re.compile(rf"{_OPENING}(?P<colours>{_COLOURS})"),
    re.compile(_BEFORE + _AFTER),
    re.compile(
        rf"(?:{_OPENING}{_PLAIN}{_HEAD},? )?{_ARE} {_OFTEN}(?P<colours>{_COLOURS})"
    ),  # “red inside” is another thing
    re.compile(rf"{_OPENING}{_PLAIN}{_HEAD}\s*[,:(]\s*{_OFTEN}(?P<colours>{_COLOURS})\)?"),
)
_ONE: Final = re.compile(_BEFORE)
_LIES: Final = re.compile(rf"(?:{_OPENING}{_PLAIN}(?:(?:{_COLOURS}),? )?{_PLAIN}{_HEAD},? )?(?:{_ARE} )?(?P<rest>.*)")
_SUBJECT_UPRIGHT: Final = re.compile(rf"{_OPENING}{_PLAIN}(?:(?:{_COLOURS}),? )?{_PLAIN}{_HEAD}{_AFTER}")


def said_of(entry: Entry, text: str) -> list[Value]:
    """(kind, value) that this text says of the entry's concept, in its order, each once."""
    named, colour_name = _names(entry)
    out: list[Value] = []
    for clause in re.split(r"[.;!?\n]", text.casefold()):
        plain = " ".join(clause.split())
        if (
            plain
            and _NAME not in plain
            and len(plain) <= LONGEST
            and plain not in OF_THE_PICTURE
            and not DENIES.search(plain)
        ):
            out += _clause(named.sub(_NAME, plain), colour_name)
    return list(dict.fromkeys(out))


def _clause(text: str, by_kind: bool) -> list[Value]:
    out: list[Value] = []
    parts = re.split(rf"(?<={_NAME}){_AND}", text)
    if len(parts) > 1 and all(_ONE.fullmatch(p) for p in parts[:-1]) and re.fullmatch(_BEFORE + _AFTER, parts[-1]):
        found = [_ONE.match(p) for p in parts]  # “red apples, green apples and yellow apples”
    else:
        found = [next((m for form in _FORMS if (m := form.fullmatch(text))), None)]
    if not by_kind:
        for match in found:
            words = re.findall(_COLOUR, match["colours"]) if match else []
            out += [("colour", COLOUR_WORDS[re.split(r"[- ]", w)[0]]) for w in words]
    lies = _LIES.fullmatch(text)
    rest = lies["rest"] if lies else ""
    upright = " upright " in f" {text.split(_NAME)[0]} " and _NAME in text and _SUBJECT_UPRIGHT.fullmatch(text)
    for pattern, value in POSTURES:
        if re.fullmatch(rf"(?:{pattern}){_AFTER}", rest) or (value == "upright" and upright):
            out.append(("posture", value))
    return out


def _names(entry: Entry) -> tuple[re.Pattern[str], bool]:
    return _pattern((leaf(entry.name), *entry.synonyms))


@lru_cache(maxsize=4096)
def _pattern(names: Sequence[str]) -> tuple[re.Pattern[str], bool]:
    """What matches the concept's names and their head nouns in lower case; whether a colour names a kind of it."""
    forms: list[str] = []
    by_kind = False
    for name in names:
        words = re.findall(r"\w+", re.sub(r"_", " ", name.casefold()))
        head = next((i for i, w in enumerate(words) if w in PREPOSITIONS.split() and i), len(words))
        if not words:
            continue
        spelt = [re.escape(w) for w in words]
        forms.append(r"[\s_-]+".join([*spelt[:-1], _numbers(words[-1])]))
        by_kind = by_kind or any(_singular(w) in KINDS_BY_COLOUR for w in words)
        if head < len(words):
            forms.append(r"[\s_-]+".join([*spelt[: head - 1], _numbers(words[head - 1]), *spelt[head:]]))
        if len(words[head - 1]) > 2 and words[head - 1] not in COLOUR_WORDS:
            forms.append(_numbers(words[head - 1]))
    if not forms:
        return re.compile(r"(?!)"), False
    forms.sort(key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(forms)})(?![\w-])"), by_kind


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "oes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _numbers(word: str) -> str:
    """The word in singular and plural."""
    one = _singular(word)
    many = {word, one, one + "s", one + "es"}
    if one.endswith("y"):
        many.add(one[:-1] + "ies")
    if one.endswith(("f", "fe")):
        many.add(re.sub("fe?$", "ves", one))
    return f"(?:{'|'.join(sorted((re.escape(m) for m in many), key=len, reverse=True))})"
