"""From counts to the network's input, by the input contract."""

from __future__ import annotations

import torch
from torch import Tensor

from seco_lab.batch import sent
from seco_lab.input_spec import InputSpec, unit_factor


def to_unit_range(images: Tensor, spec: InputSpec, unit: str) -> Tensor:
    """Counts to [0, 1] within the contract's limits.

    Args:
        images: Shape (..., C, H, W), counts of ``unit``, bands in the order of the contract. NaN counts as 0,
            no data.
        spec: The contract.
        unit: Unit of the counts, converted where a conversion to ``spec.unit`` is known.

    Returns:
        Same shape, float32.

    Raises:
        ValueError: Another number of bands than the contract's, or no conversion between the units is known.
        LookupError: Unknown unit.
    """
    if images.ndim < 3 or images.shape[-3] != len(spec.bands):
        raise ValueError(
            f"the contract has {len(spec.bands)} bands ({', '.join(spec.bands)}), "
            f"got images of shape {tuple(images.shape)}"
        )
    low, high = _per_band(spec.low, images), _per_band(spec.high, images)
    counts = images.to(torch.float32)
    if images.is_floating_point():
        counts = counts.nan_to_num(nan=0.0)
    factor = unit_factor(unit, spec.unit)
    return ((counts * factor - low) / (high - low)).clamp(0, 1)


def standardise(pixels: Tensor, spec: InputSpec) -> Tensor:
    """Pixels in [0, 1], shape (..., C, H, W), less the mean, over the standard deviation of their band."""
    return (pixels - _per_band(spec.mean, pixels)) / _per_band(spec.std, pixels)


def _per_band(values: tuple[float, ...], images: Tensor) -> Tensor:
    return sent(torch.tensor(values)[:, None, None], images.device)


def network_input(images: Tensor, spec: InputSpec, unit: str) -> Tensor:
    """Counts (..., C, H, W) as the network wants them, at the size that they have; see ``to_unit_range``."""
    return standardise(to_unit_range(images, spec, unit), spec)
