import numpy as np
import pytest

from seco_lab.world.climate import days_of
from seco_lab.world.frame import canvas
from seco_lab.world.landcover import RECIPES, Kind
from seco_lab.world.palette import palettes
from seco_lab.world.scene import Rows, Scene, build_scene
from seco_lab.world.spectra import BANDS, ENDMEMBERS, INDEX, SPECTRA

ALL = np.arange(len(BANDS))
RED, NIR, SWIR = BANDS.index("B04"), BANDS.index("B08"), BANDS.index("B11")
YEAR = days_of(np.arange("2023-01-05", "2023-12-31", 10, dtype="datetime64[D]"))


def _colours(scene, days, columns):
    (only,) = palettes([scene], [days], columns)
    return only


def _ndvi(kind, epsg, x, y, days=YEAR, copies=40):
    """NDVI of a kind over a year, mean of some parcels in the climate of a place."""
    scene = build_scene(canvas(0, epsg, x, y, 8)[0])
    rows = Rows(
        np.full(copies, kind, np.uint8), np.arange(copies, dtype=np.uint32) * 7919, np.zeros(copies, np.int16)
    )
    mean = _colours(Scene(**{**vars(scene), "rows": rows}), days, ALL).mean
    return ((mean[:, NIR] - mean[:, RED]) / (mean[:, NIR] + mean[:, RED])).mean(-1)


FRANCE, AUSTRALIA = (32631, 500_000, 5_300_000), (32755, 500_000, 5_900_000)
AMAZON, SAHARA, LAPLAND = (
    (32720, 800_000, 9_600_000),
    (32632, 600_000, 2_700_000),
    (32634, 600_000, 7_560_000),
)


def test_every_kind_has_a_recipe_of_known_spectra():
    assert set(RECIPES) == set(Kind)
    assert [int(kind) for kind in Kind] == list(range(len(Kind)))
    for recipe in RECIPES.values():
        assert {recipe.green, recipe.dry} <= set(ENDMEMBERS)
        assert recipe.ground == "soil" or recipe.ground in ENDMEMBERS


def test_spectra_have_the_shapes_of_leaves_snow_and_water():
    leaf, snow, water = (SPECTRA[INDEX[name]] for name in ("crop", "ice", "clear"))
    assert leaf[NIR] > 10 * leaf[RED]
    assert leaf[NIR] > leaf[SWIR] > leaf[RED]
    assert snow[RED] > 0.8 > 0.15 > snow[SWIR]
    assert (np.diff(water) <= 0).all()
    assert SPECTRA.min() > 0
    assert SPECTRA.max() < 1


def test_broadleaf_forest_is_green_in_summer_on_both_hemispheres():
    north, south = _ndvi(Kind.BROADLEAF, *FRANCE), _ndvi(Kind.GARDEN, *AUSTRALIA)
    summer, winter = slice(15, 22), [0, 1, 2, 35]
    assert north[summer].mean() > 0.75
    assert north[winter].mean() < 0.55
    assert south[winter].mean() > south[summer].mean()


def test_conifers_stay_green():
    ndvi = _ndvi(Kind.CONIFER, *FRANCE)
    assert ndvi.min() > 0.6
    assert np.ptp(ndvi) < 0.2


def test_crops_rise_ripen_and_are_harvested_each_at_its_time():
    rice, rape = _ndvi(Kind.RICE, *FRANCE), _ndvi(Kind.RAPESEED, *FRANCE)
    assert 8 < rape[:20].argmax() < 17
    assert 17 < rice.argmax() < 26
    assert rice.max() > 0.6
    assert rice[30:].mean() < 0.35


def test_rainforest_is_always_green_and_desert_never():
    assert _ndvi(Kind.RAINFOREST, *AMAZON).min() > 0.7
    assert _ndvi(Kind.GRASS, *SAHARA).max() < 0.4


def test_snow_lies_in_winter_where_it_is_cold():
    scene = build_scene(canvas(0, *LAPLAND, 8)[0])
    rows = Rows(
        np.array([Kind.PASTURE, Kind.CONIFER], np.uint8), np.array([1, 2], np.uint32), np.zeros(2, np.int16)
    )
    january, july = _colours(Scene(**{**vars(scene), "rows": rows}), YEAR[[0, 19]], ALL).mean
    assert january[RED, 0] > 0.5 > 0.2 > july[RED, 0]
    assert january[RED, 1] < january[RED, 0]
    assert january[SWIR, 0] < 0.25


def test_colours_are_reflectances():
    scene = build_scene(canvas(0, *FRANCE, 64)[0])
    colours = _colours(scene, YEAR[::6], ALL)
    assert colours.mean.shape == (len(YEAR[::6]), len(BANDS), len(scene.rows.kind))
    assert colours.mean.min() > 0
    assert colours.mean.max() < 1.2


@pytest.mark.parametrize("columns", [[3, 2, 1], [7]])
def test_bands_do_not_depend_on_which_others_are_asked_for(columns):
    scene = build_scene(canvas(0, *FRANCE, 8)[0])
    whole = _colours(scene, YEAR[:2], ALL).mean[:, columns]
    np.testing.assert_allclose(_colours(scene, YEAR[:2], np.array(columns)).mean, whole, rtol=1e-6)
