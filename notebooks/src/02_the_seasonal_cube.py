# %% [markdown]
# # 02 The seasonal cube
#
# **You will** look at places through the year, as pictures and as numbers, and keep them in one file that
# xarray opens.<br>
# **Needs** [01 Places and seasons](01_places_and_seasons.ipynb). If its `places.parquet` is missing, this
# notebook draws a small plan by itself. No network.<br>
# **Gives** `seasons.zarr` in the work folder.<br>
# **Time** 20 minutes, 1 to 2 minutes to run.

# %%
# %matplotlib inline
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from seco_lab import places, seasons
from seco_lab.cube import check_cube, footprints
from seco_lab.sources import SimulatedSource, read_cube
from seco_lab.store import append, open_cube, save_cube
from seco_lab.viz import plots
from seco_lab.world import LAND_COVER

FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
HOW_MANY = 12 if FAST else 60

# %% [markdown]
# ## 1 A world in a box
#
# Satellite images are large, and downloading them takes time and a network. So this course carries a
# **simulated world**: a formula that answers "what would Sentinel-2 see at this longitude and latitude on
# this day?"
#
# Be clear about what it is. The coordinates, the climates, the light and the calendar are those of the Earth.
# The fields, forests, rivers and houses are **invented**: under the real Paris you will not find the real
# Paris. The spectra and the seasons of plants have the shape that measurements show, but nobody should do
# science on them. It is a place to learn methods. There are clouds as well; like anyone who orders images,
# the source takes the nearest clear day to each date. What you write here runs on real images without a
# change.

# %%
path = WORK / "places.parquet"
if not path.exists():
    places.save_plan(places.plan_places(HOW_MANY, places.AroundCities(std_km=50), seed=0), path)
chosen = places.open_plan(path).place_list()[:HOW_MANY]
dates = seasons.random_phase(chosen, seed=0, reference="2024-12-31")

cube = SimulatedSource(seed=0).load(chosen, dates, size_px=64)

# %% [markdown]
# **Real images are one argument away.** Set the environment variable `SECO_LAB_CUBE` to a folder that the
# toolkit can read (the official SeCo folder, dated GeoTIFFs, NetCDF, a cube made with `seco-lab gather`), and
# the rest of this notebook shows that folder instead. To try it: a small stored cube lies in
# `../data/sample.zarr`.

# %%
if "SECO_LAB_CUBE" in os.environ:
    cube = read_cube(Path(os.environ["SECO_LAB_CUBE"])).isel(patch=slice(HOW_MANY))
cube

# %% [markdown]
# This is an `xarray.Dataset`: a box of numbers whose axes have names. The axes are **patch** (which place),
# **season** (which date), **band** (which colour of light), **y** and **x** (which pixel). Each patch is 64
# pixels wide, and each pixel is 10 m of ground.
#
# **Question.** How many pixel values are in the box? How many megabytes, at two bytes a value?

# %%
pixels = cube["reflectance"]
print(dict(pixels.sizes), "->", f"{pixels.size:,} values, {pixels.nbytes / 1e6:.0f} MB")
check_cube(cube)  # raises a sentence if the box is not what the toolkit expects

# %% [markdown]
# ## 2 Look at it
#
# **Question.** Each row below is one place in five seasons. What will change more from picture to picture:
# along a row, or down a column?

# %%
plots.true_colour_grid(cube, range(min(6, cube.sizes["patch"])))

# %% [markdown]
# Along a row, fields turn from green to brown, snow falls, clouds pass. Down a column nearly everything
# changes: it is another place. **Seasonal contrast** makes a lesson of this. What stays the same along a row
# is what a place *is*.
#
# ## 3 Twelve colours
#
# Our eyes see three bands of light: red, green and blue. Sentinel-2 records more, most of them invisible to
# us. The values are **reflectance x 10,000**: 3,000 means that the ground sent back 30 % of the light. 0 is
# reserved for "no data".

# %%
plots.band_histograms(cube, range(min(12, cube.sizes["patch"])))

# %%
rgb = [name for name in ("B02", "B03", "B04") if name in cube["band"]]
invisible = float(cube["reflectance"].sel(band="B08").median())
assert invisible > float(cube["reflectance"].sel(band=rgb).median()), "plants are bright in the near infrared"

# %% [markdown]
# The band **B08** is the near infrared, just beyond red. Leaves swallow red light to live on it, and throw
# the near infrared back. The difference of the two, divided by their sum, is the best-known number of remote
# sensing, the **NDVI**:
#
# $$ \mathrm{NDVI} = \frac{B08 - B04}{B08 + B04} $$
#
# ### Exercise 1
#
# Write the NDVI of the cube as `ndvi`, with dimensions (patch, season, y, x). Convert to `float` first: the
# values are unsigned whole numbers, and 3 - 5 is not -2 there.

# %%
ndvi = None
### BEGIN SOLUTION
red = cube["reflectance"].sel(band="B04").astype(float)
infrared = cube["reflectance"].sel(band="B08").astype(float)
ndvi = (infrared - red) / (infrared + red).clip(min=1)
### END SOLUTION

# %%
if ndvi is not None:
    assert ndvi.dims == ("patch", "season", "y", "x")
    assert -1 <= float(ndvi.min()) <= float(ndvi.max()) <= 1
    print("median by season:", ndvi.median(("patch", "y", "x")).round(2).values)

# %% [markdown]
# ## 4 One year, drawn closely
#
# Five dates hint at the seasons; the simulated world lets us look every two weeks, and without clouds. It
# also tells the **truth**: what each pixel really is. No real satellite does that. We use it to draw the year
# of fields, meadows and forest around Toulouse in France.
#
# **Question.** Which of the three stays green all year, and which one shows a harvest?

# %%
toulouse = [places.Place(f"toulouse-{i}", 1.2 + 0.05 * i, 43.5) for i in range(4 if FAST else 12)]
days = np.arange("2023-01-10", "2024-01-01", 14, dtype="datetime64[D]")
world = SimulatedSource(seed=0, clouds=False)
year = world.load(toulouse, days, size_px=64, bands="B04,B08")["reflectance"].astype(float)
greenness = (year.sel(band="B08") - year.sel(band="B04")) / year.sum("band")
land_cover = world.truth(toulouse, days, size_px=64)["land_cover"]

# %%
figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
curves = {}
for name in ("annual_crop", "pasture", "forest"):
    only = greenness.where(land_cover == LAND_COVER.index(name))
    curves[name] = only.mean(("patch", "y", "x")).values
    axis.plot(days, curves[name], marker=".", label=name.replace("_", " "))
axis.set(ylabel="NDVI", title="One year around Toulouse (simulated)")
axis.legend()
plt.show()

# %%
swing = {name: np.ptp(curve) for name, curve in curves.items()}
print({name: round(float(s), 2) for name, s in swing.items()})
assert swing["annual_crop"] > 0.15, "crops are sown and harvested"

# %% [markdown]
# Each kind of land has its own *calendar*, called **phenology**. A network that sees a place in several
# seasons can learn it; a network that sees only July cannot.
#
# ## 5 Where the patches lie
#
# `footprints` turns the cube into a table with an outline per patch, for any map program.

# %%
table = footprints(cube)
metric = table.to_crs(table.geometry.iloc[[0]].estimate_utm_crs())
print(f"the first patch covers {metric.geometry.iloc[0].area / 1e6:.2f} square kilometres")
table.head(3)

# %%
plots.places_map(table["lon"], table["lat"], title=f"{len(table)} patches")

# %% [markdown]
# ### Exercise 2
#
# How many patches of this size would cover France (about 550,000 square kilometres)? A patch is 64 x 10 m
# wide.

# %%
patches = None
### BEGIN SOLUTION
patches = 550_000 / 0.64**2
### END SOLUTION

# %%
if patches is not None:
    assert abs(patches - 1_342_773) < 10
    print(f"{patches:,.0f} patches. SeCo learned from 200,000 places of the whole Earth.")

# %% [markdown]
# ## 6 Keep it, open it, let it grow
#
# A cube is stored as a **Zarr** folder. It appears whole or not at all, so a crash or a full disk leaves no
# half file. Opening is instant, because pixels are read only when you touch them.

# %%
stored = save_cube(cube, WORK / "seasons.zarr", overwrite=True)
again = open_cube(stored)
plain = xr.open_zarr(stored)  # no toolkit needed
assert (again["reflectance"][0] == cube["reflectance"][0]).all()
assert plain["reflectance"].shape == cube["reflectance"].shape

# %% [markdown]
# More places later? `append` adds them at the end; it refuses places that are in there already, other bands,
# and other sizes.

# %%
more = places.plan_places(HOW_MANY + 4, places.AroundCities(std_km=50), seed=1).place_list()[-4:]
if "SECO_LAB_CUBE" not in os.environ:
    new_dates = seasons.random_phase(more, seed=0, reference="2024-12-31")
    count = append(stored, SimulatedSource(seed=0).load(more, new_dates, size_px=64))
    print(f"{cube.sizes['patch']} -> {count} patches")

# %%
try:
    append(stored, cube)
except ValueError as problem:
    print(problem)

# %% [markdown]
# ## Summary
#
# * A cube has five axes: patch, season, band, y, x. Axes of different meaning are never mixed.
# * Values are reflectance x 10,000; 0 means no data. The near infrared shows what plants do.
# * Every kind of land has its own calendar. That is the information behind seasonal contrast.
# * The simulated world is honest about light, calendar and climate, and invented in all details.
#
# **What's next:** [03 Views](03_views.ipynb): which changes should a network ignore?
#
# **References.** M. Drusch and others, *Sentinel-2*, 2012. C. J. Tucker, *Red and photographic infrared
# linear combinations for monitoring vegetation*, 1979: the NDVI. The Zarr and xarray projects.

# %%
final = open_cube(stored)
check_cube(final)
assert final.sizes["patch"] >= cube.sizes["patch"]
assert final["reflectance"].dims == ("patch", "season", "band", "y", "x")
print("All checks passed.")
