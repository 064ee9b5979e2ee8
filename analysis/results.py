"""Findings kept on disk, so that an audit is there at once the next day, and marked when it no longer holds.

`results-1/<dataset>/<model>/<check>.json` holds the findings and what they were made from; their tables lie beside
it as Parquet files of the same check, named by the JSON. A result is replaced whole: tables first, under new
names, then the JSON in one step. What is older than the bound allows goes, the longest unchanged first. The user's
own folders are never written to.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.checks.base import Check, ConceptFinding, Findings, Verdict
from analysis.errors import StoreError
from analysis.kept_files import folder_name, set_aside, write_whole
from analysis.readers.listing import shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

RESULTS_FOLDER: Final = "results-1"
"""The number changes with the form of the files; older ones are left alone, not misread."""
MAX_BYTES: Final = 500_000_000  # some hundred audits of 10,000 images
MAX_IN_MEMORY: Final = 64
Stamp = tuple[int, int, int]
_ROWS: Final = b"rows"
_TEXT_KINDS: Final = b"text_kinds"
_ESCAPED: Final = b"escaped"
"""Notes in the Parquet files: number of rows, columns of pandas' own text type, columns written as JSON texts."""


class Change(StrEnum):
    """Why a kept result may no longer hold."""

    PICTURES = "pictures"
    MODEL = "model"
    SETTINGS = "settings"
    METHOD = "method"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a check found, and what it found it in.

    Attributes:
        check: id of the check.
        findings: as the check gave them.
        fingerprint: `Check.read_from` of the dataset.
        model, model_title: key and title of the model.
        params: every field of the check's parameters, as used.
        chosen: those of them a person had set.
        version: `Check.version`.
        at: when it ended (UTC).
        seconds: how long it took.
    """

    check: str
    findings: Findings
    fingerprint: str
    model: str
    model_title: str
    params: Mapping[str, Any]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0

    def changes(self, check: Check, fingerprint: str, model: str) -> tuple[Change, ...]:
        """What differs from a run of today with the same choices: nothing where the result still holds."""
        out = []
        if self.fingerprint != fingerprint:
            out.append(Change.PICTURES)
        if self.model != model:
            out.append(Change.MODEL)
        if self.version != check.version:
            out.append(Change.METHOD)
        elif self.params != plain_params(params_with(check, self.chosen)):
            out.append(Change.SETTINGS)
        return tuple(out)


def params_with(check: Check, chosen: Mapping[str, Any]) -> Any:
    """The check's default parameters with these fields replaced; names it does not (or no longer) has are ignored."""
    params = check.default_params()
    names = {f.name for f in fields(check.params)}
    return replace(params, **{name: value for name, value in chosen.items() if name in names})


def plain_params(params: Any) -> dict[str, Any]:
    """A parameters dataclass as JSON gives it back."""
    out: dict[str, Any] = json.loads(json.dumps(_plain(asdict(params))))
    return out


class ResultStore:
    """Kept results under one cache folder. Safe to share between threads; other processes see whole results."""

    def __init__(self, root: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._root = Path(root) / RESULTS_FOLDER
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        self._read: OrderedDict[Path, tuple[Stamp, Kept]] = OrderedDict()
        self._unwritten: dict[Path, Kept] = {}
        self.problem: str | None = None
        """Why the last result could not be written (it is then kept in memory alone); None when it could."""

    def put(self, source_id: str, kept: Kept) -> None:
        """Keep a result in place of the one of the same dataset, model and check.

        What cannot be written is kept in memory, and `problem` says so: a full disk loses no work of today.

        Raises:
            ValueError: a table is not of plain columns (a defect of the check).
        """
        path = self._path(source_id, kept.model, kept.check)
        encoded = {name: _encoded(kept.check, name, frame) for name, frame in kept.findings.tables.items()}
        token = uuid.uuid4().hex[:12]
        files = {name: f"{path.stem}-{token}-{i}.parquet" for i, name in enumerate(encoded)}
        with self._lock:
            try:
                for name, content in encoded.items():
                    write_whole(path.parent / files[name], content)
                text = json.dumps(_as_json(kept, files), indent=1)
                write_whole(path, text.encode("ascii"))
            except StoreError as error:
                self._unwritten[path] = kept
                self.problem = str(error)
                return
            self._unwritten.pop(path, None)
            self.problem = None
            self._remember(path, kept)
            for old in path.parent.glob(f"{path.stem}-*.parquet"):
                if old.name not in files.values():
                    old.unlink(missing_ok=True)
            self._make_room(keep=path)

    def get(self, source_id: str, check_id: str, model: str) -> Kept | None:
        """The result made with this model; else the latest one made with another; None without any.

        A damaged file is set aside and counts as none.

        Raises:
            StoreError: a file is there and may not be read.
        """
        own = self._load(self._path(source_id, model, check_id))
        if own is not None:
            return own
        folder = self._root / folder_name(source_id)
        paths = {*folder.glob(f"*/{check_id}.json"), *(p for p in self._unwritten if p.parent.parent == folder)}
        others = [self._load(path) for path in sorted(paths) if path.stem == check_id]
        return max((kept for kept in others if kept is not None), key=lambda kept: kept.at, default=None)

    def _path(self, source_id: str, model: str, check_id: str) -> Path:
        return self._root / folder_name(source_id) / folder_name(model) / f"{check_id}.json"

    def _load(self, path: Path) -> Kept | None:
        with self._lock:
            if path in self._unwritten:
                return self._unwritten[path]
            for last in (False, True):
                try:
                    stamp = _stamp(path)
                    known = self._read.get(path)
                    if known is not None and known[0] == stamp:
                        self._read.move_to_end(path)
                        return known[1]
                    kept = _parse(path)
                except (FileNotFoundError, NotADirectoryError):
                    # Another process may just have replaced the tables: the second look finds the new ones.
                    if not path.exists():
                        return None
                    if last:
                        self._damaged(path)
                        return None
                except OSError as error:
                    raise StoreError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error
                except (ValueError, KeyError, TypeError, RecursionError, OverflowError, AttributeError):
                    self._damaged(path)
                    return None
                else:
                    self._remember(path, kept, stamp)
                    return kept
        return None

    def _damaged(self, path: Path) -> None:
        set_aside(path)
        self._read.pop(path, None)

    def _remember(self, path: Path, kept: Kept, stamp: Stamp | None = None) -> None:
        self._read[path] = (stamp or _stamp(path), kept)
        self._read.move_to_end(path)
        while len(self._read) > MAX_IN_MEMORY:
            self._read.popitem(last=False)

    def _make_room(self, keep: Path) -> None:
        """Drop results, the longest unchanged first, until all files together fit the bound."""
        groups: dict[Path, list[Path]] = {}  # a result or a damaged file, with what belongs to it
        for path in self._root.glob("*/*/*"):
            owner = path.parent / f"{path.stem.split('-')[0]}.json" if path.suffix == ".parquet" else path
            groups.setdefault(owner, []).append(path)
        size = {owner: sum(p.stat().st_size for p in parts) for owner, parts in groups.items()}
        changed = {owner: max(p.stat().st_mtime_ns for p in parts) for owner, parts in groups.items()}
        total = sum(size.values())
        for owner in sorted(groups.keys() - {keep}, key=changed.__getitem__):
            if total <= self._max_bytes:
                return
            for part in groups[owner]:
                part.unlink(missing_ok=True)
            self._read.pop(owner, None)
            total -= size[owner]


def _stamp(path: Path) -> Stamp:
    """Differs after every replacement."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _as_json(kept: Kept, files: Mapping[str, str]) -> dict[str, Any]:
    found = kept.findings
    plain: dict[str, Any] = _plain(
        {
            "check": kept.check,
            "fingerprint": kept.fingerprint,
            "model": kept.model,
            "model_title": kept.model_title,
            "params": kept.params,
            "chosen": kept.chosen,
            "version": kept.version,
            "at": kept.at.isoformat(),
            "seconds": kept.seconds,
            "findings": {
                **{n: getattr(found, n) for n in ("verdict", "score", "headline", "reason", "p_value", "extra")},
                "evidence": found.evidence,
                "fix": found.fix,
                "concepts": [{f.name: getattr(c, f.name) for f in fields(ConceptFinding)} for c in found.concepts],
            },
            "tables": files,
        }
    )
    return plain


def _parse(path: Path) -> Kept:
    value = json.loads(path.read_bytes())
    at = datetime.fromisoformat(value["at"])
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone")
    found = value["findings"]
    findings = Findings(
        **{
            **found,
            **_common(found),
            "concepts": tuple(ConceptFinding(**{**c, **_common(c)}) for c in found["concepts"]),
        },
        tables={name: _decoded((path.parent / Path(file).name).read_bytes()) for name, file in value["tables"].items()},
    )
    return Kept(
        check=str(value["check"]),
        findings=findings,
        fingerprint=str(value["fingerprint"]),
        model=str(value["model"]),
        model_title=str(value["model_title"]),
        params=dict(value["params"]),
        chosen=dict(value["chosen"]),
        version=int(value["version"]),
        at=at,
        seconds=float(value["seconds"]),
    )


def _common(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"verdict": Verdict(value["verdict"]), "evidence": tuple(value["evidence"])}


def _plain(value: Any) -> Any:
    """The same value of plain Python types, numbers unchanged (nan and infinity too: these files are our own)."""
    import numpy as np

    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if value is None or isinstance(value, bool | int | float):
        return value
    raise ValueError(f"expected numbers, strings, lists and dicts, got {type(value).__name__}")


def _encoded(check: str, name: str, frame: pd.DataFrame) -> bytes:
    """A table as Parquet bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = _as_arrow(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{check}: table {name} is not of plain columns: {error}") from error
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    out: bytes = sink.getvalue().to_pybytes()
    return out


def _as_arrow(frame: pd.DataFrame) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    escaped = []
    columns = {}
    for column in frame.columns:
        if not isinstance(column, str):
            raise pa.ArrowTypeError(f"expected names of columns as text, got {column!r}")
        values = frame[column]
        if values.dtype == object and any(isinstance(v, list | tuple) or hasattr(v, "tolist") for v in values):
            columns[column] = pa.array([_plain(v) for v in values], from_pandas=False)
        elif values.dtype == object and any(isinstance(v, str) and not _encodes(v) for v in values):
            escaped.append(column)  # names of files that are no valid Unicode: Parquet refuses them as they are
            columns[column] = pa.array([None if v is None else json.dumps(v) for v in values])
        else:
            columns[column] = pa.Array.from_pandas(values)
    table = pa.table(columns) if columns else pa.table({})
    kinds = {c: str(frame[c].dtype) for c in frame.columns if isinstance(frame[c].dtype, pd.StringDtype)}
    return table.replace_schema_metadata(
        {
            _ESCAPED: json.dumps(escaped).encode(),
            _ROWS: str(len(frame)).encode(),
            _TEXT_KINDS: json.dumps(kinds).encode(),
        }
    )


def _decoded(content: bytes) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(content))
    about = table.schema.metadata
    escaped, kinds = json.loads(about[_ESCAPED]), json.loads(about[_TEXT_KINDS])
    out = {}
    for column in table.column_names:
        values = table.column(column)
        if column in escaped:
            out[column] = pd.Series([None if v is None else json.loads(v) for v in values.to_pylist()], dtype=object)
        elif pa.types.is_nested(values.type):
            out[column] = pd.Series(values.to_pylist(), dtype=object)
        else:
            series = values.to_pandas()
            out[column] = series.astype(kinds[column]) if column in kinds else series
    return pd.DataFrame(out, index=pd.RangeIndex(int(about[_ROWS])))


def _encodes(text: str) -> bool:
    return not any(0xD800 <= ord(c) <= 0xDFFF for c in text)
