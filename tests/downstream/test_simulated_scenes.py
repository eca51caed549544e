"""Labelled scenes of the simulated world: what is promised is in them."""

import numpy as np
import pytest

from seco_lab.cube import check_cube
from seco_lab.downstream.pairs import city_folds, has_labels
from seco_lab.downstream.simulated_scenes import simulated_cities, simulated_towns
from seco_lab.downstream.tiles import boxes_of


def test_places_that_change_are_pairs_with_labels():
    cities = simulated_cities(2, size_px=32)
    assert len(city_folds(cities)) == 2
    for city in cities.values():
        check_cube(city)
        assert has_labels(city)
        assert city.sizes["season"] == 2


def test_towns_hold_buildings_and_boxes_lie_round_them():
    towns = simulated_towns(2, size_px=32, least_objects=1)
    for town in towns.values():
        check_cube(town)
        mask = town["mask"].values[0]
        large = boxes_of(town, least_side_px=3)
        assert len(large) >= 1
        covered = np.zeros_like(mask)
        for _, left, top, right, bottom in boxes_of(town).int().tolist():
            covered[top:bottom, left:right] = 1
        assert (covered[mask == 1] == 1).all()
        assert 0 < mask.mean() < 0.9


def test_too_few_towns_are_named(monkeypatch):
    monkeypatch.setattr("seco_lab.downstream.simulated_scenes._TRIES", 2)
    with pytest.raises(LookupError, match="only 0 of 2 places"):
        simulated_towns(1, size_px=16, least_objects=500)
