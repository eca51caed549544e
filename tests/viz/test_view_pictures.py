import numpy as np
import pytest
import torch

from seco_lab.input_spec import InputSpec
from seco_lab.viz.view_pictures import view_grid, view_pictures

SPEC = InputSpec(
    "sentinel2-l2a",
    ("B08", "B04", "B03", "B02"),
    "dn",
    low=(0.0,) * 4,
    high=(3000.0,) * 4,
    mean=(0.5, 0.4, 0.3, 0.2),
    std=(0.1, 0.2, 0.2, 0.1),
    pixel_size_m=10,
    size_px=4,
)


def standardised(x01):
    mean, std = (torch.tensor(part)[:, None, None] for part in (SPEC.mean, SPEC.std))
    return (x01 - mean) / std


def test_gives_back_the_colours_in_red_green_blue():
    x01 = torch.tensor([0.9, 1.0, 0.5, 0.0])[None, :, None, None].expand(2, 4, 3, 3)
    pictures = view_pictures(standardised(x01), SPEC)
    assert pictures.shape == (2, 3, 3, 3)
    assert pictures[1, 2, 2].tolist() == [255, 128, 0]


def test_takes_bfloat16_and_clips():
    view = torch.full((1, 4, 2, 2), 99.0, dtype=torch.bfloat16)
    assert (view_pictures(view, SPEC) == 255).all()


def test_refuses_other_bands():
    with pytest.raises(ValueError, match="4 bands"):
        view_pictures(np.zeros((1, 3, 2, 2)), SPEC)
    infrared = InputSpec("sentinel2-l2a", ("B08",), "dn", (0,), (1,), (0,), (1,), 10, 4)
    with pytest.raises(LookupError, match="B04, B03, B02"):
        view_pictures(np.zeros((1, 1, 2, 2)), infrared)


def test_grid_has_a_panel_for_each_place_and_view():
    views = {"query": np.zeros((5, 4, 8, 8)), "key": np.zeros((5, 4, 8, 8))}
    figure = view_grid(views, SPEC, rows=(0, 3, 4))
    assert len(figure.axes) == 6
