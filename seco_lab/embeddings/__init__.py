"""Encode a cube or a whole scene: a vector for every patch and season or every cell, tables, projections."""

from __future__ import annotations

from seco_lab.embeddings.area import embed_area
from seco_lab.embeddings.area_files import (
    check_area_embeddings,
    open_area_embeddings,
    save_area_embeddings,
)
from seco_lab.embeddings.encode import Embedder, embed
from seco_lab.embeddings.identity import cube_hash, module_hash
from seco_lab.embeddings.prepare import EmbeddingInputWarning, Preparation, missing_images
from seco_lab.embeddings.projection import project
from seco_lab.embeddings.recalibrate import recalibrated, recalibrated_by
from seco_lab.embeddings.resume import embed_to
from seco_lab.embeddings.table import embedding_spec, open_embeddings, save_embeddings

__all__ = [
    "Embedder",
    "EmbeddingInputWarning",
    "Preparation",
    "check_area_embeddings",
    "cube_hash",
    "embed",
    "embed_area",
    "embed_to",
    "embedding_spec",
    "missing_images",
    "module_hash",
    "open_area_embeddings",
    "open_embeddings",
    "project",
    "recalibrated",
    "recalibrated_by",
    "save_area_embeddings",
    "save_embeddings",
]
