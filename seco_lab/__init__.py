"""Seasonal and geography-aware contrastive learning on satellite imagery.

Importing the package only defines names: torch, xarray and the map libraries load with the module that
needs them. Data flows one way: places -> sources -> cube -> data -> views -> methods -> train -> embeddings
-> downstream and viz.
"""

from __future__ import annotations

__version__ = "0.1.0"
