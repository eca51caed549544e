import numpy as np

from seco_lab.world import optics
from seco_lab.world.frame import Frame
from seco_lab.world.optics import counts, grain, native, on_10_m, shift_of


def _see(image, factors, window, shift):
    """Each band as recorded, copied to the 10 m grid."""
    counts = {factor: factors.count(factor) for factor in sorted(factors)}
    seen = native(image, counts, window, shift)
    return np.concatenate([on_10_m(part, k, window) for k, part in zip(counts, seen, strict=True)])


def test_coarse_bands_are_means_of_their_cells_on_the_fine_grid(monkeypatch):
    monkeypatch.setattr(optics, "BLUR", 0.0)
    image = np.random.default_rng(0).random((3, 24, 24), np.float32)
    seen = _see(image, (1, 2, 6), (4, 2, 16), (0.0, 0.0))
    np.testing.assert_allclose(seen[0], image[0, 4:20, 2:18], atol=1e-6)
    for row in range(16):
        for column in range(16):
            r2, c2 = row // 2 * 2 + 4, column // 2 * 2 + 2
            r6, c6 = (row + 2) // 6 * 6 + 2, column // 6 * 6 + 2
            assert abs(seen[1, row, column] - image[1, r2 : r2 + 2, c2 : c2 + 2].mean()) < 1e-5
            assert abs(seen[2, row, column] - image[2, r6 : r6 + 6, c6 : c6 + 6].mean()) < 1e-5


def test_a_shift_moves_a_slope_to_the_right_and_down():
    rows, columns = np.mgrid[:24, :24].astype(np.float32)
    image = np.stack([columns, rows])
    seen = _see(image, (1, 1), (6, 6, 12), (0.3, -0.2))
    np.testing.assert_allclose(seen[0], columns[6:18, 6:18] - 0.3, atol=1e-4)
    np.testing.assert_allclose(seen[1], rows[6:18, 6:18] + 0.2, atol=1e-4)


def test_shifts_stay_below_a_pixel_and_differ_between_days():
    frame = Frame(0, 32631, 50_000, -500_000, 72)
    shifts = np.array([shift_of(frame, day) for day in range(200)])
    assert np.abs(shifts).max() <= 0.6
    assert shifts.std() > 0.1


def test_noise_differs_between_bands_and_days_only():
    frame = Frame(0, 32631, 50_000, -500_000, 24)

    def noisy(day):
        image = np.full((2, 24, 24), 0.1, np.float32)
        grain(image, frame, day, ("B02", "B03"))
        return image

    np.testing.assert_array_equal(noisy(3), noisy(3))
    assert not np.array_equal(noisy(3), noisy(4))
    assert not np.array_equal(noisy(3)[0], noisy(3)[1])
    assert 0.0005 < noisy(3).std() < 0.004


def test_zero_is_kept_for_no_data():
    assert counts(np.array([-1.0, 0.0, 0.1234, 9.0], np.float32)).tolist() == [1, 1, 1234, 20_000]
