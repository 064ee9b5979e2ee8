"""Datasets, models and the store that this process holds open, shared by all sessions."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from analysis.audit import AuditRun
from analysis.dismissals import Dismissals
from analysis.errors import InputError, StoreError
from analysis.label_reviews import LabelReviews
from analysis.paths import cache_dir
from analysis.progress import Progress
from analysis.quiz import Quizzes
from analysis.recent import RecentDatasets
from analysis.regions import RegionReviews
from analysis.results import ResultStore
from analysis.samples import Sample, bundled_samples
from analysis.sources import Source, allowed_roots
from analysis.taxonomies import Taxonomies
from analysis.taxonomy import Entry
from components.thumbnails import SERVER

if TYPE_CHECKING:
    from analysis.embedders.base import Embedder
    from analysis.opening import OpenDataset
    from analysis.store import Store

MAX_OPEN: Final = 4
"""Datasets held in memory: 100,000 images take about 700 MB with their vectors."""
MAX_MODELS: Final = 2

ENV_DATASET: Final = "EXPLORER_DATASET"
ENV_REAL_WORLD: Final = "EXPLORER_REAL_WORLD"


class Shelf:
    """What is open under one cache folder. Thread-safe; the least recently used goes when it is full."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.recent = RecentDatasets(root)
        self.results = ResultStore(root)
        self.dismissals = Dismissals(root)
        self.quizzes = Quizzes(root)
        self.label_reviews = LabelReviews(root)
        self.taxonomies = Taxonomies(root)
        self.region_reviews = RegionReviews(root)
        self._runs: OrderedDict[tuple[str, str], AuditRun] = OrderedDict()
        self._lock = threading.Lock()
        self._model_lock = threading.Lock()
        self._store: Store | None = None
        self._known: dict[str, Source] = {}
        self._open: OrderedDict[tuple[str, str], OpenDataset] = OrderedDict()
        self._models: OrderedDict[str, Embedder] = OrderedDict()

    def store(self) -> Store:
        """The store under the cache folder, opened at the first call."""
        with self._model_lock:
            if self._store is None:
                from analysis.store import Store

                self._store = Store(self.root)
            return self._store

    def model(self, name: str) -> Embedder:
        """A loaded model. Raises `ModelError` with a sentence for a person."""
        with self._model_lock:
            if name not in self._models:
                from analysis.embedders import load_embedder

                self._models[name] = load_embedder(name)
                while len(self._models) > MAX_MODELS:
                    self._models.popitem(last=False)
            self._models.move_to_end(name)
            return self._models[name]

    def remember(self, source: Source) -> None:
        """Make a source known by its id, so that links to it work while this process lives."""
        with self._lock:
            self._known[source.id] = source

    def source(self, source_id: str) -> Source | None:
        """The source of that id: chosen in this process, bundled, given at the start, or recent."""
        with self._lock:
            known = self._known.get(source_id)
        if known is not None:
            return known
        candidates = [sample.source for sample in samples()]
        given = given_source()
        if given is not None:
            candidates.append(given)
        return next((s for s in candidates if s.id == source_id), None) or self.recent.find(source_id)

    def get(self, source_id: str, model: str) -> OpenDataset | None:
        """The open dataset, or None when it has to be opened first."""
        with self._lock:
            opened = self._open.get((source_id, model))
            if opened is not None:
                self._open.move_to_end((source_id, model))
            return opened

    def taxonomy_of(self, source_id: str) -> tuple[Entry, ...]:
        """The taxonomy saved for this source, else the one its sample comes with. Raises StoreError."""
        given = next((s.taxonomy for s in samples() if s.source.id == source_id), ())
        return self.taxonomies.current(source_id) or given

    def tell_taxonomy(self, source_id: str) -> None:
        """Let the open datasets of this source know its taxonomy. Raises StoreError."""
        entries = self.taxonomy_of(source_id)
        with self._lock:
            for key in [k for k in self._open if k[0] == source_id]:
                self._open[key] = with_taxonomy(self._open[key], entries)

    def put(self, model: str, opened: OpenDataset) -> None:
        """Hold an opened dataset with its taxonomy, and answer requests for its thumbnails."""
        with suppress(StoreError):  # the editor says why it cannot be read
            opened = with_taxonomy(opened, self.taxonomy_of(opened.source.id))
        hashes = frozenset(opened.dataset.images["content_hash"].astype(str)) if len(opened.dataset) else frozenset()
        SERVER.allow(opened.source.id, opened.store, hashes)
        with self._lock:
            self._open[opened.source.id, model] = opened
            self._open.move_to_end((opened.source.id, model))
            while len(self._open) > MAX_OPEN:
                (old, _), _ = self._open.popitem(last=False)
                if all(kept != old for kept, _ in self._open):
                    SERVER.forbid(old)

    def drop(self, source_id: str) -> None:
        """Close a dataset under every model and stop its checks; the store on disk keeps what was computed."""
        with self._lock:
            for key in [k for k in self._open if k[0] == source_id]:
                del self._open[key]
            runs = [self._runs.pop(key) for key in [k for k in self._runs if k[0] == source_id]]
        for run in runs:
            run.cancel()
        SERVER.forbid(source_id)

    def audit_run(self, opened: OpenDataset) -> AuditRun:
        """The checks that run, ran or wait on this dataset as it is open now, shared by all sessions."""
        key = (opened.source.id, f"{opened.fingerprint}-{opened.dataset.taxonomy_fingerprint}")
        with self._lock:
            run = self._runs.get(key)
            if run is None:
                run = AuditRun(opened.source.id, opened.dataset, opened.features, self.results)
                self._runs[key] = run
            self._runs.move_to_end(key)
            while len(self._runs) > MAX_OPEN:
                self._runs.popitem(last=False)[1].cancel()
            return run

    def opening(self, source: Source, model: str) -> Callable[[Progress], None]:
        """The work of opening a dataset, to run in a job's thread."""
        roots = path_roots(self.root)

        def work(progress: Progress) -> None:
            from analysis.embedders import loading_note
            from analysis.opening import open_dataset

            progress(0, 0, loading_note(model))
            embedder = self.model(model)
            progress(0, 0, "Reading the folders")
            opened = open_dataset(source, store=self.store(), embedder=embedder, allowed_roots=roots, progress=progress)
            self.put(model, opened)
            if len(opened.dataset):
                images, concepts = len(opened.dataset), len(opened.dataset.concepts)
                self.recent.add(source, images=images, concepts=concepts)

        return work


def with_taxonomy(opened: OpenDataset, entries: tuple[Entry, ...]) -> OpenDataset:
    """The same dataset with this taxonomy."""
    if opened.dataset.taxonomy == entries:
        return opened
    return replace(opened, dataset=replace(opened.dataset, taxonomy=entries))


@st.cache_resource(show_spinner=False)
def _shelf_at(root: str) -> Shelf:
    return Shelf(Path(root))


def shelf() -> Shelf:
    """The shelf of the cache folder in use."""
    return _shelf_at(str(cache_dir()))


def samples() -> tuple[Sample, ...]:
    """The bundled samples; none when one of them is damaged (`sample_problem` says which)."""
    try:
        return bundled_samples()
    except InputError:
        return ()


def sample_problem() -> str | None:
    """What is wrong with the bundled samples, as a sentence for a person."""
    try:
        bundled_samples()
    except InputError as error:
        return str(error)
    return None


def given_source() -> Source | None:
    """The dataset named when the app was started (environment), if any: a path, or a sample's id."""
    training, real_world = os.environ.get(ENV_DATASET, ""), os.environ.get(ENV_REAL_WORLD, "")
    if not training:
        return None
    for sample in samples():
        if sample.source.id == training:
            return sample.source
    beside = Path(real_world).expanduser().resolve() if real_world else None
    return Source(Path(training).expanduser().resolve(), beside)


def uploads_folder(root: Path | None = None) -> Path:
    """Where uploaded zip files are unpacked."""
    return (root or cache_dir()) / "uploads"


def path_roots(root: Path | None = None) -> tuple[Path, ...]:
    """Folders below which a dataset may lie: the configured ones, the one given at the start, uploads."""
    given = given_source()
    extra = [p for p in (given.training, given.real_world) if p is not None] if given else []
    return allowed_roots((*extra, uploads_folder(root)))
