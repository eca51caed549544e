# %% [markdown]
# # 11 Map of an area
#
# **You will** turn one large scene into a map of embeddings, click a pixel to see everything that looks like
# it, and write the result as a file that QGIS opens.<br>
# **Needs** [06 Embeddings on a map](06_embeddings_on_a_map.ipynb). If `seco_run` of notebook 05 is missing, a
# short training is made here.<br>
# **Gives** `scene.tif`, `area.tif` and `area_rgb.tif` in the work folder.<br>
# **Time** 25 minutes, 1 to 2 minutes to run.

# %%
# %matplotlib inline
import os
from pathlib import Path

import numpy as np
import rasterio

# %%
from seco_lab import places, seasons
from seco_lab.checkpoints import load_encoder
from seco_lab.cube import area_of_patch, grid_of
from seco_lab.downstream import untrained_like
from seco_lab.embeddings import embed_area, open_area_embeddings, save_area_embeddings
from seco_lab.neighbours import nearest
from seco_lab.sources import SimulatedSource
from seco_lab.sources.area import open_area
from seco_lab.store.cog import write_cog
from seco_lab.viz.area_colours import area_picture, save_area_picture
from seco_lab.viz.area_figure import area_figure
from seco_lab.viz.area_map import area_map

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
RUN, SIZE_PX = WORK / "seco_run", 192 if FAST else 512
WINDOW_PX, STRIDE_PX = 32, 8

# %% [markdown]
# If notebook 05 has not been run, the next cell trains for a moment, so that this notebook works alone.

# %%
if not (RUN / "checkpoint.pt").exists():
    from seco_lab.data import CubeBatches, input_spec_for
    from seco_lab.methods import SeCo
    from seco_lab.nn.encoders import resnet18
    from seco_lab.train import PretrainingRun, TrainConfig
    from seco_lab.views import MILD, SeasonalViews

    chosen = places.plan_places(64, places.AroundCities(50), seed=0).place_list()
    few = SimulatedSource(seed=0).load(chosen, seasons.random_phase(chosen, seed=0), size_px=64, bands="rgb")
    contract = input_spec_for(few, bands="rgb", size_px=32)
    parts = CubeBatches(few, 16, seasons=3, bands="rgb"), SeasonalViews(contract, 32, strength=MILD)
    short = SeCo(resnet18(width=16), queue_size=32, momentum=0.95, temperature=0.2, steady=True)
    config = TrainConfig(steps=8 if FAST else 60, optimizer="adamw", lr=0.001)
    list(PretrainingRun(short, *parts, config, spec=contract, folder=RUN))  # trains while it is iterated

encoder, spec = load_encoder(RUN)
print(encoder.name, "expects", spec.bands, "in", spec.unit, "at", spec.size_px, "px")

# %% [markdown]
# ## 1 A scene
#
# So far a place was a small patch. A satellite delivers **scenes**: a Sentinel-2 tile has 10,980 x 10,980
# pixels. We draw a smaller one, write it as a GeoTIFF, and open that file as if somebody had sent it.

# %%
day = np.array(["2024-07-01"], "datetime64[D]")
here = [places.Place("valley", 2.81, 42.34)]
source = SimulatedSource(seed=0, clouds=False)

drawn = area_of_patch(source.load(here, day, SIZE_PX, bands="rgb"))
names = [str(name) for name in drawn["band"].values]
write_cog(WORK / "scene.tif", drawn["reflectance"].values[0], grid_of(drawn), names=names, overwrite=True)

scene = open_area(WORK / "scene.tif")
scene

# %% [markdown]
# `reflectance` says `dask.array`: the pixels are still in the file. They are read when something is computed
# with them, block by block, so a scene may be larger than the memory.
#
# ## 2 Windows that slide
#
# An encoder makes **one** vector of **one** patch. To get a map, a window slides over the scene: 32 x 32
# pixels, 8 pixels further each time. Each step becomes one **cell** of the map.
#
# **Question.** The scene has 10 m pixels. How large is a cell on the ground, and how large is the piece of
# land that a single window sees?

# %%
area = embed_area(encoder, scene, spec, window_px=WINDOW_PX, stride_px=STRIDE_PX).compute()
print("pixels:", dict(scene.sizes), " cells:", dict(area.sizes))
print(f"cell {grid_of(area).dx:.0f} m, window {WINDOW_PX * 10} m")

# %% [markdown]
# A cell of 80 m lies under 16 windows of 320 m. Its vector is their **weighted mean**: windows whose middle
# is near count most, and they come in and go out smoothly. That is why the map has no seams.
#
# Let us look. On the left the scene, on the right the embeddings as colours (PCA, as in notebook 06).

# %%
middle = (area.sizes["y"] // 4, area.sizes["x"] // 3)
area_figure(area, scene, cell=middle)

# %% [markdown]
# The third panel is the answer to one question: **how similar is every cell to the ringed one?**
#
# ### Exercise 1
#
# With `stride_px` equal to `window_px` no windows overlap. Embed the scene so, and set `coarse` to the
# result. How does the map change?

# %%
coarse = None
### BEGIN SOLUTION
coarse = embed_area(encoder, scene, spec, window_px=WINDOW_PX, stride_px=WINDOW_PX).compute()
### END SOLUTION

# %%
if coarse is not None:
    assert coarse.sizes["x"] == SIZE_PX // WINDOW_PX, "one cell a window"
    print(f"{grid_of(coarse).dx:.0f} m a cell")
None if coarse is None else area_figure(coarse, scene)

# %% [markdown]
# ## 3 A cell is a patch
#
# Without overlap a cell must be exactly what we would get by cutting the patch out and encoding it alone.
# Never trust a map that you have not checked at one point:

# %%
tile = scene.isel(y=slice(32, 64), x=slice(64, 96))
alone = embed_area(encoder, tile, spec, window_px=32, stride_px=32)["embedding"].values[0, :, 0, 0]
tiled = embed_area(encoder, scene, spec, window_px=32, stride_px=32)["embedding"].values[0]
print("largest difference:", np.abs(tiled[:, 1, 2] - alone).max())
assert np.allclose(tiled[:, 1, 2], alone, rtol=1e-3, atol=1e-4)

# %% [markdown]
# ## 4 Click a pixel, see similar pixels
#
# Click anywhere on the map: the colours become similarity to that place, and the panel shows the windows most
# like it (none of them overlaps another). Try water, forest, a road. (Offline the map below is empty, the
# area is not.)

# %%
view = area_map(area, scene)
view

# %% [markdown]
# The next line clicks for you:

# %%
view.select(*middle)
print(view.cell, view.colour.value)

# %% [markdown]
# ## 5 Is it any good?
#
# Colours convince quickly. The simulated world knows what stands on the ground, so we can ask: of how many
# cells does the **most similar** cell elsewhere have the same land cover? Beside it the same network
# untrained, and a map without any network: the mean and spread of the colours of each cell.
#
# **Question.** Which of the three wins?


# %%
def tiles(picture):
    """A picture (..., y, x) cut into the cells of ``tiled``: (..., rows, columns, pixels of a cell)."""
    rows, columns = tiled.shape[1:]
    cut = picture[..., : rows * 32, : columns * 32].reshape(*picture.shape[:-2], rows, 32, columns, 32)
    return np.moveaxis(cut, -2, -3).reshape(*picture.shape[:-2], rows, columns, -1)


ground = tiles(source.truth(here, day, SIZE_PX)["land_cover"].values[0, 0])
cover = np.array([np.bincount(cell).argmax() for cell in ground.reshape(-1, 32 * 32)])
colours = tiles(scene["reflectance"].values[0].astype(float))
statistics = np.concatenate([colours.mean(-1), colours.std(-1)])
statistics = (statistics - statistics.mean((1, 2), keepdims=True)) / statistics.std((1, 2), keepdims=True)

# %%
blank = embed_area(untrained_like(encoder), scene, spec, window_px=32, stride_px=32)["embedding"].values[0]
right = {}
for name, vectors in {"trained": tiled, "untrained": blank, "colours": statistics}.items():
    rows = vectors.reshape(len(vectors), -1).T
    rows = rows - rows.mean(0)  # what all cells share says nothing about any of them
    best, _ = nearest(rows, rows, k=1, exclude=np.arange(len(rows)))
    right[name] = (cover[best[:, 0]] == cover).mean()
chance = ((np.bincount(cover) / len(cover)) ** 2).sum()
print({name: f"{share:.0%}" for name, share in right.items()}, f"by chance: {chance:.0%}")

# %% [markdown]
# **Read it honestly.** One scene of a few hundred cells has wide error bars, and short training seldom beats
# the plain statistics of colours; notebook 06 says why. With your own imagery, do this with a few cells that
# you know.
#
# ## 6 A file for QGIS
#
# A **cloud-optimised GeoTIFF** is cut into tiles and carries smaller versions of itself, so that a program
# reads only what it shows, even over a network. A band for each number of the vectors, NaN for no data:

# %%
save_area_embeddings(area, WORK / "area.tif", half=True, overwrite=True)
save_area_picture(area_picture(area), WORK / "area_rgb.tif", overwrite=True)
with rasterio.open(WORK / "area.tif") as file:
    print(file.count, "bands,", file.shape, "cells,", file.crs, file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"])
    bounds = file.bounds

# %% [markdown]
# Drag `area_rgb.tif` into QGIS: it lies where the scene lies. `half=True` keeps 16 bits of each number, about
# three digits. Does that harm?
#
# ### Exercise 2
#
# Open the file with `open_area_embeddings` and compute `error`, the largest difference to `area`, divided by
# the largest number in `area`.

# %%
error = None
### BEGIN SOLUTION
kept = open_area_embeddings(WORK / "area.tif")
error = float(np.abs(kept["embedding"] - area["embedding"]).max() / np.abs(area["embedding"]).max())
### END SOLUTION

# %%
if error is not None:
    assert error < 1e-3, "three digits"
    print(f"{error:.1e}")

# %% [markdown]
# ## Summary
#
# * A window slides over the scene; a cell is the weighted mean of the windows around it.
# * A small stride makes a finer map, but not a sharper one: a window still sees 320 m.
# * Check one cell by hand, compare with something that needs no network, and only then believe the colours.
#
# **What's next:** the same for your own scene, without Python: `seco-lab area scene.tif --weights
# ../data/work/seco_run --window-px 64 --stride-px 32 --out area.tif --rgb rgb.tif`.
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607). GDAL, *COG driver*:
# cloud-optimised GeoTIFF.

# %%
back = open_area_embeddings(WORK / "area.tif")
assert back["embedding"].shape == area["embedding"].shape
assert abs(bounds.left - grid_of(scene).x0) < 5, "to half a pixel"
assert abs(float(back["x"][0]) - (grid_of(scene).x0 + STRIDE_PX * 10 / 2)) < 5
assert "seco-area" in view.panel.value, "the click has found something"
assert set(right) == {"trained", "untrained", "colours"}
print("All checks passed.")
