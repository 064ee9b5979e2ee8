"""A flat map of a dataset: similar pictures lie close together.

Method: 50 principal components of the image vectors, then PaCMAP (Wang et al., JMLR 2021), which keeps both
near neighbours and the large picture. Limits: distances between far groups, group sizes and empty space carry
no meaning; with fewer than `MIN_PACMAP` images the first two principal components are the map.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from pathlib import Path
from typing import Final

import numpy as np

from analysis.embedders.base import Float32
from analysis.progress import Progress, no_progress

DEFAULT_COMPONENTS: Final = 50  # more changes the map of real photos little and costs neighbour-search time
MIN_PACMAP: Final = 30  # below this PaCMAP has to reorganise its pairs, and a linear view is more honest
MANY: Final = 20_000  # below this one thread: on a busy machine the second one waits in a spin, 5-14 times slower
NEIGHBOURS: Final = 10  # PaCMAP's own default
METHOD: Final = "pacmap-2"  # part of the file name: raise it whenever the same input would give another map
SPREAD: Final = 0.6  # share of the rank in a position: crowded parts get room (trustworthiness .971 -> .970)
CHUNK: Final = 4096
STEPS: Final = 100
_FLAT: Final = 1e-10  # variance below this is rounding error: the pictures are all alike

# PaCMAP keeps its seed in a module global, and numba's portable thread pool aborts when entered twice.
_ONE_AT_A_TIME = threading.Lock()


def project(image: Float32, seed: int = 0, progress: Progress = no_progress) -> Float32:
    """Positions of n images in the plane, the same for the same input.

    Args:
        image: float32 (n, f), L2-normalised image vectors.
        seed: of the random pairs PaCMAP draws.
        progress: called between the steps; may raise `Cancelled`.

    Returns:
        float32 (n, 2), each axis from -1 to 1; zero where all images are alike.
    """
    n = len(image)
    progress(0, STEPS, "Looking for the main differences")
    components = principal_components(image, DEFAULT_COMPONENTS, progress)
    if components.shape[1] == 0:
        flat = np.zeros((n, 2), dtype=np.float32)
    elif n < MIN_PACMAP:
        flat = np.zeros((n, 2), dtype=np.float32)
        flat[:, : components.shape[1]] = components[:, :2]
    else:
        progress(20, STEPS, "Laying out the map")
        flat = _pacmap(components, seed, progress)
    progress(STEPS, STEPS, "Map ready")
    return spread_out(along_the_long_side(flat))


def principal_components(x: np.ndarray, count: int, progress: Progress = no_progress) -> Float32:
    """Scores of the leading principal components, float32 (n, at most `count`), strongest first.

    Components without variance are left out. The sign of each is fixed (its largest loading is positive), so
    the result does not depend on the linear algebra library's choice.
    """
    n, dim = x.shape
    if n < 2:
        return np.zeros((n, 0), dtype=np.float32)
    mean = x.mean(axis=0, dtype=np.float64)
    values, basis = _few_images(x - mean, count) if n <= dim else _many_images(x, mean, count, progress)
    keep = np.flatnonzero(values > _FLAT)[::-1]
    basis = basis[:, keep]
    signs = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(len(keep))]) if len(keep) else 1.0
    basis = basis * signs
    out = np.empty((n, len(keep)), dtype=np.float32)
    for start in range(0, n, CHUNK):
        out[start : start + CHUNK] = (x[start : start + CHUNK] - mean) @ basis
    return out


def _many_images(x: np.ndarray, mean: np.ndarray, count: int, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Largest variances, ascending, and their directions (f, k) from the covariance (f, f), one chunk at a time."""
    from scipy.linalg import eigh

    n, dim = x.shape
    covariance = np.zeros((dim, dim), dtype=np.float64)
    for start in range(0, n, CHUNK):
        block = x[start : start + CHUNK].astype(np.float64) - mean
        covariance += block.T @ block
        progress(15 * min(start + CHUNK, n) // n, STEPS, "Looking for the main differences")
    values, vectors = eigh(covariance / (n - 1), subset_by_index=[max(0, dim - count), dim - 1])
    return values, vectors


def _few_images(centred: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same from the (n, n) matrix of inner products, which is smaller where n < f."""
    n = len(centred)
    values, vectors = np.linalg.eigh(centred @ centred.T / (n - 1))
    values, vectors = values[-count:], vectors[:, -count:]
    basis: np.ndarray = centred.T @ vectors / np.sqrt(np.maximum(values, _FLAT) * (n - 1))
    return values, basis


def _pacmap(components: Float32, seed: int, progress: Progress) -> Float32:
    with _ONE_AT_A_TIME:
        progress(20, STEPS, "Laying out the map")  # a cancel may have come while waiting
        logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns of every seed, once per call
        import numba
        from pacmap import PaCMAP

        progress(30, STEPS, "Laying out the map")
        if components.shape[1] < 3:  # PaCMAP refuses inputs that are already flat
            components = np.pad(components, ((0, 0), (0, 3 - components.shape[1])))
        reducer = PaCMAP(n_components=2, n_neighbors=NEIGHBOURS, apply_pca=False, random_state=seed)
        threads = numba.get_num_threads()
        numba.set_num_threads(1 if len(components) < MANY else threads)
        try:
            laid_out = reducer.fit_transform(components, init=components[:, :2])
        finally:
            numba.set_num_threads(threads)
    flat: Float32 = np.asarray(laid_out, dtype=np.float32)
    return flat if np.isfinite(flat).all() else components[:, :2]


def along_the_long_side(flat: np.ndarray) -> np.ndarray:
    """Turned so that the map is widest from left to right, as screens are."""
    if len(flat) < 2:
        return flat
    centred = flat - flat.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    wide = axes[:, 1] if axes[0, 1] >= 0 else -axes[:, 1]
    turned: np.ndarray = centred @ np.stack([wide, [-wide[1], wide[0]]], axis=1)  # a rotation, never a mirror
    return turned


def spread_out(flat: np.ndarray, share: float = SPREAD) -> Float32:
    """Each axis stretched where many points lie and shrunk where few do, then to -1..1; order is kept.

    PaCMAP leaves most of a screen empty between its islands. Distances there mean nothing, so the room goes to
    the islands: a coordinate becomes a mix of itself and its rank. Equal coordinates stay equal.
    """
    out = np.zeros((len(flat), 2), dtype=np.float32)
    for axis in range(2 if len(flat) > 1 else 0):
        values, place, count = np.unique(flat[:, axis], return_inverse=True, return_counts=True)
        if len(values) < 2:
            continue
        middle = np.cumsum(count) - (count + 1) / 2  # mean rank of equal coordinates
        rank = middle - middle[0]
        own = values.astype(np.float64) - values[0]
        mixed = share * rank / rank[-1] + (1 - share) * own / own[-1]
        out[:, axis] = (2 * mixed - 1)[place]
    return out


def projection_file(folder: Path, fingerprint: str, seed: int = 0) -> Path:
    """Where the map of what `fingerprint` names is kept under `folder`."""
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in fingerprint)
    return folder / "maps" / f"{safe}-{METHOD}-s{seed}.npy"


def stored_projection(folder: Path, fingerprint: str, n: int, seed: int = 0) -> Float32 | None:
    """The map kept earlier, float32 (n, 2), or None if there is none that fits."""
    try:
        flat: Float32 = np.load(projection_file(folder, fingerprint, seed), allow_pickle=False)
    except (OSError, ValueError, EOFError):  # absent or damaged: it is computed again
        return None
    if flat.shape != (n, 2) or flat.dtype != np.float32:
        return None
    return flat


def load_or_project(
    image: Float32, fingerprint: str, folder: Path, seed: int = 0, progress: Progress = no_progress
) -> Float32:
    """`project`, kept on disk so that a second opening is instant.

    Args:
        image: as for `project`.
        fingerprint: names the vectors; equal fingerprints must mean equal vectors.
        folder: cache folder; a file that cannot be written there costs only the next opening.
        seed: as for `project`.
        progress: as for `project`.

    Returns:
        float32 (n, 2), as `project`.
    """
    kept = stored_projection(folder, fingerprint, len(image), seed)
    if kept is not None:
        progress(STEPS, STEPS, "Map ready")
        return kept
    flat = project(image, seed, progress)
    _write_whole(projection_file(folder, fingerprint, seed), flat)
    return flat


def _write_whole(path: Path, array: np.ndarray) -> None:
    """Write to a file of another name and rename it, so that a killed process leaves no half map."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:  # a full or read-only disk: the map is only not kept
        return
    try:
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
