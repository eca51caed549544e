# %% [markdown]
# # 14 Gathering a real cube
#
# **You will** search an archive of satellite scenes, find out what your cube will cost before you ask for it,
# fetch it, and read off where each of its images comes from.<br>
# **Needs** [02 The seasonal cube](02_the_seasonal_cube.ipynb). No network: a small practice archive is made
# here; one line turns to a real one.<br>
# **Gives** `gathered.zarr` in the work folder, and three tables beside it.<br>
# **Time** 25 minutes, of which the computer works about 2.

# %%
# %matplotlib inline
import os
from pathlib import Path

import matplotlib.pyplot as plt

from seco_lab import catalogs, places, seasons
from seco_lab.fetch import estimate, fetch, read_costs, read_provenance, read_rejected, verify
from seco_lab.remote import Unsigned
from seco_lab.sources.practice import write_practice_archive
from seco_lab.store import open_cube
from seco_lab.viz.plots import true_colour_grid

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
SOURCE = os.environ.get("SECO_LAB_SOURCE", "practice")  # or "earth-search", "planetary-computer"
HOW_MANY, SEASONS, SIZE_PX = (3, 2, 48) if FAST else (10, 3, 96)
TILE_PX = 120 if FAST else 240

# %% [markdown]
# ## 1 Where, when, and who has it
#
# An archive does not hand out images of a place. It holds **scenes**: what the satellite saw of a tile of
# 110 km, on one day, as one file for each band. Whoever wants patches must find the scenes, choose among
# them, and read a small window of each file.
#
# The practice archive is built like the real ones: GeoTIFFs in internal tiles, a scene classification (SCL)
# that says where the clouds are, and STAC items that describe it all. Its scenes show the simulated world.

# %%
plan = places.plan_places(HOW_MANY, places.AroundCities(std_km=40), seed=4)
# The turn of a year in which the archive's counts change: see section 4.
dates = seasons.random_phase(plan.place_list(), seasons=SEASONS, seed=4, reference="2022-08-01")
if SOURCE == "practice":
    folder = WORK / "practice_archive"
    write_practice_archive(folder, plan.place_list(), dates, side_px=TILE_PX, progress=False)
    catalog = catalogs.open_catalog(folder)
else:
    catalog = catalogs.earth_search() if SOURCE == "earth-search" else catalogs.PlanetaryComputer()
catalog

# %% [markdown]
# ## 2 Which scenes will do
#
# For each place and season the search lists candidates: near the date and clear first. It asks once for all
# places of a cell and remembers the answers on disk, so a second search asks nobody.

# %%
tasks = catalogs.find_scenes(
    plan, dates, catalog, folder=WORK / "search", size_px=SIZE_PX, bands="rgb", progress=False
)
print(tasks)
tasks.table[["patch", "season", "rank", "time", "scene_cloud_cover", "baseline"]].head(8)

# %% [markdown]
# `scene_cloud_cover` is the cloud over the **whole scene**. A scene of 5 % cloud may have all of it over your
# patch, and one of 60 % none. So the scene classification of the patch itself decides, and it is read before
# any band.
#
# ## 3 What will it cost?
#
# Nobody likes to find out on the third day that the disk is full. The estimate fetches up to eight places and
# reckons from them. Nothing is wasted: what it has read stays.

# %%
out = WORK / "gathered.zarr"
cost = estimate(tasks, out, signer=catalog, max_cloud=30)
print(cost)

# %% [markdown]
# ### Exercise 1
#
# The costs of each place are in a table. How many bytes does one image (one place, one season) take on
# average? Divide all bytes by the number of images.

# %%
costs = read_costs(out)
bytes_per_image = None
### BEGIN SOLUTION
bytes_per_image = costs["bytes"].sum() / (len(costs) * SEASONS)
### END SOLUTION
costs[["patch", "state", "requests", "bytes", "seconds"]].head()

# %% [markdown]
# An image of 264 px in three bands is 0.4 MB, yet from files with internal tiles of 512 px it takes about
# 2 MB to read, as patches lie across up to four tiles. `find_scenes(..., snap="block")` shifts each patch
# into one tile: 1 MB. For 20,000 places in five seasons that is 100 GB instead of 200.
#
# ## 4 Fetch
#
# Interrupt the next cell whenever you like (the square button), and run it again: it goes on. A network that
# breaks, a server that asks for patience, a laptop that is closed, all end the same way.

# %%
report = fetch(tasks, out, signer=catalog, max_cloud=30, progress=False)
print(report)

# %% [markdown]
# ### Exercise 2
#
# Call `fetch` once more with the same arguments. How many requests does it send?

# %%
again = None
### BEGIN SOLUTION
again = fetch(tasks, out, signer=catalog, max_cloud=30, progress=False).requests
### END SOLUTION
print("requests:", again)

# %%
cube = open_cube(out)
true_colour_grid(cube, range(min(4, cube.sizes["patch"])))

# %% [markdown]
# ## 5 Where does each image come from?
#
# One row for each image: scene, window, clouds over the patch, a checksum. `passed_over` tells why better
# candidates were not taken.

# %%
source = read_provenance(out)
source[["patch", "season", "item_id", "rank", "passed_over", "cloud_share", "offset_removed"]].head(8)

# %% [markdown]
# **The jump of 2022.** Since processing baseline 04.00 (25 January 2022) every count is 1000 higher. A cube
# that mixes both teaches a network to tell the year from the brightness. `fetch` takes the offset off where
# it is in the counts; `offset_source` says who decided. Both groups must look alike:

# %%
found = verify(out)
figure, axes = plt.subplots(figsize=(6, 3))
for baseline, counted in found.histograms.items():
    axes.plot(100 * counted.nonzero()[0], counted[counted > 0] / counted.sum(), label=f"baseline {baseline}")
axes.set(xlabel="count (reflectance x 10,000)", ylabel="share of pixels")
axes.legend()
plt.show()

# %% [markdown]
# ## 6 What is missing?
#
# Places without a clear scene are not replaced in silence. Clouds are not spread evenly over the Earth, so
# ask of every cube which part of the world was lost.

# %%
lost = read_rejected(out)[["name", "why", "detail"]]
print(lost.to_string(max_colwidth=60) if len(lost) else "nothing was lost in the fetching")
found.rejected_share

# %% [markdown]
# ### Exercise 3
#
# What share of all planned places is in the cube? Places may be lost in the search and in the fetching; the
# table above holds both.

# %%
share = None
### BEGIN SOLUTION
share = cube.sizes["patch"] / len(plan)
### END SOLUTION
print("share of the plan in the cube:", share)

# %% [markdown]
# ## Summary
#
# * Scenes are searched once, looked at by the clouds over the patch, and read in parts.
# * The estimate is a beginning; a second call asks nothing; an interrupted one goes on.
# * Each image has a row that says where it comes from; each lost place one that says why.
#
# On the command line all of this is
# `seco-lab gather places.parquet --source earth-search --bands rgb --snap block --out cube.zarr`.
#
# **What's next:** train on it, as in [05 Train SeCo](05_train_seco.ipynb).
#
# **References.** STAC, the SpatioTemporal Asset Catalog specification. Sentinel-2 L2A processing baseline
# 04.00, ESA, 2022.

# %%
assert len(read_provenance(out)) == cube.sizes["patch"] * SEASONS
assert fetch(tasks, out, signer=Unsigned(), max_cloud=30, progress=False).requests == 0
assert found.damaged == ()
assert cube.sizes["patch"] + len(read_rejected(out)) == len(plan)
print("All checks passed.")
