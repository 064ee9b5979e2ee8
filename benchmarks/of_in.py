"""The Of/In benchmark: can a label be told to name what a photo is of, or only something in it, without its mask?

python benchmarks/of_in.py [--data ../shared/data] [--cache .cache/benchmarks]

Definition, protocol and baselines: docs/of_in_benchmark.md. Masks give the truth and nothing else.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

OF_SHARE, OF_CENTRE, IN_SHARE, LEAST = 0.12, 0.35, 0.015, 6
LOOSE_OF, LOOSE_IN, LOOSE_LEAST = 0.10, 0.02, 2
REACH_MEAN, REACH_POOLED = 0.88, 0.85


def truth(folder: Path) -> pd.DataFrame:
    """One row a thing in a scene: `stem`, `concept`, `share` of the picture, `centre` (distance from the middle)."""
    import cv2

    with (folder / "things.csv").open(encoding="utf-8") as file:
        names = {int(row["mask_value"]): row["name"] for row in csv.DictReader(file)}
    rows = []
    for path in sorted((folder / "masks").glob("*.png")):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        mask = mask if mask.ndim == 2 else mask[..., 0]
        for value in np.unique(mask):
            if int(value) in names:
                y, x = np.nonzero(mask == value)
                middle = np.hypot((x.mean() + 0.5) / mask.shape[1] - 0.5, (y.mean() + 0.5) / mask.shape[0] - 0.5)
                rows.append((path.stem, names[int(value)], len(y) / mask.size, float(middle)))
    return pd.DataFrame(rows, columns=["stem", "concept", "share", "centre"])


def kinds(table: pd.DataFrame, of_share: float, in_share: float, least: int) -> pd.DataFrame:
    """The rows that are plainly `of` (column `of` True) or `in`, of concepts with `least` or more of each."""
    of = (table["share"] >= of_share) & (table["centre"] <= OF_CENTRE)
    chosen = table[of | (table["share"] <= in_share)].assign(of=of)
    counts = chosen.groupby("concept")["of"].agg(["sum", "size"])
    enough = counts[(counts["sum"] >= least) & (counts["size"] - counts["sum"] >= least)].index
    return chosen[chosen["concept"].isin(enough)]


def aurocs(chosen: pd.DataFrame, score: str) -> tuple[float, float, float, dict[str, float]]:
    """AUROC averaged over concepts, pooled, pooled after standardising within each concept, and by concept."""
    from sklearn.metrics import roc_auc_score

    each = {str(c): float(roc_auc_score(g["of"], g[score])) for c, g in chosen.groupby("concept")}
    within = chosen.groupby("concept")[score].transform(lambda s: (s - s.mean()) / (s.std() + 1e-9))
    pooled = float(roc_auc_score(chosen["of"], chosen[score]))
    return float(np.mean(list(each.values()))), pooled, float(roc_auc_score(chosen["of"], within)), each


def baselines(dataset, pictures, stems: pd.Series) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """What needs no concept: size and place of the subject found in each picture (`analysis.composition`)."""
    from analysis.composition import measure_pictures

    found = measure_pictures(dataset, pictures, np.arange(len(dataset)))
    middle = found.boxes[:, :2] + found.boxes[:, 2:] / 2 - 0.5
    return pd.DataFrame(
        {
            "stem": stems.to_numpy()[found.rows],
            "area only": found.boxes[:, 2] * found.boxes[:, 3],
            "centre only": -np.hypot(*middle.T),
        }
    )


def scored(opened, labels: pd.DataFrame, stems: pd.Series, **given):  # type: ignore[no-untyped-def]
    """The check's score of these labels, as a fresh dataset that carries them and nothing else."""
    from analysis.checks.focality import Params, find_focality
    from analysis.dataset import label_frame

    row = {s: i for i, s in enumerate(stems)}
    table = label_frame((row[s], c) for s, c in zip(labels["stem"], labels["concept"], strict=True))
    dataset = replace(opened.dataset, labels=table, negatives=label_frame([]), _cache={})
    start = time.process_time()
    result = find_focality(dataset, opened.features, Params(**given))
    out = labels.assign(
        score=result.labels["focality_score"].to_numpy(), route=result.labels["focality_route"].to_numpy()
    )
    return out, time.process_time() - start, result


def main() -> int:
    """Print the figures; 1 where the reach is missed."""
    from analysis.embedders import load_embedder
    from analysis.opening import open_dataset
    from analysis.sources import Source
    from analysis.store import Store

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"))
    parser.add_argument("--model", default="bundled")
    given = parser.parse_args()
    folder = given.data / "ade20k"
    if not (folder / "masks").is_dir():
        print(f"{folder} is not there: nothing measured.")
        return 0
    opened = open_dataset(
        Source(folder / "images", None), store=Store(given.cache), embedder=load_embedder(given.model)
    )
    stems = opened.dataset.images["image_id"].map(lambda i: Path(i).stem)
    every = truth(folder)
    chosen = kinds(every, OF_SHARE, IN_SHARE, LEAST)
    print(f"{len(opened.dataset)} scenes; {int(chosen['of'].sum())} of, {int((~chosen['of']).sum())} in, by concept:")
    print(chosen.groupby(["concept", "of"]).size().unstack().to_string())

    plain = chosen.merge(baselines(opened.dataset, opened.features.pictures, stems), on="stem")
    for name in ("area only", "centre only"):
        show(name, aurocs(plain, name))
    out, seconds, result = scored(opened, chosen, stems)
    mean, pooled, within, each = aurocs(out, "score")
    show("focality", (mean, pooled, within, each))
    print(f"  {result.sampled} pictures looked at closely, {seconds:.1f} CPU s; routed, by truth:")
    print(out.groupby(["of", "route"]).size().unstack(fill_value=0).to_string())
    all_, seconds, result = scored(
        opened, every[every["concept"].map(every["concept"].value_counts()) >= LEAST], stems, sample=1000
    )
    on_all = (
        chosen.drop(columns="of")
        .merge(all_[["stem", "concept", "score"]], on=["stem", "concept"])
        .assign(of=chosen["of"].to_numpy())
    )
    show("focality, every thing labelled", aurocs(on_all, "score"))
    loose = kinds(every[~every["concept"].isin(chosen["concept"].unique())], LOOSE_OF, LOOSE_IN, LOOSE_LEAST)
    on_loose = loose.merge(all_[["stem", "concept", "score"]], on=["stem", "concept"])
    show("other concepts (constants were chosen here)", aurocs(on_loose, "score"))
    reached = mean >= REACH_MEAN and pooled >= REACH_POOLED
    print(f"reach {REACH_MEAN} averaged, {REACH_POOLED} pooled: {'reached' if reached else 'MISSED'}")
    return int(not reached)


def show(name: str, figures: tuple[float, float, float, dict[str, float]]) -> None:
    """One line."""
    mean, pooled, within, each = figures
    parts = ", ".join(f"{c} {v:.2f}" for c, v in each.items()) if len(each) < 8 else f"{len(each)} concepts"
    print(f"{name}: {mean:.3f} averaged, {pooled:.3f} pooled, {within:.3f} pooled within concepts ({parts})")


if __name__ == "__main__":
    raise SystemExit(main())
