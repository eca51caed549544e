import numpy as np
import pytest
import torch
from labelled import SPEC, counts, plain_cube

from seco_lab.downstream.season_retrieval import random_crops, season_retrieval


class Colour(torch.nn.Module):
    """Mean and spread of each band: knows the land, not its layout."""

    def forward(self, images):
        return torch.cat([images.mean((2, 3)), images.std((2, 3))], dim=1)


def cube_of_colours(places=9, seasons=3, size_px=24):
    """Each place has a colour of its own, in all seasons."""
    base = counts(places, 1, 3, 1, seed=1).astype(np.int64)
    speckle = counts(places, seasons, 3, size_px, seed=2) // 100
    return plain_cube((base + speckle).astype(np.uint16))


def test_colours_that_stay_are_found_again():
    found = season_retrieval(Colour(), SPEC, cube_of_colours(), crop_px=16, rounds=2)
    assert found.shape == (9,)
    assert found.mean() > 0.9


def test_what_has_nothing_in_common_is_found_by_chance():
    noise = plain_cube(counts(20, 3, 3, 24))
    assert abs(season_retrieval(Colour(), SPEC, noise, crop_px=16, rounds=4).mean() - 1 / 20) < 0.04


def test_crops_are_cut_where_the_seed_says():
    cube = plain_cube(counts(3, 2, 3, 10))
    crops = random_crops(cube, 4, seed=5)
    assert crops["reflectance"].shape == (3, 2, 3, 4, 4)
    for patch in range(3):
        for season in range(2):
            whole, part = (c["reflectance"].values[patch, season] for c in (cube, crops))
            assert any(
                np.array_equal(whole[:, y : y + 4, x : x + 4], part) for y in range(7) for x in range(7)
            )
    again, other = random_crops(cube, 4, seed=5), random_crops(cube, 4, seed=5, number=1)
    assert again.identical(crops)
    assert not other["reflectance"].identical(crops["reflectance"])


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="got 9, 1 and 16 px of 24 px"):
        season_retrieval(Colour(), SPEC, cube_of_colours(seasons=1), crop_px=16)
    with pytest.raises(ValueError, match="crops smaller than the patches"):
        season_retrieval(Colour(), SPEC, cube_of_colours(), crop_px=24)
