"""Merged concepts taken apart again, and single ones left alone, on real photos.

python benchmarks/spread.py [--data ../shared/data] [--merges 12] [--seed 0] [--few]
python benchmarks/spread.py --parts 45 [--pictures 60] [--seed 0] [--folder FOLDER]

For each set: the verdicts as labelled; how often single concepts alarm when datasets of 4 to 20 concepts are drawn at
random; then two to four concepts with 30 pictures or more are merged at random, and the verdict and the adjusted Rand
index of the parts are printed. With `--few` each merge is made in 5 to 9 concepts drawn at random, which are also
judged as they are. With `--parts` only the parts are looked at, whether or not the check alarms: of two, three and four
concepts in turn, merged among 5 to 9 drawn at random, in the first set or a folder of your own.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from analysis.dataset import Dataset
    from analysis.features import Features

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SETS = ("grocery/in_store", "trashnet")
RESAMPLES = 200


def parts_alone(data: Dataset, features: Features, merges: int, pictures: int, seed: int) -> None:
    """Print, for two, three and four concepts merged among few, how well the parts are those concepts."""
    from sklearn.metrics import adjusted_rand_score

    from analysis.parts import space
    from analysis.wide import divide, halves, least_apart

    first = np.array([c[0] if c else "" for c in data.concepts_by_row], dtype=object)
    rng = np.random.default_rng(seed)
    names = sorted(c for c, n in Counter(first).items() if c and n >= 40)
    index: dict[int, list[float]] = {2: [], 3: [], 4: []}
    for i in range(merges):
        count = 2 + i % 3
        among = rng.choice(names, min(int(rng.integers(5, 10)) + count - 1, len(names)), replace=False)
        rows = np.sort(np.concatenate([rng.permutation(np.flatnonzero(first == c))[:pictures] for c in among]))
        own, others = among[:count], among[count:]
        member = np.stack([np.isin(first[rows], own)] + [first[rows] == c for c in others], axis=1)
        made = space(features.image[rows], member)
        usual = [halves(made, k, np.flatnonzero(member[:, k])).apart for k in range(1, member.shape[1])]
        at = np.flatnonzero(member[:, 0])
        found = divide(made, 0, at, least_apart(usual))
        index[count].append(float("nan") if found is None else adjusted_rand_score(first[rows[at]], found.labels))
    for count, values in index.items():
        known = np.array([v for v in values if not np.isnan(v)])
        print(
            f"{count} merged, {len(values)} times: parts in {len(known)}, ARI 0.8 or more in {(known >= 0.8).sum()}, "
            f"mean {known.mean() if len(known) else float('nan'):.2f}"
        )


def main() -> int:
    """Print the figures; 1 where a single concept alarms or, in the shop, merges are missed or not recovered."""
    from sklearn.metrics import adjusted_rand_score

    from analysis.checks.spread import find_spread
    from analysis.dataset import label_frame
    from analysis.embedders import load_embedder
    from analysis.opening import open_dataset
    from analysis.sources import Source
    from analysis.statistics import benjamini_hochberg
    from analysis.store import Store
    from analysis.wide import excess

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"))
    parser.add_argument("--merges", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--parts", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    bad = 0
    for name in SETS[:1] if given.parts else SETS:
        folder = given.folder if given.parts and given.folder else given.data / name
        if not folder.is_dir():
            print(f"{folder} is not there: nothing measured.")
            continue
        opened = open_dataset(Source(folder, None), store=Store(given.cache), embedder=load_embedder("bundled"))
        data, features = opened.dataset, opened.features
        if given.parts:
            parts_alone(data, features, given.parts, given.pictures, given.seed)
            continue
        first = np.array([c[0] if c else "" for c in data.concepts_by_row], dtype=object)
        ids = data.images["image_id"].to_numpy()
        clean = find_spread(data, features).findings()
        alarms = [c.concept for c in clean.concepts if c.verdict in ("warn", "fail")]
        print(f"{name}: as labelled {dict(Counter(str(c.verdict) for c in clean.concepts))}, alarms {alarms}")
        width, pictures = (clean.tables["spread"][c].to_numpy() for c in ("width", "n"))
        rng = np.random.default_rng(given.seed)
        sizes = [n for n in (4, 6, 10, 20) if n < len(width)]
        for n in sizes:
            drawn = [rng.choice(len(width), n, replace=False) for _ in range(RESAMPLES)]
            wide = np.mean([np.nanmin(benjamini_hochberg(excess(width[d], pictures[d]))) <= 0.05 for d in drawn])
            print(f"  {n} single concepts at random, {RESAMPLES} times: one called wide in {wide:.3f} (before the gap)")
        counts = Counter(first)
        names = sorted(c for c, n in counts.items() if c and n >= 30)
        verdicts, index, others, single = Counter(), [], 0, Counter()
        for i in range(given.merges):
            among = rng.choice(names, min(rng.integers(5, 10), len(names)), replace=False) if given.few else names
            own = rng.choice(among, min(2 + i % 3, len(among) - 2), replace=False)
            kept = np.where(np.isin(first, among), first, "") if given.few else first
            if given.few:
                alone = replace(data, labels=label_frame((r, str(c)) for r, c in enumerate(kept) if c), _cache={})
                single[str(find_spread(alone, features).findings().verdict)] += 1
            labels = np.where(np.isin(kept, own), "Merged", kept)
            made = replace(data, labels=label_frame((r, str(c)) for r, c in enumerate(labels) if c), _cache={})
            findings = find_spread(made, features).findings()
            found = next(c for c in findings.concepts if c.concept == "Merged")
            others += any(c.verdict in ("warn", "fail") for c in findings.concepts if c is not found)
            verdicts[str(found.verdict)] += 1
            parts = found.extra["parts"]
            part = {image: k for k, one in enumerate(parts) for image in one["images"]}
            rows = made.rows(concept="Merged")
            value = adjusted_rand_score(first[rows], [part[ids[r]] for r in rows]) if parts else float("nan")
            index.append(value)
            ends = ", ".join(c.rsplit("/", 1)[-1] for c in own)
            print(f"  {ends}: {found.verdict}, {len(parts)} parts, ARI {value:.2f}", flush=True)
        known = np.array([v for v in index if not np.isnan(v)])
        print(
            f"{name}: {dict(verdicts)}; parts shown {len(known)}, of these ARI 0.8 or more {(known >= 0.8).sum()}, "
            f"mean {known.mean() if len(known) else float('nan'):.2f}; another concept alarmed {others} times"
            + (f"; as they are {dict(single)}" if single else "")
        )
        found_share = (verdicts["warn"] + verdicts["fail"]) / max(given.merges, 1)
        bad += bool(alarms) or (name != "trashnet" and not given.few and (found_share < 0.6 or known.mean() < 0.8))
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
