"""The Of/In benchmark: can a label be told to name what a photo is of, or only something in it, without its mask?

python benchmarks/of_in.py [--data ../shared/data] [--cache .cache/benchmarks] [--planted]

Definition, protocol and baselines: docs/of_in_benchmark.md. Masks give the truth and nothing else.

With `--planted` instead: photos of groceries and of rubbish, where a third of the pictures of some concepts show the
thing small in the corner of a scene. How many such concepts are found, and how many of the others are accused?
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "tests")]

OF_SHARE, OF_CENTRE, IN_SHARE, LEAST = 0.12, 0.35, 0.015, 6
LOOSE_OF, LOOSE_IN, LOOSE_LEAST = 0.10, 0.02, 2
REACH_MEAN, REACH_POOLED = 0.88, 0.85
LEAST_PICTURES, MOST_PICTURES = 24, 36  # of a planted concept
PLANTED = (  # folder, seed, concepts, of them planted
    ("grocery/in_store/Fruit", 0, 10, 3),
    ("grocery/in_store/Fruit", 1, 10, 3),
    ("grocery/in_store/Vegetables", 0, 8, 3),
    ("grocery/in_store/Vegetables", 1, 8, 3),
    ("trashnet", 0, 6, 2),
    ("trashnet", 1, 6, 2),
)
REACH_FOUND, REACH_ACCUSED = 0.7, 0.05


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


def planted_folder(
    source: Path, scenes: Path, out: Path, seed: int, concepts: int, planted: int
) -> dict[str, set[str]]:
    """A folder of `concepts` concepts (`MOST_PICTURES` photos each) of `source` in `out`; in a third of the pictures of
    `planted` of them the middle of the photo is shrunk into the corner of a scene. Concept -> the planted ids."""
    import cv2
    from planted.transforms import into_a_corner

    rng = np.random.default_rng(seed)
    photos: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*.jpg")):
        photos.setdefault(path.parent.relative_to(source).as_posix(), []).append(path)
    names = sorted(c for c, paths in photos.items() if len(paths) >= LEAST_PICTURES)
    chosen = [str(c) for c in rng.permutation(names)[:concepts]]
    grounds = [Path(str(p)) for p in rng.permutation(np.array(sorted(scenes.glob("*.jpg")), dtype=object))]
    hit: dict[str, set[str]] = {c: set() for c in chosen[:planted]}
    for concept in chosen:
        mine = [photos[concept][i] for i in rng.permutation(len(photos[concept]))[:MOST_PICTURES]]
        (out / concept).mkdir(parents=True, exist_ok=True)
        for i, path in enumerate(mine):
            target = out / concept / path.name
            picture = cv2.imread(str(path))
            if concept in hit and i < len(mine) // 3:
                picture = into_a_corner(picture, cv2.imread(str(grounds.pop())), rng)
                hit[concept].add(target.relative_to(out).as_posix())
            cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return hit


def planted_main(given: argparse.Namespace) -> int:
    """Print how many planted concepts are found, and how many others are accused; 1 where the reach is missed."""
    from analysis.checks.focality import find_focality
    from analysis.embedders import load_embedder
    from analysis.opening import open_dataset
    from analysis.sources import Source
    from analysis.store import Store

    scenes, embedder = given.data / "ade20k" / "images", load_embedder(given.model)
    sums = np.zeros(5, dtype=int)
    for name, number, concepts, planted in PLANTED:
        seed = number + given.seed
        if not (given.data / name).is_dir() or not scenes.is_dir():
            print(f"{given.data / name} or {scenes} is not there: left out.")
            continue
        out = given.cache / "of_in_planted" / f"{name.replace('/', '_')}_{seed}"
        shutil.rmtree(out, ignore_errors=True)
        hit = planted_folder(given.data / name, scenes, out, seed, concepts, planted)
        opened = open_dataset(Source(out, None), store=Store(given.cache), embedder=embedder)
        found = find_focality(opened.dataset, opened.features).findings().concepts
        counts = np.zeros(5, dtype=int)
        for one in found:
            flagged = one.verdict in ("warn", "fail")
            counts[4] += one.verdict == "cannot_tell"
            if one.concept in hit:
                counts[:2] += (1, flagged)
                first = list(one.evidence[: len(hit[one.concept])])
                right = sum(i in hit[one.concept] for i in first) / len(first) if first else 0.0
                print(f"  {one.concept}: {one.verdict}, {right:.0%} of the first {len(first)} were planted")
            else:
                counts[2:4] += (1, flagged)
                if flagged:
                    print(f"  {one.concept}: accused, {one.headline}")
        print(
            f"{name} {seed}: found {counts[1]} of {counts[0]}, accused {counts[3]} of {counts[2]} clean concepts; "
            f"cannot tell of {counts[4]}"
        )
        sums += counts
    found_share, accused = sums[1] / max(sums[0], 1), sums[3] / max(sums[2], 1)
    reached = found_share >= REACH_FOUND and accused <= REACH_ACCUSED
    print(f"all: found {sums[1]} of {sums[0]} ({found_share:.0%}), accused {sums[3]} of {sums[2]} ({accused:.0%}); "
          f"reach {REACH_FOUND:.0%}, {REACH_ACCUSED:.0%}: {'reached' if reached else 'MISSED'}")  # fmt: skip
    return int(not reached and sums[0] > 0)


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
    parser.add_argument("--planted", action="store_true", help="things planted small into scenes, instead")
    parser.add_argument("--seed", type=int, default=0, help="added to the seeds of what is planted")
    given = parser.parse_args()
    if given.planted:
        return planted_main(given)
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
