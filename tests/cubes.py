"""A small cube for tests."""

import numpy as np

from seco_lab.cube import make_cube
from seco_lab.sensors import SENTINEL2_L2A


def small_cube(patches=4, seasons=3, bands=("B04", "B03", "B02"), size=6, first=0, **extras):
    rng = np.random.default_rng(first)
    return make_cube(
        rng.integers(1, 9000, (patches, seasons, len(bands), size, size)).astype(np.uint16),
        patch=[f"p{first + i}" for i in range(patches)],
        time=np.datetime64("2021-01-15") + np.arange(seasons) * 90 + np.zeros((patches, 1), int),
        lon=np.linspace(-170, 170, patches),
        lat=np.linspace(-60, 60, patches),
        sensor=SENTINEL2_L2A,
        bands=bands,
        **extras,
    )
