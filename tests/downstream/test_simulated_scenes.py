"""Labelled scenes of the simulated world: what is promised is in them."""

import numpy as np
import pytest

from seco_lab.cube import check_cube
from seco_lab.downstream.pairs import city_folds, has_labels
from seco_lab.downstream.simulated_scenes import simulated_cities, simulated_industry, simulated_towns
from seco_lab.downstream.tiles import boxes_of, smaller_than
from seco_lab.places import Place
from seco_lab.sources.simulated import SimulatedSource


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
        assert (~smaller_than(boxes_of(town)[:, 1:], 3)).any()
        covered = np.zeros_like(mask)
        for _, left, top, right, bottom in boxes_of(town).int().tolist():
            covered[top:bottom, left:right] = 1
        assert (covered[mask == 1] == 1).all()
        assert 0 < mask.mean() < 0.9


def test_halls_have_boxes_and_houses_have_none():
    halls = simulated_industry(1, size_px=96)
    ((_, scene),) = halls.items()
    check_cube(scene)
    boxes, mask = boxes_of(scene), scene["mask"].values[0]
    assert (~smaller_than(boxes[:, 1:], 4)).sum() >= 8
    place = Place("same", float(scene["lon"].item()), float(scene["lat"].item()))
    truth = SimulatedSource(clouds=False).truth([place], np.array(["2022-06-15"], "datetime64[D]"), 96)
    industrial = truth["land_cover"].values[0, 0] == truth.attrs["land_cover_names"].index("industrial")
    roofs = truth["buildings"].values[0, 0]
    assert np.array_equal(mask == 1, roofs & industrial)
    assert (roofs & ~industrial).any()  # houses stand in the picture
    centres = ((boxes[:, 1:3] + boxes[:, 3:]) / 2).int().tolist()
    assert all(industrial[row, column] for column, row in centres)


def test_too_few_towns_are_named(monkeypatch):
    monkeypatch.setattr("seco_lab.downstream.simulated_scenes._TRIES", 2)
    with pytest.raises(LookupError, match="only 0 of 2 places"):
        simulated_towns(1, size_px=16, least_objects=500)
