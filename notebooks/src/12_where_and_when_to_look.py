# %% [markdown]
# # 12 Where and when to look
#
# **You will** put five ways to choose places side by side, find out how many of a famous recipe's places lie
# in the sea or on top of one another, and see what four ways to choose dates do to the seasons of the two
# hemispheres.<br>
# **Needs** [01 Places and seasons](01_places_and_seasons.ipynb). No network.<br>
# **Gives** a plan and dates that you can defend, `where_and_when.parquet` in the work folder.<br>
# **Time** 20 minutes, under 1 minute to run.
#
# In notebook 01 you drew places and dates. Here you *compare*. A network sees the Earth through its sample: a
# sample that forgets the tropics gives a network that has never met them, and no loss curve will tell.

# %%
# %matplotlib inline
import os
from pathlib import Path

import numpy as np
import pandas as pd

from seco_lab import places, seasons
from seco_lab.sources import SimulatedSource
from seco_lab.viz.where_when import sampler_maps, season_wheel

FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
HOW_MANY = 200 if FAST else 4000

# %% [markdown]
# ## 1 The recipe without its checks
#
# The published recipe: draw one of the 10,000 largest cities, walk a random way of about 50 km from it, take
# the image. It checks nothing. `candidates` gives just these draws, before anyone judged them.
#
# **Question.** Of 100,000 such draws, how many lie in the sea? How many have another one so near that the two
# images share pixels?

# %%
sampler = places.AroundCities(std_km=50)
counts = (1_000, 10_000, 100_000)
draws = sampler.candidates(0, 0, counts[-1])
land = places.is_land(draws.lon, draws.lat)
crowded = [places.crowded_share(draws.lon[:n], draws.lat[:n]) for n in counts]
pd.DataFrame({"draws": counts, "% in the sea": [100 * np.mean(~land[:n]) for n in counts],
              "% that overlap another": np.multiply(crowded, 100)}).round(1)  # fmt: skip

# %% [markdown]
# About one in seven is water, whatever the number. But the share that overlaps *grows*: the more you draw,
# the more often two patches show the same fields. In a training set these pairs are marked as "different
# places", so the loss pushes apart what is the same.
#
# `plan_places` refuses both. What it refused stays in the plan, with the reason.

# %%
plan = places.plan_places(HOW_MANY, sampler, seed=0)
assert places.crowded_share(plan.places["lon"].to_numpy(), plan.places["lat"].to_numpy()) == 0
plan.rejected["why"].value_counts()

# %% [markdown]
# ## 2 Five samplers side by side
#
# **Question.** Before you run the cell: which of the five will leave Australia almost empty? Which will draw
# most places in Asia?

# %%
samplers = {
    "around cities (SeCo)": sampler,
    "by population": places.ByPopulation(50),
    "any land": places.OnLand(),
    "continents alike": places.PerContinent(),
    "climates alike": places.PerClimate(),
}
plans = {name: places.plan_places(HOW_MANY, one, seed=0) for name, one in samplers.items()}
sampler_maps({name: one.places for name, one in plans.items()})

# %% [markdown]
# The eye is easily fooled by dots. Numbers, then: how much each sampler refused to get there, how far from a
# city its places lie, and how they spread over continents and climates.


# %%
def profile(plan):
    table, refused = plan.places, plan.rejected["why"]
    dry = places.climate_of(table["lon"], table["lat"]) == places.CLIMATES.index("dry")
    tried = len(table) + len(refused)
    return {
        "sea %": 100 * (refused == "sea").sum() / tried,
        "overlap %": 100 * (refused == "overlap").sum() / tried,
        "km to a city": table["city_km"].median(),
        "dry %": 100 * dry.mean(),
        **(100 * table["continent"].value_counts(normalize=True)).to_dict(),
    }


profiles = pd.DataFrame({name: profile(one) for name, one in plans.items()}).fillna(0).round(1)
profiles

# %%
assert profiles.loc["Asia", "by population"] > profiles.loc["Asia", "continents alike"]
assert profiles.loc["km to a city", "any land"] > profiles.loc["km to a city", "around cities (SeCo)"]

# %% [markdown]
# ### Exercise 1
#
# A colleague works on the deserts of Africa and Asia and on nothing else, but wants a tenth of the sample
# to be other climates, so that the network knows what a desert is *not*. Make the plan `deserts` of 100
# places, nine of ten in the class `"dry"`. The quotas of `PerClimate` are shares; the names of the climates
# stand in `places.CLIMATES`.

# %%
deserts = None
### BEGIN SOLUTION
others = [name for name in places.CLIMATES if name != "dry"]
quota = {"dry": 0.9, **{name: 0.1 / len(others) for name in others}}
deserts = places.plan_places(100, places.PerClimate(quota), seed=0)
### END SOLUTION

# %%
if deserts is not None:
    dry = places.climate_of(deserts.places["lon"], deserts.places["lat"]) == places.CLIMATES.index("dry")
    assert len(deserts) == 100
    assert abs(dry.mean() - 0.9) < 0.03
    print(f"{dry.sum()} of {len(deserts)} places are dry")

# %% [markdown]
# ## 3 When
#
# Three rules for dates that need nothing but a calendar:
#
# * `random_phase`: five dates 12 weeks apart, beginning on a random day (SeCo);
# * `quarters`: the middle of each quarter, the same days for all places;
# * `years_apart`: recent dates and the same days four years earlier, to find what changed.
#
# On the wheel the year goes round clockwise. The outer ring is the north, the inner one the south; the colour
# of a dot is the season that it is *there*.

# %%
few = plans["continents alike"].place_list()[:120]
lat = np.array([place.lat for place in few])
phase = seasons.random_phase(few, seed=0, reference="2024-12-31")
rules = {
    "random phase": phase,
    "quarters": seasons.quarters(len(few), years=(2024,)),
    "years apart": seasons.years_apart(seasons.quarters(len(few), years=(2024,))[:, 1:3], years=4),
}
season_wheel(rules, lat)

# %% [markdown]
# With *quarters* "season number 0" is winter for Oslo and summer for Sydney. A network that is told "these
# images are of the same season" would be told something wrong. That is why a cube stores **dates**, and why a
# name comes only from `season_labels(dates, lat)`.
#
# **Question.** Under *random phase*, do all five dates of a place fall into different seasons?

# %%
names = seasons.season_labels(phase, lat)
different = np.array([len(set(row)) for row in names])
print(f"{np.mean(different == 4):.0%} of the places see all four seasons")
assert (different >= 3).all()

# %% [markdown]
# ## 4 The plants' own calendar
#
# In the savanna "spring" means nothing: life begins with the rain. If you have a curve of greenness (NDVI)
# you can ask the plants. `phenology_dates` finds the middle of green-up, maturity, senescence and dormancy.
# Here the simulated world gives us the curves of six places.

# %%
six = few[:6]
year = seasons.quarters(6, years=(2023,))[:, :1] + np.arange(0, 360, 30)
cube = SimulatedSource(clouds=False).load(six, year, size_px=24, bands=["B04", "B08"])
red, nir = (cube["reflectance"].sel(band=b).mean(("y", "x")).to_numpy() for b in ("B04", "B08"))
ndvi = (nir - red) / (nir + red)
day_of_year = (cube["time"].to_numpy().astype("datetime64[D]") - np.datetime64("2023-01-01")).astype(
    int
) % 365
own = np.concatenate([
    seasons.phenology_dates(curve, days + 1, year=2024) for curve, days in zip(ndvi, day_of_year, strict=True)
])  # fmt: skip
season_wheel({"the plants' own": own, "quarters": rules["quarters"][:6]}, lat[:6])

# %%
assert own.shape == (6, 4)
by_calendar = (own == rules["quarters"][:6]).all(axis=1)
print(f"{(~by_calendar).sum()} of 6 places follow their own calendar, the rest get quarters")

# %% [markdown]
# ### Exercise 2
#
# Someone hands you a table in which longitude and latitude were swapped. Cairo is at 31.2 east, 30.0 north,
# Lima at 77.0 west, 12.0 south, Oslo at 10.7 east, 59.9 north. Compute `at_sea`: which of the three *swapped*
# points lie in the sea? (Some points of a table end up on land by chance; that is why the toolkit counts, and
# then asks "is it lon, lat?".)

# %%
at_sea = None
### BEGIN SOLUTION
at_sea = ~places.is_land(np.array([30.0, -12.0, 59.9]), np.array([31.2, -77.0, 10.7]))
### END SOLUTION

# %%
if at_sea is not None:
    print(dict(zip(("Cairo", "Lima", "Oslo"), at_sea.tolist(), strict=True)))
    assert at_sea[2], "59.9 east, 10.7 north is in the Arabian Sea"

# %% [markdown]
# ## Summary
#
# * The recipe that checks nothing puts a seventh of its places into the sea, and the more it draws the more
#   of them overlap.
# * No sampler is neutral; a table of shares says what a map hides.
# * Dates are facts, season names are a reading of them that depends on the hemisphere, or on the plants.
#
# **What's next:** [13 What went wrong](13_what_went_wrong.ipynb): some of these places will have no clear
# image. Which ones, and does it matter?
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607). Plekhanova and others,
# *SSL4Eco*, 2025 (phenology-aware dates).

# %%
path = places.save_plan(plans["continents alike"], WORK / "where_and_when.parquet")
assert places.open_plan(path).hash == plans["continents alike"].hash
assert 0.1 < np.mean(~land) < 0.18, "about a seventh of the unchecked draws are water"
assert crowded[2] > crowded[0], "overlap grows with the number of draws"
assert set(seasons.season_labels(rules["quarters"][:, :1], lat).ravel()) == {"winter", "summer"}
print("All checks passed.")
