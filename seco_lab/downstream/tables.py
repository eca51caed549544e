"""Results side by side: several encoders, and a paper's own numbers below them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from seco_lab.downstream.result import Result


def markdown_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; a key that a row lacks is left blank."""
    rows = list(rows)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [keys, ["---"] * len(keys), *([str(row.get(key, "")) for key in keys] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def join_results(results: Iterable[Result], published: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """Results of several encoders as one table, published rows (such as a paper's) below them.

    Args:
        results: Ours.
        published: Rows with any of the same columns: name, task, linear, ... See ``published_rows``.
    """
    import pandas as pd

    return pd.DataFrame([*(r.row() for r in results), *map(dict, published)]).fillna("").set_index("name")


def join_markdown(results: Iterable[Result], published: Iterable[Mapping[str, Any]] = ()) -> str:
    """What ``join_results`` gives, as a Markdown table."""
    return markdown_table(join_results(results, published).reset_index().to_dict("records"))
