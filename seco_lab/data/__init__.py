"""Cube to batches by number, the input contract measured on a cube, and splits by distance."""

from __future__ import annotations

from seco_lab.data.batches import CubeBatches
from seco_lab.data.measure import input_spec_for
from seco_lab.data.split import split_cube

__all__ = ["CubeBatches", "input_spec_for", "split_cube"]
