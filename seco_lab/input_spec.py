"""What an encoder expects to be fed: sensor, bands, unit, limits, statistics, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

# Surface or top-of-atmosphere reflectance that one count of each unit stands for. None: counts of a picture,
# whose reflectance nobody knows.
UNITS: dict[str, float | None] = {
    "dn": 1e-4,  # Sentinel-2 integers: reflectance x 10000
    "reflectance": 1.0,
    "eurosat_jpeg": 2750 / 255 * 1e-4,  # EuroSAT's pictures: reflectance 0.275 is written as 255
    "seco_8bit": 1 / 255,  # the official SeCo files: reflectance 1 is written as 255
    "uint8": None,
    "uint16": None,  # counts of commercial satellites, whose calibration is not in the files
}


def unit_factor(source: str, target: str) -> float:
    """The number by which counts of one unit are multiplied to become counts of another.

    Raises:
        LookupError: A unit is not in ``UNITS``.
        ValueError: No conversion between the two is known.
    """
    for unit in (source, target):
        if unit not in UNITS:
            raise LookupError(f"unknown unit {unit!r}; known are {', '.join(UNITS)}")
    if source == target:
        return 1.0
    numerator, denominator = UNITS[source], UNITS[target]
    if numerator is None or denominator is None:
        raise ValueError(
            f"the encoder expects {target!r} and the data are {source!r}: no conversion between the two "
            "is known; use data or weights of the same unit"
        )
    return numerator / denominator


@dataclass(frozen=True)
class InputSpec:
    """The input contract that travels with an encoder.

    A pixel of ``counts`` becomes ``x01 = clip((counts - low) / (high - low), 0, 1)`` and the network sees
    ``(x01 - mean) / std``, bands in the order of ``bands``.

    Attributes:
        sensor: Name of the sensor (``seco_lab.sensors``).
        bands: Band names, in the order of the network's input channels; for RGB: red, green, blue.
        unit: Unit of the counts, a key of ``UNITS``.
        low: Count that becomes 0, one per band.
        high: Count that becomes 1, one per band.
        mean: Mean of ``x01``, one per band.
        std: Standard deviation of ``x01``, one per band.
        pixel_size_m: Ground size of a pixel in metres.
        size_px: Height and width in pixels of the views that the encoder was trained on.
    """

    sensor: str
    bands: tuple[str, ...]
    unit: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixel_size_m: float
    size_px: int

    def __post_init__(self) -> None:
        """Check that every list has one number per band.

        Raises:
            ValueError: Wrong lengths, limits in the wrong order, a std or size that is not positive.
            LookupError: Unknown unit.
        """
        if self.unit not in UNITS:
            raise LookupError(f"unknown unit {self.unit!r}; known are {', '.join(UNITS)}")
        for name in ("low", "high", "mean", "std"):
            values = tuple(float(value) for value in getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != len(self.bands):
                raise ValueError(f"{name} needs {len(self.bands)} numbers, one per band, got {len(values)}")
        object.__setattr__(self, "bands", tuple(self.bands))
        if any(high <= low for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"each high limit must lie above its low limit, got {self.low} and {self.high}")
        if min(self.std, default=1.0) <= 0 or self.size_px < 1 or self.pixel_size_m <= 0:
            raise ValueError(
                "std, size_px and pixel_size_m must be positive, "
                f"got {self.std}, {self.size_px} and {self.pixel_size_m}"
            )

    def check_bands(self, names: Sequence[str]) -> tuple[int, ...]:
        """Positions of the wanted bands in ``names``.

        Raises:
            LookupError: A wanted band is missing; the message names both sides.
        """
        names = tuple(names)
        missing = [band for band in self.bands if band not in names]
        if missing:
            raise LookupError(
                f"the encoder expects bands {', '.join(self.bands)}; the data have {', '.join(names)} "
                f"and lack {', '.join(missing)}"
            )
        return tuple(names.index(band) for band in self.bands)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, ready for JSON."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InputSpec:
        """The inverse of ``to_dict``.

        Raises:
            ValueError: A field is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            raise ValueError(f"an input contract has the fields {sorted(names)}, got {sorted(values)}")
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


def describe_difference(ours: InputSpec, theirs: InputSpec) -> str:
    """The fields in which two contracts differ, as ``name: ours != theirs``; empty where they agree."""
    parts = []
    for field in fields(InputSpec):
        left, right = getattr(ours, field.name), getattr(theirs, field.name)
        if left != right:
            parts.append(f"{field.name}: {left} != {right}")
    return "; ".join(parts)
