"""How SeCo feeds BigEarthNet to an encoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named
from seco_lab.sensors import SENTINEL2_L2A

PROBE_PX = 128
# Mean and standard deviation of each band's counts, as the authors of BigEarthNet give them.
BAND_STATISTICS = {
    "B01": (340.76769064, 554.81258967),
    "B02": (429.9430203, 572.41639287),
    "B03": (614.21682446, 582.87945694),
    "B04": (590.23569706, 675.88746967),
    "B05": (950.68368468, 729.89827633),
    "B06": (1792.46290469, 1096.01480586),
    "B07": (2075.46795189, 1273.45393088),
    "B08": (2218.94553375, 1365.45589904),
    "B8A": (2266.46036911, 1356.13789355),
    "B09": (2246.0605464, 1302.3292881),
    "B11": (1594.42694882, 1079.19066363),
    "B12": (1009.32729131, 818.86747235),
}


def official_spec(bands: str | Sequence[str] = "rgb") -> InputSpec:
    """The input of the official SeCo protocol: mean - 2 std becomes 0, mean + 2 std becomes 1, 128 px.

    Differs from it: no rounding to 8 bits, and patches of 120 px are enlarged bilinear, not bicubic.

    Raises:
        LookupError: A band that Sentinel-2 L2A does not have.
    """
    names = SENTINEL2_L2A.subset(bands)
    low, high = (tuple(BAND_STATISTICS[n][0] + s * BAND_STATISTICS[n][1] for n in names) for s in (-2, 2))
    plain = (0.0,) * len(names), (1.0,) * len(names)
    return InputSpec(SENTINEL2_L2A.name, names, "dn", low, high, *plain, 10.0, PROBE_PX)


def random_weights(
    encoder: str = "resnet18", *, bands: str | Sequence[str] = "rgb", seed: int = 0
) -> tuple[nn.Module, InputSpec]:
    """An untrained encoder with the official input contract, for ``--weights random``."""
    spec = official_spec(bands)
    return encoder_named(encoder, len(spec.bands), seed=seed).eval(), spec
