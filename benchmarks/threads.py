"""Checks with one thread for BLAS and OpenMP, and with as many as there are cores, alone and beside other work.

    python benchmarks/threads.py [--data FOLDER] [--checks id,id] [--busy 0 2] [--cache FOLDER]

Opens TrashNet, then runs the checks once for each way and number of busy processes beside, each time in a process of
its own. Printed are seconds of all checks, seconds of CPU, and whether the findings are the same to the last digit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from analysis.embedders import load_embedder
from analysis.opening import open_dataset
from analysis.registry import CHECKS
from analysis.report import report, run_checks
from analysis.sources import Source
from analysis.store import Store

DEFAULT_CHECKS = "quantity,label_errors,visibility,spread"
BUSY = "while True: pass"


def main() -> int:
    """Print a row a way; 2 where the photos are not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--checks", default=DEFAULT_CHECKS)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2], help="processes beside")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--one", choices=("held", "free"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    photos = arguments.data / "trashnet"
    if not photos.is_dir():
        print(f"{photos} is not there: skipped")
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache or Path(scratch)
        if arguments.one:
            return _one(photos, cache, arguments.checks, held=arguments.one == "held")
        dataset = open_dataset(Source(photos), store=Store(cache), embedder=load_embedder())
        print(f"{len(dataset.dataset):,} pictures; {arguments.checks}; {os.cpu_count()} cores")
        for busy in arguments.busy:
            _beside(busy, arguments, cache)
    return 0


def _beside(busy: int, arguments: argparse.Namespace, cache: Path) -> None:
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
    free = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    try:
        rows = {}
        for way in ("held", "free"):
            command = [sys.executable, __file__, "--data", str(arguments.data), "--checks", arguments.checks]
            command += ["--cache", str(cache), "--one", way]
            rows[way] = json.loads(subprocess.run(command, env=free, capture_output=True, check=True).stdout)
    finally:
        for other in others:
            other.kill()
    for way, row in rows.items():
        print(f"{busy} busy beside, {way}: {row['seconds']:.1f} s, {row['cpu']:.1f} s of CPU")
    ratio = rows["free"]["seconds"] / rows["held"]["seconds"]
    same = rows["free"]["findings"] == rows["held"]["findings"]
    print(f"  free / held: {ratio:.2f}; findings {'the same' if same else 'differ in some digit'}")


def _one(photos: Path, cache: Path, checks: str, *, held: bool) -> int:
    opened = open_dataset(Source(photos), store=Store(cache), embedder=load_embedder())
    wanted = [c for c in CHECKS if c.id in checks.split(",")]
    start, cpu = time.monotonic(), time.process_time()
    with nullcontext() if held else mock.patch("analysis.report.one_thread", nullcontext):
        outcomes = run_checks(opened.dataset, opened.features, wanted)
    took = {"seconds": time.monotonic() - start, "cpu": time.process_time() - cpu}
    found = report(opened.dataset, opened.features.model, outcomes, seed=0)["checks"]
    for check in found:
        check.pop("seconds")
    print(json.dumps({**took, "findings": json.dumps(found, sort_keys=True)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
