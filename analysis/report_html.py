"""`report.html`: the audit as one page for a person. Self-contained: pictures, style, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from analysis.dataset import Dataset
from analysis.features import Pictures
from analysis.guide import STATEMENTS

CHECK_PICTURES: Final = 8
CONCEPT_PICTURES: Final = 8
CONCEPTS: Final = 6
"""Findings shown with pictures for each check: enough to see what is meant, few enough for a file of some MB."""

WORDS: Final = {
    "pass": ("✓", "Fine"),
    "cannot_tell": ("?", "Cannot tell"),
    "warn": ("!", "Look at this"),
    "fail": ("✕", "Needs work"),
    "unavailable": ("–", "Not available"),
}
_ORDER: Final = ("fail", "warn", "cannot_tell", "pass", "unavailable")  # worst first


def render(content: Mapping[str, Any], thumbnails: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        content: as `analysis.report.report` makes it.
        thumbnails: JPEG bytes by `image_id`; ids without one are named in words.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("analysis", "templates"),
        autoescape=True,  # names of files and concepts are hostile input
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    dismissed = {(d["check"], d["concept"]): d["reason"] for d in content.get("dismissed", ())}
    return environment.get_template("report.html.jinja").render(
        content=content,
        checks=[_shown(check) for check in content["checks"]],
        summary=summary([check["verdict"] for check in content["checks"]]),
        statements={s.id: s.words for s in STATEMENTS},
        dismissed=dismissed,
        words=WORDS,
        pictures={name: base64.b64encode(jpeg).decode("ascii") for name, jpeg in thumbnails.items()},
    )


def summary(verdicts: Sequence[str]) -> str:
    """`7 checks: 1 needs work, 2 to look at, 3 fine, 1 not available.`"""
    counts = {verdict: sum(v == verdict for v in verdicts) for verdict in _ORDER}
    words = {
        "fail": "needs work" if counts["fail"] == 1 else "need work",
        "warn": "to look at",
        "cannot_tell": "cannot be judged",
        "pass": "fine",
        "unavailable": "not available",
    }
    parts = [f"{n} {words[verdict]}" for verdict, n in counts.items() if n]
    if not parts:
        return "No check was run."
    return f"{len(verdicts)} {'check' if len(verdicts) == 1 else 'checks'}: {', '.join(parts)}."


def thumbnails_by_id(content: Mapping[str, Any], dataset: Dataset, pictures: Pictures | None) -> dict[str, bytes]:
    """JPEG bytes of every picture the page shows; empty without a store of pictures."""
    if pictures is None:
        return {}
    row_of = {str(name): row for row, name in enumerate(dataset.images["image_id"])}
    wanted = [name for name in dict.fromkeys(_shown_ids(content["checks"])) if name in row_of]
    jpegs = pictures.thumbnails([row_of[name] for name in wanted])
    return {name: jpeg for name, jpeg in zip(wanted, jpegs, strict=True) if jpeg}


def _shown(check: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a check: the findings that need a person, worst first, and a strip of pictures."""
    found = [c for c in check["concepts"] if c["verdict"] in ("fail", "warn")]
    own = _own_strip(check, found)
    return {
        **check,
        "shown": [{**c, "strip": c["evidence"][:CONCEPT_PICTURES]} for c in found[:CONCEPTS]],
        "more": len(found) - CONCEPTS,
        "strip": own,
    }


def _own_strip(check: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Pictures of the check itself; none where its concepts show theirs."""
    shown: list[str] = [] if any(c["evidence"] for c in found) else list(check["evidence"][:CHECK_PICTURES])
    return shown


def _shown_ids(checks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for check in map(_shown, checks):
        yield from check["strip"]
        for concept in check["shown"]:
            yield from concept["strip"]
