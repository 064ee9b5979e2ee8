"""Datasets whose labels can or cannot be seen, for the tests of the checks that rest on separability."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd

from analysis.checks.base import Verdict
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.features import Features

FIRES = (Verdict.WARN, Verdict.FAIL)


def made(truth, given=None, seed=0, spread=0.5):
    """Dataset labelled `given` (tuples allowed) whose vectors show `truth`."""
    rng = np.random.default_rng(seed)
    names, y = np.unique(truth, return_inverse=True)
    x = rng.normal(size=(len(names), 24))[y] + spread * rng.normal(size=(len(y), 24))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    given = list(truth) if given is None else given
    frame = pd.DataFrame({"image_id": [f"{i}.jpg" for i in range(len(y))]})
    frame = frame.assign(path="/nowhere", origin="training", split=None)
    labels = label_frame((i, c) for i, of in enumerate(given) for c in ((of,) if isinstance(of, str) else of))
    data = Dataset("made", {"training": Path("/nowhere")}, frame, labels, label_frame([]))
    return data, Features(Mock(spec=ModelInfo), x, x)


def verdicts(check, *dataset):
    return {f.concept: f.verdict for f in check(*dataset).findings().concepts}


TRUTH = np.repeat(["cat", "dog", "owl", "fox"], 100)


def split(concept="dog", seed=0):
    given = TRUTH.astype(object)
    mine = np.random.default_rng(seed).permutation(np.flatnonzero(concept == TRUTH))
    given[mine[::2]], given[mine[1::2]] = "friend", "stranger"
    return list(given)
