"""Measure the sample data set "Perfect Pint" with the bundled model.

    python sample_data/measure.py [sample_data/perfect_pint]

Prints how often "beer glass" is among the five most probable ImageNet classes, and how a linear probe
(logistic regression on the frozen, pooled features) does on studio and on real-world pictures, with and
without real-world pictures to learn from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit, cross_val_score

from analysis.embedders import load_embedder
from analysis.embedders.bundled import BundledEmbedder

BEER_GLASS = 441
ADDED = (15, 30, 60, 90)
HELD_OUT = 60
REPEATS = 20


def probe() -> LogisticRegression:
    """The classifier that is measured; the features are L2-normalised."""
    return LogisticRegression(C=10.0, max_iter=3000)


def load(folder: Path, model: BundledEmbedder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels (the folders' names) and ImageNet logits of every picture below `folder`."""
    paths = sorted(folder.glob("*/*.jpg"))
    inputs = np.stack([model.preprocess(Image.open(p).convert("RGB")) for p in paths])
    labels = np.array([p.parent.name for p in paths])
    return model.encode_images(inputs).features, labels, model.class_logits(inputs)


def top_five_share(logits: np.ndarray) -> float:
    """Share of pictures with "beer glass" among the five most probable classes."""
    best = np.argsort(-logits, axis=1)[:, :5]
    return float((best == BEER_GLASS).any(axis=1).mean())


def recovery(
    studio: tuple[np.ndarray, np.ndarray], real: tuple[np.ndarray, np.ndarray], added: int
) -> tuple[float, float]:
    """Mean accuracy on held-out real-world pictures: studio alone, and with `added` real-world ones."""
    splits = StratifiedShuffleSplit(REPEATS, train_size=added, test_size=HELD_OUT, random_state=0)
    alone = probe().fit(*studio)
    before, after = [], []
    for train, test in splits.split(*real):
        features = np.concatenate([studio[0], real[0][train]])
        labels = np.concatenate([studio[1], real[1][train]])
        before.append(alone.score(real[0][test], real[1][test]))
        after.append(probe().fit(features, labels).score(real[0][test], real[1][test]))
    return float(np.mean(before)), float(np.mean(after))


def main() -> None:
    """Print the figures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "perfect_pint"
    model = load_embedder()
    if not isinstance(model, BundledEmbedder):
        raise SystemExit("These figures are of the bundled model.")
    sets = {origin: load(folder / origin, model) for origin in ("studio", "real_world")}
    for origin, (_, labels, logits) in sets.items():
        print(f"{origin}: {len(labels)} pictures, beer glass in the top five: {top_five_share(logits):.1%}")
    studio, real = sets["studio"][:2], sets["real_world"][:2]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    print(f"studio, 5-fold cross-validation: {cross_val_score(probe(), *studio, cv=folds).mean():.1%}")
    fitted = probe().fit(*studio)
    print(f"trained on studio, all real world: {fitted.score(*real):.1%}")
    for name in np.unique(real[1]):
        chosen = real[1] == name
        print(f"  {name}: {fitted.score(real[0][chosen], real[1][chosen]):.1%}")
    print(f"real world, 5-fold cross-validation: {cross_val_score(probe(), *real, cv=folds).mean():.1%}")
    for added in ADDED:
        before, after = recovery(studio, real, added)
        print(f"held-out real world: {before:.1%}, with {added} real-world pictures added: {after:.1%}")


if __name__ == "__main__":
    main()
