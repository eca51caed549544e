"""Downstream tasks: what frozen or fine-tuned features are worth, beside what has learnt nothing."""

from __future__ import annotations

from seco_lab.downstream.change_maps import FeatureDistance, change_vectors
from seco_lab.downstream.change_unet import UNetProtocol
from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_classes
from seco_lab.downstream.comparing import compare
from seco_lab.downstream.detection import DetectionProtocol, evaluate_detection
from seco_lab.downstream.features import extract
from seco_lab.downstream.finetune import FinetuneConfig, finetune
from seco_lab.downstream.floors import RandomConvolutions, colour_statistics, untrained_like
from seco_lab.downstream.knn import knn_probe
from seco_lab.downstream.leakage import SpaceReading, SubspaceReport, spaces_of
from seco_lab.downstream.linear_probe import linear_probe
from seco_lab.downstream.metrics import Comparison, bootstrap_interval, paired_bootstrap
from seco_lab.downstream.monitor import KnnMonitor
from seco_lab.downstream.multilabel import multilabel_probe
from seco_lab.downstream.official import official_probe
from seco_lab.downstream.pairs import cut_pairs
from seco_lab.downstream.published import published_rows
from seco_lab.downstream.result import Protocol, Result, Score
from seco_lab.downstream.segmentation import SegmentationProtocol, evaluate_segmentation
from seco_lab.downstream.subspaces import SubspaceMonitor
from seco_lab.downstream.tables import join_markdown, join_results
from seco_lab.downstream.tiles import scenes_of

__all__ = [
    "ClassTask",
    "Comparison",
    "DetectionProtocol",
    "FeatureDistance",
    "FinetuneConfig",
    "KnnMonitor",
    "ProbeSettings",
    "Protocol",
    "RandomConvolutions",
    "Result",
    "Score",
    "SegmentationProtocol",
    "SpaceReading",
    "SubspaceMonitor",
    "SubspaceReport",
    "UNetProtocol",
    "bootstrap_interval",
    "change_vectors",
    "colour_statistics",
    "compare",
    "cut_pairs",
    "evaluate_classes",
    "evaluate_detection",
    "evaluate_segmentation",
    "extract",
    "finetune",
    "join_markdown",
    "join_results",
    "knn_probe",
    "linear_probe",
    "multilabel_probe",
    "official_probe",
    "paired_bootstrap",
    "published_rows",
    "scenes_of",
    "spaces_of",
    "untrained_like",
]
