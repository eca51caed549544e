import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from seco_lab.catalogs import given_up_by
from seco_lab.viz.figure import figure_png
from seco_lab.viz.where_when import lost_places, sampler_maps, season_wheel

JULY = np.array([["2024-07-15"], ["2024-07-15"]], "datetime64[D]")


def test_a_map_for_each_plan_on_one_scale():
    table = pd.DataFrame({"lon": [0.0, 10.0], "lat": [50.0, -20.0]})
    figure = sampler_maps({"one": table, "two": table, "three": table.iloc[:1]})
    shown = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in shown] == ["one", "two", "three"]
    assert {axis.get_xlim() for axis in shown} == {(-180, 180)}
    assert figure_png(figure, dpi=40).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no plans"):
        sampler_maps({})


def test_july_is_summer_outside_and_winter_inside():
    figure = season_wheel({"july": JULY}, [60.0, -30.0])
    (axis,) = figure.axes
    dots = axis.collections[0]
    (angle_north, north), (angle_south, south) = dots.get_offsets()
    assert angle_north == angle_south == pytest.approx(2 * np.pi * 196 / 365.25)
    assert north > south
    assert [to_hex(colour) for colour in dots.get_facecolors()] == ["#e69f00", "#0072b2"]
    assert figure_png(figure, dpi=40).startswith(b"\x89PNG")


def test_wheels_need_dates_that_fit():
    with pytest.raises(ValueError, match="no dates"):
        season_wheel({}, [0.0])
    with pytest.raises(ValueError, match="one latitude per row"):
        season_wheel({"july": JULY}, [0.0])


def test_lost_places_shows_both_shares():
    places = pd.DataFrame({"name": list("abcd"), "continent": ["Asia", "Asia", "Africa", "Africa"]})
    figure = lost_places(given_up_by(places, pd.DataFrame({"name": ["a"]})))
    (axis,) = figure.axes
    widths = [patch.get_width() for patch in axis.patches]
    assert widths == pytest.approx([50, 50, 100 / 3, 200 / 3])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["Asia (-1)", "Africa (-0)"]
