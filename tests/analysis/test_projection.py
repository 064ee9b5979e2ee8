"""The map of a dataset: deterministic, any size, kept on disk, cancellable."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.embedders.base import Float32, l2_normalised
from analysis.errors import Cancelled
from analysis.projection import (
    MIN_PACMAP,
    along_the_long_side,
    load_or_project,
    principal_components,
    project,
    projection_file,
    spread_out,
    stored_projection,
)


def clouds(n: int, groups: int = 3, dim: int = 60, seed: int = 1) -> tuple[Float32, np.ndarray]:
    """Vectors in well separated groups, and the group of each."""
    rng = np.random.default_rng(seed)
    of = np.arange(n) % groups
    centres = rng.normal(size=(groups, dim)) * 3
    return l2_normalised(centres[of] + rng.normal(size=(n, dim)) * 0.3), of


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9, MIN_PACMAP - 1, MIN_PACMAP, MIN_PACMAP + 1, 70])
def test_any_number_of_images_has_a_finite_map_within_the_unit_square(n: int) -> None:
    flat = project(clouds(n)[0])
    assert flat.shape == (n, 2)
    assert flat.dtype == np.float32
    assert np.isfinite(flat).all()
    assert n < 2 or np.abs(flat).max() == pytest.approx(1.0)


def test_two_and_three_different_images_do_not_lie_on_each_other() -> None:
    for n in (2, 3):
        flat = project(clouds(n)[0])
        assert len(np.unique(flat.round(3), axis=0)) == n


@pytest.mark.parametrize("n", [12, 200])
def test_same_input_gives_the_same_map(n: int) -> None:
    x, _ = clouds(n)
    assert np.array_equal(project(x), project(x.copy()))


def test_similar_pictures_lie_close_together() -> None:
    x, of = clouds(240)
    flat = project(x)
    distance = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, :5]
    assert (of[nearest] == of[:, None]).mean() > 0.95


@pytest.mark.parametrize("n", [1, 5, 64])
def test_images_that_are_all_alike_share_one_place(n: int) -> None:
    assert np.array_equal(project(np.tile(clouds(1)[0], (n, 1))), np.zeros((n, 2), dtype=np.float32))


def test_many_copies_among_different_images_keep_the_map_finite() -> None:
    x, _ = clouds(80)
    x[:50] = x[0]
    assert np.isfinite(project(x)).all()


def test_one_dimension_of_difference_is_enough() -> None:
    angle = np.linspace(0, 1, 40)
    flat = project(l2_normalised(np.stack([np.cos(angle), np.sin(angle)], axis=1)))
    assert np.isfinite(flat).all() and len(np.unique(flat, axis=0)) > 10


def test_the_long_side_lies_from_left_to_right() -> None:
    rng = np.random.default_rng(2)
    tall = rng.normal(size=(90, 2)) * [1, 5]
    turned = along_the_long_side(tall)
    assert turned.std(axis=0)[0] == pytest.approx(tall.std(axis=0)[1], rel=0.02)
    gaps = np.linalg.norm(tall[0] - tall[1]), np.linalg.norm(turned[0] - turned[1])
    assert gaps[0] == pytest.approx(gaps[1])


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=30))
def test_spreading_keeps_order_and_equality_along_each_axis(points: list[tuple[int, int]]) -> None:
    flat = np.array(points, dtype=np.float32)
    out = spread_out(flat)
    assert np.abs(out).max() <= 1
    for axis in (0, 1):
        assert np.array_equal(
            np.sign(np.subtract.outer(out[:, axis], out[:, axis])),
            np.sign(np.subtract.outer(flat[:, axis], flat[:, axis])),
        )


def test_spreading_gives_a_crowd_more_room() -> None:
    flat = np.array([[x, 0] for x in (*np.linspace(0, 0.1, 50), 1.0)], dtype=np.float32)
    assert np.ptp(spread_out(flat)[:50, 0]) > 1.0


def test_input_is_left_alone() -> None:
    x, _ = clouds(50)
    before = x.copy()
    x.setflags(write=False)
    project(x)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("n", [3, 40, 60, 61, 120])
def test_principal_components_equal_those_of_a_singular_value_decomposition(n: int) -> None:
    x, _ = clouds(n)
    ours = principal_components(x, 4)
    left, values, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    theirs = (left * values)[:, : min(4, n - 1)]
    assert ours.shape == theirs.shape
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)


def test_progress_never_goes_back_and_ends_complete() -> None:
    seen: list[tuple[int, int]] = []
    project(clouds(60)[0], progress=lambda done, total, note="": seen.append((done, total)))
    shares = [done / total for done, total in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("after", [0, 1, 3])
def test_cancel_stops_the_work_and_keeps_nothing(tmp_path: Path, after: int) -> None:
    calls = 0

    def stop(done: int, total: int, note: str = "") -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Cancelled

    with pytest.raises(Cancelled):
        load_or_project(clouds(60)[0], "abc", tmp_path, progress=stop)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert project(clouds(60)[0]).shape == (60, 2)  # nothing stays locked


def test_a_second_opening_reads_the_kept_map(tmp_path: Path) -> None:
    x, _ = clouds(40)
    first = load_or_project(x, "abc", tmp_path)
    marked = first.copy()
    marked[0] = 0.5
    np.save(projection_file(tmp_path, "abc"), marked)
    assert np.array_equal(load_or_project(x, "abc", tmp_path), marked)
    assert np.array_equal(load_or_project(x, "other", tmp_path), first)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"not an array at all"])
def test_a_damaged_or_foreign_file_is_computed_again(tmp_path: Path, damage: bytes) -> None:
    x, _ = clouds(20)
    first = load_or_project(x, "abc", tmp_path)
    projection_file(tmp_path, "abc").write_bytes(damage)
    assert stored_projection(tmp_path, "abc", 20) is None
    assert np.array_equal(load_or_project(x, "abc", tmp_path), first)
    assert stored_projection(tmp_path, "abc", 21) is None


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert load_or_project(clouds(12)[0], "abc", blocked).shape == (12, 2)


def test_a_fingerprint_cannot_leave_the_folder(tmp_path: Path) -> None:
    assert projection_file(tmp_path, "../../x/y").parent == tmp_path / "maps"
