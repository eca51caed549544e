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
# By how many classes are told apart: the number of every known name; None for what is left out.
_NUMBERS: dict[int, dict[str, int | None]] = {
    19: {
        **{old: number for number, parts in enumerate(_MADE_OF.values()) for old in parts},
        **{new: number for number, new in enumerate(CLASSES_19)},
        **dict.fromkeys(LEFT_OUT),
    },
    43: {name: number for number, name in enumerate(CLASSES_43)},
}


def multi_hot(names: Iterable[str], *, classes: int = 19) -> NDArray[np.uint8]:
    """Labels as 0 and 1 for each class, shape (C,).

    Args:
        names: Classes of the 43 (v1) or of the 19 (v2); the eleven that the 19 leave out give nothing.
        classes: How many are told apart: 19, or the 43 of v1.

    Raises:
        LookupError: A name that is not known among so many classes.
    """
    labels, numbers = np.zeros(classes, np.uint8), _NUMBERS[classes]
    for name in names:
        if name not in numbers:
            known = "neither of the 43 nor of the 19" if classes == 19 else "not of the 43"
            raise LookupError(f"{name!r} is no class of BigEarthNet, {known}")
        number = numbers[name]
        if number is not None:
            labels[number] = 1
    return labels
