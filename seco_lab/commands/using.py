"""``embed``, ``probe`` and ``explore``: what a trained encoder is good for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.say import say

if TYPE_CHECKING:
    from seco_lab.downstream.result import Result


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


def probe(args: argparse.Namespace) -> dict[str, Any]:
    """Linear probe and kNN, beside an untrained encoder and what needs no encoder."""
    from seco_lab.commands.weights import encoder_of
    from seco_lab.downstream.eurosat import PROBE_PX, evaluate_eurosat, load_eurosat, random_weights

    train = load_eurosat(args.data)
    test = None if args.test is None else load_eurosat(args.test)
    if args.weights == "random":
        encoder, spec = random_weights(train, size_px=args.size_px or PROBE_PX, seed=args.seed)
    else:
        encoder, spec = encoder_of(args)
    result = evaluate_eurosat(
        encoder,
        spec,
        train,
        test,
        name=str(args.weights),
        size_px=args.size_px or max(spec.size_px, PROBE_PX),
        device=args.device,
        seed=args.seed,
        progress=True,
    )
    say(_lines(result))
    if args.out:
        Path(args.out).write_text(json.dumps(result.to_dict(), indent=1))
    return result.to_dict()


def _lines(result: Result) -> str:
    rows = {**result.scores, **result.baselines}
    return "\n".join(f"{name:>16}  {score} %" for name, score in rows.items())


def explore(args: argparse.Namespace) -> dict[str, Any]:
    """Write one self-contained page: map, embedding plane, seasons, neighbours."""
    from seco_lab.embeddings import open_embeddings
    from seco_lab.sources import read_cube
    from seco_lab.viz.report import write_explorer_page
    from seco_lab.viz.scene import scene_of

    table = open_embeddings(args.embeddings)
    scene = scene_of(table, None if args.cube is None else read_cube(args.cube))
    title = f"Embeddings of {table.sizes['patch']} places"
    out = write_explorer_page(args.out, scene, space=next(iter(scene.table.spaces)), title=title)
    say(f"{out} ({out.stat().st_size / 1e6:.1f} MB): open it in any browser, no network needed")
    return {"out": str(out), "places": table.sizes["patch"], "bytes": out.stat().st_size}
