"""The command line: `checks` lists what there is, `audit` runs it and writes files. See the README.

Exit code: 0 done and nothing at or above `--fail-on`; 1 done, something is; 2 wrong usage or unreadable input,
with one line on stderr; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self, TextIO

from analysis.errors import Cancelled, ExplorerError, InputError, UsageError

DONE, FOUND, WRONG, STOPPED = 0, 1, 2, 130
MOST_TOLD = 10  # files and lines left out that are named on stderr
LINE_SECONDS = 5.0  # a plain progress line at most this often, where stderr is no terminal


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never lets a traceback of a person's mistake through."""
    try:
        options = _parser().parse_args(argv)
        if options.command == "checks":
            return _checks()
        return _audit(options)
    except ExplorerError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return WRONG
    except (Cancelled, KeyboardInterrupt):
        print("Stopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        return STOPPED


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see `{self.prog} --help`)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m analysis", description="Measure a set of image training data.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="checks | audit")
    commands.add_parser("checks", help="list the checks as JSON")
    audit = commands.add_parser("audit", help="run checks and write report.json, report.html and tables")
    add = audit.add_argument
    add(
        "training",
        type=_path,
        metavar="TRAINING",
        help="folder of images, manifest (.csv, .jsonl, .parquet), or COCO, YOLO, Pascal VOC or Parquet dataset",
    )
    add("--real-world", type=_path, metavar="PATH", help="images from real use, in the same forms")
    add("--taxonomy", type=_path, metavar="FILE", help="what each concept means (.yaml, .json or .csv)")
    add(
        "--embeddings",
        type=_path,
        metavar="FILE",
        help="your own image vectors: Parquet with image_id, embedding",
    )
    add("--model", default="bundled", metavar="NAME", help="bundled (default) or open_clip:ARCH/PRETRAINED")
    add("--checks", type=_ids, metavar="ID,ID", help="only these checks; all by default")
    add(
        "--deep",
        choices=("off", "on"),
        default="off",
        help="also train small networks where a check offers it",
    )
    add("--seed", type=_seed, default=0, metavar="N", help="of everything random; 0 by default")
    add(
        "--fail-on",
        choices=("never", "fail", "warn"),
        default="never",
        help="exit 1 at this verdict or worse",
    )
    add("--cache", type=_path, metavar="DIR", help="where vectors and thumbnails are kept between runs")
    add("--out", type=_path, required=True, metavar="DIR", help="folder for the files written")
    return parser


def _ids(text: str) -> list[str]:
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids:
        raise argparse.ArgumentTypeError("expected check ids separated by commas")
    return ids


def _path(text: str) -> Path:
    if not text.strip():  # Path("") would be the folder one stands in
        raise argparse.ArgumentTypeError("expected a path, got an empty one")
    return Path(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {2**32 - 1}, got {text!r}")
    return int(text)


def _checks() -> int:
    from analysis.registry import CHECKS

    keys = ("id", "guideline", "title", "question", "needs")
    print(json.dumps([{key: getattr(check, key) for key in keys} for check in CHECKS], indent=1))
    return DONE


def _audit(options: argparse.Namespace) -> int:
    from analysis.registry import checks_by_id
    from analysis.report import prepare, report, run_checks, where, write
    from analysis.taxonomy import read_taxonomy

    checks = checks_by_id(options.checks)
    taxonomy = read_taxonomy(options.taxonomy) if options.taxonomy is not None else ()
    extra = _given(options, taxonomy)
    try:
        prepare(options.out)
    except OSError as error:
        raise UsageError(f"--out {options.out}: cannot be written ({error.strerror or error}).") from error
    defects: list[str] = []
    with _interruptible() as interrupted, ProgressLine(sys.stderr, interrupted) as progress:
        dataset, features = _open(options, taxonomy, progress)
        outcomes = run_checks(
            dataset,
            features,
            checks,
            seed=options.seed,
            deep=options.deep == "on",
            progress=progress,
            on_defect=lambda check, error: defects.append(f"{check.id}: {where(error)}"),
        )
    content = report(dataset, features.model, outcomes, seed=options.seed, extra=extra)
    written = write(options.out, dataset, content, outcomes, pictures=features.pictures)
    for outcome in outcomes:
        print(one_line(f"{outcome.check.id}: {outcome.findings.verdict} - {outcome.findings.headline}"))
    print(one_line(f"written: {', '.join(str(path) for path in written)}"))
    _tell_left_out(dataset.unreadable)
    for defect in defects:
        print(one_line(f"defect of this program, please report it: {defect}"), file=sys.stderr)
    unknown = bool(defects) and options.fail_on != "never"  # what could not be looked at must not pass a gate
    return FOUND if unknown or _reached(options.fail_on, [o.findings.verdict for o in outcomes]) else DONE


def _tell_left_out(unreadable: Sequence[Any]) -> None:
    """Files, lines and values that could not be used, on stderr; the report lists every one."""
    for bad in unreadable[:MOST_TOLD]:
        print(one_line(f"left out: {bad.image_id}: {bad.reason}"), file=sys.stderr)
    if len(unreadable) > MOST_TOLD:
        print(f"left out: {len(unreadable) - MOST_TOLD:,} more, see dataset.unreadable in report.json", file=sys.stderr)


def _given(options: argparse.Namespace, taxonomy: Sequence[Any]) -> dict[str, object]:
    """Options worth a line in the report; proves first that the files they name can be used."""
    extra: dict[str, object] = {"deep": options.deep}
    if options.taxonomy is not None:
        extra["taxonomy"] = {"path": str(options.taxonomy), "concepts": len(taxonomy)}
    if options.embeddings is not None:
        from analysis.own_vectors import check_vectors_file

        check_vectors_file(options.embeddings)
        extra["embeddings"] = str(options.embeddings)
    return extra


def _open(options: argparse.Namespace, taxonomy: Sequence[Any], progress: ProgressLine) -> tuple[Any, Any]:
    """The dataset and its features."""
    from analysis.dataset import REAL_WORLD
    from analysis.embedders import load_embedder, loading_note
    from analysis.opening import open_dataset
    from analysis.own_vectors import with_own_vectors
    from analysis.paths import cache_dir
    from analysis.sources import Source, confine
    from analysis.store import Store

    source = Source(options.training, options.real_world)
    for path in filter(None, (source.training, source.real_world)):
        confine(path, None)  # a wrong path is said before a model loads
    cache = options.cache or cache_dir()
    progress(0, 0, loading_note(options.model, options.cache))
    embedder = load_embedder(options.model, cache)
    opened = open_dataset(source, store=Store(cache), embedder=embedder, taxonomy=taxonomy, progress=progress)
    dataset, features = opened.dataset, opened.features
    if not len(dataset):
        bad = f"; {len(dataset.unreadable)} could not be read" if dataset.unreadable else ""
        first = f" (first: {dataset.unreadable[0].image_id}: {dataset.unreadable[0].reason})" if bad else ""
        raise InputError(f"{options.training}: no readable image found{bad}{first}.")
    if options.real_world is not None and not (dataset.images["origin"] == REAL_WORLD).any():
        raise InputError(f"--real-world {options.real_world}: no readable image found.")
    if options.embeddings is not None:
        features = with_own_vectors(features, dataset, options.embeddings)
    return dataset, features


def _reached(fail_on: str, verdicts: Sequence[Any]) -> bool:
    from analysis.checks.base import Verdict, at_least

    return fail_on != "never" and any(at_least(v, Verdict(fail_on)) for v in verdicts)


def one_line(text: str) -> str:
    """Text for a terminal: names come from files, so no line break and no control character gets through."""
    return "".join(c if c.isprintable() else " " for c in text)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Sets the event at the first Ctrl-C, so that work can end at a clean point; a second one ends it at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def first(number: int, frame: object) -> None:
        event.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


class ProgressLine:
    """Progress on stderr: a bar with rate and time left on a terminal, else a plain line now and then."""

    def __init__(self, stream: TextIO, interrupted: threading.Event | None = None) -> None:
        self._stream = stream
        self._interrupted = interrupted or threading.Event()
        self._bar: Any = None
        self._note = ""
        self._started = self._last = 0.0
        self._first = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` are finished (0: not known). Raises `Cancelled` after a Ctrl-C."""
        if self._interrupted.is_set():
            raise Cancelled
        if self._stream.isatty():
            self._show_bar(done, total, note)
        else:
            self._show_line(done, total, note)

    def _show_bar(self, done: int, total: int, note: str) -> None:
        from tqdm import tqdm

        if self._bar is None or note != self._note:
            self._close()
            self._note = note
            self._bar = tqdm(total=total or None, initial=done, desc=note, file=self._stream, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)

    def _show_line(self, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        if note != self._note:
            self._note, self._started, self._first = note, now, done
        elif now - self._last < LINE_SECONDS and (done < total or not total):
            return
        self._last = now
        counted = f" {done:,} of {total:,}" if total > 1 else ""
        print(one_line(f"{note}{counted}{self._rate(done, total, now)}"), file=self._stream, flush=True)

    def _rate(self, done: int, total: int, now: float) -> str:
        took, fresh = now - self._started, done - self._first
        if took < 1 or fresh <= 0:
            return ""
        left = f", about {(total - done) * took / fresh:.0f} s left" if done < total else ""
        return f" ({fresh / took:.0f} a second{left})"

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
