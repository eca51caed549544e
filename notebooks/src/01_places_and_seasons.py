# %% [markdown]
# # 01 Places and seasons
#
# **You will** choose *where* and *when* a satellite should look, so that a network meets the whole variety of
# the Earth's surface, and see how one careless line of code moves the places.<br>
# **Needs** [00 Check the machine](00_check_the_machine.ipynb). No network: cities, land and borders are in
# the package.<br>
# **Gives** `places.parquet` in the work folder: a list of places that the next notebook fills with
# images.<br>
# **Time** 15 to 20 minutes, under 1 minute to run.
#
# *Self-supervised learning* needs no labels, but it does need a choice: which images? In 2021 the paper
# **Seasonal Contrast** (SeCo) gave an answer that we rebuild here. Take the 10,000 largest cities, walk a
# random distance away from one of them, and look at that place in five seasons.

# %%
# %matplotlib inline
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from seco_lab import places, seasons
from seco_lab.viz.plots import places_map

FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
HOW_MANY = 300 if FAST else 3000

# %% [markdown]
# ## 1 Why not simply anywhere?
#
# **Question.** You throw 1,000 darts at the globe, each square kilometre as likely as any other. How many hit
# land?

# %%
rng = np.random.default_rng(0)
lon = rng.uniform(-180, 180, 1000)
lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 1000)))  # not uniform(-90, 90): that would crowd the poles
on_land = places.is_land(lon, lat)
print(f"{on_land.sum()} of 1000 darts hit land")
places_map(lon[on_land], lat[on_land], title="darts on land")

# %%
assert 230 < on_land.sum() < 350, "about 29 % of the Earth is land"

# %% [markdown]
# And of those that hit land, many lie in deserts, in taiga or on ice: beautiful, but each much like the next.
# Near cities there is a bit of everything: houses, harbours, fields, forest, water. That is why SeCo starts
# from cities.
#
# ## 2 A walk of 50 kilometres
#
# From a city we walk a random distance east and another one north. Both are drawn from a *Gaussian* (bell
# curve) with a standard deviation of 50 km. So most places lie within 100 km of the city, few in its centre.
#
# The original code turned 50 km into 0.45 degrees once and used that number both for longitude and for
# latitude. One degree of latitude is about 111 km everywhere. But meridians meet at the poles, so one degree
# of **longitude** is 111 km only at the equator.
#
# **Question.** Helsinki lies at 60 degrees north. What does the cloud of places look like there if we add
# 0.45-degree steps to both coordinates: round, wider than high, or higher than wide?

# %%
city_lon, city_lat = 24.94, 60.17
east, north = rng.normal(0, 50, (2, 2000))  # kilometres
degrees_per_km = 360 / (2 * np.pi * places.EARTH_RADIUS_KM)
careless = city_lon + east * degrees_per_km, city_lat + north * degrees_per_km
careful = places.offset(city_lon, city_lat, east, north)

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharex=True, sharey=True, layout="constrained")
for axis, (x, y), title in zip(axes, [careless, careful], ["same degrees", "same kilometres"], strict=True):
    east_km = (x - city_lon) / degrees_per_km * np.cos(np.radians(y))
    north_km = (y - city_lat) / degrees_per_km
    axis.scatter(east_km, north_km, s=2)
    axis.set(title=f"{title}: std {east_km.std():.0f} x {north_km.std():.0f} km", aspect="equal")
    axis.set(xlabel="km east of Helsinki", ylabel="km north")

# %% [markdown]
# With degrees the cloud is squeezed to half its width: cos(60 degrees) = 0.5. The toolkit walks true
# kilometres along the sphere, at every latitude. We can check that with a ruler of our own, the great-circle
# distance:

# %%
walked = places.distance_km(city_lon, city_lat, *careful)
assert np.allclose(walked, np.hypot(east, north), atol=1e-6)
short = places.distance_km(city_lon, city_lat, careless[0], np.full(2000, city_lat))
print(f"east-west, careless: {short.std():.1f} km; wanted {np.abs(east).std():.1f} km")

# %% [markdown]
# ### Exercise 1
#
# Paris lies at 48.9 degrees north. Which standard deviation from west to east, in km, did the careless way
# give there? Compute `paris_km`.

# %%
paris_km = None
### BEGIN SOLUTION
paris_km = 50 * np.cos(np.radians(48.9))
### END SOLUTION

# %%
if paris_km is not None:
    assert abs(paris_km - 32.9) < 0.1, "50 km times the cosine of the latitude"
    print(f"{paris_km:.1f} km instead of 50")

# %% [markdown]
# ## 3 The draw
#
# `plan_places` draws one candidate after the other. It refuses a candidate at sea, and one whose patch would
# overlap an earlier one: two overlapping patches would sit in the training set as two "different" places.
# Nothing is hidden: the refused candidates stay in the plan, each with the reason.

# %%
plan = places.plan_places(HOW_MANY, places.AroundCities(std_km=50), seed=0)
print(plan)
print(plan.rejected["why"].value_counts().to_string())
plan.places[["name", "lon", "lat", "city", "city_km", "country"]].head()

# %%
places_map(plan.places["lon"], plan.places["lat"], title=f"{len(plan)} places around cities")

# %% [markdown]
# Chance is wanted here, surprise is not. The draw depends on the *seed* alone: whoever uses seed 0 gets these
# places. Candidate number 17 is the same in every plan, so a larger plan **contains** the smaller one. You
# can begin with 300 places and ask for 3,000 later without losing what you have.

# %%
half = places.plan_places(HOW_MANY // 2, places.AroundCities(std_km=50), seed=0)
assert half.places["name"].tolist() == plan.places["name"].tolist()[: HOW_MANY // 2]
assert half.hash != plan.hash  # the fingerprint tells plans apart

# %% [markdown]
# ## 4 Other ways to choose
#
# **Question.** Five samplers follow. Which one will give the most *dry* places (deserts and steppe), which
# one the fewest?

# %%
samplers = {
    "around cities": places.AroundCities(50),
    "by population": places.ByPopulation(50),
    "any land": places.OnLand(),
    "continents alike": places.PerContinent(),
    "climates alike": places.PerClimate(),
}
plans = {name: places.plan_places(HOW_MANY, s, seed=0) for name, s in samplers.items()}

# %%
share = {}
for name, drawn in plans.items():
    climate = places.climate_of(drawn.places["lon"], drawn.places["lat"])
    share[name] = [np.mean(climate == number) for number in range(len(places.CLIMATES))]
share = pd.DataFrame(share, index=places.CLIMATES)
share.T.plot.barh(stacked=True, figsize=(8, 2.8), colormap="viridis", xlabel="share of the places").legend(
    loc="upper left", bbox_to_anchor=(1, 1)
)
share.round(2)

# %%
assert share.loc["dry", "any land"] > share.loc["dry", "around cities"]
assert np.allclose(share["climates alike"], 0.2, atol=0.02)

# %% [markdown]
# No sampler is *right*. The paper found that a network trained around cities did better than one trained on
# places uniform over the globe, on tasks about land cover in Europe. If your question is about deserts or
# polar land, choose otherwise, and write down what you chose.
#
# ### Exercise 2
#
# An ecologist wants 60 places, half of them in Africa and half in South America. Make the plan `mine` with
# `places.PerContinent({...: share, ...})`.

# %%
mine = None
### BEGIN SOLUTION
mine = places.plan_places(60, places.PerContinent({"Africa": 0.5, "South America": 0.5}), seed=0)
### END SOLUTION

# %%
if mine is not None:
    assert len(mine) == 60
    assert (mine.places["stratum"] == "Africa").sum() == 30
    print(mine.places["stratum"].value_counts().to_string())

# %% [markdown]
# ## 5 When to look
#
# SeCo looks five times, 12 weeks apart: about once a season. The first date is random for each place, so that
# the whole data set does not consist of five calendar days.
#
# **Question.** Five dates, 12 weeks apart: do they span a year, more, or less?

# %%
chosen = plan.place_list()[:60]
dates = seasons.random_phase(chosen, seed=0, reference="2024-12-31")
print(chosen[0].name, dates[0])
span = (dates[:, 0] - dates[:, -1]).astype(int)
print(f"from the first to the last date: {span[0]} days")
assert (span == 4 * 12 * 7).all()

# %% [markdown]
# 48 weeks, not 52: the fifth image is not a repetition of the first.
#
# **Question.** Which season is 15 July in Sydney?

# %%
july = np.array([["2024-07-15"], ["2024-07-15"]], "datetime64[D]")
print(seasons.season_labels(july, lat=[60.2, -33.9]))  # Helsinki, Sydney

# %%
lat = np.array([place.lat for place in chosen])
name = seasons.season_labels(dates, lat)
day_of_year = (dates - dates.astype("datetime64[Y]")).astype(int)
figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
for season, colour in zip(seasons.SEASONS, ["#0072b2", "#009e73", "#e69f00", "#d55e00"], strict=True):
    row, column = np.nonzero(name == season)
    axis.scatter(day_of_year[row, column], lat[row], s=14, color=colour, label=season)
axis.axhline(0, color="grey", linewidth=0.8)
axis.set(xlabel="day of the year", ylabel="degrees north")
axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# The colours swap at the equator. Near the equator the four names mean little: there the year is made of rain
# and drought. This is why a season is stored as a **date**, and a name is only ever computed from it.
#
# ## 6 Save the plan
#
# A plan is a plain GeoParquet table. QGIS, geopandas or R open it as well.

# %%
path = places.save_plan(plan, WORK / "places.parquet")
again = places.open_plan(path)
assert again.hash == plan.hash
print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB, fingerprint {again.hash}")

# %% [markdown]
# ## Summary
#
# * Land is 29 % of the Earth, and most of it is far from people. SeCo draws places around cities instead.
# * Kilometres are not degrees: a Gaussian in degrees is squeezed by the cosine of the latitude.
# * A draw is a function of its seed, and refused candidates are kept with the reason.
# * Five dates 12 weeks apart; what season a date is depends on the hemisphere.
#
# **What's next:** [02 The seasonal cube](02_the_seasonal_cube.ipynb): the same place in five seasons, as
# numbers.
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607), section 3.1. M. Kottek
# and others, *World map of the Köppen-Geiger climate classification updated*, 2006.

# %%
assert len(plan) == HOW_MANY
assert places.is_land(plan.places["lon"], plan.places["lat"]).all(), "no place lies at sea"
assert dates.shape == (60, 5)
print("All checks passed.")
