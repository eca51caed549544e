"""Options that would be passed over in silence are refused."""

from __future__ import annotations

import argparse


def refuse(args: argparse.Namespace, why: str, *options: str) -> None:
    """Refuse those of these options that were given.

    Args:
        args: What was parsed; an option that was not given is None or False there.
        why: Why they mean nothing here.
        options: Names as in ``args``.

    Raises:
        ValueError: Names the first of them.
    """
    idle = [option for option in options if getattr(args, option) not in (None, False)]
    if idle:
        raise ValueError(f"--{idle[0].replace('_', '-')} means nothing here: {why}; leave it out")
