"""From counts of a cube to the network's input, by the encoder's input contract."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from seco_lab.cube import check_cube
from seco_lab.input_spec import InputSpec, unit_factor
from seco_lab.nn.inputs import standardise, to_unit_range


class EmbeddingInputWarning(UserWarning):
    """What reaches the network does not look like what the input contract says."""


@dataclass(frozen=True)
class Preparation:
    """How images of one kind of data become input of one encoder.

    Attributes:
        spec: The encoder's input contract.
        unit: Unit of the data.
        positions: Where the bands of the contract lie among the bands of the data.
    """

    spec: InputSpec
    unit: str
    positions: tuple[int, ...]

    @classmethod
    def of(cls, cube: xr.Dataset, spec: InputSpec) -> Preparation:
        """The preparation of a cube for an encoder.

        Raises:
            ValueError: Not a cube, or no conversion between its unit and the contract's is known.
            LookupError: A band that the contract wants is missing; the message names both sides.
        """
        check_cube(cube)
        return cls.fitting(cube, spec)

    @classmethod
    def fitting(cls, data: xr.Dataset, spec: InputSpec) -> Preparation:
        """The preparation of a cube or area that has been checked; raises as ``of`` does."""
        unit = str(data.attrs["unit"])
        unit_factor(unit, spec.unit)
        return cls(spec, unit, spec.check_bands([str(band) for band in data["band"].values]))

    def __call__(self, images: Tensor) -> Tensor:
        """Network input from counts.

        Images of another size than the contract's are resized as a whole, bilinear and antialiased: the views
        in training were crops of whole patches resized in the same way.

        Args:
            images: Shape (B, C, H, W), counts of ``unit``, bands in the order of the contract.

        Returns:
            Shape (B, C, size_px, size_px), float32, standardised.
        """
        pixels = to_unit_range(images, self.spec, self.unit)
        return standardise(resize(pixels, self.spec.size_px), self.spec)


def resize(images: Tensor, size_px: int) -> Tensor:
    """Images (B, C, H, W) as (B, C, size_px, size_px); untouched where they have that size."""
    if images.shape[-2:] == (size_px, size_px):
        return images
    return F.interpolate(images, (size_px, size_px), mode="bilinear", antialias=True, align_corners=False)


def missing_images(images: Tensor) -> Tensor:
    """Which images hold no data at all: every pixel of every band 0 or NaN.

    Args:
        images: Shape (B, C, H, W), counts.

    Returns:
        Shape (B,), bool.
    """
    flat = images.flatten(1)
    if flat.is_floating_point():
        return (flat.isnan() | (flat == 0)).all(1)
    # Unsigned 16-bit tensors have no comparisons on some devices; the same bits as int16 do.
    return (flat.view(torch.int16) if flat.dtype == torch.uint16 else flat).eq(0).all(1)


def check_network_input(pixels: Tensor, spec: InputSpec) -> None:
    """Compare the first input of the network with the contract, band by band.

    Args:
        pixels: Shape (B, C, H, W), standardised, images without data left out.
        spec: The contract, which promises mean 0 and std 1 on typical data.

    Warns:
        EmbeddingInputWarning: A band is constant or lies far away.
    """
    if not len(pixels):
        return
    pixels = pixels.detach().float()
    mean, std = pixels.mean((0, 2, 3)).tolist(), pixels.std((0, 2, 3), correction=0).tolist()
    odd = _odd_bands(spec.bands, mean, std)
    if odd:
        warnings.warn(
            f"the network's input does not fit its contract ({spec.sensor}, {spec.unit}): {'; '.join(odd)}, "
            "where typical data have mean 0 and std 1; check the unit and the bands of the cube",
            EmbeddingInputWarning,
            stacklevel=2,
        )


def _odd_bands(bands: Sequence[str], mean: Sequence[float], std: Sequence[float]) -> list[str]:
    return [
        f"{band} has mean {m:.2f} and std {s:.2f}"
        for band, m, s in zip(bands, mean, std, strict=True)
        if abs(m) > 2.5 or s < 0.05 or s > 4
    ]
