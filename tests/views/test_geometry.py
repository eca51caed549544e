import math

import pytest
import torch

from seco_lab.views.geometry import draw_boxes


def boxes(count=20_000, height=200, width=200, **options):
    return draw_boxes(count, height, width, torch.Generator().manual_seed(1), **options)


def test_share_and_shape_are_uniform_where_they_fit():
    # Small shares always fit, so that nothing is drawn again and the laws show undistorted.
    drawn = boxes(height=1000, width=1000, area=(0.1, 0.5))
    share = (drawn.height * drawn.width) / 1e6
    shape = (drawn.width / drawn.height).log()
    assert share.min() >= 0.099
    assert share.max() <= 0.501
    assert abs(share.mean() - 0.3) < 0.005
    assert abs(share.var() - 0.4**2 / 12) < 5e-4
    assert abs(shape.mean()) < 0.005
    assert abs(shape.var() - (2 * math.log(4 / 3)) ** 2 / 12) < 1e-3
    room = (drawn.top / (1000 - drawn.height)).double()
    assert abs(room.mean() - 0.5) < 0.01


def test_every_box_lies_inside():
    drawn = boxes(height=37, width=90)
    assert (drawn.top >= 0).all()
    assert (drawn.left >= 0).all()
    assert (drawn.top + drawn.height <= 37).all()
    assert (drawn.left + drawn.width <= 90).all()
    assert (drawn.height > 0).all()
    assert (drawn.width > 0).all()


def test_the_last_place_is_reached():
    drawn = boxes(height=10, width=10)
    assert (drawn.top + drawn.height == 10).any()
    assert (drawn.top == 0).any()


def test_a_strip_gets_the_largest_central_box():
    drawn = boxes(count=50, height=4, width=400, area=(0.9, 1.0))
    assert drawn.height.tolist() == [4] * 50
    assert drawn.width.tolist() == [round(4 * 4 / 3)] * 50
    assert drawn.left.tolist() == [(400 - 5) // 2] * 50


@pytest.mark.parametrize("area", [(0.0, 1.0), (0.5, 0.2), (0.5, 1.5)])
def test_impossible_areas_are_refused(area):
    with pytest.raises(ValueError, match="area needs"):
        boxes(area=area)
