# %% [markdown]
# # 08 Geography-aware learning
#
# **You will** add two ideas to MoCo, one at a time: another season of the same place as the positive, and the
# part of the world as a second question, and measure what each of them adds.<br>
# **Needs** [05 Train SeCo](05_train_seco.ipynb). The images are made here, offline.<br>
# **Gives** nothing for other notebooks.<br>
# **Time** 25 minutes, of which the computer trains about 5.

# %%
# %matplotlib inline
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

# %%
from seco_lab import places, seasons
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.diagnostics import knn_accuracy
from seco_lab.downstream import linear_probe
from seco_lab.embeddings import embed
from seco_lab.geoclusters import cluster_places
from seco_lab.methods import GASSL, MoCo
from seco_lab.neighbours import nearest
from seco_lab.nn.encoders import encoder_named

# %%
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.train import PretrainingRun, StepCosine, TrainConfig
from seco_lab.views import MILD, MoCoViews, TemporalViews
from seco_lab.viz.colours import colours_of
from seco_lab.viz.plots import places_map, training_curves

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
PLACES, EXAM, STEPS = (64, 60, 6) if FAST else (1200, 400, 300)
BATCH, SIZE_PX, CLUSTERS = (16, 32, 6) if FAST else (64, 32, 20)

# %% [markdown]
# ## 1 Where in the world
#
# A photograph of a cat may come from anywhere. A satellite image comes with its coordinates, and nearby
# places share climate, plants and ways of building. **Geography-aware** learning (GASSL) asks the network a
# second question: *from which part of the world is this?* The parts are clusters of the places themselves.

# %%
cube_path = WORK / "train.zarr"  # the same places as in notebook 05
if not cube_path.exists():
    chosen = places.plan_places(PLACES, places.AroundCities(std_km=50), seed=0).place_list()
    when = seasons.random_phase(chosen, seed=0)
    save_cube(SimulatedSource(seed=0).load(chosen, when, size_px=64, bands="rgb"), cube_path)
cube = open_cube(cube_path)
lonlat = np.stack([cube["lon"].values, cube["lat"].values], axis=1)
clusters = cluster_places(lonlat, CLUSTERS, seed=0)
print("places in each part:", np.bincount(clusters.labels))

# %%
colour, _ = colours_of(clusters.labels.astype(str))
places_map(cube["lon"].values, cube["lat"].values, colour=colour, title=f"{CLUSTERS} parts of the world")

# %% [markdown]
# The clusters come from distances **on the sphere**. With k-means on degrees, Alaska and the east of Siberia
# would lie a world apart.
#
# ### Exercise 1
#
# To which part does Nairobi (36.8 east, 1.3 south) belong? Use `clusters.label`.

# %%
part = None
### BEGIN SOLUTION
part = int(clusters.label([[36.8, -1.3]])[0])
### END SOLUTION

# %%
if part is not None:
    assert part == clusters.label([[36.8, -1.3]])[0], "longitude comes first"
    print("part", part, "has its centre at", clusters.centres[part].round(1))

# %% [markdown]
# ## 2 Four methods out of two switches
#
# | | one image, changed twice | two seasons of a place (TP) |
# |---|---|---|
# | **contrast alone** | MoCo | MoCo+TP |
# | **and the part of the world** | Geo | Geo+TP |
#
# The rows differ by the method, the columns by the views. Everything else is equal: network, first weights,
# steps, learning rate, colours.
#
# **Question.** The exam below asks for three things: the kind of land, the part of the world, and the same
# place in another season. Which switch will help with which?

# %%
spec = input_spec_for(cube, bands="rgb", size_px=SIZE_PX)
COMMON = {"dim": 64, "queue_size": 2 * BATCH, "momentum": 0.95, "temperature": 0.2, "steady": True}


def moco():
    return MoCo(encoder_named("resnet18-narrow"), **COMMON)


def geo():
    return GASSL(encoder_named("resnet18-narrow"), torch.from_numpy(clusters.labels), **COMMON)


# %%
METHODS = {
    "MoCo": (moco, MoCoViews),
    "MoCo+TP": (moco, TemporalViews),
    "Geo": (geo, MoCoViews),
    "Geo+TP": (geo, TemporalViews),
}

# %% [markdown]
# ## 3 The exam
#
# On places that no network has trained on, in another simulated world.
#
# * **land, kNN** and **land, linear**: the kind of land out of ten, by similar places and by a linear probe.
# * **part of the world**: the cluster, by a linear probe. Half of the exam's places teach it, half are asked.
# * **found again**: is the nearest image of the other season the same place? The two images show different
#   corners of the patch, so that comparing pixels in place does not help (see notebook 06).

# %%
others = places.plan_places(EXAM, places.AroundCities(std_km=50), seed=1).place_list()
days = seasons.quarters(EXAM, years=(2024,))[:, [0, 2]]
exam_cube = SimulatedSource(seed=1).labelled(others, days, size_px=64, bands="rgb")
labels, half = exam_cube["label"].values, EXAM // 2
exam_lonlat = np.stack([exam_cube["lon"].values, exam_cube["lat"].values], axis=1)
parts = clusters.label(exam_lonlat)
corner, opposite = slice(0, 52), slice(12, 64)
january = exam_cube.isel(season=[0], y=corner, x=corner)
july = exam_cube.isel(season=[1], y=opposite, x=opposite)


# %%
def answered(vectors, truth):
    """Share of the second half that a linear probe of the first half names."""
    outcome = linear_probe(vectors[:half], truth[:half], vectors[half:], device="cpu")
    return (outcome.predicted == truth[half:]).mean()


# %%
def exam(encoder):
    """Four shares of right answers."""
    vectors = embed(encoder, exam_cube.isel(season=[1]), spec)["embedding"].values[:, 0]
    first, second = (torch.from_numpy(x) for x in (vectors[:half], vectors[half:]))
    truth = torch.from_numpy(labels)
    knn = knn_accuracy(first, truth[:half], second, truth[half:], neighbours=5)
    winter, summer = (embed(encoder, c, spec)["embedding"].values[:, 0] for c in (january, july))
    again = (nearest(winter, summer, k=1)[0][:, 0] == np.arange(EXAM)).mean()
    land, part = answered(vectors, labels), answered(vectors, parts)
    return {"land, kNN": knn, "land, linear": land, "part of the world": part, "found again": again}


# %% [markdown]
# ## 4 Train all four


# %%
def train(build, views):
    """Curves of a whole run, and the exam after it."""
    method, config = build(), TrainConfig(steps=STEPS, lr=0.001, optimizer="adamw", schedule=StepCosine(10))
    batches = CubeBatches(cube_path, BATCH, seasons=views.seasons, bands="rgb")
    made = views(spec, SIZE_PX, strength=MILD)
    logs = [log.floats() for log in PretrainingRun(method, batches, made, config, spec=spec)]
    curves = {name: [log.get(name, math.nan) for log in logs] for name in logs[-1]}
    return {"curves": curves, "exam": exam(method.encoder)}


results = {name: train(*how) for name, how in METHODS.items()}
scores = {"untrained": exam(encoder_named("resnet18-narrow"))}
scores |= {name: result["exam"] for name, result in results.items()}

# %%
table = pd.DataFrame(scores).T
table.round(3)

# %%
curves, drawn = results["Geo+TP"]["curves"], ["loss_contrastive", "loss_geo", "top1_geo"]
training_curves(curves, smooth=max(2, STEPS // 20), panels=drawn)

# %% [markdown]
# ## 5 Read the table honestly
#
# A share of 50 % among 200 asked places is uncertain by about seven points either way (95 %). So first mark
# what is larger than chance.
#
# ### Exercise 2
#
# Half the width of a 95 % interval of a share p of n answers is 1.96 times the square root of p (1 - p) / n.
# Compute `margin` for a share of 30 % among the `EXAM - half` places that are asked.

# %%
margin = None
### BEGIN SOLUTION
margin = 1.96 * math.sqrt(0.3 * 0.7 / (EXAM - half))
### END SOLUTION

# %%
if margin is not None:
    assert math.isclose((margin / 1.96) ** 2 * (EXAM - half), 0.21, rel_tol=1e-6), "p (1 - p) is 0.21"
    print(f"30 % of {EXAM - half} places: +- {100 * margin:.0f} points")

# %% [markdown]
# What each switch adds is a difference of two rows. `TP` is the mean of two differences (with and without
# Geo), and so is `Geo`.

# %%
adds = pd.DataFrame(
    {
        "TP": (table.loc["MoCo+TP"] - table.loc["MoCo"] + table.loc["Geo+TP"] - table.loc["Geo"]) / 2,
        "Geo": (table.loc["Geo"] - table.loc["MoCo"] + table.loc["Geo+TP"] - table.loc["MoCo+TP"]) / 2,
    }
)
axis = adds.plot.barh(figsize=(7, 2.8), color=["#0072b2", "#e69f00"])
axis.axvline(0, color="#4d4d4d", linewidth=1)
axis.set_xlabel("share of right answers added")
plt.tight_layout()
plt.show()

# %% [markdown]
# In our own trial (300 steps, 200 places asked) the kind of land was named for 24 % of the places
# untrained, and by a linear probe for 34 % (MoCo), 39 % (MoCo+TP), 32 % (Geo) and 42 % (Geo+TP). So TP
# added 7.5 points, more than the margin of 6; Geo added half a point, which is nothing. The part of the
# world was named for 7 to 12 %, the untrained network's 9 % among them. A place was found again for 3 to 4
# %, and by Geo+TP for 6.5 %: too few to say more.
#
# Two things to keep in mind:
#
# * In the simulated world climate, coasts and calendar are the Earth's, but what stands on the ground is
#   invented. Styles of building that differ between countries, which help GASSL on real images, are not in
#   it. So do not expect much of Geo here.
# * TP asks the network to see through the season. That must help to find a place again; for the kind of
#   land it helps as far as seasons got in the way.
#
# ### Exercise 3
#
# Which of the four would you take to find a place again in another season? Set `choice` by the table.

# %%
choice = None
### BEGIN SOLUTION
choice = table["found again"].drop("untrained").idxmax()
### END SOLUTION

# %%
if choice is not None:
    assert table.loc[choice, "found again"] == table["found again"].drop("untrained").max()
    print(choice, f"{table.loc[choice, 'found again']:.0%}")

# %% [markdown]
# ## Summary
#
# * Temporal positives are a choice of views, geography is a second loss. Both need no labels.
# * Two switches make four methods. Only all four together tell what each switch adds.
# * A difference below its margin is no result, whatever the paper says.
#
# **What's next:** [09 Three sub-spaces](09_three_subspaces.ipynb): SeCo keeps what TP throws away.
#
# **References.** K. Ayush and others, *Geography-aware self-supervised learning*, 2021 (arXiv:2011.09980).
# K. He and others, *Momentum contrast*, 2020 (arXiv:1911.05722).

# %%
assert set(table.index) == {"untrained", *METHODS}
assert ((table >= 0) & (table <= 1)).all().all()
assert all(len(result["curves"]["loss"]) == STEPS for result in results.values())
assert np.isfinite(results["Geo"]["curves"]["loss_geo"]).all()
if not FAST:
    ends = results["Geo+TP"]["curves"]["loss_geo"]
    assert np.mean(ends[-20:]) < np.mean(ends[:20]), "it learned something about the parts of the world"
print("All checks passed.")
