"""Tensor blocks: encoders, heads, losses, momentum copies and queues, input scaling, devices."""

from __future__ import annotations

from seco_lab.nn.encoders import encoder_named, resnet18, resnet34, resnet50

__all__ = ["encoder_named", "resnet18", "resnet34", "resnet50"]
