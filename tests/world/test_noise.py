import numpy as np
import pytest

from seco_lab.world.frame import Frame
from seco_lab.world.noise import blends, from_zero, noise, noise_at, octaves, slopes

WIDE = Frame(0, 32631, 50_000, -540_000, 120)


def test_windows_that_overlap_agree():
    part = Frame(0, 32631, 50_030, -539_960, 40)
    for wavelength in (33, 260, (240, 90)):
        whole = noise(WIDE, wavelength, 5)
        np.testing.assert_allclose(whole[40:80, 30:70], noise(part, wavelength, 5), atol=1e-5)


def test_mean_and_spread():
    values, several = blends(Frame(0, 32631, 0, 0, 700), [(1.0, 25, 3)], octaves(40, 3, 3))
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(1, abs=0.1)
    assert several.std() == pytest.approx(1, abs=0.1)


def test_slope_is_the_derivative():
    ((value, east, north),) = slopes(WIDE, [(1.0, 300, 7)])
    np.testing.assert_allclose(value, noise(WIDE, 300, 7), atol=1e-5)
    np.testing.assert_allclose(from_zero(value, east, north, 1e-9), value / np.hypot(east, north), rtol=1e-4)
    np.testing.assert_allclose(east[:, 1:-1], (value[:, 2:] - value[:, :-2]) / 20, atol=2e-5)
    np.testing.assert_allclose(north[1:-1], (value[:-2] - value[2:]) / 20, atol=2e-5)


def test_single_points_agree_with_the_window():
    window = noise(WIDE, 700, 2)
    points = noise_at(WIDE.x[[5, 100]], WIDE.y[[50, 7]], 700, 2)
    np.testing.assert_allclose(points, [window[50, 5], window[7, 100]], atol=1e-5)


def test_a_blend_is_the_sum_of_its_parts_whatever_else_is_asked_for():
    parts = [(1.0, 300, 7), (-0.5, (240, 90), 8), (2.0, 41, 7)]
    wanted = sum(weight * noise(WIDE, wavelength, salt) for weight, wavelength, salt in parts)
    _, blend = blends(WIDE, [(3.0, 55, 1)], parts)
    np.testing.assert_allclose(blend, wanted, atol=2e-5)
    both, *each = slopes(WIDE, parts, *([part] for part in parts))
    for found, wanted in zip(both, map(sum, zip(*each, strict=True)), strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5)
