"""What the ground can be: materials with their seasons, and the land cover that each counts as."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

# Codes of the per-pixel truth.
LAND_COVER = (
    "annual_crop",
    "forest",
    "herbaceous",
    "highway",
    "industrial",
    "pasture",
    "permanent_crop",
    "residential",
    "river",
    "sea_lake",
    "wetland",
    "bare",
    "snow_ice",
    "minor_road",
)
# The first ten, in the order and with the names of EuroSAT.
EUROSAT_CLASSES = (
    "AnnualCrop",
    "Forest",
    "HerbaceousVegetation",
    "Highway",
    "Industrial",
    "Pasture",
    "PermanentCrop",
    "Residential",
    "River",
    "SeaLake",
)
COVER = {name: code for code, name in enumerate(LAND_COVER)}


class Kind(IntEnum):
    """Materials of the world; each has a recipe in :data:`RECIPES`."""

    WINTER_CEREAL = 0
    SUMMER_CROP = 1
    RAPESEED = 2
    ROOT_CROP = 3
    FODDER = 4
    FALLOW = 5
    RICE = 6
    PASTURE = 7
    GRASS = 8
    SHRUB = 9
    ORCHARD = 10
    VINEYARD = 11
    GREENHOUSE = 12
    BROADLEAF = 13
    CONIFER = 14
    RAINFOREST = 15
    CLEARING = 16
    REED = 17
    TUNDRA = 18
    GARDEN = 19
    HEDGE = 20
    SOIL = 21
    SAND = 22
    ROCK = 23
    SALT = 24
    TRACK = 25
    ICE = 26
    ASPHALT = 27
    CONCRETE = 28
    ROOF_RED = 29
    ROOF_WHITE = 30
    ROOF_DARK = 31
    ROOF_GREY = 32
    ROOF_BLUE = 33
    ROOF_PALE = 34
    YARD = 35
    WATER_CLEAR = 36
    WATER_GREEN = 37
    WATER_TURQUOISE = 38
    WATER_MUDDY = 39


@dataclass(frozen=True)
class Recipe:
    """How a material is mixed.

    Attributes:
        curve: Course of the year of its green part: crop, grass, leaf, ever or none.
        green: Spectrum of the green part.
        dry: Spectrum of the withered part.
        ground: Spectrum below and between; "soil" takes the soil of the region.
        cover: Share of the ground that the green part reaches at its height.
        vary: How far ``cover`` differs from one parcel to the next.
        tone: How far brightness differs from one parcel to the next.
        texture: How far pixels inside a parcel differ in cover.
        cuts: For crops: emergence, ripening and harvest as share of the year since midwinter.
        snow: Share of lying snow that shows from above.
    """

    curve: str
    green: str
    dry: str
    ground: str
    cover: float
    vary: float
    tone: float
    texture: float
    cuts: tuple[float, float, float] = (0.0, 0.0, 0.0)
    snow: float = 1.0


RECIPES: dict[Kind, Recipe] = {
    Kind.WINTER_CEREAL: Recipe("crop", "crop", "straw", "soil", 0.90, 0.12, 0.20, 0.10, (0.19, 0.42, 0.52)),
    Kind.SUMMER_CROP: Recipe("crop", "crop", "straw", "soil", 0.92, 0.12, 0.22, 0.10, (0.43, 0.66, 0.76)),
    Kind.RAPESEED: Recipe("crop", "crop", "straw", "soil", 0.95, 0.08, 0.15, 0.08, (0.15, 0.43, 0.50)),
    Kind.ROOT_CROP: Recipe("crop", "crop", "straw", "soil", 0.90, 0.12, 0.20, 0.10, (0.40, 0.72, 0.80)),
    Kind.FODDER: Recipe("cut", "crop", "straw", "soil", 0.88, 0.15, 0.12, 0.12),
    Kind.FALLOW: Recipe("grass", "crop", "litter", "soil", 0.25, 0.25, 0.28, 0.14),
    Kind.RICE: Recipe("crop", "crop", "straw", "mud", 0.90, 0.08, 0.12, 0.06, (0.45, 0.66, 0.76)),
    Kind.PASTURE: Recipe("grass", "meadow", "litter", "soil", 0.90, 0.10, 0.10, 0.09),
    Kind.GRASS: Recipe("grass", "meadow", "litter", "soil", 0.62, 0.28, 0.16, 0.15),
    Kind.SHRUB: Recipe("ever", "shrub", "litter", "soil", 0.72, 0.24, 0.15, 0.17, snow=0.7),
    Kind.ORCHARD: Recipe("ever", "shrub", "litter", "soil", 0.34, 0.22, 0.22, 0.15, snow=0.7),
    Kind.VINEYARD: Recipe("leaf", "broadleaf", "litter", "soil", 0.45, 0.25, 0.20, 0.16, snow=0.9),
    Kind.GREENHOUSE: Recipe("none", "crop", "straw", "plastic", 0.0, 0.0, 0.20, 0.08, snow=0.4),
    Kind.BROADLEAF: Recipe("leaf", "broadleaf", "twigs", "litter", 0.94, 0.04, 0.12, 0.06, snow=0.45),
    Kind.CONIFER: Recipe("ever", "conifer", "twigs", "litter", 0.95, 0.04, 0.14, 0.05, snow=0.25),
    Kind.RAINFOREST: Recipe("ever", "broadleaf", "twigs", "litter", 0.95, 0.04, 0.10, 0.06),
    Kind.CLEARING: Recipe("grass", "meadow", "litter", "litter", 0.55, 0.22, 0.15, 0.14),
    Kind.REED: Recipe("grass", "meadow", "litter", "mud", 0.60, 0.20, 0.15, 0.18, snow=0.9),
    Kind.TUNDRA: Recipe("grass", "moss", "litter", "rock", 0.70, 0.20, 0.15, 0.16),
    Kind.GARDEN: Recipe("leaf", "broadleaf", "litter", "soil", 0.76, 0.16, 0.15, 0.15, snow=0.6),
    Kind.HEDGE: Recipe("leaf", "broadleaf", "twigs", "litter", 0.90, 0.08, 0.10, 0.06, snow=0.4),
    Kind.SOIL: Recipe("grass", "meadow", "litter", "soil", 0.06, 0.06, 0.25, 0.10),
    Kind.SAND: Recipe("none", "meadow", "litter", "sand", 0.0, 0.0, 0.18, 0.12),
    Kind.ROCK: Recipe("grass", "moss", "litter", "rock", 0.12, 0.10, 0.20, 0.14),
    Kind.SALT: Recipe("none", "meadow", "litter", "salt", 0.0, 0.0, 0.20, 0.10),
    Kind.TRACK: Recipe("none", "meadow", "litter", "gravel", 0.0, 0.0, 0.22, 0.08, snow=0.8),
    Kind.ICE: Recipe("none", "moss", "litter", "ice", 0.0, 0.0, 0.08, 0.10),
    Kind.ASPHALT: Recipe("none", "meadow", "litter", "asphalt", 0.0, 0.0, 0.22, 0.05, snow=0.3),
    Kind.CONCRETE: Recipe("none", "meadow", "litter", "concrete", 0.0, 0.0, 0.25, 0.06, snow=0.4),
    Kind.ROOF_RED: Recipe("none", "meadow", "litter", "tile", 0.0, 0.0, 0.28, 0.05, snow=0.7),
    Kind.ROOF_WHITE: Recipe("none", "meadow", "litter", "white", 0.0, 0.0, 0.30, 0.03, snow=0.7),
    Kind.ROOF_DARK: Recipe("none", "meadow", "litter", "slate", 0.0, 0.0, 0.30, 0.05, snow=0.7),
    Kind.ROOF_GREY: Recipe("none", "meadow", "litter", "metal", 0.0, 0.0, 0.35, 0.05, snow=0.7),
    Kind.ROOF_BLUE: Recipe("none", "meadow", "litter", "blue", 0.0, 0.0, 0.30, 0.05, snow=0.7),
    Kind.ROOF_PALE: Recipe("none", "meadow", "litter", "pale", 0.0, 0.0, 0.30, 0.05, snow=0.7),
    Kind.YARD: Recipe("grass", "meadow", "litter", "gravel", 0.18, 0.15, 0.25, 0.12, snow=0.7),
    Kind.WATER_CLEAR: Recipe("none", "crop", "litter", "clear", 0.0, 0.0, 0.0, 0.06, snow=0.0),
    Kind.WATER_GREEN: Recipe("none", "crop", "litter", "green", 0.0, 0.0, 0.0, 0.06, snow=0.0),
    Kind.WATER_TURQUOISE: Recipe("none", "crop", "litter", "turquoise", 0.0, 0.0, 0.0, 0.06, snow=0.0),
    Kind.WATER_MUDDY: Recipe("none", "crop", "litter", "muddy", 0.0, 0.0, 0.0, 0.06, snow=0.0),
}
