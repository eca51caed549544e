"""``embed``, ``explore`` and ``area``."""

from __future__ import annotations

from typing import Any

from seco_lab.arguments.base import add_encoder, add_images_at_a_time, command, count, number, target_file


def add_embed(commands: Any) -> None:
    """``embed``."""
    embed = command(
        commands,
        "embed",
        "commands.using:embed",
        "turn every patch and season into a vector",
        "seco-lab embed cube.zarr --weights runs/seco --out embeddings.parquet",
    )
    embed.add_argument("cube", metavar="CUBE", help="a Zarr cube, or a folder of imagery that a reader knows")
    add_encoder(embed)
    add_images_at_a_time(embed)
    embed.add_argument(
        "--out",
        type=target_file,
        required=True,
        metavar="PARQUET",
        help="GeoParquet: a row a patch and season",
    )


def add_explore(commands: Any) -> None:
    """``explore``."""
    explore = command(
        commands,
        "explore",
        "commands.using:explore",
        "write a map that works without Python",
        "seco-lab explore embeddings.parquet --cube cube.zarr --out map.html",
    )
    explore.add_argument("embeddings", metavar="PARQUET", help="what embed wrote")
    explore.add_argument("--cube", metavar="CUBE", help="pictures of the places")
    explore.add_argument(
        "--out", type=target_file, required=True, metavar="HTML", help="one page that holds all"
    )


def add_area(commands: Any) -> None:
    """``area``."""
    area = command(
        commands,
        "area",
        "commands.area:area",
        "turn a whole scene into a raster of vectors that QGIS opens",
        "seco-lab area scene.tif --weights runs/seco --stride-px 16 --out area.tif --rgb rgb.tif",
    )
    area.add_argument("scene", metavar="SCENE", help="a multi-band GeoTIFF of any size, or a Zarr cube")
    add_encoder(area)
    area.add_argument(
        "--window-px", type=count, default=64, help="side of a window in pixels of the scene (64)"
    )
    area.add_argument("--stride-px", type=count, default=32, help="step between windows, side of a cell (32)")
    area.add_argument("--file-bands", metavar="NAMES", help="bands in the file's order, where it names none")
    area.add_argument("--offset", help="the +1000 of baseline 04.00: auto (by content), remove or keep")
    area.add_argument("--patch", metavar="NAME", help="which patch of a cube")
    area.add_argument("--season", type=number, metavar="N", help="which season of a cube, from 0")
    area.add_argument(
        "--dtype", choices=["float32", "float16"], default="float32", help="float16 halves the file (float32)"
    )
    add_images_at_a_time(area)
    area.add_argument(
        "--out", type=target_file, required=True, metavar="TIF", help="a band for each number of a vector"
    )
    area.add_argument(
        "--rgb", type=target_file, metavar="TIF", help="also write a picture of the vectors (PCA) here"
    )
