"""What a user did in an explorer, as JSON: to continue after a restart, or on another machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seco_lab.whole import whole_file

FORMAT = "seco_lab explorer state"


def plain_state(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of traits, ready for JSON; bytes become text."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def native_state(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of ``plain_state``."""
    return {name: _native(value) for name, value in values.items()}


def _native(value: Any) -> Any:
    return (
        base64.b64decode(value["base64"]) if isinstance(value, dict) and set(value) == {"base64"} else value
    )


def write_state(path: str | Path, values: Mapping[str, Any], patches: str) -> Path:
    """Write a state, whole or not at all.

    Args:
        path: The JSON file.
        values: Values of traits by name.
        patches: Hash of the patch names that numbers of places refer to.
    """
    path = Path(path)
    content = {"format": FORMAT, "patches": patches, "state": plain_state(values)}
    with whole_file(path) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def read_state(path: str | Path, patches: str) -> dict[str, Any]:
    """Values of traits out of a file of ``write_state``.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not a file of states, or one made for other places; the numbers in it would mislead.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not a state of an explorer: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not a state of an explorer: it lacks the mark {FORMAT!r}")
    if content["patches"] != patches:
        raise ValueError(f"{path} was made with other places: start without it, or give those embeddings")
    return native_state(content["state"])
