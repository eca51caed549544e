import numpy as np

from seco_lab.world.hashing import Grids, chance, draws, hashed, runs, salt_of, uniform, white


def test_a_salt_depends_on_every_part_and_on_nothing_else():
    salts = [salt_of(0, 1), salt_of(1, 0), salt_of(0, "a"), salt_of(0, "b"), salt_of(0, 1, 0), salt_of(2**40)]
    assert len(set(salts)) == len(salts)
    assert salt_of(3, "river") == salt_of(3, "river")


def test_hashes_of_neighbours_are_unrelated():
    values = uniform(5, np.arange(-200, 200)[:, None], np.arange(-200, 200)[None])
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(values.mean() - 0.5) < 0.005
    assert abs(values.std() - 12**-0.5) < 0.005
    for other in (
        np.roll(values, 1, 0),
        np.roll(values, 1, 1),
        uniform(6, np.arange(-200, 200)[:, None], np.arange(-200, 200)),
    ):
        assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < 0.015


def test_streams_of_one_hash_are_independent():
    key = hashed(1, np.arange(50_000))
    assert abs(np.corrcoef(draws(key, 1), draws(key, 2))[0, 1]) < 0.02


def test_hashes_are_not_written_over():
    value = np.arange(5, dtype=np.uint32)
    draws(value, 1), uniform(1, value), hashed(1, value, value)
    assert value.tolist() == [0, 1, 2, 3, 4]


def test_runs_give_every_member_the_value_of_its_run():
    first, second = np.array([[4, 4, 1], [1, 1, 4]], np.uint32), np.array([[0, 0, 0], [0, 2, 2]])
    same = runs(first, second)
    assert same.first.tolist() == [0, 2, 4, 5]
    np.testing.assert_array_equal(same.spread(first.ravel()[same.first]), first.ravel())
    np.testing.assert_array_equal(same.spread(second.ravel()[same.first]), second.ravel())
    assert runs(first[:1, :1]).length.tolist() == [1]


def test_negative_numbers_hash_alike_in_every_type():
    for kind in (np.int32, np.int16):
        numbers = np.array([-3, 0, 7], kind)
        np.testing.assert_array_equal(hashed(1, numbers), hashed(1, numbers.astype(np.int64)))


def test_white_noise_windows_that_overlap_agree():
    large, small = white(100, -70, 60, 9), white(110, -60, 20, 9)
    np.testing.assert_array_equal(large[10:30, 10:30], small)
    beyond = white(100, -70, 600, 9)
    np.testing.assert_array_equal(beyond[:60, :60], large)
    assert not np.array_equal(white(100, -70, 60, 10), large)


def test_grids_of_one_pass_are_those_of_the_hash():
    salts, rows, columns = (5, 9), (range(-3, 4), range(2, 4)), (range(10, 12), range(-7, 0))
    drawn = Grids([7, 2], [2, 7], spreads=(1.0, 7.0))
    grids = drawn.centred(salts, *(np.array([along.start for along in each]) for each in (rows, columns)))
    for salt, row, column, spread, grid in zip(salts, rows, columns, (1.0, 7.0), grids, strict=True):
        wanted = spread * (uniform(salt, np.array(row)[:, None], np.array(column)) - 0.5)
        np.testing.assert_allclose(grid, wanted, atol=1e-6)


def test_single_draws_are_the_hash_of_all_their_parts():
    assert chance(3, -7, 2**40, 19_000) == salt_of(3, -7, 2**40, 19_000) / 2**32
