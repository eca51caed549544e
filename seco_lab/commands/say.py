"""Words for a person on stderr, so that stdout stays free for results."""

from __future__ import annotations

import sys


def say(*words: object) -> None:
    """Write one line to stderr."""
    print(*words, file=sys.stderr, flush=True)
