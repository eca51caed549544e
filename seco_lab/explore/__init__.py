"""What stands behind a map of embeddings: label and learn, examples, clusters, seasons, two models."""

from __future__ import annotations

from seco_lab.explore.clusters import Clusters, cluster
from seco_lab.explore.examples import best_rows, more_like, query_of
from seco_lab.explore.label_files import (
    LabelFile,
    PlacedLabels,
    open_label_file,
    open_labels,
    place_labels,
    save_labels,
)
from seco_lab.explore.labelling import REST, Labeller, Learned
from seco_lab.explore.models import Compared, compare_models
from seco_lab.explore.seasons import LeadingChange, leading_change, season_spread
from seco_lab.explore.vectors import Directions, UnitVectors

__all__ = [
    "REST",
    "Clusters",
    "Compared",
    "Directions",
    "LabelFile",
    "Labeller",
    "LeadingChange",
    "Learned",
    "PlacedLabels",
    "UnitVectors",
    "best_rows",
    "cluster",
    "compare_models",
    "leading_change",
    "more_like",
    "open_label_file",
    "open_labels",
    "place_labels",
    "query_of",
    "save_labels",
    "season_spread",
]
