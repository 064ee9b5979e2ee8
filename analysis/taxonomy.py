"""Read a taxonomy: what each concept's name means, in the dataset owner's words."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from analysis.errors import InputError
from analysis.names import composed

FORMS = "expected .yaml or .json with a list of objects, or .csv, each with a name and a description"

COLUMNS = ("name", "description", "parent", "synonyms", "include", "exclude")
FIELDS: Final = (*COLUMNS, "children")
ALIKE: Final = 0.85
"""`difflib` ratio from which a field that is not known is a known one mistyped; `synonym` has 0.93, `parent_id` 0.8."""
MOST_ENTRIES: Final = 100_000
"""A few lines of YAML can stand for a thousand million entries."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One concept as its owner describes it; `include` and `exclude` say what belongs to it and what does not.

    `parent` is the name of the concept above it, or several with `;` between.
    """

    name: str
    description: str = ""
    parent: str = ""
    synonyms: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def read_taxonomy(path: Path) -> tuple[Entry, ...]:
    """The entries of a taxonomy file, in its order; those under `children` follow their parent.

    Names are what is written, also where YAML or JSON would make a number or a truth value of them (`010`, `no`). A
    concept may be listed under two parents (the check `taxonomy` says so), but not twice under one. Fields that are
    not known are passed over, but for those that look like a known one mistyped.

    Raises:
        InputError: the file is not there, of another form, empty, has an entry without a name, a field mistyped or
            given twice, an item of a list with a `;`, or lists a concept twice; the message names the line or the
            entry.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"--taxonomy {path}: cannot be read ({reason}).") from error
    rows = _parse(text, path)
    try:
        entries = tuple(_entry(row, place) for place, row in islice(rows, MOST_ENTRIES + 1))
    except _Mistake as error:
        raise InputError(f"--taxonomy {path}: {error}.") from error
    except RecursionError as error:
        raise InputError(f"--taxonomy {path}: its entries are nested too deeply.") from error
    if not entries:
        raise InputError(f"--taxonomy {path}: {FORMS}.")
    if len(entries) > MOST_ENTRIES:
        raise InputError(f"--taxonomy {path}: has more than {MOST_ENTRIES:,} entries.")
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.name, entry.parent) in seen:
            raise InputError(f"--taxonomy {path}: {entry.name!r} occurs twice.")
        seen.add((entry.name, entry.parent))
    return entries


class _Mistake(Exception):
    """Something in a file that its owner can mend."""


def as_rows(entries: Sequence[Entry]) -> list[dict[str, object]]:
    """The entries as JSON or YAML holds them; `parse_rows` gives them back."""
    return [
        {
            "name": e.name,
            "description": e.description,
            "parent": e.parent,
            "synonyms": list(e.synonyms),
            "include": list(e.include),
            "exclude": list(e.exclude),
        }
        for e in entries
    ]


def parse_rows(rows: Sequence[Mapping[str, object]]) -> tuple[Entry, ...]:
    """Entries from rows, those without a name left out. Lists may be lists, or text with `;` between the items.

    Raises:
        InputError: a field is of another kind.
    """
    try:
        named = [(number, row) for number, row in enumerate(rows, start=1) if str(row.get("name") or "").strip()]
        return tuple(_entry(row, f"row {number}") for number, row in named)
    except _Mistake as error:
        raise InputError(f"{error}.") from error


def as_csv(entries: Sequence[Entry]) -> str:
    """The entries as a CSV file that `read_taxonomy` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in as_rows(entries):
        writer.writerow("; ".join(v) if isinstance(v, list) else v for v in row.values())
    return text.getvalue()


def as_yaml(entries: Sequence[Entry]) -> str:
    """The entries as a YAML file that `read_taxonomy` reads, empty fields left out."""
    import yaml

    rows = [{key: value for key, value in row.items() if value or key == "description"} for row in as_rows(entries)]
    text: str = yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=100)
    return text


def _parse(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Rows with the place where they stand."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            return iter(_csv_rows(text))
        if suffix == ".json":  # numbers as they are written
            read = json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_once)
            return _nested(read)
        if suffix in (".yaml", ".yml"):
            return _nested(_yaml(text))
    except (ValueError, csv.Error, RecursionError, _Mistake) as error:
        reason = (str(error).splitlines() or ["nested too deeply"])[0]
        raise InputError(f"--taxonomy {path}: cannot be understood ({reason}); {FORMS}.") from error
    raise InputError(f"--taxonomy {path}: {FORMS}.")


def _yaml(text: str) -> object:
    """Plain values as the text that is written, but for nothing at all (`~`, `null`) and merged entries (`<<`)."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_mapping_node(self, anchor: Any) -> Any:
            """As it stands in the file: where entries are merged, the own field comes over the other's."""
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                if key.value in seen and isinstance(key, yaml.ScalarNode):
                    raise yaml.composer.ComposerError(None, None, _twice(key.value), key.start_mark)
                seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
            return node

        yaml_implicit_resolvers = {  # noqa: RUF012
            first: [(tag, pattern) for tag, pattern in kinds if tag in ("tag:yaml.org,2002:null", _MERGE)]
            for first, kinds in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{error.problem or error.context}{where}") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


_MERGE: Final = "tag:yaml.org,2002:merge"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file."""
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            name = out.get("name")
            raise _Mistake(_twice(key) + (f" in the entry {name}" if isinstance(name, str) else " in one entry"))
        out[key] = value
    return out


def _twice(field: str) -> str:
    return f"“{field}” is given twice"


def _mistyped(field: object) -> str:
    """The known field that this one is meant to be, where it is not known itself; else empty.

    `description_de` is another field, and no slip.
    """
    if not isinstance(field, str) or field in FIELDS:
        return ""
    near = difflib.get_close_matches(field.strip().casefold(), FIELDS, n=1, cutoff=ALIKE)
    return near[0] if near and not re.match(rf"{near[0]}[\W\d_]", field.strip().casefold()) else ""


def _checked(row: Mapping[str, object], place: str) -> None:
    """Raises _Mistake where a field is mistyped, or a list holds what a table of the app could not."""
    for field, value in row.items():
        if meant := _mistyped(field):
            raise _Mistake(f"{place}: “{field}” is no field; is “{meant}” meant?")
        for item in value if field in COLUMNS and isinstance(value, list) else ():
            if isinstance(item, str) and ";" in item:
                raise _Mistake(f"{place}: {field}: “{item}” holds a “;”, which stands between items; write it without")


def _csv_rows(text: str) -> list[tuple[str, Mapping[str, object]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    for number, name in enumerate(header):
        if meant := _mistyped(name):
            raise _Mistake(f"line 1: “{name}” is no column; is “{meant}” meant?")
        if name and name in header[:number]:
            raise _Mistake(f"line 1: the column {_twice(name)}")
    if "name" not in header:
        raise _Mistake("no column “name”")
    rows: list[tuple[str, Mapping[str, object]]] = []
    while True:
        place = f"line {reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            raise _Mistake(f"{place}: its quotation marks do not pair up") from error
        cells = [re.sub(r"\s*[\r\n]+\s*", " ", cell) for cell in cells]
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(header) :]):
            raise _Mistake(f"{place}: more cells than columns, put quotes around a text that holds a comma")
        rows.append((place, dict(zip(header, cells, strict=False))))


def _nested(rows: object, place: str = "", above: str = "") -> Iterator[tuple[str, Mapping[str, object]]]:
    """Entries, each followed by those of its `children`."""
    if not isinstance(rows, list):
        raise _Mistake(f"{place}: children must be a list of entries" if place else FORMS)
    for number, row in enumerate(rows, start=1):
        here = f"{place}, its child {number}" if place else f"entry {number}"
        row = {"name": row} if isinstance(row, str) else row
        if not isinstance(row, Mapping):
            raise _Mistake(f"{here} is no object with a name; {FORMS}")
        _checked(row, here)
        if above:
            given = row.get("parent")
            stated = given if isinstance(given, list) else [given] if given else []
            row = {**row, "parent": [*stated, *([above] if above not in stated else [])]}
        children = row.get("children")
        yield here, {key: value for key, value in row.items() if key != "children"}
        if children:
            yield from _nested(children, here, _text(row.get("name"), f"{here}: name"))


def _entry(row: Mapping[str, object], place: str) -> Entry:
    name = composed(_text(row.get("name"), f"{place}: name"))
    if not name:
        raise _Mistake(f"{place} has no name; give it one, or leave it out")
    if row.get("children"):
        raise _Mistake(f"{place}: children can be read from YAML and JSON only; write the parent of each instead")
    return Entry(
        name=name,
        description=_text(row.get("description"), f"{place}: description"),
        parent="; ".join(map(composed, _several(row.get("parent"), f"{place}: parent"))),
        synonyms=tuple(map(composed, _several(row.get("synonyms"), f"{place}: synonyms"))),
        include=_several(row.get("include"), f"{place}: include"),
        exclude=_several(row.get("exclude"), f"{place}: exclude"),
    )


def _text(value: object, what: str) -> str:
    if isinstance(value, (list, Mapping)):
        raise _Mistake(f"{what} must be one text, not a list or an object")
    if isinstance(value, bool):
        return str(value).lower()  # as JSON writes it
    return "" if value is None else str(value).strip()


def _several(value: object, what: str) -> tuple[str, ...]:
    """A list, or text with `;` between the items."""
    if isinstance(value, Mapping):
        raise _Mistake(f"{what} must be a list or a text with “;” between, not an object")
    items = value if isinstance(value, list) else _text(value, what).split(";")
    return tuple(text for item in items if (text := _text(item, f"{what}: each of them")))
