# %% [markdown]
# # 15 Exploring embeddings
#
# **You will** fly places from the Earth into a space of vectors and through the seasons, select, filter and
# compare them, and teach a classifier by pointing at a few places.<br>
# **Needs** nothing before it. If [05 Train SeCo](05_train_seco.ipynb) has been run, its network is compared,
# too.<br>
# **Gives** a page `exploring.html` that works without Python, a selection and labels in the work folder.<br>
# **Time** 30 minutes, 1 minute to run.

# %%
# %matplotlib inline
import os
from pathlib import Path

import numpy as np
import xarray as xr

# %%
from seco_lab import places, seasons
from seco_lab.checkpoints import load_encoder
from seco_lab.embeddings import embed
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.viz.explorer import EmbeddingExplorer

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
PLACES = 50 if FAST else 500

# %% [markdown]
# ## 1 Vectors that need no training
#
# An explorer shows any vectors. To know what we should see, we make some by hand: for each image the mean
# and the spread of its four bands. Then we split these eight numbers in two:
#
# * **stays**: the mean over the year, the same in all seasons;
# * **moves**: what a season adds to it.
#
# This is what SeCo's sub-spaces are to *learn*: one that ignores the season and one that follows it.

# %%
cube_path = WORK / f"exploring_{PLACES}.zarr"
if not cube_path.exists():
    chosen = places.plan_places(PLACES, places.AroundCities(std_km=50), seed=4).place_list()
    dates, bands = seasons.quarters(PLACES, years=(2024,)), ("B02", "B03", "B04", "B08")
    world = SimulatedSource(seed=0, clouds=False)
    save_cube(world.labelled(chosen, dates, size_px=48, bands=bands), cube_path)
cube = open_cube(cube_path)
land = np.array(cube.attrs["class_names"])[cube["label"].values]

# %%
counts = cube["reflectance"].astype("float32")
pair = [counts.mean(("y", "x")), counts.std(("y", "x"))]
now = np.log1p(xr.concat(pair, dim="band")).transpose("patch", "season", "band")
now = (now - now.mean(("patch", "season"))) / now.std(("patch", "season"))
stays = now.mean("season").broadcast_like(now).transpose(*now.dims)

vectors = {"stays": stays, "moves": now - stays, "both": now}
coords = {name: cube[name] for name in ("lon", "lat", "time")}
embeddings = xr.Dataset(
    {name: (("patch", "season", "dim"), v.values) for name, v in vectors.items()},
    {"patch": cube["patch"], **coords},
)
embeddings

# %% [markdown]
# If there is a network from notebook 05, its embeddings are a further space under the same roof.

# %%
models = {}
if (WORK / "seco_run" / "checkpoint.pt").exists():
    encoder, spec = load_encoder(WORK / "seco_run")
    models["SeCo"] = embed(encoder, cube, spec)

# %% [markdown]
# ## 2 Map, plane, melt
#
# Left the Earth, right the plane; a dot is a place. Click one. Then press **Melt** and **Play**: every place
# flies from where it is to where its vector puts it, and on through the seasons. Thin lines are the ways of
# some places through the year.
#
# **Question.** In `stays`, how long will these lines be? And in `moves`? Guess, then switch **Space**.

# %%
latitude = cube["lat"].values.round(1)
columns = {"land": land, "latitude": latitude}
explorer = EmbeddingExplorer(
    embeddings,
    cube,
    columns=columns,
    models=models,
    state_file=WORK / f"exploring_{PLACES}.json",
)
explorer

# %% [markdown]
# What you do by hand, Python can do, too. The next cell opens the melt at the third season:

# %%
explorer.view, explorer.melt = "melt", 3.0
for space in ("stays", "moves", "both"):
    explorer.space = space
    print(explorer.space_note)

# %% [markdown]
# In `stays` the seasons of a place fall together: it does not move at all. In `moves` two seasons of a place
# lie further apart than two places of the same season. `both` holds both.

# %%
explorer.view, explorer.space, explorer.season = "panes", "both", 2
explorer.selected = 7
near = [(n["name"], f"{n['km']:.0f} km", n["similarity"]) for n in explorer.detail["neighbours"]]
print(explorer.detail["name"], "is most like", *near[:3], sep="\n  ")

# %% [markdown]
# ## 3 Lasso and filter
#
# Choose the lasso above a pane (or hold Shift) and draw around a group of dots in the plane. The same places
# light up on the map: are they neighbours on Earth? Under **Filter** you hide what you do not want to see.
#
# Here we select by a rule: the quarter of places whose July is greenest.

# %%
red, infrared = (counts.sel(band=name).isel(season=2).mean(("y", "x")) for name in ("B04", "B08"))
greenness = ((infrared - red) / (infrared + red)).values
explorer.choose(greenness > np.quantile(greenness, 0.75))
explorer.filters = {"latitude": {"range": [0, 90]}}

table = explorer.selection
print(table["land"].value_counts().head(4).to_string())
path = explorer.save_selection(WORK / "green.geojson")
explorer.filters = {}

# %% [markdown]
# ### Exercise 1
#
# Select the places south of the equator that are **not** among the greenest quarter. Make a mask with one
# value for each place; the latitudes are in `latitude`.

# %%
mask = None
### BEGIN SOLUTION
mask = (latitude < 0) & ~(greenness > np.quantile(greenness, 0.75))
### END SOLUTION

# %%
if mask is not None:
    explorer.choose(mask)
    south = explorer.selection
    assert (south["lat"] < 0.05).all(), "south of the equator"
    assert not set(south["patch"]) & set(table["patch"]), "none of the greenest"
    print(len(south), "places")

# %% [markdown]
# ## 4 More like these, less like those
#
# In the card of a place, **+ More like this** and **− Less like this** collect examples; the map colours all
# places by how much they are alike.

# %%
wanted = land[7]
alike, other = np.flatnonzero(land == wanted)[:3], np.flatnonzero(land != wanted)[:2]
explorer.liked, explorer.disliked = alike.tolist(), other.tolist()
print(explorer.colour_by, "-", explorer.legend["note"])

# %% [markdown]
# ## 5 Label and learn
#
# Name two classes under **Label and learn**, click a place and press 1 or 2. After the second label the whole
# map answers: a classifier has learned from your labels, pale dots are doubtful, and the **star** marks the
# place whose label would teach most.
#
# We let Python label, because the simulated world knows the truth: is it a built-up place?

# %%
BUILT = ("Residential", "Industrial", "Highway")
truth = np.where(np.isin(land, BUILT), "built", "open")
both_kinds = [int(np.flatnonzero(truth == kind)[0]) for kind in ("built", "open")]


def accuracy():
    """Share of all places for which the classifier is right."""
    learned = explorer.book.learned
    return (np.array(learned.classes)[learned.best()] == truth).mean()


# %%
def taught(rounds, choose):
    """Accuracy after each label, when `choose` picks the next place."""
    explorer.classes, explorer.marks = [], []
    for place in both_kinds:
        explorer.label([place], truth[place])
    curve = []
    for _ in range(rounds):
        place = choose()
        explorer.label([place], truth[place])
        curve.append(accuracy())
    return np.array(curve)


ROUNDS = 6 if FAST else 20
by_chance = np.random.default_rng(0).permutation(PLACES).tolist()
at_random = taught(ROUNDS, by_chance.pop)
by_star = taught(ROUNDS, lambda: explorer.learned["next"])
print("labels at random:", at_random[-3:].round(2), " by the star:", by_star[-3:].round(2))

# %% [markdown]
# **Read it honestly.** One order of labels is one throw of the dice: the star need not win. In our own trial
# with 500 places, 20 labels by the star reached 71 %, six random orders between 61 and 76 %. Eight colour
# statistics can hardly tell a town from a field, whoever chooses the labels. Try other questions.
#
# ### Exercise 2
#
# How many places does the classifier find doubtful (uncertainty above 0.5)? Set `doubtful`. You find the
# numbers in `explorer.book.learned.uncertainty`.

# %%
doubtful = None
### BEGIN SOLUTION
doubtful = int((explorer.book.learned.uncertainty > 0.5).sum())
### END SOLUTION

# %%
if doubtful is not None:
    assert f"{doubtful:,} places are doubtful" in explorer.learned["text"]
    print(doubtful, "of", PLACES)

# %% [markdown]
# ## 6 Two spaces under one selection
#
# **Compare with** opens a second plane. A click then shows the neighbours of both, and one of the colours
# is where they disagree. With two networks in two spaces you see where they see the world differently.

# %%
explorer.compare = "SeCo" if models else "stays"
explorer.colour_by = "disagreement with the other space"
print(explorer.legend["note"])

# %% [markdown]
# ## 7 Take it away
#
# The page keeps map, plane, melt, lasso, filters, pictures and neighbours. Send it to someone without Python.
# Your selection, labels and bookmarks are in the state file: run this notebook again tomorrow and they are
# back.

# %%
labels_file = explorer.save_labels(WORK / "labels.json")
page = explorer.to_html(WORK / "exploring.html", title="Stays and moves")
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# ## Summary
#
# * A plane of embeddings is one look at many dimensions. What falls together there may differ elsewhere, and
#   the note below the melt gives the numbers.
# * What a space should ignore (the season?) depends on your question.
# * A few labels on good embeddings make a map. Check it against places that you have not labelled.
#
# **What's next:** [09 Three sub-spaces](09_three_subspaces.ipynb) trains the spaces that we made by hand.
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607). B. Settles, *Active
# Learning Literature Survey*, 2009: on asking for the most useful label.

# %%
again = EmbeddingExplorer(embeddings, models=models, state_file=WORK / f"exploring_{PLACES}.json")
assert again.book.labels == explorer.book.labels, "the labels are back"
assert len(again.selection) == len(explorer.selection)
assert path.stat().st_size > 100
assert page.stat().st_size > 100_000
assert again.load_labels(labels_file).startswith(f"{len(explorer.book.labels)} labels")
print("All checks passed.")
