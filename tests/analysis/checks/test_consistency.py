"""Consistency: a concept composed otherwise comes first with its pictures; breadth that all share is no fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.checks.base import Findings, Unavailable, Verdict
from analysis.checks.consistency import ORDER, ConsistencyResult, Params, find_consistency, judge, sample
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ModelInfo
from analysis.errors import Cancelled
from analysis.features import Features
from analysis.scatter import compare, one_more_draw

Draw = Callable[[np.random.Generator], np.ndarray]
TONES = {"ball": (180, 40, 40), "leaf": (40, 140, 60), "cup": (60, 70, 180), "book": (150, 120, 30)}
TONES |= {"lamp": (120, 40, 140), "shoe": (30, 130, 140)}
MODEL = ModelInfo("none", "none", "None", "", "", 2, 2, 8, False)


class Album:
    """Thumbnails drawn beforehand."""

    def __init__(self, jpegs: list[bytes | None]) -> None:
        self.jpegs = jpegs

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        return [self.jpegs[int(r)] for r in rows]


def drawn(
    rng: np.random.Generator,
    tone: tuple[int, int, int] = (180, 40, 40),
    *,
    centre: tuple[float, float] = (0.5, 0.5),
    size: float = 0.25,
    wobble: float = 0.02,
    ground: float = 200.0,
    shape: tuple[int, int] = (96, 96),
    light: float = 1.0,
) -> np.ndarray:
    """A disc on a plain ground."""
    h, w = shape
    picture = np.full((h, w, 3), ground + rng.normal(0, 4), dtype=np.float64)
    x, y = (np.array(centre) + rng.normal(0, wobble, 2)) * (w, h)
    radius = max(3, int(size * min(h, w) * rng.uniform(0.9, 1.1)))
    cv2.circle(picture, (int(x), int(y)), radius, tone, -1)
    return np.clip((picture + rng.normal(0, 3, picture.shape)) * light, 0, 255).astype(np.uint8)


def cornered(rng: np.random.Generator, tone: tuple[int, int, int]) -> np.ndarray:
    x, y = rng.choice([0.14, 0.86], 2)
    return drawn(rng, tone, centre=(x, y), size=0.09)


def album(
    counts: dict[str, int], otherwise: dict[str, tuple[int, Draw]] | None = None, seed: int = 0, **how: object
) -> tuple[Dataset, Features]:
    """Concepts with so many pictures, the first few of which (`otherwise`) are drawn in another way."""
    rng = np.random.default_rng(seed)
    names, pictures = [], []
    for concept, n in counts.items():
        few, draw = (otherwise or {}).get(concept, (0, None))
        for i in range(n):
            tone = TONES.get(concept, (90, 90, 90))
            pictures.append(draw(rng) if draw is not None and i < few else drawn(rng, tone, **how))  # type: ignore[arg-type]
            names.append((concept, f"{concept}/{i:03d}.jpg"))
    return assembled(names, pictures)


def assembled(
    names: list[tuple[str, str]], pictures: list[np.ndarray], origins: list[str] | None = None
) -> tuple[Dataset, Features]:
    images = pd.DataFrame(
        {
            "image_id": [i for _, i in names],
            "path": "/nowhere",
            "origin": origins or "training",
            "split": None,
        }
    )
    labels = label_frame((row, c) for row, (c, _) in enumerate(names) if c)
    dataset = Dataset("made", {"training": Path("/nowhere")}, images, labels, label_frame([]))
    jpegs: list[bytes | None] = [
        cv2.imencode(".jpg", p[..., ::-1] if p.ndim == 3 else p)[1].tobytes() for p in pictures
    ]
    vectors = np.ones((len(names), 2), dtype=np.float32)
    return dataset, Features(MODEL, vectors, vectors.copy(), Album(jpegs))


def found(dataset: Dataset, features: Features, **params: object) -> Findings:
    result = find_consistency(dataset, features, Params(**params))  # type: ignore[arg-type]
    assert isinstance(result, ConsistencyResult)
    return result.findings()


ALL = dict.fromkeys(TONES, 40)


def test_concepts_composed_alike_pass() -> None:
    findings = found(*album(ALL))
    assert findings.verdict is Verdict.PASS
    assert findings.score is not None and findings.score >= 0.9
    assert all(c.fix == "" for c in findings.concepts)


@pytest.mark.parametrize("few", [14, 20, 40])
def test_a_concept_with_its_subject_in_the_corners_comes_first_with_these_pictures(few: int) -> None:
    findings = found(*album(ALL, {"leaf": (few, lambda rng: cornered(rng, TONES["leaf"]))}))
    first = findings.concepts[0]
    assert first.concept == "leaf"
    assert findings.verdict is first.verdict is Verdict.FAIL
    assert "subject size and position" in first.headline
    assert "leaf" in findings.headline
    planted = {f"leaf/{i:03d}.jpg" for i in range(few)}
    assert np.mean([i in planted for i in first.evidence[:few]]) >= 0.9
    assert [c.verdict for c in findings.concepts[1:]] == [Verdict.PASS] * 5
    assert first.score is not None and first.score < min(c.score for c in findings.concepts[1:] if c.score is not None)
    images = findings.tables["images"]
    rows = np.arange(40, 40 + few)
    assert images["consistency_flag"].to_numpy()[rows].mean() > 0.8
    assert images["consistency_flag"].drop(rows).mean() < 0.05
    assert images["consistency_score"][rows].median() < images["consistency_score"].drop(rows).median()


@pytest.mark.parametrize(
    ("aspect", "draw"),
    [
        ("picture shape", lambda rng: drawn(rng, TONES["cup"], shape=(96, 40) if rng.random() < 0.5 else (40, 96))),
        ("background", lambda rng: drawn(rng, TONES["cup"], ground=rng.choice([20, 90]))),
        ("lighting", lambda rng: drawn(rng, TONES["cup"], light=rng.uniform(0.3, 0.6))),
    ],
)  # fmt: skip
def test_it_says_in_what(aspect: str, draw: Draw) -> None:
    findings = found(*album(ALL, {"cup": (15, draw)}))
    first = findings.concepts[0]
    assert first.concept == "cup"
    assert first.verdict in (Verdict.WARN, Verdict.FAIL)
    assert aspect in first.headline
    assert {"aspect", "dispersion", "ratio", "p_value"} <= set(first.extra["aspects"][0])  # type: ignore[index]


def test_concepts_that_are_all_as_broad_are_not_called_inconsistent() -> None:
    def anywhere(rng: np.random.Generator) -> np.ndarray:
        return drawn(
            rng, centre=tuple(rng.uniform(0.15, 0.85, 2)), size=rng.uniform(0.05, 0.4), ground=rng.uniform(60, 240)
        )

    findings = found(*album(ALL, dict.fromkeys(ALL, (40, anywhere))))
    assert findings.verdict is Verdict.PASS


def test_what_is_composed_like_real_use_does_not_count() -> None:
    rng = np.random.default_rng(5)
    dataset, features = album(ALL, {"leaf": (16, lambda rng: cornered(rng, TONES["leaf"]))})
    assert found(dataset, features).concepts[0].verdict is Verdict.FAIL
    names = [(c, i) for c, i in zip(dataset.labels["concept"], dataset.images["image_id"], strict=True)]
    pictures = [cv2.imdecode(np.frombuffer(j, np.uint8), 1)[..., ::-1] for j in features.pictures.jpegs]  # type: ignore[union-attr]
    for i in range(60):
        names.append(("leaf", f"real_world:{i}.jpg"))
        pictures.append(cornered(rng, TONES["leaf"]))
    origins = ["training"] * 240 + ["real_world"] * 60
    findings = found(*assembled(names, pictures, origins))
    assert findings.verdict is Verdict.PASS
    assert findings.extra["like_real_use"] >= 12  # type: ignore[operator]
    assert findings.tables["images"]["consistency_score"][240:].isna().all()


def groups_of_one_kind(
    rng: np.random.Generator, sizes: Sequence[int], heavy: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    n = sum(sizes)
    numbers = rng.standard_t(4, (n, 25)) if heavy else rng.normal(size=(n, 25))
    edges = np.cumsum([0, *sizes])
    return numbers, [np.arange(a, b) for a, b in pairwise(edges)]


@pytest.mark.parametrize(("sizes", "heavy"), [((40,) * 6, False), ((15, 30, 60, 120), True)])
def test_random_groups_of_one_kind_alarm_no_more_often_than_alpha(sizes: Sequence[int], heavy: bool) -> None:
    from analysis.checks.consistency import _COLUMNS

    alarms = 0
    for seed in range(100):
        numbers, groups = groups_of_one_kind(np.random.default_rng(seed), sizes, heavy)
        scatter = compare(numbers, np.full(25, 0.1), groups, _COLUMNS, len(groups))
        alarms += bool(judge(scatter, Params(matters_from=0.0))[1].any())  # chance alone, without the practical limit
    assert alarms <= binom.ppf(0.95, 100, 0.05)


def test_concepts_that_differ_by_nature_alarm_no_more_often_than_alpha_however_few_they_are() -> None:
    for k in (3, 6, 12):
        alarms = 0
        for seed in range(200):
            rng = np.random.default_rng([seed, k])
            rate = rng.beta(2, 30, k)  # about 6 %, now and then 15 %
            beyond = rng.binomial(60, rate)[:, None]
            others = [np.arange(k) != i for i in range(k)]
            p = [one_more_draw(beyond[i], 60, beyond[o], np.full(k - 1, 60))[0] for i, o in enumerate(others)]
            alarms += min(p) <= 0.05 / k
        assert alarms <= binom.ppf(0.95, 200, 0.05)


def test_the_same_share_tells_less_among_few_siblings_and_among_siblings_that_differ() -> None:
    def p_value(siblings: Sequence[int]) -> float:
        beyond = np.array(siblings)[:, None]
        return float(one_more_draw(np.array([20]), 60, beyond, np.full(len(siblings), 60))[0])

    assert p_value([2] * 8) < p_value([2] * 2) < 0.05
    assert p_value([2] * 8) < p_value([0, 0, 0, 0, 0, 0, 8, 8]) / 5
    assert p_value([2] * 500) > 1e-5  # where chance alone (binomial) would say 1e-15


def test_pictures_that_a_sibling_has_too_do_not_count() -> None:
    def p_and_share(mixed: bool) -> tuple[float, float]:
        rng = np.random.default_rng(0)
        numbers = rng.normal(size=(200, 25))
        numbers[:12] += 8  # of the first group 12 of 40 pictures are composed otherwise
        if mixed:
            numbers[40:80] += 8  # as all of the second group are
        groups = [np.arange(i, i + 40) for i in range(0, 200, 40)]
        scatter = compare(numbers, np.full(25, 0.1), groups, [np.arange(12), np.arange(12, 25)], 5)
        return float(scatter.p_value[0, -1]), float(scatter.share[0, -1])

    assert p_and_share(False)[0] < 0.05
    assert p_and_share(False)[1] == pytest.approx(0.3, abs=0.05)
    assert p_and_share(True)[1] < 0.1


@pytest.mark.parametrize("concepts", [3, 5])
def test_with_fewer_than_five_siblings_a_concept_that_stands_out_is_left_open_and_named(concepts: int) -> None:
    """Of draws of three to five kinds of goods up to 19 in 100 alarmed: too little is known of what is usual."""
    counts = dict.fromkeys(list(TONES)[:concepts], 40)
    findings = found(*album(counts, {"leaf": (20, lambda rng: cornered(rng, TONES["leaf"]))}))
    first = findings.concepts[0]
    assert first.concept == "leaf" and first.evidence and first.score is None
    assert findings.verdict is first.verdict is Verdict.CANNOT_TELL and findings.p_value is None
    assert findings.headline.startswith("Cannot tell of leaf (too few concepts to know")
    assert findings.headline.endswith(f"the other {concepts - 1} are fine.")


def test_a_large_share_among_few_concepts_that_is_not_significant_cannot_be_told() -> None:
    few = dict.fromkeys(TONES, 15)
    findings = found(*album(few, {"cup": (5, lambda rng: cornered(rng, TONES["cup"]))}))
    assert findings.concepts[0].concept == "cup"
    assert findings.verdict is Verdict.CANNOT_TELL
    assert "too few concepts" in findings.reason
    assert findings.concepts[0].evidence


def test_a_single_concept_cannot_be_told() -> None:
    findings = found(*album({"ball": 40}))
    assert findings.verdict is Verdict.CANNOT_TELL
    assert "one concept only" in findings.reason
    assert findings.tables["images"]["consistency_score"].notna().all()


def test_few_pictures_cannot_be_told() -> None:
    findings = found(*album({"ball": 30, "leaf": 30, "cup": 5, "book": 1}))
    verdicts = {c.concept: c.verdict for c in findings.concepts}
    assert verdicts == {
        "ball": Verdict.PASS, "leaf": Verdict.PASS, "cup": Verdict.CANNOT_TELL, "book": Verdict.CANNOT_TELL,
    }  # fmt: skip
    score = findings.tables["images"]["consistency_score"]
    assert score[60:65].notna().all()
    assert score[65:].isna().all()
    tiny = found(*album({"ball": 2, "leaf": 1}))
    assert tiny.verdict is Verdict.CANNOT_TELL
    assert tiny.tables["images"]["consistency_flag"].sum() == 0


def test_without_labels_or_pictures_it_is_unavailable() -> None:
    dataset, features = assembled([("", "a.jpg")], [drawn(np.random.default_rng(0))])
    assert isinstance(find_consistency(dataset, features), Unavailable)
    dataset, features = album({"ball": 20, "leaf": 20})
    bare = Features(features.model, features.image, features.joint, None)
    assert isinstance(find_consistency(dataset, bare), Unavailable)


def test_pictures_without_thumbnail_or_without_colour_or_with_two_concepts_break_nothing() -> None:
    dataset, features = album({"ball": 20, "leaf": 20})
    album_ = features.pictures
    assert isinstance(album_, Album)
    album_.jpegs[0], album_.jpegs[1] = None, b"no picture"
    album_.jpegs[2] = cv2.imencode(".png", np.full((3, 200), 9, np.uint8))[1].tobytes()
    album_.jpegs[3] = cv2.imencode(".png", np.zeros((1, 1, 3), np.uint8))[1].tobytes()
    both = label_frame([*zip(dataset.labels["image"], dataset.labels["concept"], strict=True), (5, "leaf"), (5, "Top")])
    dataset = Dataset(dataset.name, dataset.roots, dataset.images, both, dataset.negatives)
    score = found(dataset, features).tables["images"]["consistency_score"]
    assert score[:2].isna().all()
    assert score[2:].between(0, 1).all()


def test_boxes_that_came_with_the_dataset_are_used() -> None:
    dataset, features = album(dict.fromkeys(TONES, 30))
    rng = np.random.default_rng(1)
    x = np.where(np.arange(180) < 14, rng.choice([0.02, 0.8], 180), rng.normal(0.4, 0.02, 180))
    y = np.where(np.arange(180) < 14, rng.choice([0.02, 0.8], 180), rng.normal(0.4, 0.02, 180))
    boxes = pd.DataFrame({"image": np.arange(180), "concept": dataset.labels["concept"], "x": x, "y": y})
    boxes["width"] = boxes["height"] = 0.15
    boxed = Dataset(dataset.name, dataset.roots, dataset.images, dataset.labels, dataset.negatives, boxes=boxes)
    findings = found(boxed, features)
    assert (findings.concepts[0].concept, findings.concepts[0].verdict) == ("ball", Verdict.FAIL)
    subjects = findings.tables["subjects"]
    assert subjects["given"].all()
    by_id = subjects.set_index("image_id").loc[dataset.images["image_id"]]
    assert by_id["x"].to_numpy() == pytest.approx(x)
    assert found(dataset, features).verdict is Verdict.PASS


def test_large_datasets_are_sampled_alike_and_the_rest_has_no_score() -> None:
    dataset, features = album(ALL)
    findings = found(dataset, features, most_pictures=120)
    assert "120 of 240 pictures were measured" in findings.headline
    assert findings.tables["images"]["consistency_score"].notna().sum() == 120
    parts = sample([np.arange(5), np.arange(100), np.arange(60)], 65, 0)
    assert [len(p) for p in parts] == [5, 30, 30]


def test_the_same_input_gives_the_same_answer() -> None:
    dataset, features = album(ALL, {"cup": (12, lambda rng: cornered(rng, TONES["cup"]))})
    a, b = found(dataset, features), found(dataset, features)
    assert a == b
    pd.testing.assert_frame_equal(a.tables["images"], b.tables["images"])


def test_it_stops_when_told_to() -> None:
    dataset, features = album({"ball": 70, "leaf": 70})

    def stop(done: int, total: int, note: str = "") -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        find_consistency(dataset, features, progress=stop)


def test_every_aspect_is_in_the_tables() -> None:
    findings = found(*album({"ball": 20, "leaf": 20}))
    assert set(findings.tables["aspects"]["aspect"]) == set(ORDER)
    assert {"image_id", "concept", "x", "y", "width", "height", "far", "sticks_out", *ORDER} <= set(
        findings.tables["subjects"]
    )


def test_a_concept_with_too_few_pictures_is_named_and_no_pass_hides_it() -> None:
    findings = found(*album({**ALL, "rare": 5}))
    assert findings.verdict is Verdict.CANNOT_TELL and findings.score is None
    assert "Cannot tell of rare (fewer than 12 pictures)" in findings.headline and "are fine" in findings.headline
