"""From a plan to a seasonal cube on disk: resumable, each patch exactly once, reasons for places given up."""

from __future__ import annotations

from seco_lab.gather.ledger import estimate_bytes, rejected_path
from seco_lab.gather.run import GatherReport, gather
from seco_lab.gather.source import Source

__all__ = ["GatherReport", "Source", "estimate_bytes", "gather", "rejected_path"]
