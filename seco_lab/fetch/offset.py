"""Whether the offset of baseline 04.00 is in the counts: by baseline, catalogue and content together."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seco_lab.sources.baseline import has_offset

FIRST_BASELINE = 4.0
_DARK_BANDS = ("B01", "B02", "B04")  # those in which plants and water reflect next to nothing
_ENOUGH = 0.05  # share of the patch that must be dark ground for its counts to prove something


def offset_in(pixels: NDArray, bands: Sequence[str], dark: NDArray[np.bool_] | None) -> bool | None:
    """Whether counts carry the offset, as seen on ground that is known to be dark.

    Plants and water reflect under 0.09 in blue and red, so the middle of their darkest counts tells on which
    side of 900 (``has_offset``) the counts lie. A median, not a minimum: haze, and single pixels of negative
    reflectance, must not decide.

    Args:
        pixels: Shape (C, H, W), 0 = no data.
        bands: C names.
        dark: Shape (H, W), where the ground is dark; None where nobody knows.

    Returns:
        None where too little of the patch is dark ground or no band is one that tells.
    """
    telling = [number for number, name in enumerate(bands) if name in _DARK_BANDS]
    if dark is None or not telling:
        return None
    counts = pixels[telling].min(axis=0)
    counts = counts[dark & (counts > 0)]
    if counts.size < _ENOUGH * dark.size:
        return None
    return has_offset(np.array([np.median(counts)]))


def remove_offset(
    baseline: str, applied: bool | None, content: bool | None, pixels: NDArray
) -> tuple[bool, str]:
    """Whether 1000 is to be taken off, and who said so.

    Before 04.00 there was no offset. From then on dark ground decides where there is enough of it, as
    catalogues are known to be wrong about some scenes of 2022; otherwise the catalogue; otherwise the
    baseline. Where not even that is known, the darkest count does (``docs/decisions/0023``).

    Args:
        baseline: Such as "05.09"; "" where unknown.
        applied: Whether the catalogue says that it was taken off already.
        content: What ``offset_in`` saw.
        pixels: Counts, 0 = no data.

    Returns:
        The decision, and its source for the provenance.
    """
    number = float(baseline) if re.fullmatch(r"\d+(\.\d+)?", baseline) else None
    if number is not None and number < FIRST_BASELINE:
        return False, "baseline"
    if content is not None:
        against = applied is not None and content == applied
        return content, "content, against the catalogue" if against else "content"
    if applied is not None:
        return not applied, "catalogue"
    if number is not None:
        return True, "baseline"
    return has_offset(pixels), "darkest count"
