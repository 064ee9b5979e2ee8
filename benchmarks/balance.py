"""What imbalance costs, foretold and tried: is the recall "with the imbalance weighed out" what balance would give?

    python benchmarks/balance.py [--data FOLDER] [--draws 3]

Six TrashNet classes of 60 photos; one after the other is cut to 12. Printed is the recall of the cut class as it
stands, with the imbalance weighed out, and when all other classes are cut to 12 too (the costly way of asking).
Exit code 1 where weighed out and truly balanced differ by more than 0.1 on average.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from analysis.embedders import load_embedder
from analysis.imbalance import cost_of_imbalance
from analysis.opening import open_dataset
from analysis.probe import targets
from analysis.sources import Source
from analysis.store import Store

FULL, CUT = 60, 12


def main() -> int:
    """Print a line a class and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="keep vectors here between runs")
    arguments = parser.parse_args()
    folder = arguments.data / "trashnet"
    if not folder.is_dir():
        print(f"{folder} is not there: nothing to measure")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(arguments.keep or Path(scratch))
        opened = open_dataset(Source(folder, None), store=store, embedder=load_embedder())
        target = targets(opened.dataset)
        x, y, k = opened.features.image[target.rows], target.first, len(target.classes)

    def recall(rows: np.ndarray, cut: int, seed: int) -> tuple[float, float, float]:
        member = y[rows, None] == np.arange(k)
        cost = cost_of_imbalance(x[rows], member, seed=seed)
        return float(cost.recall[cut]), float(cost.even[cut]), float(cost.others[cut])

    print(f"{'':<12}{'full':>8}{'stands':>8}{'weighed out':>13}{'balanced':>10}{'others':>8}")
    every = []
    for cut, name in enumerate(target.classes):
        lines = []
        for seed in range(arguments.draws):
            rng = np.random.default_rng(seed)
            full = {c: rng.choice(np.flatnonzero(y == c), FULL, replace=False) for c in range(k)}
            few = {c: rows[:CUT] for c, rows in full.items()}
            whole = recall(np.concatenate(list(full.values())), cut, seed)
            stands = recall(np.concatenate([few[c] if c == cut else full[c] for c in range(k)]), cut, seed)
            balanced = recall(np.concatenate(list(few.values())), cut, seed)
            lines.append([whole[0], stands[0], stands[1], balanced[0], stands[2]])
        every.append(np.mean(lines, axis=0))
        print(_line(name, every[-1]))
    mean = np.mean(every, axis=0)
    print(_line("mean", mean))
    return 0 if abs(mean[2] - mean[3]) <= 0.1 else 1


def _line(name: str, values: np.ndarray) -> str:
    full, stands, even, balanced, others = values
    return f"{name:<12}{full:8.2f}{stands:8.2f}{even:13.2f}{balanced:10.2f}{others:8.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
