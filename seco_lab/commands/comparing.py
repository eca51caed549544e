"""``compare``: saved results of one task beside each other and beside the paper's."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.say import say
from seco_lab.whole import whole_file

if TYPE_CHECKING:
    import pandas as pd

    from seco_lab.downstream.result import Result

_FORMS = (".md", ".csv", ".json")


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """One table of all results, and by how much the first leads each other one."""
    from seco_lab.downstream.published import published_beside
    from seco_lab.downstream.tables import join_results, markdown_table

    _check_form(args.out)
    results = _loaded(args.results)
    task = results[0].protocol.task
    scores = {name for result in results for name in result.scores}
    published = [] if args.no_paper else published_beside(task, scores)
    table = join_results(results, published)
    rows = table.reset_index().to_dict("records")
    say(markdown_table(rows))
    leads = [_lead(results[0], other, args.score) for other in results[1:]]
    for lead in leads:
        say(_sentence(lead))
    if args.out is not None:
        _write(Path(args.out), table)
    if args.figure is not None:
        _draw(Path(args.figure), results, published, args.score)
    return {"task": task, "table": rows, "leads": leads}


def _check_form(path: str | None) -> None:
    if path is not None and Path(path).suffix not in _FORMS:
        raise ValueError(f"--out wants a file that ends with {', '.join(_FORMS)}, got {path}")


def _loaded(paths: Sequence[str]) -> list[Result]:
    """Results under names that differ: those of equal names are called by their files, or whole paths.

    Raises:
        ValueError: No result, or results of several tasks.
    """
    from seco_lab.downstream.result import Result

    results = [Result.load(path) for path in paths]
    tasks = sorted({result.protocol.task for result in results})
    if len(tasks) > 1:
        raise ValueError(f"these are results of {' and '.join(tasks)}; compare those of one task")
    names, files = [result.name for result in results], [Path(path).name for path in paths]
    where = files if len(set(files)) == len(files) else paths
    return [
        replace(result, name=f"{result.name} ({file})") if names.count(result.name) > 1 else result
        for result, file in zip(results, where, strict=True)
    ]


def _lead(first: Result, other: Result, score: str | None) -> dict[str, Any]:
    from seco_lab.downstream.comparing import compare

    found = compare(first, other, score)
    name = score or next(iter(first.scores))
    return {"first": first.name, "other": other.name, "score": name, **vars(found), "clear": found.is_clear}


def _sentence(lead: dict[str, Any]) -> str:
    points, low, high = (100 * lead[key] for key in ("difference", "low", "high"))
    sure = "which is sure" if lead["clear"] else "which may be chance"
    return (
        f"{lead['score']}: {lead['first']} against {lead['other']}: {points:+.1f} points "
        f"({low:.1f} to {high:.1f}), {sure}"
    )


def _write(path: Path, table: pd.DataFrame) -> None:
    from seco_lab.downstream.tables import markdown_table

    rows = table.reset_index()
    with whole_file(path) as partial:
        if path.suffix == ".csv":
            rows.to_csv(partial, index=False)
        elif path.suffix == ".json":
            partial.write_text(json.dumps(rows.to_dict("records"), indent=1))
        else:
            partial.write_text(markdown_table(rows.to_dict("records")) + "\n")
    say(str(path))


def _draw(path: Path, results: Sequence[Result], published: list[dict[str, Any]], score: str | None) -> None:
    from seco_lab.viz.figure import figure_png
    from seco_lab.viz.scores import results_figure

    drawn = figure_png(results_figure(results, published, score=score), dpi=150)
    with whole_file(path) as partial:
        partial.write_bytes(drawn)
    say(str(path))
