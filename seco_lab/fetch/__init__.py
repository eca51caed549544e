"""From candidate scenes to a seasonal cube: politely, each byte once, with the source of every image."""

from __future__ import annotations

from seco_lab.fetch.journal import journal_path
from seco_lab.fetch.local import Pace
from seco_lab.fetch.outcome import Provenance
from seco_lab.fetch.run import FetchReport, fetch
from seco_lab.fetch.tables import provenance_path, read_costs, read_provenance, read_rejected

__all__ = [
    "FetchReport", "Pace", "Provenance", "fetch", "journal_path", "provenance_path", "read_costs",
    "read_provenance", "read_rejected",
]  # fmt: skip
