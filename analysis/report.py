"""Run checks and write what the contract asks for: `report.json`, `report.html` and the tables.

Every file is written beside its place and then moved there, so a reader never sees half of one. The same
dataset, seed and model give the same bytes, but for `seconds`.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.checks import base as tables
from analysis.checks.base import Check, ConceptFinding, Findings, Unavailable
from analysis.dataset import REAL_WORLD, TRAINING, Dataset
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled, ExplorerError, UsageError
from analysis.features import Features, Pictures
from analysis.progress import Progress, no_progress
from analysis.regions import coco
from analysis.report_html import render, thumbnails_by_id
from analysis.threads import one_thread

SCHEMA_VERSION: Final = 1
REPORT: Final = "report.json"
IMAGES: Final = "images.parquet"
LABELS: Final = "labels.parquet"
PAIRS: Final = "pairs.parquet"
HTML: Final = "report.html"
REGIONS: Final = "regions.json"
EVIDENCE: Final = 48
"""Image ids a check lists beside those of its concepts."""
PAIR_COLUMNS: Final = ("image_a", "image_b", "kind", "score", "across")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check, what it found, and how long it took in seconds."""

    check: Check
    findings: Findings
    seconds: float


def run_checks(
    dataset: Dataset,
    features: Features,
    checks: Sequence[Check],
    *,
    seed: int = 0,
    deep: bool = False,
    progress: Progress = no_progress,
    on_defect: Callable[[Check, Exception], None] | None = None,
) -> tuple[Outcome, ...]:
    """Run these checks one after the other, each with its default parameters, this seed and this depth.

    Args:
        on_defect: told of a check that a defect of ours stopped; that check is then `unavailable`, and the others go
            on. Without it the error is raised.
    """
    out = []
    for check in checks:
        try:
            done = run_check(dataset, features, check, check.default_params(seed=seed, deep=deep), progress=progress)
        except Cancelled:
            raise
        except Exception as error:
            if on_defect is None:
                raise
            on_defect(check, error)
            done = Outcome(check, Unavailable(f"Stopped by a defect of this program: {where(error)}.").findings(), 0.0)
        out.append(done)
    return tuple(out)


def where(error: Exception) -> str:
    """An unexpected error in few words: its kind, what it says, and the file and line it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    return f"{type(error).__name__}: {error}{place}".replace("\n", " ")


def run_check(
    dataset: Dataset, features: Features, check: Check, params: Any, *, progress: Progress = no_progress
) -> Outcome:
    """Run one check; what a person can mend (an `ExplorerError`) makes it `unavailable` and stops no other."""

    def relay(done: int, total: int, note: str = "") -> None:
        progress(done, total, f"{check.title}: {note}" if note else check.title)

    start = time.monotonic()
    relay(0, 0)
    try:
        with one_thread():
            findings = check.function(dataset, features, params, progress=relay).findings()
    except ExplorerError as error:
        findings = Unavailable(str(error)).findings()
    return Outcome(check, findings, time.monotonic() - start)


def report(
    dataset: Dataset,
    model: ModelInfo,
    outcomes: Sequence[Outcome],
    *,
    seed: int,
    extra: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """The content of `report.json`: plain dicts, lists, strings, numbers; what is not finite is None."""
    images = dataset.images
    labelled = np.zeros(len(images), dtype=bool)
    labelled[dataset.labels["image"].to_numpy(dtype=np.int64)] = True
    content = {
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "name": dataset.name,
            "images": len(dataset),
            "training": int((images["origin"] == TRAINING).sum()),
            "real_world": int((images["origin"] == REAL_WORLD).sum()),
            "unlabelled": int((~labelled).sum()),
            "concepts": len(dataset.concepts),
            "ignored_files": dataset.ignored,
            "fingerprint": dataset.fingerprint,
            "roots": {origin: str(root) for origin, root in dataset.roots.items()},
            "unreadable": [{"image_id": u.image_id, "reason": u.reason} for u in dataset.unreadable],
        },
        "model": {
            "name": model.name,
            "key": model.key,
            "title": model.title,
            "sees": model.sees,
            "blind_to": model.blind_to,
            "knows_text": model.knows_text,
        },
        "seed": seed,
        **(extra or {}),
        "checks": [_check(outcome) for outcome in outcomes],
    }
    plain: dict[str, Any] = jsonable(content)
    return plain


def images_table(dataset: Dataset, outcomes: Sequence[Outcome] = ()) -> pd.DataFrame:
    """The content of `images.parquet`: `image_id`, `origin`, `split`, every measured attribute, the checks' columns.

    Left out are the absolute paths (`dataset.roots` resolves the ids) and the columns the dataset came with.
    """
    out = dataset.images.drop(columns=["path", *dataset.metadata])
    text = ["image_id", "origin", "split"]
    out = out.astype(dict.fromkeys(text, "string"))[text + [c for c in out.columns if c not in text]]
    return _with_columns(out, outcomes, tables.IMAGES)


def labels_table(dataset: Dataset, outcomes: Sequence[Outcome] = ()) -> pd.DataFrame:
    """The content of `labels.parquet`: one row per (image, concept) label, real-world labels included."""
    ids = dataset.images["image_id"].to_numpy()[dataset.labels["image"].to_numpy(dtype=np.int64)]
    out = pd.DataFrame({"image_id": ids, "concept": dataset.labels["concept"].to_numpy()}).astype("string")
    return _with_columns(out, outcomes, tables.LABELS)


def pairs_table(outcomes: Sequence[Outcome]) -> pd.DataFrame | None:
    """The content of `pairs.parquet`, each pair once; None when no check looked for pairs."""
    found = [o.findings.tables[tables.PAIRS] for o in outcomes if tables.PAIRS in o.findings.tables]
    if not found:
        return None
    columns = list(PAIR_COLUMNS)
    every = pd.concat(found, ignore_index=True)[columns]
    # Two checks may name one pair, each with the border it crosses: the more telling word stays.
    telling = every["across"].map({"none": 0, "concept": 1, "split": 2, "origin": 3}).rename("telling")
    ranked = every.assign(telling=telling).sort_values(["image_a", "image_b", "telling"], kind="stable")
    out = ranked.drop_duplicates(["image_a", "image_b"], keep="last")[columns].reset_index(drop=True)
    return out.astype({"image_a": "string", "image_b": "string", "kind": "string", "across": "string"})


def _with_columns(table: pd.DataFrame, outcomes: Sequence[Outcome], name: str) -> pd.DataFrame:
    """The table with the columns that checks add to it, in the checks' order."""
    parts = [table]
    for outcome in outcomes:
        added = outcome.findings.tables.get(name)
        if added is None:
            continue
        if len(added) != len(table):
            raise ValueError(f"{outcome.check.id}: expected {len(table)} rows in table {name}, got {len(added)}")
        parts.append(added.drop(columns=[c for c in ("image_id", "concept") if c in added]).set_axis(table.index))
    out = pd.concat(parts, axis=1)
    if out.columns.has_duplicates:
        raise ValueError(f"{name}: expected distinct columns, got {out.columns[out.columns.duplicated()].tolist()}")
    return out


def write(
    out: Path,
    dataset: Dataset,
    content: Mapping[str, object],
    outcomes: Sequence[Outcome] = (),
    *,
    pictures: Pictures | None = None,
) -> tuple[Path, ...]:
    """Write the files into `out` and return their paths; a list of pairs or regions of an earlier run there is removed.

    Raises:
        UsageError: the folder or a file in it cannot be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    page = render(content, thumbnails_by_id(content, dataset, pictures))
    pairs = pairs_table(outcomes)
    writers: dict[str, Callable[[Path], object]] = {
        IMAGES: lambda path: images_table(dataset, outcomes).to_parquet(path, index=False),
        LABELS: lambda path: labels_table(dataset, outcomes).to_parquet(path, index=False),
        # File names need not be valid Unicode: a stray byte becomes an escape, not an error.
        HTML: lambda path: path.write_bytes(page.encode("utf-8", "backslashreplace")),
        REPORT: lambda path: path.write_bytes((text + "\n").encode("utf-8", "backslashreplace")),
    }
    regions = next((o.findings.tables.get("regions") for o in outcomes if o.check.id == "focality"), None)
    if regions is not None:
        boxes = json.dumps(coco(regions, dataset), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        writers = {REGIONS: lambda path: path.write_bytes(boxes.encode("utf-8", "backslashreplace")), **writers}
    if pairs is not None:
        writers = {PAIRS: lambda path: pairs.to_parquet(path, index=False), **writers}
    try:
        prepare(out)
        for name, writer in writers.items():
            _atomically(out / name, writer)
        for name, content_of in ((PAIRS, pairs), (REGIONS, regions)):
            if content_of is None:
                (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror or error}).") from error
    return tuple(out / name for name in writers)


def prepare(out: Path) -> None:
    """Create the folder and prove that a file can be made in it. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out):
        pass


def jsonable(value: Any) -> Any:
    """The same value of plain Python types; numbers that JSON cannot hold (nan, infinity) become None."""
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [jsonable(v) for v in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    raise TypeError(f"expected a value JSON can hold, got {type(value).__name__}")


def _check(outcome: Outcome) -> dict[str, object]:
    found = outcome.findings
    return {
        "id": outcome.check.id,
        "guideline": list(outcome.check.guideline),
        "title": outcome.check.title,
        "verdict": str(found.verdict),
        "score": found.score,
        "headline": found.headline,
        "reason": found.reason,
        "p_value": found.p_value,
        "seconds": round(outcome.seconds, 3),
        "evidence": list(found.evidence_strip(EVIDENCE)),
        "fix": found.fix,
        **found.extra,
        "concepts": [_concept(c) for c in found.concepts],
    }


def _concept(found: ConceptFinding) -> dict[str, object]:
    return {
        "concept": found.concept,
        "verdict": str(found.verdict),
        "score": found.score,
        "headline": found.headline,
        "evidence": list(found.evidence),
        "fix": found.fix,
        **found.extra,
    }


def _atomically(target: Path, writer: Callable[[Path], object]) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        writer(part)
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
