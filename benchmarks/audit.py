"""The headless audit in one go: wall time, peak memory, and whether a second run writes the same bytes.

    python benchmarks/audit.py [--data FOLDER] [--out FOLDER] [--fresh]

Audits the Perfect Pint sample (bundled) and TrashNet (where `--data` has it) from the command line, each twice, each
time in a process of its own. Without `--fresh` the two runs share one cache, as they do for a person: the first embeds,
the second finds the vectors there. With it each embeds anew. All files written are compared byte for byte;
`report.json` with its `seconds` left out. Exit code 1 when an audit fails or files differ.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLE = REPOSITORY / "sample_data" / "perfect_pint"


def main() -> int:
    """Print time, memory and differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, help="keep what is written here")
    parser.add_argument("--fresh", action="store_true", help="the second run has a cache of its own")
    arguments = parser.parse_args()
    sets = {"perfect_pint": [str(SAMPLE / "studio"), "--real-world", str(SAMPLE / "real_world")]}
    trashnet = arguments.data / "trashnet"
    if trashnet.is_dir():
        sets["trashnet"] = [str(trashnet.resolve())]
    else:
        print(f"trashnet: {trashnet} is not there, left out")
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch) / "out"
        for name, given in sets.items():
            runs = []
            for number in (1, 2):
                cache = Path(scratch) / (f"cache{number}" if arguments.fresh else "cache")
                runs.append(out / f"{name}-{number}")
                good &= _audit(name, number, given, cache, runs[-1])
            good &= _same(name, *runs)
    return 0 if good else 1


def _audit(name: str, number: int, given: list[str], cache: Path, out: Path) -> bool:
    command = [sys.executable, "-m", "analysis", "audit", *given, "--cache", str(cache), "--out", str(out)]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=words, stderr=subprocess.STDOUT, text=True)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        words.seek(0)
        said = words.read()
    code = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{name}, run {number}: {seconds:.1f} s ({cpu:.1f} s of CPU), peak {usage.ru_maxrss / 1024:.0f} MB")
    if code:
        print(f"  exit code {code}\n{said}")
        return False
    if number == 1:
        for check in json.loads((out / "report.json").read_bytes())["checks"]:
            print(f"  {check['id']:<19}{check['verdict']:<12}{check['seconds']:6.1f} s  {check['headline']}")
    return True


def _same(name: str, first: Path, second: Path) -> bool:
    """Compare what was written; print the names of what differs."""
    if not (first.is_dir() and second.is_dir()):
        return False
    files = sorted({p.relative_to(x) for x in (first, second) for p in x.rglob("*") if p.is_file()})
    differ = [f for f in files if _content(first / f) != _content(second / f)]
    for file in differ:
        print(f"  {name}: {file} differs")
        if file.name == "report.json":
            a, b = (_without_seconds(json.loads((x / file).read_bytes())) for x in (first, second))
            for path in _differences(a, b)[:10]:
                print(f"    {path}")
    print(f"{name}: {len(files) - len(differ)} of {len(files)} files written twice are the same")
    return not differ


def _content(path: Path) -> object:
    if not path.is_file():
        return None
    if path.name == "report.json":
        return _without_seconds(json.loads(path.read_bytes()))
    data = path.read_bytes()
    return re.sub(rb"\d+(\.\d+)? (s|seconds)\b", b"", data) if path.suffix == ".html" else data


def _without_seconds(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_seconds(v) for k, v in value.items() if k != "seconds"}
    if isinstance(value, list):
        return [_without_seconds(v) for v in value]
    return value


def _differences(a: object, b: object, path: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in sorted({*a, *b}) for d in _differences(a.get(k), b.get(k), f"{path}.{k}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in _differences(x, y, f"{path}[{i}]")]
    return [] if a == b else [f"{path}: {str(a)[:60]} / {str(b)[:60]}"]


if __name__ == "__main__":
    raise SystemExit(main())
