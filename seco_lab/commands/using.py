"""``embed`` and ``explore``: what a trained encoder sees."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seco_lab.commands.say import say


def embed(args: argparse.Namespace) -> dict[str, Any]:
    """Embed a cube into a GeoParquet table; the same command again goes on where it stopped."""
    from seco_lab.commands.weights import encoder_of
    from seco_lab.embeddings import embed_to
    from seco_lab.sources import read_cube

    encoder, spec = encoder_of(args)
    cube = read_cube(args.cube)
    out = embed_to(encoder, cube, spec, args.out, batch_size=args.batch, device=args.device)
    rows = cube.sizes["patch"] * cube.sizes["season"]
    say(f"{rows} embeddings in {out}")
    return {"out": str(out), "rows": rows, "patches": cube.sizes["patch"], "seasons": cube.sizes["season"]}


def explore(args: argparse.Namespace) -> dict[str, Any]:
    """Write one self-contained page: map, embedding plane, seasons, neighbours."""
    from seco_lab.embeddings import open_embeddings
    from seco_lab.sources import read_cube
    from seco_lab.viz.report import write_explorer_page
    from seco_lab.viz.scene import scene_of

    if Path(args.out).suffix.lower() not in (".html", ".htm"):  # browsers go by it
        raise ValueError(f"wanted a name ending in .html for the page, got --out {args.out}")
    table = open_embeddings(args.embeddings)
    scene = scene_of(table, None if args.cube is None else read_cube(args.cube))
    for problem in scene.problems:
        say(problem)
    title = f"Embeddings of {table.sizes['patch']} places"
    out = write_explorer_page(args.out, scene, space=next(iter(scene.table.spaces)), title=title)
    say(f"{out} ({out.stat().st_size / 1e6:.1f} MB): open it in any browser, no network needed")
    return {"out": str(out), "places": table.sizes["patch"], "bytes": out.stat().st_size}
