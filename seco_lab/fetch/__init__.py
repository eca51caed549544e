"""From candidate scenes to a seasonal cube: politely, each byte once, with the source of every image."""

from __future__ import annotations

from seco_lab.fetch.estimate import Estimate, estimate
from seco_lab.fetch.journal import journal_path
from seco_lab.fetch.local import Pace
from seco_lab.fetch.outcome import Provenance
from seco_lab.fetch.run import FetchReport, fetch
from seco_lab.fetch.source import ArchiveSource
from seco_lab.fetch.tables import provenance_path, read_costs, read_provenance, read_rejected
from seco_lab.fetch.verify import Verification, verify

__all__ = [
    "ArchiveSource", "Estimate", "FetchReport", "Pace", "Provenance", "Verification", "estimate", "fetch",
    "journal_path", "provenance_path", "read_costs", "read_provenance", "read_rejected", "verify",
]  # fmt: skip
