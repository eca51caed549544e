import numpy as np

from seco_lab.world.cells import cells


def _grid(left, top, size=40):
    x = (left + np.arange(size) * 10.0).astype(np.float32)
    y = (top - np.arange(size) * 10.0).astype(np.float32)
    return np.broadcast_to(x, (size, size)), np.broadcast_to(y[:, None], (size, size))


def test_each_pixel_belongs_to_the_nearest_middle():
    x, y = _grid(1000, 2000)
    found = cells(x, y, (0.0, 0.0), 150, 3)
    distance = np.hypot(x[..., None] - found.centre[:, 0], y[..., None] - found.centre[:, 1])
    np.testing.assert_array_equal(found.index, distance.argmin(-1))


def test_border_is_half_the_way_to_the_other_cell():
    x, y = _grid(1000, 2000)
    found = cells(x, y, (0.0, 0.0), 150, 3)
    border = found.border_m()
    pixel = (17, 22)
    point = np.array([x[pixel], y[pixel]])
    own = found.centre[found.index[pixel]]
    others = [c for c in found.centre if not np.array_equal(c, own)]
    wanted = min(abs(np.dot(point - (own + c) / 2, c - own)) / np.linalg.norm(c - own) for c in others)
    assert abs(border[pixel] - min(wanted, 60)) < 0.05


def test_windows_that_overlap_agree():
    whole, part = (cells(*_grid(*args), (0.0, 0.0), 300, 3) for args in ((1000, 2000, 60), (1100, 1900, 20)))
    np.testing.assert_array_equal(whole.key[whole.index][10:30, 10:30], part.key[part.index])
    np.testing.assert_allclose(whole.border_m()[10:30, 10:30], part.border_m(), atol=0.05)


def test_a_group_counts_as_one_cell():
    x, y = _grid(1000, 2000)
    found = cells(x, y, (0.0, 0.0), 150, 3)
    assert (found.border_m(np.zeros(len(found.key))) == found.reach_m).all()
