"""Bands of each sensor, in storage order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """One spectral band: its name, centre wavelength (nm) and native pixel size (m)."""

    name: str
    wavelength_nm: float
    resolution_m: float


@dataclass(frozen=True)
class Sensor:
    """A sensor at one processing level: its bands in storage order and the three that make a picture.

    Attributes:
        name: Identifier that cubes and input contracts carry, such as ``"sentinel2-l2a"``.
        bands: All bands, in the order in which cubes store them.
        rgb: Names of the red, green and blue band, in this order.
        level: Processing level in words.
    """

    name: str
    bands: tuple[Band, ...]
    rgb: tuple[str, str, str]
    level: str

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all bands in storage order."""
        return tuple(band.name for band in self.bands)

    def band(self, name: str) -> Band:
        """The band of that name.

        Raises:
            LookupError: The sensor has no such band; the message lists those it has.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise LookupError(f"{self.name} has no band {name!r}; it has {', '.join(self.band_names)}")

    def subset(self, bands: str | Sequence[str]) -> tuple[str, ...]:
        """Band names asked for in words.

        Args:
            bands: ``"rgb"`` (red, green, blue), ``"all"`` (storage order), names joined by commas, or names.

        Raises:
            LookupError: A name is not a band of this sensor.
            ValueError: No band, or one band twice.
        """
        if bands == "rgb":
            return self.rgb
        if bands == "all":
            return self.band_names
        names = tuple(part.strip() for part in bands.split(",")) if isinstance(bands, str) else tuple(bands)
        if not names or len(set(names)) != len(names):
            raise ValueError(f"bands must be one or more different names, got {', '.join(names) or 'none'}")
        return tuple(self.band(name).name for name in names)


_SENTINEL2 = {
    "B01": Band("B01", 443, 60),
    "B02": Band("B02", 490, 10),
    "B03": Band("B03", 560, 10),
    "B04": Band("B04", 665, 10),
    "B05": Band("B05", 705, 20),
    "B06": Band("B06", 740, 20),
    "B07": Band("B07", 783, 20),
    "B08": Band("B08", 842, 10),
    "B8A": Band("B8A", 865, 20),
    "B09": Band("B09", 945, 60),
    "B10": Band("B10", 1375, 60),
    "B11": Band("B11", 1610, 20),
    "B12": Band("B12", 2190, 20),
}

SENTINEL2_L1C = Sensor(
    "sentinel2-l1c", tuple(_SENTINEL2.values()), ("B04", "B03", "B02"), "L1C, top-of-atmosphere reflectance"
)
# Surface reflectance has no cirrus band: B10 sees no ground.
SENTINEL2_L2A = Sensor(
    "sentinel2-l2a",
    tuple(band for band in _SENTINEL2.values() if band.name != "B10"),
    ("B04", "B03", "B02"),
    "L2A, surface reflectance",
)
NAIP = Sensor(
    "naip",
    (Band("R", 660, 1), Band("G", 560, 1), Band("B", 480, 1), Band("N", 830, 1)),
    ("R", "G", "B"),
    "orthophoto, digital counts",
)
RGB8 = Sensor("rgb8", NAIP.bands[:3], ("R", "G", "B"), "picture, 8 bits a channel")

# WorldView-2 and -3, in the order of an 8-band file; RGB files of the same satellites hold R, G, B.
WORLDVIEW = Sensor(
    "worldview",
    (
        Band("C", 427, 1.84),
        Band("B", 478, 1.84),
        Band("G", 546, 1.84),
        Band("Y", 608, 1.84),
        Band("R", 659, 1.84),
        Band("RE", 724, 1.84),
        Band("N1", 833, 1.84),
        Band("N2", 949, 1.84),
        Band("PAN", 640, 0.46),
    ),
    ("R", "G", "B"),
    "digital counts, pan-sharpened or not",
)

_SENSORS = (SENTINEL2_L2A, SENTINEL2_L1C, NAIP, RGB8, WORLDVIEW)


def sensor_named(name: str) -> Sensor:
    """The sensor of that name.

    Raises:
        LookupError: No such sensor; the message lists those known.
    """
    for sensor in _SENSORS:
        if sensor.name == name:
            return sensor
    raise LookupError(f"unknown sensor {name!r}; known are {', '.join(s.name for s in _SENSORS)}")
