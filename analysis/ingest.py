"""Read, decode and embed images, each file once; append what is done; resume where it stopped.

`ingest_batch` is pure: paths in, a record batch out. `ingest` drives it with a few threads: each decodes and
runs the model itself (Pillow, OpenCV and ONNX Runtime let go of the interpreter while they work).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analysis import attributes, imaging
from analysis.embedders.base import MAX_SPATIAL_BYTES, Embedder, ImageEncoding
from analysis.progress import Progress, no_progress
from analysis.store import ATTRIBUTE_SCHEMA, Store, file_signature, vector_schema

CHUNK: Final = 8
"""Images a thread takes at a time: small enough for a steady progress bar and a quick cancel."""

FLUSH_ROWS: Final = 128
FLUSH_SECONDS: Final = 2.0
"""A batch is appended when it has this many rows or is this old: what a kill can cost at most."""


@dataclass(slots=True)
class IngestResult:
    """What an ingest found.

    Attributes:
        content_hash: for each path of the input, the hash of its content, or None where unreadable.
        reasons: for each unreadable path, why.
        computed, reused: number of images embedded now, and taken from the store.
        seconds: wall time.
    """

    content_hash: list[str | None]
    reasons: dict[str, str] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0
    seconds: float = 0.0


def hash_content(data: bytes) -> str:
    """128-bit BLAKE2b of a file's bytes, 32 hex characters."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def batch_schema(embedder: Embedder) -> pa.Schema:
    """Columns of `ingest_batch`: path, content_hash, reason, signature, then attributes, jpeg and vectors."""
    head = [("path", pa.string()), ("reason", pa.string()), ("signature", pa.string())]
    rest = [f for f in vector_schema(embedder.info) if f.name != "content_hash"]
    return pa.schema([*(pa.field(n, t) for n, t in head), *ATTRIBUTE_SCHEMA, pa.field("jpeg", pa.binary()), *rest])


def ingest_batch(paths: Sequence[str], embedder: Embedder, known: Collection[str] = frozenset()) -> pa.RecordBatch:
    """Everything stored of each file, from one read and one decode; one row a path, in order.

    A row whose content is in `known` has only path, content_hash and signature; an unreadable file only path
    and `reason`. Nothing is written; no file stops the others.
    """
    rows: list[dict[str, Any]] = []
    inputs: list[np.ndarray] = []
    embedded: list[dict[str, Any]] = []
    for path in paths:
        row: dict[str, Any] = {"path": path}
        rows.append(row)
        try:
            data, row["signature"] = _read(path)
            row["content_hash"] = hash_content(data)
            if row["content_hash"] in known:
                continue
            inputs.append(_measure(data, row, embedder))
            embedded.append(row)
        except imaging.UnreadableImage as error:
            row["reason"] = str(error)
    encoding = embedder.encode_images(np.stack(inputs)) if inputs else None
    return _to_batch(rows, embedded, encoding, embedder)


def ingest(
    paths: Sequence[str],
    embedder: Embedder,
    store: Store,
    *,
    progress: Progress = no_progress,
    threads: int | None = None,
) -> IngestResult:
    """Bring every readable path into the store, computing only what it lacks.

    Raises:
        Cancelled: from `progress`; what was finished by then is in the store.
        StoreError: the store cannot be written.
    """
    start = time.monotonic()
    result = IngestResult(content_hash=[None] * len(paths))
    known = store.known(embedder.info)
    todo = _changed(paths, store, known, result)
    signatures: dict[str, tuple[str, str]] = {}
    done = len(paths) - len(todo)
    progress(done, len(paths), "Looking for what changed")
    try:
        with _Writer(store, embedder) as writer:
            for indices, batch in _work(paths, todo, embedder, known, threads or default_threads()):
                _note(batch, indices, result, signatures)
                writer.add(batch)
                done += len(indices)
                progress(done, len(paths), "Reading pictures")
    finally:
        store.remember_files(signatures)
    result.seconds = time.monotonic() - start
    return result


def default_threads() -> int:
    """Threads to ingest with: one a core, at most 16."""
    return max(1, min(16, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def _changed(paths: Sequence[str], store: Store, known: set[str], result: IngestResult) -> list[int]:
    """Fill in files that are as they were when last read; return the indices of the others."""
    remembered = store.remembered_files()
    todo = []
    for index, path in enumerate(paths):
        entry = remembered.get(path)
        if entry is not None and entry[1] in known and _signature(path) == entry[0]:
            result.content_hash[index] = entry[1]
            result.reused += 1
        else:
            todo.append(index)
    return todo


def _work(
    paths: Sequence[str], todo: list[int], embedder: Embedder, known: set[str], threads: int
) -> Iterator[tuple[list[int], pa.RecordBatch]]:
    """Batches as they finish, at most two waiting a thread, so memory does not grow with the dataset."""
    import cv2

    cv2.setNumThreads(1)
    chunks = iter([todo[i : i + CHUNK] for i in range(0, len(todo), CHUNK)])
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ingest")
    pending: dict[Future[pa.RecordBatch], list[int]] = {}

    def submit() -> None:
        for chunk in chunks:
            pending[pool.submit(ingest_batch, [paths[i] for i in chunk], embedder, known)] = chunk
            if len(pending) >= 2 * threads:
                return

    try:
        submit()
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = pending.pop(future)
                yield chunk, future.result()
            submit()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Writer:
    """Collects batches and appends them; whatever ends the work, what was collected is written."""

    def __init__(self, store: Store, embedder: Embedder) -> None:
        self._store, self._model = store, embedder.info
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._since = time.monotonic()

    def add(self, batch: pa.RecordBatch) -> None:
        computed = batch.filter(batch.column("jpeg").is_valid())
        self._batches.append(computed)
        self._rows += computed.num_rows
        if self._rows >= FLUSH_ROWS or time.monotonic() - self._since >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        batches, self._batches = self._batches, []
        if self._rows:
            self._store.append(pa.Table.from_batches(batches), self._model)
        self._rows, self._since = 0, time.monotonic()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.flush()


def _note(
    batch: pa.RecordBatch, indices: list[int], result: IngestResult, signatures: dict[str, tuple[str, str]]
) -> None:
    columns = {n: batch.column(n).to_pylist() for n in ("path", "reason", "signature", "content_hash")}
    computed = batch.column("jpeg").is_valid().to_pylist()
    for i, index in enumerate(indices):
        path, reason = columns["path"][i], columns["reason"][i]
        if reason is not None:
            result.reasons[path] = reason
            continue
        result.content_hash[index] = columns["content_hash"][i]
        result.computed += computed[i]
        result.reused += not computed[i]
        if columns["signature"][i] is not None:
            signatures[path] = (columns["signature"][i], columns["content_hash"][i])


def _read(path: str) -> tuple[bytes, str | None]:
    try:
        with open(path, "rb") as file:
            stat = os.fstat(file.fileno())
            if stat.st_size > imaging.MAX_FILE_BYTES:
                raise imaging.UnreadableImage(f"the file is larger than {imaging.MAX_FILE_BYTES // 2**20} MB")
            return file.read(), file_signature(stat)
    except FileNotFoundError as error:
        raise imaging.UnreadableImage("the file is not there") from error
    except IsADirectoryError as error:
        raise imaging.UnreadableImage("this is a folder, not a file") from error
    except PermissionError as error:
        raise imaging.UnreadableImage("you are not allowed to read this file") from error
    except OSError as error:
        raise imaging.UnreadableImage(f"the file cannot be read ({error.strerror or error})") from error


def _signature(path: str) -> str | None:
    with contextlib.suppress(OSError):
        return file_signature(os.stat(path))
    return None


def _measure(data: bytes, row: dict[str, Any], embedder: Embedder) -> np.ndarray:
    """Fill the row from one decode and return the model's input."""
    from PIL import Image

    picture = imaging.decode(data)
    row |= attributes.measure(picture, len(data))
    row |= attributes.perceptual_hashes(picture.rgb)
    row["jpeg"] = imaging.thumbnail(picture.rgb)
    return embedder.preprocess(Image.fromarray(picture.rgb))


def _to_batch(
    rows: list[dict[str, Any]], embedded: list[dict[str, Any]], encoding: ImageEncoding | None, embedder: Embedder
) -> pa.RecordBatch:
    schema = batch_schema(embedder)
    arrays = [
        pa.array([row.get(f.name) for row in rows], type=f.type)
        for f in schema
        if f.name not in ("features", "vector", "spatial")
    ]
    position = {id(row): i for i, row in enumerate(embedded)}
    take = pa.array([position.get(id(row)) for row in rows], type=pa.int64())
    if encoding is None:
        arrays += [pa.nulls(len(rows), schema.field(n).type) for n in ("features", "vector", "spatial")]
    else:
        if any(len(s) > MAX_SPATIAL_BYTES for s in encoding.spatial):
            raise ValueError(f"expected spatial maps of at most {MAX_SPATIAL_BYTES} bytes")
        arrays += [
            _vectors(encoding.features, schema.field("features").type).take(take),
            _vectors(encoding.vectors, schema.field("vector").type).take(take),
            pa.array(encoding.spatial, type=pa.binary()).take(take),
        ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _vectors(values: np.ndarray, kind: Any) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float16).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, kind.list_size)
