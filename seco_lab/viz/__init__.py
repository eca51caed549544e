"""Figures, maps and widgets: plots, maps, explorer, dashboard, report.

Nothing below this package imports it, and no map or widget library loads before the module that needs it.
"""

from __future__ import annotations
