"""Speed and memory of the ingest, against the bare model and against an eager PyTorch loop, in one run.

    python benchmarks/embed.py [--images FOLDER] [--count 600] [--rounds 3]
    python benchmarks/embed.py --memory [--sizes 2000 20000]

The three are timed in turn, round by round, so that a machine that slows down slows all of them; the median
of the per-round ratios is the figure to quote.

- bare:   the exported model on inputs already in memory, as many threads as the ingest has, nothing else;
- ingest: read, hash, decode, attributes, perceptual hashes, thumbnail, preprocess, embed, spatial map, store;
- eager:  the usual loop: open, resize, tensor, `model(x)` in PyTorch, in batches of 16, nothing else.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from analysis.embedders import load_embedder
from analysis.embedders.bundled import BundledEmbedder
from analysis.ingest import default_threads, ingest
from analysis.store import Store

EAGER_BATCH = 16
PRELOADED = 64


def main() -> int:
    """Run the benchmark asked for and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, help="folder of pictures; without it 256-px JPEGs are generated")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory at the given dataset sizes instead")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 20000])
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return _memory_worker(arguments.worker)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.memory:
            return _memory(Path(scratch), arguments.sizes)
        paths = _paths(arguments.images, arguments.count, Path(scratch) / "images")
        return _speed(paths, arguments.rounds, Path(scratch))


def _speed(paths: list[str], rounds: int, scratch: Path) -> int:
    embedder = load_embedder()
    assert isinstance(embedder, BundledEmbedder)
    bare = _bare(embedder, paths)
    eager = _eager()
    print(f"{len(paths)} pictures, {rounds} rounds, {default_threads()} threads; images/s:")
    print(f"{'round':>6}{'bare':>9}{'ingest':>9}{'eager':>9}{'ingest/bare':>13}{'ingest/eager':>14}")
    some = paths[: max(EAGER_BATCH, len(paths) // 4)]
    rows = []
    for number in range(rounds + 1):
        # Each round has a store of its own, or there would be nothing to compute.
        store = Store(scratch / f"store{number}")
        rate = {
            "bare": _rate(lambda: bare(len(paths)), len(paths)),
            "ingest": _rate(lambda store=store: ingest(paths, embedder, store), len(paths)),  # type: ignore[misc]
            "eager": _rate(lambda: eager(some), len(some)),
        }
        if number == 0:  # warm-up
            continue
        rows.append((rate["ingest"] / rate["bare"], rate["ingest"] / rate["eager"]))
        print(f"{number:>6}" + "".join(f"{rate[k]:9.1f}" for k in rate) + f"{rows[-1][0]:13.2f}{rows[-1][1]:14.1f}")
    of_bare, of_eager = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"median: {of_bare:.2f} of the bare model (reach 0.70), {of_eager:.1f} times the eager loop (reach 5)")
    return 0 if of_bare >= 0.70 and of_eager >= 5 else 1


def _bare(embedder: BundledEmbedder, paths: list[str]) -> Callable[[int], None]:
    inputs = np.stack([embedder.preprocess(Image.open(p).convert("RGB")) for p in paths[:PRELOADED]])

    def run(count: int) -> None:
        def one(i: int) -> None:
            embedder._image.run(None, {"image": inputs[i % len(inputs)][None]})

        with ThreadPoolExecutor(default_threads()) as pool:
            list(pool.map(one, range(count)))

    return run


def _eager() -> Callable[[list[str]], None]:
    import torch

    from analysis.embedders.bundled_export import load_torch_model

    net = load_torch_model()

    def run(paths: list[str]) -> None:
        for start in range(0, len(paths), EAGER_BATCH):
            arrays = [
                np.asarray(Image.open(p).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC))
                for p in paths[start : start + EAGER_BATCH]
            ]
            batch = (torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() - 127.0) / 128.0
            with torch.inference_mode():
                net(batch)

    return run


def _rate(work: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def _memory(scratch: Path, sizes: list[int]) -> int:
    peaks = []
    for size in sizes:
        _many(size, scratch / str(size))
        command = [sys.executable, __file__, "--worker", str(scratch / str(size))]
        start = time.perf_counter()
        peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
        seconds = time.perf_counter() - start
        peaks.append(peak)
        print(f"{size:>7} pictures: peak {peak} MB, {seconds:.0f} s, {size / seconds:.0f} images/s")
    print(f"growth from {sizes[0]} to {sizes[-1]}: {peaks[-1] - peaks[0]} MB ({peaks[-1] / peaks[0]:.2f} times)")
    return 0


def _many(count: int, folder: Path, distinct: int = 200) -> None:
    """That many files, no two alike: bytes after the end of a JPEG change its content hash, not its picture."""
    bases = [Path(p).read_bytes() for p in _generate(distinct, folder / "bases")]
    for i in range(count):
        (folder / f"{i:06d}.jpg").write_bytes(bases[i % distinct] + i.to_bytes(4, "big"))


def _memory_worker(folder: Path) -> int:
    paths = sorted(str(p) for p in folder.glob("*.jpg"))
    ingest(paths, load_embedder(), Store(folder / "store"))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    return 0


def _paths(folder: Path | None, count: int, scratch: Path) -> list[str]:
    if folder is None:
        return _generate(count, scratch)
    found = sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    step = max(1, len(found) // count)
    return found[::step][:count]


def _generate(count: int, folder: Path) -> list[str]:
    """256-px JPEGs with detail at every scale, about 17 KB each, like photographs of that size."""
    folder.mkdir(parents=True)
    paths = []
    for i in range(count):
        rng = np.random.default_rng(i)
        picture = np.full((256, 256, 3), 128.0, dtype=np.float32)
        for side in (4, 16, 64, 256):
            layer = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
            scaled = np.asarray(layer.resize((256, 256), Image.Resampling.BICUBIC), dtype=np.float32)
            picture += (scaled - 128.0) * (0.55 if side == 4 else 0.9 * 4 / side**0.75)
        path = folder / f"{i:06d}.jpg"
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path, quality=88)
        paths.append(str(path))
    return paths


if __name__ == "__main__":
    raise SystemExit(main())
