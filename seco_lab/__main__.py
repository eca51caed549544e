"""Lets ``python -m seco_lab`` do what the command ``seco-lab`` does."""

from __future__ import annotations

import sys

from seco_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
