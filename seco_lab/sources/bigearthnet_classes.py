"""Classes of BigEarthNet: 43 of CORINE land cover, and the 19 made of them (arXiv:2001.06372, tab. I)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# Each of the 19 classes and those of the 43 that make it up; one that is left out goes by the same name.
_MADE_OF = {
    "Urban fabric": ("Continuous urban fabric", "Discontinuous urban fabric"),
    "Industrial or commercial units": (),
    "Arable land": ("Non-irrigated arable land", "Permanently irrigated land", "Rice fields"),
    "Permanent crops": (
        "Vineyards",
        "Fruit trees and berry plantations",
        "Olive groves",
        "Annual crops associated with permanent crops",
    ),
    "Pastures": (),
    "Complex cultivation patterns": (),
    "Land principally occupied by agriculture, with significant areas of natural vegetation": (),
    "Agro-forestry areas": (),
    "Broad-leaved forest": (),
    "Coniferous forest": (),
    "Mixed forest": (),
    "Natural grassland and sparsely vegetated areas": ("Natural grassland", "Sparsely vegetated areas"),
    "Moors, heathland and sclerophyllous vegetation": ("Moors and heathland", "Sclerophyllous vegetation"),
    "Transitional woodland, shrub": ("Transitional woodland/shrub",),
    "Beaches, dunes, sands": (),
    "Inland wetlands": ("Inland marshes", "Peatbogs"),
    "Coastal wetlands": ("Salt marshes", "Salines"),
    "Inland waters": ("Water courses", "Water bodies"),
    "Marine waters": ("Coastal lagoons", "Estuaries", "Sea and ocean"),
}
CLASSES_19 = tuple(_MADE_OF)
# Classes of the 43 that the 19 leave out.
LEFT_OUT = (
    "Road and rail networks and associated land",
    "Port areas",
    "Airports",
    "Mineral extraction sites",
    "Dump sites",
    "Construction sites",
    "Green urban areas",
    "Sport and leisure facilities",
    "Bare rock",
    "Burnt areas",
    "Intertidal flats",
)
CLASSES_43 = (*(old for new, parts in _MADE_OF.items() for old in (parts or (new,))), *LEFT_OUT)
# Number among the 19 of every known name, old or new; None for what is left out.
_NUMBER: dict[str, int | None] = {
    **{old: number for number, parts in enumerate(_MADE_OF.values()) for old in parts},
    **{new: number for number, new in enumerate(CLASSES_19)},
    **dict.fromkeys(LEFT_OUT),
}


def multi_hot(names: Iterable[str]) -> NDArray[np.uint8]:
    """Labels as 0 and 1 for each of the 19 classes, shape (19,).

    Args:
        names: Classes of the 43 (v1) or of the 19 (v2); the eleven that the 19 leave out give nothing.

    Raises:
        LookupError: A name of neither.
    """
    labels = np.zeros(len(CLASSES_19), np.uint8)
    for name in names:
        if name not in _NUMBER:
            raise LookupError(f"{name!r} is no class of BigEarthNet, neither of the 43 nor of the 19")
        number = _NUMBER[name]
        if number is not None:
            labels[number] = 1
    return labels
