"""Location vectors are what the tower's own layers give, and survive being packed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from analysis.embedders.base import MAX_SPATIAL_BYTES, l2_normalised
from analysis.embedders.openclip_dense import (
    MAX_GRID,
    dense_reader,
    pack_grid,
    packed_size,
    pool_grid,
    stored_side,
    unpack_grid,
)

PICTURES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def vit(**changes: Any) -> Any:
    from open_clip.transformer import VisionTransformer

    torch.manual_seed(3)
    options = {"image_size": 64, "patch_size": 16, "width": 32, "layers": 3, "heads": 2, "mlp_ratio": 2.0}
    tower = VisionTransformer(**{**options, "output_dim": 24, **changes}).eval()
    for block in tower.transformer.resblocks:  # torch begins with zeros here, which would hide a forgotten bias
        torch.nn.init.normal_(block.attn.in_proj_bias, std=0.3)
        torch.nn.init.normal_(block.attn.out_proj.bias, std=0.3)
    return tower


def read(tower: Any) -> tuple[torch.Tensor, torch.Tensor]:
    reader = dense_reader(tower)
    assert reader is not None
    with torch.inference_mode():
        return reader(PICTURES)


def test_class_token_towers_give_each_token_as_the_last_attention_sees_it_alone() -> None:
    tower = vit()
    vectors, locations = read(tower)
    assert locations.shape == (2, 4, 4, 24)
    seen: list[torch.Tensor] = []
    block = tower.transformer.resblocks[-1]
    with torch.inference_mode(), block.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
        expected_vectors = tower(PICTURES)
        token = block.ln_1(seen[0])[:, 1 + 6].unsqueeze(1)  # row 1, column 2, after the class token
        alone = block.attn(token, token, token, need_weights=False)[0][:, 0]
        expected = tower.ln_post(alone) @ tower.proj
    torch.testing.assert_close(vectors, expected_vectors)
    torch.testing.assert_close(locations[:, 1, 2], expected, atol=1e-5, rtol=1e-5)


def test_average_pooled_towers_give_locations_whose_mean_is_the_picture() -> None:
    tower = vit(pool_type="avg")
    vectors, locations = read(tower)
    torch.testing.assert_close(locations.mean(dim=(1, 2)), vectors, atol=1e-5, rtol=1e-4)
    assert float(locations.std(dim=(1, 2)).mean()) > 1e-3


def test_attention_pooled_towers_give_values_of_the_pooling_attention() -> None:
    tower = vit(attentional_pool=True, attn_pooler_heads=2, attn_pooler_queries=5)
    vectors, locations = read(tower)
    with torch.inference_mode():
        tokens = tower.transformer(tower._embeds(PICTURES))
        pooled = tower.attn_pool(tokens[:, [1 + 6]])[:, 0]  # attention over one token is its value
        expected = tower.ln_post(pooled) @ tower.proj
        torch.testing.assert_close(vectors, tower(PICTURES))
    torch.testing.assert_close(locations[:, 1, 2], expected, atol=1e-5, rtol=1e-4)


def test_resnets_give_values_of_the_pooling_attention() -> None:
    from open_clip.modified_resnet import ModifiedResNet

    torch.manual_seed(3)
    tower = ModifiedResNet(layers=[1, 1, 1, 1], output_dim=24, heads=2, image_size=64, width=8).eval()
    vectors, locations = read(tower)
    assert locations.shape == (2, 2, 2, 24)
    with torch.inference_mode():
        torch.testing.assert_close(vectors, tower(PICTURES))
        torch.nn.init.zeros_(tower.attnpool.q_proj.weight)
        torch.nn.init.zeros_(tower.attnpool.q_proj.bias)  # attention to all alike: a mean of all values
        pooled = tower(PICTURES)
        grid = tower.forward_intermediates(PICTURES, indices=1)["image_intermediates"][0]
        centre = grid.mean(dim=(2, 3)) + tower.attnpool.positional_embedding[0]
        own = tower.attnpool.c_proj(tower.attnpool.v_proj(centre))
    torch.testing.assert_close((locations.sum(dim=(1, 2)) + own) / 5, pooled, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "pool", "grid"),
    [("convnext_atto", "", 2), ("vit_tiny_patch16_224", "avg", 4), ("vit_tiny_patch16_224", "token", 4)],
)
def test_timm_towers_give_a_grid_and_their_own_image_vector(name: str, pool: str, grid: int) -> None:
    from open_clip.timm_model import TimmModel

    torch.manual_seed(3)
    tower = TimmModel(name, embed_dim=24, image_size=64, pool=pool, proj="linear").eval()
    if name.startswith("vit"):
        tower.set_input_size(64)
    vectors, locations = read(tower)
    assert locations.shape == (2, grid, grid, 24)
    with torch.inference_mode():
        torch.testing.assert_close(vectors, tower(PICTURES))
    if pool == "avg":
        a, b = (torch.nn.functional.normalize(x, dim=-1) for x in (locations.mean(dim=(1, 2)), vectors))
        assert float((a * b).sum(dim=-1).min()) > 0.9


def test_a_tower_of_an_unknown_kind_has_no_map() -> None:
    assert dense_reader(torch.nn.Linear(3, 3)) is None


@pytest.mark.parametrize("dim", [1, 3, 256, 512, 640, 768, 1024, 1152, 1280, 1536, 4096])
def test_a_packed_map_fits_and_reads_back(dim: int) -> None:
    side = stored_side(dim)
    assert 1 <= side <= MAX_GRID
    rng = np.random.default_rng(dim)
    common = rng.normal(size=dim) * np.where(np.arange(dim) % 100 == 1, 12, 1)  # few numbers large everywhere
    grid = (common + rng.normal(size=(side, side, dim))).astype(np.float32)
    stored = pack_grid(grid)
    assert len(stored) == packed_size(side, side, dim) <= MAX_SPATIAL_BYTES
    read_back = unpack_grid(stored)
    assert read_back.shape == grid.shape and read_back.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(read_back, axis=-1), 1, atol=1e-5)
    assert float((read_back * l2_normalised(grid)).sum(axis=-1).min()) > 0.98


def test_maps_stay_as_fine_as_the_commonest_towers() -> None:
    assert [stored_side(dim) for dim in (256, 512, 640, 768, 1024, 1280)] == [7, 7, 6, 6, 5, 4]
    assert stored_side(20_000) == 0


def test_a_packed_map_says_its_own_shape_and_a_single_or_empty_location_is_no_trouble() -> None:
    rng = np.random.default_rng(0)
    assert unpack_grid(pack_grid(rng.normal(size=(2, 5, 9)).astype(np.float32))).shape == (2, 5, 9)
    one = rng.normal(size=(1, 1, 64)).astype(np.float32)
    assert float((unpack_grid(pack_grid(one)) * l2_normalised(one)).sum()) > 0.999
    assert np.array_equal(unpack_grid(pack_grid(np.zeros((2, 2, 4), np.float32))), np.zeros((2, 2, 4)))


def test_other_bytes_are_not_read_as_a_map() -> None:
    good = pack_grid(np.ones((2, 2, 8), np.float32))
    for bad in (b"", b"OCS", good[:-1], good + b"x", b"XXXX" + good[4:]):
        with pytest.raises(ValueError, match="expected a packed map"):
            unpack_grid(bad)


def test_pooling_keeps_the_mean_and_small_grids_as_they_are() -> None:
    grid = np.random.default_rng(0).normal(size=(2, 14, 14, 5)).astype(np.float32)
    pooled = pool_grid(grid, 7)
    assert pooled.shape == (2, 7, 7, 5)
    np.testing.assert_allclose(pooled[:, 3, 0], grid[:, 6:8, 0:2].mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_array_equal(pool_grid(grid[:, :3, :2], 7), grid[:, :3, :2])
