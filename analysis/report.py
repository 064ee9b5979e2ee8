"""Run checks and write what the contract asks for: `report.json`, `images.parquet`, `labels.parquet`.

Every file is written beside its place and then moved there, so a reader never sees half of one. The same
dataset, seed and model give the same bytes, but for `seconds`.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from analysis.checks.base import Check, ConceptFinding, Findings, Unavailable
from analysis.dataset import REAL_WORLD, TRAINING, Dataset
from analysis.embedders.base import ModelInfo
from analysis.errors import ExplorerError, UsageError
from analysis.features import Features
from analysis.progress import Progress, no_progress

SCHEMA_VERSION: Final = 1
REPORT: Final = "report.json"
IMAGES: Final = "images.parquet"
LABELS: Final = "labels.parquet"


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
) -> tuple[Outcome, ...]:
    """Run these checks one after the other, each with its default parameters, this seed and this depth."""
    return tuple(
        run_check(dataset, features, check, check.default_params(seed=seed, deep=deep), progress=progress)
        for check in checks
    )


def run_check(
    dataset: Dataset, features: Features, check: Check, params: Any, *, progress: Progress = no_progress
) -> Outcome:
    """Run one check; what a person can mend (an `ExplorerError`) makes it `unavailable` and stops no other."""

    def relay(done: int, total: int, note: str = "") -> None:
        progress(done, total, f"{check.title}: {note}" if note else check.title)

    start = time.monotonic()
    relay(0, 0)
    try:
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


def images_table(dataset: Dataset) -> pd.DataFrame:
    """The content of `images.parquet`: `image_id`, `origin`, `split`, then every measured attribute.

    Left out are the absolute paths (`dataset.roots` resolves the ids) and the columns the dataset came with.
    """
    out = dataset.images.drop(columns=["path", *dataset.metadata])
    text = ["image_id", "origin", "split"]
    return out.astype(dict.fromkeys(text, "string"))[text + [c for c in out.columns if c not in text]]


def labels_table(dataset: Dataset) -> pd.DataFrame:
    """The content of `labels.parquet`: one row per (image, concept) label, real-world labels included."""
    ids = dataset.images["image_id"].to_numpy()[dataset.labels["image"].to_numpy(dtype=np.int64)]
    return pd.DataFrame({"image_id": ids, "concept": dataset.labels["concept"].to_numpy()}).astype("string")


def write(out: Path, dataset: Dataset, content: Mapping[str, object]) -> tuple[Path, ...]:
    """Write the three files into `out` and return their paths.

    Raises:
        UsageError: the folder or a file in it cannot be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    writers: dict[str, Callable[[Path], object]] = {
        IMAGES: lambda path: images_table(dataset).to_parquet(path, index=False),
        LABELS: lambda path: labels_table(dataset).to_parquet(path, index=False),
        # File names need not be valid Unicode: a stray byte becomes an escape, not an error.
        REPORT: lambda path: path.write_bytes((text + "\n").encode("utf-8", "backslashreplace")),
    }
    try:
        prepare(out)
        for name, writer in writers.items():
            _atomically(out / name, writer)
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
