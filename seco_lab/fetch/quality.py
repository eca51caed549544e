"""What covers a patch, by the scene classification of Sentinel-2 (SCL): cloud, shadow, snow, water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seco_lab.fetch.jobs import Wanted

# Classes of SCL (Sentinel-2 L2A Algorithm Theoretical Basis Document).
_NO_DATA, _DARK, _SHADOW, _VEGETATION, _WATER, _SNOW = 0, 2, 3, 4, 6, 11
_CLOUD = (8, 9, 10)  # medium, high, thin cirrus
_CLASSES = 12


@dataclass(frozen=True)
class Quality:
    """Shares of a patch, 0 to 1; NaN where nothing tells.

    Attributes:
        cloud: Under cloud, thin cirrus included.
        shadow: In the shadow of clouds.
        snow: Snow or ice.
        water: Open water.
        nodata: Never seen.
    """

    cloud: float = np.nan
    shadow: float = np.nan
    snow: float = np.nan
    water: float = np.nan
    nodata: float = np.nan

    @property
    def covered(self) -> float:
        """Share under cloud or its shadow."""
        return self.cloud + (0.0 if np.isnan(self.shadow) else self.shadow)

    def complaint(self, wanted: Wanted) -> tuple[str, str] | None:
        """Why the patch will not do, in one word and in a sentence; None where it will."""
        if self.nodata > wanted.max_nodata_share:
            return "no data", f"no data in {100 * self.nodata:.1f} % of the patch"
        if 100 * self.covered > wanted.max_cloud:
            return "cloud", f"cloud over {100 * self.covered:.1f} % of the patch"
        return None


def quality_of(classes: NDArray[np.uint8]) -> Quality:
    """Shares of each kind in a patch of SCL classes (h, w).

    Clouded are the classes 8 to 10; class 1 (saturated) counts as seen, class 7 (unclassified) as clear.

    Raises:
        ValueError: Numbers that are no classes.
    """
    if classes.size and classes.max() >= _CLASSES:
        raise ValueError(f"a scene classification has classes 0 to 11, got {classes.max()}")
    share = np.bincount(classes.ravel(), minlength=_CLASSES) / classes.size
    return Quality(
        cloud=float(share[list(_CLOUD)].sum()),
        shadow=float(share[_SHADOW]),
        snow=float(share[_SNOW]),
        water=float(share[_WATER]),
        nodata=float(share[_NO_DATA]),
    )


def dark_ground(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that are dark in blue and red whatever the season: vegetation, water, dark features."""
    return np.isin(classes, (_DARK, _VEGETATION, _WATER))
