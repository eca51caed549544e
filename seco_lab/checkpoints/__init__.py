"""Files of weights: the toolkit's own and all published ones, read without running what they contain."""

from __future__ import annotations

from seco_lab.checkpoints.contracts import CONTRACTS, contract_from
from seco_lab.checkpoints.export import EXPORT_FORMATS, export_weights
from seco_lab.checkpoints.fetching import get_weights
from seco_lab.checkpoints.files import CHECKPOINT_NAME, describe_changes, load_checkpoint, save_checkpoint
from seco_lab.checkpoints.health import BatchNormReport, batchnorm_report
from seco_lab.checkpoints.published import PUBLISHED, PublishedFile, published_named, recognise, sums_of
from seco_lab.checkpoints.weights import (
    Weights,
    WeightsReport,
    encoder_settings,
    load_encoder,
    read_weights,
    save_encoder,
)

__all__ = [
    "CHECKPOINT_NAME",
    "CONTRACTS",
    "EXPORT_FORMATS",
    "PUBLISHED",
    "BatchNormReport",
    "PublishedFile",
    "Weights",
    "WeightsReport",
    "batchnorm_report",
    "contract_from",
    "describe_changes",
    "encoder_settings",
    "export_weights",
    "get_weights",
    "load_checkpoint",
    "load_encoder",
    "published_named",
    "read_weights",
    "recognise",
    "save_checkpoint",
    "save_encoder",
    "sums_of",
]
