"""A small network that learns from nothing but the pictures at hand: the other end from a probe on frozen vectors.

Four convolutions with normalisation, averaging at the end: about 100,000 weights, drawn at random, trained on small
pictures for a fixed number of steps. Steps, not seconds: a slow machine gives the same answer later. The number is
the same for every share of the pictures, so a learning curve shows the pictures' part alone. It is far from the best
network one could train; what it shows is how steep the way is without an existing model to stand on.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from analysis.features import Pictures
from analysis.learning_curve import Bool, Float64, Measured, measure
from analysis.progress import Progress, no_progress, scaled

if TYPE_CHECKING:
    import torch

UInt8 = NDArray[np.uint8]

SIDE: Final = 64  # pixels; what a photo is of is still seen, a step takes about 35 ms on one core
STEPS: Final = 500  # on 1,200 photos: 300 stop too early (0.60 of them right), 600 reach 0.70
BATCH: Final = 32
RATE: Final = 4e-3  # peak of a one-cycle schedule
WIDTHS: Final = (24, 48, 72, 96)
CHUNK: Final = 256
FOLDS: Final = 3
SHARES: Final = np.array([1 / 8, 1 / 4, 1 / 2, 1.0])


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
    fits, fit, done = FOLDS * len(SHARES), 0, 0

    def tick() -> None:
        nonlocal done
        done += 1
        share = min(0.999, 0.02 + 0.98 * done / (fits * (steps + 1 + len(images) / FOLDS / CHUNK)))
        progress(round(1000 * share), 1000, f"training a network from scratch ({fit} of {fits})")

    def learner(x: UInt8, y: Bool, queries: UInt8) -> Float64:
        nonlocal fit
        fit += 1
        return train_and_score(x, y, queries, steps=steps, seed=seed, tick=tick)

    return measure(images, member, names, shares=SHARES, repeats=1, folds=FOLDS, seed=seed, learner=learner)


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _network(member.shape[1])
        mean, deviation = images.mean(), max(float(images.std()), 1.0)
        x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
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
            batch = _jitter((x[rows].float() - mean) / deviation, rng)
            loss = nn.functional.cross_entropy(net(batch), y[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
        net.eval()
        out = []
        with torch.inference_mode():
            for start in range(0, len(queries), CHUNK):
                tick()
                part = torch.from_numpy(np.ascontiguousarray(queries[start : start + CHUNK].transpose(0, 3, 1, 2)))
                out.append(net((part.float() - mean) / deviation).numpy())
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
    """Mirrored at random, and moved by up to four pixels."""
    import torch

    flip = torch.from_numpy(rng.random(len(batch)) < 0.5)
    batch = torch.where(flip[:, None, None, None], batch.flip(3), batch)
    down, right = (int(v) for v in rng.integers(-4, 5, size=2))
    return torch.roll(batch, (down, right), dims=(2, 3))
