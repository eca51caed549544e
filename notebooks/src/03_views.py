# %% [markdown]
# # 03 Views
#
# **You will** decide what a network should *not* care about, and draw the recipes of three methods side by
# side: MoCo-v2, MoCo-v2 with temporal positives, and SeCo.<br>
# **Needs** [02 The seasonal cube](02_the_seasonal_cube.ipynb). If its `seasons.zarr` is missing, this
# notebook makes a small one.<br>
# **Gives** no file.<br>
# **Time** 20 minutes, under 1 minute to run.
#
# A **view** is one version of an image: cropped, mirrored, recoloured, blurred, or from another season.
# Contrastive learning tells the network: *these two views belong together*. So whatever differs between them,
# the network learns to **ignore**. Choosing views means choosing what is unimportant. There is no neutral
# choice.

# %%
# %matplotlib inline
import os
from pathlib import Path

import torch

from seco_lab import places, seasons
from seco_lab.batch import generator_for
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.views import MoCoViews, SeasonalViews, TemporalViews
from seco_lab.viz.view_pictures import view_grid

FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)

# %%
path = WORK / "seasons.zarr"
if not path.exists():
    chosen = places.plan_places(16, places.AroundCities(std_km=50), seed=0).place_list()
    dates = seasons.random_phase(chosen, seed=0, reference="2024-12-31")
    save_cube(SimulatedSource(seed=0).load(chosen, dates, size_px=64), path)
cube = open_cube(path)

# %% [markdown]
# ## 1 What the network is fed
#
# A network wants numbers around zero. The **input contract** (`InputSpec`) says how counts become such
# numbers: which bands in which order, which count becomes 0 and which 1, and the mean and spread after that.
# It is measured on the cube once and travels with the network for ever. Most trouble with published weights
# comes from guessing it.

# %%
spec = input_spec_for(cube, bands="rgb", size_px=48)
print("bands", spec.bands, "unit", spec.unit)
print("count that becomes 0:", spec.low)
print("count that becomes 1:", spec.high)

# %% [markdown]
# `CubeBatches` serves images to the network, a batch at a time. A batch has five axes again: places, seasons,
# bands, rows, columns.

# %%
batches = CubeBatches(cube, 8, seasons=3, bands="rgb")
batch = batches[0]
print("images:", tuple(batch.images.shape), batch.images.dtype)
assert torch.equal(batches[0].images, batch.images), "batch 0 is always the same"

# %% [markdown]
# ## 2 MoCo-v2: two looks at one image
#
# MoCo-v2 takes **one** image and distorts it twice: a random crop, brightness and colours, sometimes grey,
# sometimes blurred, sometimes mirrored.
#
# **Question.** The two views of a row differ in crop and colour. What will a network learn to ignore? What
# can it still use to tell two places apart?

# %%
chance = generator_for(seed=0, step=0, stream="views")
moco = MoCoViews(spec, 48)(batch.images[:, :1], chance)
view_grid(moco, spec)

# %% [markdown]
# It ignores colour, brightness and position. Texture and shape remain. For photographs of cats this is wise:
# a cat is a cat in any light. For satellites we should pause: the colour of a field *is* information.
#
# ## 3 Temporal positives: two seasons
#
# Now the two views come from **two seasons**, and each is distorted as well.
#
# **Question.** Is the pair easier or harder to match than before?

# %%
chance = generator_for(seed=0, step=0, stream="views")
temporal = TemporalViews(spec, 48)(batch.images[:, :2], chance)
view_grid(temporal, spec)

# %% [markdown]
# Harder: snow, harvest and clouds have changed too. The network learns what stays at a place through the
# year: roads, shores, the mosaic of fields. This is good for *land use*. It is bad if you want to know
# **when** a field was harvested: the network was told to ignore exactly that.
#
# ## 4 SeCo: one query, three keys
#
# SeCo refuses to choose. It makes **four** views of three seasons t0, t1, t2:
#
# | view | season | colours changed | differs from the query in |
# |---|---|---|---|
# | query | t0 | no | |
# | key0 | t1 | yes | season and colours |
# | key1 | t2 | no | season only |
# | key2 | t0 | yes | colours only |
#
# Three small heads sit on top of the network, one for each key, each with its own **sub-space**. Head 0 must
# ignore both. Head 1 must ignore the season, but tell colours apart. Head 2 must ignore colours, but tell
# seasons apart. So the network below has to keep *all* information. (A random crop is in every view, the
# query included.)

# %%
chance = generator_for(seed=0, step=0, stream="views")
seco = SeasonalViews(spec, 48)(batch.images, chance)
view_grid(seco, spec)

# %%
assert list(seco) == ["query", "key0", "key1", "key2"]
assert seco["query"].shape == (8, 3, 48, 48)

# %% [markdown]
# ### Exercise 1
#
# For each method, which of the two does it ignore in its positive pair? Write `ignored` as a dictionary with
# the keys "MoCo", "temporal" and "SeCo key1", each with a set of the words "season" and "colour".

# %%
ignored = None
### BEGIN SOLUTION
ignored = {"MoCo": {"colour"}, "temporal": {"season", "colour"}, "SeCo key1": {"season"}}
### END SOLUTION

# %%
if ignored is not None:
    assert ignored["MoCo"] == {"colour"}, "MoCo sees a single season"
    assert ignored["temporal"] == {"season", "colour"}
    assert ignored["SeCo key1"] == {"season"}, "key1 is another season with its own colours"

# %% [markdown]
# ## 5 Chance that can be repeated
#
# All chance comes from a generator made of (seed, step). So step 17 of a run draws the same views today,
# tomorrow, and after a crash.
#
# **Question.** Two generators with the same seed and step, then one with the next step. Which views agree?

# %%
make = MoCoViews(spec, 48)
first = make(batch.images[:, :1], generator_for(0, 17, "views"))["query"]
again = make(batch.images[:, :1], generator_for(0, 17, "views"))["query"]
later = make(batch.images[:, :1], generator_for(0, 18, "views"))["query"]
assert torch.equal(first, again)
assert not torch.equal(first, later)

# %% [markdown]
# ## 6 A change of your own
#
# A photographer holds the camera upright; a satellite has no "up". So turning by 90 degrees should not matter
# for land cover, and neither paper uses it.
#
# ### Exercise 2
#
# Turn all query views of SeCo by 90 degrees and call the result `turned`. `torch.rot90` wants to know the two
# axes of the turn: those of the pixels.

# %%
turned = None
### BEGIN SOLUTION
turned = torch.rot90(seco["query"], 1, (2, 3))
### END SOLUTION

# %%
if turned is not None:
    assert turned.shape == seco["query"].shape
    assert torch.equal(torch.rot90(turned, 3, (2, 3)), seco["query"]), "three more turns bring it back"

# %% [markdown]
# **To think about.** An ecologist wants to map when meadows are mown. Which of the three methods would you
# choose, and which sub-space of SeCo would you look at? (There is a second opinion in the solutions.)

# %%
answer = None
### BEGIN SOLUTION
answer = (
    "SeCo, sub-space 2: its positive pair shares the season, other seasons of the same place are negatives."
)
### END SOLUTION
print(answer or "What do you think?")

# %% [markdown]
# ## Summary
#
# * What differs between the views of a pair is what the network learns to ignore.
# * MoCo-v2 ignores colour and position, temporal positives also the season. SeCo plays all three games at
#   once.
# * The input contract turns counts into what the network sees; chance is a function of (seed, step).
#
# **What's next:** [04 InfoNCE and the queue](04_infonce_and_the_queue.ipynb): how the network is told which
# views belong together.
#
# **References.** X. Chen and others, *Improved baselines with momentum contrastive learning* (MoCo-v2), 2020
# (arXiv:2003.04297). K. Ayush and others, *Geography-aware self-supervised learning*, 2021
# (arXiv:2011.09980): temporal positives. O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607).
# T. Xiao and others, *What should not be contrastive in contrastive learning*, 2021 (arXiv:2008.05659):
# sub-spaces.

# %%
for views in (moco, temporal, seco):
    assert all(view.isfinite().all() for view in views.values())
assert not torch.equal(seco["query"], seco["key2"])
print("All checks passed.")
