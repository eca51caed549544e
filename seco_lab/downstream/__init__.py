"""Downstream tasks: what frozen or fine-tuned features are worth, beside what has learnt nothing."""

from __future__ import annotations

from seco_lab.downstream.features import extract
from seco_lab.downstream.finetune import FinetuneConfig, finetune
from seco_lab.downstream.floors import RandomConvolutions, colour_statistics, untrained_like
from seco_lab.downstream.knn import knn_probe
from seco_lab.downstream.leakage import SpaceReading, SubspaceReport, spaces_of
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.metrics import Comparison, bootstrap_interval, paired_bootstrap
from seco_lab.downstream.monitor import KnnMonitor
from seco_lab.downstream.official import official_probe
from seco_lab.downstream.result import Protocol, Result, Score, compare, join_results
from seco_lab.downstream.subspaces import SubspaceMonitor

__all__ = [
    "Comparison",
    "FinetuneConfig",
    "KnnMonitor",
    "Protocol",
    "RandomConvolutions",
    "Result",
    "Score",
    "SpaceReading",
    "SubspaceMonitor",
    "SubspaceReport",
    "bootstrap_interval",
    "colour_statistics",
    "compare",
    "extract",
    "finetune",
    "join_results",
    "knn_probe",
    "linear_probe",
    "official_probe",
    "paired_bootstrap",
    "spaces_of",
    "untrained_like",
]
