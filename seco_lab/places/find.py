"""Find a point by what a person types: coordinates in the usual forms, or the name of a city."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np

from seco_lab.places.assets import cities
from seco_lab.places.point import Place

_SIGN = "[+\\-\N{MINUS SIGN}]?"
_NUMBER = rf"""(?P<degrees>{_SIGN}\d+(?:\.\d+)?)\s*°?
    (?:\s*(?P<minutes>\d+(?:\.\d+)?)\s*['′])?(?:\s*(?P<seconds>\d+(?:\.\d+)?)\s*(?:["″]|''))?"""
_LETTER = "(?P<letter>[NSEW])"
_LETTER_FIRST = re.compile(rf"{_LETTER}\s*{_NUMBER}", re.VERBOSE | re.IGNORECASE)
_LETTER_LAST = re.compile(rf"{_NUMBER}\s*{_LETTER}?", re.VERBOSE | re.IGNORECASE)
_DECIMAL_COMMAS = re.compile(rf"{_SIGN}\d+,\d+[NSEW°]*\s*[;\s]\s*{_SIGN}\d+,\d+[NSEW°]*", re.IGNORECASE)


@dataclass(frozen=True)
class City(Place):
    """A city of the packaged list.

    Attributes:
        country: Its country.
        population: People.
    """

    country: str
    population: int


def find_places(text: str, *, limit: int = 8) -> list[Place]:
    """The places that a text may mean, the likeliest first.

    Coordinates are degrees of WGS 84 with compass letters in any order ("13.4E 52.5N", or with minutes,
    "52°31'N 13°24'E"), or two plain numbers, latitude first as maps write them ("52.5, 13.4"); a first
    number beyond 90 can only be a longitude. Anything else is the name of one of the 10,000 most populous
    cities, with its country after a comma if wanted ("Paris, United States"), capitals and accents aside:
    names that are equal come first, then those that begin so, each by population.

    Args:
        text: What was typed.
        limit: How many cities at most.

    Returns:
        One ``Place`` for coordinates, otherwise one ``City`` or more.

    Raises:
        ValueError: Nothing was typed, or coordinates out of range.
        LookupError: No city is called so; the message lists the nearest names.
    """
    wanted = " ".join(text.split())
    if not wanted:
        raise ValueError('type a city, or coordinates such as "52.5, 13.4", latitude first')
    point = _coordinates(wanted)
    if point is not None:
        return [point]
    rows = _matching(wanted)
    if not len(rows):
        raise LookupError(
            f"no city {wanted!r} among the {len(cities()):,} largest; {_hint(wanted)}; coordinates work "
            'too: "52.5, 13.4"'
        )
    return [_city(row) for row in rows[:limit]]


def nearest_names(text: str, *, limit: int = 5) -> list[City]:
    """Cities whose names are written most alike, the nearest first: an answer to a misspelt name."""
    name = _plain(text.partition(",")[0])
    names = _names()
    found = get_close_matches(name, sorted(set(names)), n=limit, cutoff=0.6)
    rows = [int(np.flatnonzero(names == match)[0]) for match in found]
    return [_city(row) for row in rows]


def _hint(text: str) -> str:
    near = ", ".join(f"{city.name} ({city.country})" for city in nearest_names(text))
    return f"nearest names: {near}" if near else "no name is near it"


def _coordinates(text: str) -> Place | None:
    """The point of two angles; None where the text is something else."""
    text = text.replace("\N{MINUS SIGN}", "-")
    written = text.replace(",", ".") if _DECIMAL_COMMAS.fullmatch(text) else text
    form = _LETTER_FIRST if written[0].isalpha() else _LETTER_LAST
    angles = list(form.finditer(written))
    if len(angles) != 2 or form.sub("", written).strip(" ,;/"):
        return None
    letters = [(angle["letter"] or "").upper() for angle in angles]
    degrees = [_degrees(angle, letter) for angle, letter in zip(angles, letters, strict=True)]
    if letters == ["", ""]:
        lat, lon = degrees if abs(degrees[0]) <= 90 else degrees[::-1]
    elif set(letters) & {"N", "S"} and set(letters) & {"E", "W"}:
        lat, lon = degrees if letters[0] in ("N", "S") else degrees[::-1]
    else:
        raise ValueError(f"coordinates need one of N or S and one of E or W, or no letter, got {text!r}")
    return Place(f"{lat:.5g}, {lon:.6g}", lon, lat)


def _degrees(angle: re.Match[str], letter: str) -> float:
    """Decimal degrees, negative to the south and west."""
    whole = float(angle["degrees"])
    size = abs(whole) + float(angle["minutes"] or 0) / 60 + float(angle["seconds"] or 0) / 3600
    return -size if (letter in ("S", "W")) != angle["degrees"].startswith("-") else size


def _matching(text: str) -> np.ndarray:
    """Rows of ``cities()``, equal names first; rows are in order of population already."""
    name, _, country = text.partition(",")
    names, wanted = _names(), _plain(name)
    equal, begins = names == wanted, np.char.startswith(names, wanted)
    if country.strip():
        there = np.char.startswith(_countries(), _plain(country))
        equal, begins = equal & there, begins & there
    return np.concatenate([np.flatnonzero(equal), np.flatnonzero(begins & ~equal)])


def _city(row: int) -> City:
    table = cities()
    where = float(table.lon[row]), float(table.lat[row])
    return City(str(table.name[row]), *where, str(table.country[row]), int(table.population[row]))


@cache
def _names() -> np.ndarray:
    return np.array([_plain(name) for name in cities().name])


@cache
def _countries() -> np.ndarray:
    return np.array([_plain(name) for name in cities().country])


def _plain(name: str) -> str:
    """A name without capitals, accents and punctuation."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w\s]", " ", bare).split())
