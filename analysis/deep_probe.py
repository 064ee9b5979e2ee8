"""A small network that learns from nothing but the pictures at hand: the other end from a probe on frozen vectors.

Four convolutions with normalisation, averaging at the end: about 100,000 weights, drawn at random, trained on small
pictures for a fixed number of steps. Steps, not seconds: a slow machine gives the same answer later. The number is
the same for every share of the pictures, so a learning curve shows the pictures' part alone. It is far from the best
network one could train; what it shows is how steep the way is without an existing model to stand on.

The fits do not depend on each other: as many run at a time as there are cores, each on one, so the answer does not
depend on the number of cores either.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.errors import Cancelled
from analysis.features import Pictures
from analysis.learning_curve import Bool, Fit, Float64, Int64, Measured, measure
from analysis.progress import Progress, no_progress, scaled

if TYPE_CHECKING:
    import torch

UInt8 = NDArray[np.uint8]

SIDE: Final = 64  # pixels; what a photo is of is still seen, a step takes about 20 ms on one core
STEPS: Final = 500  # on 1,200 photos: 300 stop too early (0.60 of them right), 600 reach 0.70
BATCH: Final = 32
RATE: Final = 4e-3  # peak of a one-cycle schedule
WIDTHS: Final = (24, 48, 72, 96)
CHUNK: Final = 256
FOLDS: Final = 3
SHARES: Final = np.array([1 / 8, 1 / 4, 1 / 2, 1.0])
MIN_PICTURES: Final = 60  # with a label; below, a network from scratch shows chance and minutes are lost
MIN_OF_CONCEPT: Final = 24  # pictures: an eighth of two thirds of them are the two to learn from at the least size
MIN_CONCEPTS: Final = 2  # with as many pictures
POLL: Final = 0.2  # seconds between two looks at whether to stop
_BUILDING: Final = threading.Lock()  # weights come from torch's one generator


def small_pictures(
    pictures: Pictures, rows: NDArray[np.int64], *, side: int = SIDE, progress: Progress = no_progress
) -> tuple[UInt8, NDArray[np.bool_]]:
    """The middle square of each thumbnail: uint8 (m, side, side, 3), and bool (m,) whether there was one."""
    from PIL import Image

    out = np.zeros((len(rows), side, side, 3), dtype=np.uint8)
    there = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), CHUNK):
        progress(start, len(rows), "reading small pictures")
        for i, data in enumerate(pictures.thumbnails(rows[start : start + CHUNK]), start):
            if data is None:
                continue
            image = Image.open(io.BytesIO(data)).convert("RGB")
            short = min(image.size)
            left, top = (image.width - short) // 2, (image.height - short) // 2
            box = (left, top, left + short, top + short)
            out[i] = np.asarray(image.resize((side, side), Image.Resampling.BOX, box=box))
            there[i] = True
    return out, there


def too_little(counts: Int64, pictures: int) -> str:
    """A sentence why no network is worth training; empty if it is. `counts`: labels of each concept."""
    if pictures < MIN_PICTURES:
        return (
            f"No network was trained from scratch: {pictures:,} pictures have a label, and with fewer than "
            f"{MIN_PICTURES} it would show nothing but chance."
        )
    enough = int((counts >= MIN_OF_CONCEPT).sum())
    if enough < MIN_CONCEPTS:
        have = "no concept has" if enough == 0 else "only one concept has"
        return (
            f"No network was trained from scratch: {have} {MIN_OF_CONCEPT} pictures or more, and "
            f"at least {MIN_CONCEPTS} concepts need as many."
        )
    return ""


def measure_from_scratch(
    pictures: Pictures,
    rows: NDArray[np.int64],
    member: Bool,
    names: tuple[str, ...],
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Measured | None:
    """The learning curve of the network; None with too few pictures that can be read.

    Args:
        rows: (m,) rows of the dataset.
        member: bool (m, k).
        names: of the k concepts.
    """
    images, there = small_pictures(pictures, rows, progress=scaled(progress, 0.0, 0.02))
    images, member = images[there], member[there]
    if len(images) < 2 * FOLDS:
        return None
    ticks = [0]  # one count a fit: no two threads write to the same
    stopping = threading.Event()

    def learner(x: UInt8, y: Bool, queries: UInt8) -> Float64:
        with _BUILDING:
            ticks.append(0)
            own = len(ticks) - 1

        def tick() -> None:
            if stopping.is_set():
                raise Cancelled
            ticks[own] += 1

        return train_and_score(x, y, queries, steps=steps, seed=seed, tick=tick)

    def look(fits: int) -> None:
        share = 0.02 + 0.98 * sum(ticks) / (fits * (steps + np.ceil(len(images) / FOLDS / CHUNK)))
        note = f"training a network from scratch ({min(len(ticks) - 1, fits)} of {fits})"
        progress(round(1000 * min(0.999, share)), 1000, note)

    def each(hits: Callable[[Fit], Bool], fits: Sequence[Fit]) -> Iterable[Bool]:
        import torch

        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(max_workers=_cores(), initializer=torch.set_num_threads, initargs=(1,))
        try:
            waiting = futures = [pool.submit(hits, fit) for fit in fits]
            while waiting:
                waiting = list(wait(waiting, timeout=POLL, return_when=FIRST_EXCEPTION).not_done)
                look(len(fits))
                if any(f.done() and f.exception() for f in futures):
                    break
            return [future.result() for future in futures]
        finally:
            stopping.set()
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(threads)

    return measure(images, member, names, shares=SHARES, repeats=1, folds=FOLDS, seed=seed, learner=learner, each=each)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def train_and_score(
    images: UInt8,
    member: Bool,
    queries: UInt8,
    *,
    steps: int = STEPS,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Float64:
    """Scores float64 (q, k) of a network trained from scratch on `images` (n, side, side, 3), bool (n, k).

    `tick` is called before each step and may raise to stop.
    """
    import torch
    from torch import nn

    rng = np.random.default_rng(seed)
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _network(member.shape[1]).to(memory_format=torch.channels_last)
    mean, deviation = images.mean(), max(float(images.std()), 1.0)
    x = torch.from_numpy(images)
    y = torch.from_numpy(member.astype(np.float32))
    y = y / y.sum(dim=1, keepdim=True).clamp(min=1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    net.train()
    order = np.empty(0, dtype=np.int64)
    for _ in range(steps):
        tick()
        while len(order) < BATCH:
            order = np.concatenate([order, rng.permutation(len(x))])
        rows, order = order[:BATCH], order[BATCH:]
        batch = (_jitter(x[rows], rng).float() - mean) / deviation
        loss = nn.functional.cross_entropy(net(batch.permute(0, 3, 1, 2)), y[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    net.eval()
    out = []
    with torch.inference_mode():
        for start in range(0, len(queries), CHUNK):
            tick()
            part = (torch.from_numpy(queries[start : start + CHUNK]).float() - mean) / deviation
            out.append(net(part.permute(0, 3, 1, 2)).numpy())
    scores: Float64 = np.concatenate(out).astype(np.float64)
    return scores


def _network(classes: int) -> torch.nn.Module:
    from torch import nn

    layers: list[nn.Module] = []
    before = 3
    for width in WIDTHS:
        layers += [nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))


def _jitter(batch: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Pictures (b, side, side, 3), mirrored at random, and moved by up to four pixels."""
    import torch

    flip = torch.from_numpy(rng.random(len(batch)) < 0.5)
    batch = torch.where(flip[:, None, None, None], batch.flip(2), batch)
    down, right = (int(v) for v in rng.integers(-4, 5, size=2))
    return torch.roll(batch, (down, right), dims=(1, 2))
