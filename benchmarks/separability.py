"""Visibility and outside context on real photos: clean labels, random splits, 30 % wrong labels, few pictures.

python benchmarks/separability.py [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SPLIT_NAMES = ("friend", "stranger")


def main() -> int:
    """Print how often each check fires; 1 where a split is missed or noise is called unexplained too often."""
    from analysis.checks.outside_context import find_outside_context
    from analysis.checks.visibility import find_visibility
    from analysis.dataset import label_frame
    from analysis.embedders import load_embedder
    from analysis.opening import open_dataset
    from analysis.sources import Source
    from analysis.store import Store

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"))
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    folder = given.data / "trashnet"
    if not folder.is_dir():
        print(f"{folder} is not there: nothing measured.")
        return 0
    opened = open_dataset(Source(folder, None), store=Store(given.cache), embedder=load_embedder("bundled"))
    data, features = opened.dataset, opened.features
    first = np.array([c[0] for c in data.concepts_by_row], dtype=object)
    rng = np.random.default_rng(0)

    def judged(labels: np.ndarray) -> list[dict[str, str]]:
        made = replace(data, labels=label_frame((i, str(c)) for i, c in enumerate(labels)), _cache={})
        checks = (find_outside_context, find_visibility)
        return [{f.concept: str(f.verdict) for f in c(made, features).findings().concepts} for c in checks]

    outside, visible = judged(first)
    print("clean: outside_context", outside, "\nclean: visibility", visible)
    found = wrong = tries = fired = noisy = 0
    for _ in range(given.seeds):
        for concept in data.concepts:
            labels = first.copy()
            mine = rng.permutation(np.flatnonzero(first == concept))
            labels[mine[::2]], labels[mine[1::2]] = SPLIT_NAMES
            outside, visible = judged(labels)
            tries += 1
            found += {c for c, v in outside.items() if v in ("warn", "fail")} == set(SPLIT_NAMES)
            wrong += len({c for c, v in outside.items() if v in ("warn", "fail")} - set(SPLIT_NAMES))
        pair = rng.choice(data.concepts, 2, replace=False)
        labels = first.copy()
        hit = np.isin(first, pair) & (rng.random(len(first)) < 0.3)
        labels[hit] = np.where(first[hit] == pair[0], pair[1], pair[0])
        outside, visible = judged(labels)
        noisy += 1
        fired += any(v in ("warn", "fail") for v in outside.values())
        print("30 % exchanged:", *pair, [outside[c] for c in pair], "visibility", [visible[c] for c in pair])
    print(f"random split named and nothing else: {found} of {tries}; others named: {wrong}")
    print(f"30 % wrong labels called unexplained: {fired} of {noisy}")
    return int(found < 0.8 * tries or fired > 0)


if __name__ == "__main__":
    raise SystemExit(main())
