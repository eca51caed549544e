import numpy as np
import pytest
from cubes import small_cube

from seco_lab.cube.vegetation import vegetation_index


def test_index_of_patches_by_hand():
    cube = small_cube(patches=3, seasons=2, bands=("B08", "B03", "B04"), size=8)
    cube["reflectance"][:] = 0
    cube["reflectance"][:, 0, 0], cube["reflectance"][:, 0, 2] = 3000, 1000
    cube["reflectance"][1, 0, 2] = 3000
    found = vegetation_index(cube)
    np.testing.assert_allclose(found[:, 0], [0.5, 0, 0.5])
    assert np.isnan(found[:, 1]).all(), "no data, no index"
    np.testing.assert_allclose(vegetation_index(cube, np.array([1]))[:, 0], [0])


def test_pixels_without_data_do_not_count():
    cube = small_cube(patches=1, seasons=1, bands=("B04", "B08"), size=8)
    cube["reflectance"][:, :, 0], cube["reflectance"][:, :, 1] = 1000, 3000
    cube["reflectance"][..., :4, :] = 0
    np.testing.assert_allclose(vegetation_index(cube), [[0.5]])


def test_missing_bands_are_named():
    with pytest.raises(LookupError, match="needs the bands B04 and B08, the cube has B04, B03, B02"):
        vegetation_index(small_cube())
