"""``report.html``: one self-contained page with numbers, curves and the linked map, without Python."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import xarray as xr

from seco_lab.viz.charts import ScoreRow, curve_charts, score_chart
from seco_lab.viz.payload import scene_payload
from seco_lab.viz.scene import Scene, scene_of
from seco_lab.viz.webassets import joined_module, read_asset
from seco_lab.whole import whole_file

MAP_HELP = (
    "Left, where the places are; right, where the encoder puts them. Drag to move, turn the wheel to zoom, "
    "click a place in either, draw a lasso or a box to select. Melt flies the places from one to the other "
    "and through the seasons. Keyboard: arrows, plus and minus, Enter, comma and full stop, B and L."
)


def write_report(
    path: str | Path,
    *,
    embeddings: xr.Dataset,
    cube: xr.Dataset | None = None,
    results: Sequence[ScoreRow] = (),
    curves: Mapping[str, Sequence[float]] | None = None,
    meta: Mapping[str, object] | None = None,
    plan: tuple[np.ndarray, np.ndarray] | None = None,
    columns: Mapping[str, Sequence] | None = None,
    neighbours: int = 6,
) -> Path:
    """Write the report of a run.

    Args:
        path: The HTML file.
        embeddings: See ``seco_lab.viz.table.embedding_table``.
        cube: Source of the pictures.
        results: Scores, best with untrained and floor beside the trained ones.
        curves: Columns of the metrics table (``read_metrics``), with ``step``.
        meta: Facts by name for the last section; ``title``, ``subtitle``, ``credits`` have their own places.
        plan: lon and lat in degrees of the places as drawn; those of the embeddings by default.
        columns: Name -> (P,) further values to colour by.
        neighbours: How many nearest neighbours a click shows.

    Returns:
        The path written.

    Raises:
        ValueError: Unusable embeddings, see ``embedding_table``.
    """
    scene = scene_of(embeddings, cube, columns=columns)
    facts = dict(meta or {})
    title = str(facts.pop("title", "From places to a map"))
    subtitle = str(facts.pop("subtitle", ""))
    credits = str(facts.pop("credits", "" if cube is None else cube.attrs.get("attribution", "")))
    body = [
        _header(title, subtitle),
        _results_section(results),
        _explorer_section(scene),
        _curves_section(curves),
        _plan_section(plan if plan is not None else tuple(scene.table.lonlat.T)),
        _facts_section(facts),
    ]
    return _write_page(path, title, "".join(body), scene, next(iter(scene.table.spaces)), neighbours, credits)


def write_explorer_page(path: str | Path, scene: Scene, *, space: str, title: str) -> Path:
    """Write a page with the linked map alone; see ``EmbeddingExplorer.to_html``."""
    return _write_page(path, title, _header(title, "") + _explorer_section(scene), scene, space, 6, "")


def _write_page(
    path: str | Path, title: str, body: str, scene: Scene, space: str, neighbours: int, credits: str
) -> Path:
    """Fill the page and put it in place whole: a reader never meets half a file."""
    payload = json.dumps(scene_payload(scene, space=space, neighbours=neighbours), separators=(",", ":"))
    safe = payload.replace("</", "<\\/")  # a closing tag inside the data would end the script element
    scripts = (
        f'<script type="application/json" id="explorer-data">{safe}</script>\n'
        f'<script type="module">\n{joined_module("page.js")}</script>'
    )
    slots = {"title": escape(title), "css": read_asset("web/explorer.css"), "credits": escape(credits)}
    page = read_asset("report.html")
    for name, text in {**slots, "body": body, "scripts": scripts}.items():
        page = page.replace("{{" + name + "}}", text, 1)
    path = Path(path)
    with whole_file(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def _header(title: str, subtitle: str) -> str:
    return f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"


def _section(title: str, text: str, content: str) -> str:
    return f'<section class="page-section"><h2>{escape(title)}</h2><p>{escape(text)}</p>{content}</section>'


def _results_section(results: Sequence[ScoreRow]) -> str:
    """Headline numbers beside what they must beat, and the chart of all."""
    if not results:
        return ""
    tiles = "".join(_headline(score, results) for score in results if score.role == "trained")
    text = (
        "Shares of test images classified correctly from frozen embeddings. A number means something only "
        "above the same network untrained and above floors that need no network. Bars: 95 % intervals."
    )
    chart = f'<div class="scores">{score_chart(results)}</div>'
    return _section("What the encoder has learned", text, f'<div class="numbers">{tiles}</div>{chart}')


def _headline(score: ScoreRow, results: Sequence[ScoreRow]) -> str:
    """One number with its interval and its distance to the best rival."""
    rivals = [other for other in results if other.task == score.task and other.role != "trained"]
    best = max(rivals, key=lambda other: other.value, default=None)
    facts = [] if score.low is None else [f"95 %: {100 * score.low:.1f} to {100 * score.high:.1f}"]
    if best:
        facts.append(f"{100 * (score.value - best.value):+.1f} points against {best.model}")
    return (
        f'<div class="number"><span>{escape(score.task)}, {escape(score.model)}</span>'
        f"<b>{100 * score.value:.1f} %</b><span>{escape(' · '.join(facts))}</span></div>"
    )


def _explorer_section(scene: Scene) -> str:
    count = f"{scene.table.count:,} places, {scene.table.seasons} seasons. "
    content = '<div id="explorer"></div><noscript>The map needs JavaScript.</noscript>'
    return _section("Where on Earth looks alike", count + MAP_HELP, content)


def _curves_section(curves: Mapping[str, Sequence[float]] | None) -> str:
    if not curves:
        return ""
    text = "Everything that the run logged, means over equal stretches of steps."
    return _section("How it trained", text, f'<div class="panels">{curve_charts(curves)}</div>')


def _plan_section(plan: tuple[np.ndarray, np.ndarray]) -> str:
    """The places as drawn, as a picture."""
    from seco_lab.viz.figure import figure_png
    from seco_lab.viz.plots import places_map

    lon, lat = (np.asarray(values, np.float64) for values in plan)
    if not np.isfinite(lon).any():
        return ""
    png = base64.b64encode(figure_png(places_map(lon, lat), dpi=130)).decode()
    alt = f"World map with {len(lon):,} sampled places"
    picture = f'<img class="plan" alt="{escape(alt)}" src="data:image/png;base64,{png}">'
    return _section("The plan", f"{len(lon):,} places as they were drawn.", picture)


def _facts_section(facts: Mapping[str, object]) -> str:
    if not facts:
        return ""
    rows = "".join(f"<div><dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd></div>" for k, v in facts.items())
    return _section("How it was made", "", f'<dl class="facts">{rows}</dl>')
