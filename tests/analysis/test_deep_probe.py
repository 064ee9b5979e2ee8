"""A small network from scratch: learns what can be learnt, gives the same answer twice, stops when asked to."""

import numpy as np
import pytest
from support import encode, photo

from analysis import deep_probe
from analysis.deep_probe import measure_from_scratch, small_pictures, too_little, train_and_score
from analysis.errors import Cancelled

TINTS = ((230, 40, 40), (40, 40, 230))


class Kept:
    """Thumbnails of made pictures; every seventh is missing."""

    def thumbnails(self, rows):
        return [None if r % 7 == 6 else encode(photo(int(r), (40, 30), TINTS[r % 2]), "JPEG") for r in rows]


def tinted(n: int) -> tuple[np.ndarray, np.ndarray]:
    pictures = [np.asarray(photo(i, (64, 64), TINTS[i % 2])) for i in range(n)]
    return np.stack(pictures), np.eye(2, dtype=bool)[np.arange(n) % 2]


def test_it_tells_red_from_blue_pictures_it_has_not_seen_and_repeats_itself() -> None:
    images, member = tinted(40)
    scores = [train_and_score(images[:28], member[:28], images[28:], steps=25, seed=3) for _ in range(2)]
    assert (scores[0].argmax(axis=1) == member[28:].argmax(axis=1)).mean() >= 0.9
    assert np.array_equal(*scores)


def test_small_pictures_are_square_and_missing_ones_marked() -> None:
    images, there = small_pictures(Kept(), np.arange(8), side=16)
    assert images.shape == (8, 16, 16, 3)
    assert there.tolist() == [True] * 6 + [False, True]
    assert images[0, ..., 0].mean() > images[0, ..., 2].mean() + 80  # red stays red


def test_its_curve_has_every_share() -> None:
    rows, notes = np.arange(30), []
    member = np.eye(2, dtype=bool)[rows % 2]
    measured = measure_from_scratch(
        Kept(), rows, member, ("red", "blue"), steps=6, progress=lambda done, total, note="": notes.append(note)
    )
    assert measured is not None
    assert measured.pictures == 26  # four of thirty are missing
    assert measured.shares[-1] == 1 and len(measured.shares) >= 3
    assert any("(12 of 12)" in note for note in notes)


def test_a_person_can_stop_it_in_the_midst_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, taken = 2000, []

    def counted(*given, tick, **named):
        def step() -> None:
            tick()
            taken.append(1)

        return train_and_score(*given, tick=step, **named)

    def stop(done: int, total: int, note: str = "") -> None:
        if taken:  # the first look after training began, however far it is by then
            raise Cancelled

    monkeypatch.setattr(deep_probe, "train_and_score", counted)
    rows = np.arange(30)
    with pytest.raises(Cancelled):
        measure_from_scratch(Kept(), rows, np.eye(2, dtype=bool)[rows % 2], ("red", "blue"), steps=steps, progress=stop)
    assert len(taken) < steps  # not even one of the twelve was trained to its end


def test_too_few_pictures_that_can_be_read_give_none() -> None:
    assert measure_from_scratch(Kept(), np.arange(4), np.eye(2, dtype=bool)[np.arange(4) % 2], ("a", "b")) is None


def test_the_answer_does_not_depend_on_how_many_fits_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, found = np.arange(30), []
    member = np.eye(2, dtype=bool)[rows % 2]
    for cores in (1, 3):
        monkeypatch.setattr(deep_probe, "_cores", lambda cores=cores: cores)
        measured = measure_from_scratch(Kept(), rows, member, ("red", "blue"), steps=8)
        assert measured is not None
        found.append(measured.found)
    assert np.array_equal(*found)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((5, 5, 5), "15 pictures have a label"),
        ((23, 23, 23), "no concept has 24 pictures"),
        ((80, 10), "only one concept has 24 pictures"),
        ((30, 30), ""),
    ],
)
def test_too_few_pictures_to_be_worth_training_on_are_said(counts: tuple[int, ...], words: str) -> None:
    said = too_little(np.array(counts), sum(counts))
    assert words in said
    assert bool(said) == bool(words)
