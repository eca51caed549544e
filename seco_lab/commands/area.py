"""``area``: a whole scene as a raster of embeddings, and as a picture of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seco_lab.commands.refusing import refuse
from seco_lab.commands.say import say

if TYPE_CHECKING:
    import xarray as xr

    from seco_lab.input_spec import InputSpec


def area(args: argparse.Namespace) -> dict[str, Any]:
    """Embed a scene and write cloud-optimised GeoTIFFs.

    Raises:
        ValueError: Bad options; nothing has been computed or written.
        FileExistsError: A target is there already.
    """
    from seco_lab.commands.weights import encoder_of
    from seco_lab.embeddings import embed_area, save_area_embeddings
    from seco_lab.embeddings.windows import Windows

    _check_targets(args)
    Windows(args.window_px, args.stride_px)  # refuses gaps before the weights are read
    encoder, spec = encoder_of(args)
    scene = _scene(args, spec)
    found = embed_area(
        encoder,
        scene,
        spec,
        window_px=args.window_px,
        stride_px=args.stride_px,
        batch_size=args.batch,
        device=args.device,
    )
    save_area_embeddings(found, args.out, half=args.dtype == "float16")
    height, width = found.sizes["y"], found.sizes["x"]
    say(f"{args.out}: {height} x {width} cells of {found.sizes['dim']} numbers")
    if args.rgb is not None:
        _write_picture(args)
    return {
        "out": str(args.out),
        "rgb": args.rgb,
        "rows": height,
        "columns": width,
        "dims": found.sizes["dim"],
        "cell_m": round(float(scene.attrs["pixel_size_m"]) * args.stride_px, 1),
        "bytes": Path(args.out).stat().st_size,
    }


def _check_targets(args: argparse.Namespace) -> None:
    from seco_lab.store.cog import check_target

    check_target(args.out, overwrite=False)
    if args.rgb is not None:
        if Path(args.rgb).resolve() == Path(args.out).resolve():
            raise ValueError(f"wanted two files for --out and --rgb, got {args.out} twice")
        check_target(args.rgb, overwrite=False)


def _scene(args: argparse.Namespace, spec: InputSpec) -> xr.Dataset:
    """One season of a raster file, or of a patch of a Zarr cube.

    Raises:
        FileNotFoundError: Nothing is there.
        ValueError: A cube of several patches or seasons, of which none was chosen, or options of another kind
            of scene.
    """
    path = Path(args.scene)
    if not path.is_dir():
        from seco_lab.sources.area import open_area

        if args.patch is not None or args.season is not None:
            raise ValueError("--patch and --season choose from a Zarr cube, got a file")
        names = None if args.file_bands is None else args.file_bands.split(",")
        return open_area(path, bands=spec.bands, file_bands=names, offset=args.offset or "auto")
    return _from_cube(path, args)


def _from_cube(path: Path, args: argparse.Namespace) -> xr.Dataset:
    from seco_lab.cube import area_of_patch
    from seco_lab.store import open_cube

    refuse(args, "it belongs to a GeoTIFF, a cube tells its bands and counts", "file_bands", "offset")
    cube = open_cube(path)
    if not cube.sizes["patch"]:
        raise ValueError(f"{path} is a cube without patches, so there is no scene in it")
    names = cube["patch"].values.tolist()
    if args.patch is None and len(names) > 1:
        raise ValueError(
            f"wanted one scene, got a cube of {len(names)} patches; choose one, such as --patch {names[0]}"
        )
    scene, seasons = area_of_patch(cube, args.patch or 0), cube.sizes["season"]
    if args.season is None and seasons > 1:
        raise ValueError(f"wanted one season, got {seasons}; choose one with --season 0 to {seasons - 1}")
    if not 0 <= (args.season or 0) < seasons:
        raise ValueError(f"wanted a season from 0 to {seasons - 1}, got --season {args.season}")
    return scene.isel(season=[args.season or 0])


def _write_picture(args: argparse.Namespace) -> None:
    """Colours of what was written, so that nothing is encoded twice."""
    from seco_lab.embeddings import open_area_embeddings
    from seco_lab.viz.area_colours import area_picture, save_area_picture

    save_area_picture(area_picture(open_area_embeddings(args.out)), args.rgb)
    say(f"{args.rgb}: the first three principal components as red, green and blue")
