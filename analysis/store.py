"""The store: what was computed for an image, keyed by the content of its file and, for vectors, the model.

Three kinds of LanceDB table, appended batch by batch, so a killed run keeps every batch it finished:
`attributes` and `thumbnails` (one row a content hash), `vectors-<model key>` (likewise, a table a model), and
`files`, which remembers the content hash of a file that has not changed on disk since it was read.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from analysis.embedders.base import Float32, ModelInfo
from analysis.errors import StoreError

STORE_VERSION: Final = 4
"""Changes whenever the meaning of a stored column changes; older stores are left alone, not misread."""

COMPACT_EVERY: Final = 200
"""Appends after which a table is compacted: hundreds of small pieces make a column scan many times slower."""

ATTRIBUTE_SCHEMA: Final = pa.schema(
    [
        ("content_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("megapixels", pa.float64()),
        ("aspect_ratio", pa.float64()),
        ("brightness", pa.float64()),
        ("contrast", pa.float64()),
        ("saturation", pa.float64()),
        ("colour_temperature", pa.float64()),
        ("sharpness", pa.float64()),
        ("noise", pa.float64()),
        ("entropy", pa.float64()),
        ("blur", pa.float64()),
        ("structure", pa.float64()),
        ("subject_brightness", pa.float64()),
        ("clipped", pa.float64()),
        ("clipped_white", pa.float64()),
        ("blockiness", pa.float64()),
        ("jpeg_quality", pa.float64()),
        ("file_bytes", pa.int64()),
        ("format", pa.string()),
        ("mode", pa.string()),
        ("phash", pa.string()),
        ("dhash", pa.string()),
    ]
)
THUMBNAIL_SCHEMA: Final = pa.schema([("content_hash", pa.string()), ("jpeg", pa.binary())])
FILE_SCHEMA: Final = pa.schema([("path", pa.string()), ("signature", pa.string()), ("content_hash", pa.string())])


def vector_schema(model: ModelInfo) -> pa.Schema:
    """Schema of the vectors table of a model; vectors are kept as float16."""
    return pa.schema(
        [
            ("content_hash", pa.string()),
            ("features", pa.list_(pa.float16(), model.feature_dim)),
            ("vector", pa.list_(pa.float16(), model.vector_dim)),
            ("spatial", pa.binary()),
        ]
    )


class Store:
    """LanceDB tables under one folder. Safe to share between threads and between processes.

    Raises:
        StoreError: the folder cannot be created or is not a readable store.
    """

    def __init__(self, root: Path) -> None:
        import lancedb

        self.root = Path(root)
        folder = self.root / f"store-{STORE_VERSION}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = lancedb.connect(str(folder))
        except (OSError, RuntimeError, ValueError) as error:
            raise StoreError(f"The store {folder} cannot be opened ({error}): use another --cache folder.") from error
        self._tables: dict[str, _Table] = {}
        self._lock = threading.Lock()

    def known(self, model: ModelInfo) -> set[str]:
        """Content hashes for which everything is stored: attributes, thumbnail and this model's vectors."""
        tables = (self._vectors(model), self._attributes(), self._thumbnails())
        for table in tables:
            table.refresh()
        return set.intersection(*(set(table.keys()) for table in tables))

    def append(self, batch: pa.Table, model: ModelInfo) -> int:
        """Add computed images (columns of the three schemas); what a table already has is skipped.

        Returns:
            Number of new rows in the vectors table.
        """
        self._attributes().add(batch)
        self._thumbnails().add(batch)
        return self._vectors(model).add(batch)

    def attributes(self, content_hashes: Sequence[str]) -> pa.Table:
        """Attribute rows, in the order asked for. Raises StoreError if one is missing."""
        return self._attributes().read(content_hashes, ATTRIBUTE_SCHEMA.names)

    def vectors(self, content_hashes: Sequence[str], model: ModelInfo) -> tuple[Float32, Float32]:
        """`features` (n, f) and `vector` (n, d) as float32, in the order asked for."""
        rows = self._vectors(model).read(content_hashes, ["features", "vector"])
        return _matrix(rows["features"], model.feature_dim), _matrix(rows["vector"], model.vector_dim)

    def spatial(self, content_hashes: Sequence[str], model: ModelInfo) -> list[bytes]:
        """Packed spatial maps for `Embedder.spatial_vectors`, in the order asked for."""
        rows: list[bytes] = self._vectors(model).read(content_hashes, ["spatial"])["spatial"].to_pylist()
        return rows

    def thumbnails(self, content_hashes: Sequence[str]) -> list[bytes | None]:
        """JPEG bytes (longest side 192 px), in the order asked for; None where there is none."""
        table = self._thumbnails()
        have = [h for h in content_hashes if table.has(h)]
        jpegs = dict(zip(have, table.read(have, ["jpeg"])["jpeg"].to_pylist(), strict=True))
        return [jpegs.get(h) for h in content_hashes]

    def remembered_files(self) -> dict[str, tuple[str, str]]:
        """For each path, the signature of the file when it was last read and its content hash."""
        rows = self._files().all(["path", "signature", "content_hash"])
        columns = (rows[c].to_pylist() for c in ("path", "signature", "content_hash"))
        return {p: (s, h) for p, s, h in zip(*columns, strict=True)}

    def remember_files(self, entries: Mapping[str, tuple[str, str]]) -> None:
        """Add path -> (signature, content hash); the newest entry of a path counts."""
        if not entries:
            return
        columns = [list(entries), [v[0] for v in entries.values()], [v[1] for v in entries.values()]]
        self._files().append(pa.table(columns, schema=FILE_SCHEMA))

    def _attributes(self) -> _Table:
        return self._table("attributes", ATTRIBUTE_SCHEMA)

    def _thumbnails(self) -> _Table:
        return self._table("thumbnails", THUMBNAIL_SCHEMA)

    def _files(self) -> _Table:
        return self._table("files", FILE_SCHEMA)

    def _vectors(self, model: ModelInfo) -> _Table:
        return self._table("vectors-" + re.sub(r"[^A-Za-z0-9._-]", "_", model.key), vector_schema(model))

    def _table(self, name: str, schema: pa.Schema) -> _Table:
        with self._lock:
            if name not in self._tables:
                self._tables[name] = _Table(self._db, name, schema)
            return self._tables[name]


class _Table:
    """One LanceDB table with an index from key (its first column) to row id, held in memory."""

    def __init__(self, db: Any, name: str, schema: pa.Schema) -> None:
        self._schema = schema
        self._key = schema.names[0]
        self._lock = threading.RLock()
        try:
            self._handle = db.create_table(name, schema=schema, exist_ok=True)
        except (RuntimeError, OSError, ValueError) as error:
            raise StoreError(
                f"The table {name} of the store cannot be opened ({error}): delete the cache folder."
            ) from error
        self._index: dict[str, int] = {}
        self._appends = 0
        self.refresh()

    def keys(self) -> Iterable[str]:
        return self._index.keys()

    def has(self, key: str) -> bool:
        return key in self._index

    def refresh(self) -> None:
        """See what other processes added, and the new row ids after a compaction."""
        with self._lock:
            self._handle.checkout_latest()
            rows = self.all([self._key], row_id=True)
            self._index = dict(zip(rows[self._key].to_pylist(), rows["_rowid"].to_pylist(), strict=True))

    def all(self, columns: Sequence[str], *, row_id: bool = False) -> pa.Table:
        """Whole columns, oldest row first."""
        with self._lock:
            count = max(1, self._handle.count_rows())
            return self._handle.search().select(list(columns)).with_row_id(row_id).limit(count).to_arrow()

    def add(self, batch: pa.Table) -> int:
        """Append the rows whose key is new, with this table's columns."""
        with self._lock:
            keys = batch[self._key].to_pylist()
            first = {k: i for i, k in reversed(list(enumerate(keys))) if k not in self._index}
            if not first:
                return 0
            self.append(batch.select(self._schema.names).take(sorted(first.values())).cast(self._schema))
            for key in first:
                self._index[key] = _UNREAD
            return len(first)

    def append(self, rows: pa.Table) -> None:
        with self._lock:
            self._handle.add(rows)
            self._appends += 1
            if self._appends % COMPACT_EVERY == 0:
                self._handle.optimize()
                self.refresh()

    def read(self, keys: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Rows by key, in the order asked for, repeats allowed. Raises StoreError if a key is missing."""
        with self._lock:
            if any(self._index.get(k, _UNREAD) == _UNREAD for k in keys):
                self.refresh()
            try:
                ids = np.array([self._index[k] for k in keys], dtype=np.int64)
            except KeyError as error:
                raise StoreError(f"The store has no row for {error.args[0]!r}: open the dataset again.") from error
            if not len(ids):
                return pa.table({n: pa.array([], type=self._schema.field(n).type) for n in columns})
            unique, back = np.unique(ids, return_inverse=True)
            rows = self._handle.take_row_ids(unique.tolist()).select([*columns]).with_row_id().to_arrow()
        found = rows["_rowid"].to_numpy()
        order = np.argsort(found)
        if len(found) != len(unique) or not np.array_equal(found[order], unique):
            raise StoreError("The store lost rows that it had: open the dataset again.")
        return rows.select(list(columns)).take(pa.array(order[back]))


_UNREAD: Final = -1


def file_signature(stat: os.stat_result) -> str | None:
    """What must be unchanged for a file to count as unchanged: size, both times and inode.

    None for a file touched within the last two seconds: a later write could leave the same signature
    (the "racy" rule of git's index).
    """
    if time.time() - max(stat.st_mtime, stat.st_ctime) < 2.0:
        return None
    return f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"


def _matrix(column: pa.ChunkedArray, width: int) -> Float32:
    flat = column.combine_chunks()
    values = flat.flatten().to_numpy(zero_copy_only=False)
    out: Float32 = np.asarray(values, dtype=np.float32).reshape(-1, width)
    return out
