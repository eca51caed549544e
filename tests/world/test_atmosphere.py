import numpy as np

from seco_lab.world.atmosphere import air_path, cloud_amount, clouds, haze
from seco_lab.world.frame import Frame

FRAME = Frame(0, 32631, 50_000, -500_000, 72)


def test_air_scatters_blue_and_hides_the_ground_at_1375_nm():
    bands, wavelength = ("B02", "B04", "B10", "B11"), np.array([490.0, 665.0, 1375.0, 1610.0])
    path, through = air_path(bands, wavelength, np.radians(50), 0.1)
    assert path[0] > 2 * path[1] > 4 * path[3]
    assert through[2] < 0.02
    assert through[3] > through[0]
    low, _ = air_path(bands, wavelength, np.radians(20), 0.1)
    assert low[0] > path[0]


def test_haze_is_stronger_in_blue():
    strength = np.stack([haze(FRAME, day, np.array([490.0, 1610.0])) for day in range(50)])
    assert (strength[:, 0] > strength[:, 1]).all()
    assert strength.max() < 0.05


def test_some_days_are_clear_and_some_overcast():
    amounts = np.array([cloud_amount(FRAME, day) for day in range(400)])
    assert 0.25 < (amounts == 0).mean() < 0.75
    assert (amounts > 0.9).mean() > 0.05


def test_more_cloud_covers_more_and_shadows_lie_away_from_the_sun():
    large = Frame(0, 32631, 50_000, -500_000, 300)
    shares = [
        clouds(large, 5, amount, np.radians(45), np.radians(150)).veil.mean() for amount in (0.1, 0.5, 1.0)
    ]
    assert shares[0] < shares[1] < shares[2]
    sky = clouds(large, 5, 0.45, np.radians(45), np.radians(90))
    veil = sky.veil
    # The sun stands in the east at 45 degrees, so a cloud 1,200 m up shades what lies 120 pixels to the west.
    np.testing.assert_allclose(sky.shadow[:, :180], veil[:, 120:] * (1 - veil[:, :180]), atol=1e-4)
