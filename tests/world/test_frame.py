import numpy as np
import pytest
from pyproj import Transformer

from seco_lab.world.frame import MARGIN_PX, Frame, canvas, lonlat_of


@pytest.mark.parametrize("epsg", [32601, 32631, 32733, 32760])
def test_degrees_agree_with_proj(epsg):
    south = epsg >= 32700
    x = np.array([200_000.0, 500_000.0, 780_000.0])
    y = np.array([10_000.0, 5_300_000.0, 9_100_000.0])
    lon, lat = lonlat_of(epsg, x, y)
    wanted = Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
    assert south == (lat[1] < 0)
    np.testing.assert_allclose((lon - wanted[0] + 180) % 360 - 180, 0, atol=2e-4)
    np.testing.assert_allclose(lat, wanted[1], atol=2e-4)


@pytest.mark.parametrize("corner", [(500_000, 5_000_000), (500_020, 5_000_020), (500_040, 4_999_990)])
@pytest.mark.parametrize("size", [1, 10, 64, 264])
def test_the_canvas_holds_the_patch_with_room_and_whole_cells(corner, size):
    frame, top, left = canvas(0, 32631, *corner, size)
    assert (
        (frame.column + MARGIN_PX) % 6 == (frame.row + MARGIN_PX) % 6 == (frame.size - 2 * MARGIN_PX) % 6 == 0
    )
    assert min(top, left) >= 2
    assert max(top, left) + size + 2 <= frame.size
    assert frame.x[left] == corner[0] + 5
    assert frame.y[top] == corner[1] - 5


def test_pixels_relative_to_the_origin():
    frame = Frame(0, 32631, 50_123, -500_000, 12)
    x, y = frame.grid
    assert x[3, 4] + frame.origin[0] == frame.x[4]
    assert y[3, 4] + frame.origin[1] == frame.y[3]
