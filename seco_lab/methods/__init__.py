"""Self-supervised methods, one a file: which views are compared, by which heads, under which loss."""

from __future__ import annotations

from seco_lab.methods.base import Method, StepOutput
from seco_lab.methods.caco import CACo
from seco_lab.methods.gassl import GASSL
from seco_lab.methods.moco import MoCo
from seco_lab.methods.multi_label import MultiLabel
from seco_lab.methods.seco import SeCo
from seco_lab.methods.seco_eco import SeCoEco
from seco_lab.methods.simclr import SimCLR
from seco_lab.methods.vicreg import VICReg

__all__ = [
    "CACo",
    "GASSL",
    "Method",
    "MoCo",
    "MultiLabel",
    "SeCo",
    "SeCoEco",
    "SimCLR",
    "StepOutput",
    "VICReg",
]
