# %% [markdown]
# # 18 A place in time
#
# **You will** let a network look at the same places in four seasons, join what it sees in three ways, and
# measure what each further look adds.<br>
# **Needs** [17 Classification](17_classification.ipynb). The images are made here, offline.<br>
# **Gives** nothing for other notebooks.<br>
# **Time** 20 minutes.

# %%
# %matplotlib inline
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %%
from seco_lab import places, seasons
from seco_lab.checkpoints import read_weights
from seco_lab.downstream import compare, untrained_like
from seco_lab.downstream.classification import ProbeSettings
from seco_lab.downstream.sequences import evaluate_sequences
from seco_lab.sources import SimulatedSource
from seco_lab.viz.plots import true_colour_grid

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
EXAM, DATES = (60, 2) if FAST else (800, 4)
STRENGTHS = (1e-2,) if FAST else (1e-1, 1e-2, 1e-3, 1e-4)  # of the penalty, to choose from
SIZE_PX = 32
WEIGHTS = os.environ.get("SECO_LAB_WEIGHTS", "../data/tiny_encoder.pt")

# %% [markdown]
# ## 1 One place, several looks
#
# A field is bare in March, green in June, yellow in August. A wood of larches and one of spruces look alike
# in summer. One image is a guess; a sequence is evidence. The images carry clouds, as real ones do.

# %%
drawn = places.plan_places(EXAM, places.AroundCities(std_km=50), seed=5).place_list()
days = seasons.quarters(len(drawn), years=(2023,))[:, :DATES]
cube = SimulatedSource(seed=1).labelled(drawn, days, size_px=SIZE_PX, bands="rgb")
cube = cube.drop_vars(["mask", "boxes", "labels", "class"])
kinds, counts = np.unique(cube["label"], return_counts=True)
cube = cube.isel(patch=np.isin(cube["label"], kinds[counts > 4]))
true_colour_grid(cube, range(3))

# %% [markdown]
# ## 2 Three ways to join
#
# * **mean of features**: average the vectors of all dates, then classify the average;
# * **mean of scores**: classify each date, then average the probabilities;
# * **vote**: classify each date, then count the answers.
#
# Whatever is held out, to test or to choose on, are whole *places*. Another date of a training place is no
# new place: the network could recognise it.
#
# **Question.** Which way can use that a field is green in June *and* bare in March, which ways cannot?

# %%
weights = read_weights(WEIGHTS)
encoder, spec = weights.encoder, weights.spec
settings = ProbeSettings(size_px=SIZE_PX, strengths=STRENGTHS)
found = evaluate_sequences(encoder, spec, cube, settings=settings, name="trained")
found.to_frame()[["value", "low", "high"]].round(3)

# %%
one = found.scores["single_image"]
for how in ("mean_features", "mean_scores", "vote"):
    print(f"{how:>14}: {found.scores[how]} %, a single image {one} %")

# %% [markdown]
# ## 3 Every further look
#
# How much does each further date add, and is it more for the trained encoder than for its untrained twin?

# %%
rows, quick = [], replace(settings, baselines=False)
networks = {"trained": encoder, "untrained": untrained_like(encoder)}
for count in range(1, DATES + 1):
    part = cube.isel(season=slice(0, count)).assign_coords(sequence=("patch", cube["patch"].values))
    for name, network in networks.items():
        score = evaluate_sequences(network, spec, part, settings=quick).main
        row = {"encoder": name, "dates": count, "value": score.value}
        rows.append({**row, "low": score.low, "high": score.high})
looks = pd.DataFrame(rows)

# %%
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
for name, part in looks.groupby("encoder"):
    axis.plot(part["dates"], 100 * part["value"], "o-", label=name)
    axis.fill_between(part["dates"], 100 * part["low"], 100 * part["high"], alpha=0.15)
axis.set(xlabel="dates of each place", ylabel="right answers, %", xticks=range(1, DATES + 1))
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ### Exercise 1
#
# Each row of `answers` is a place, each column a date, each number the class that one image suggests. Let
# the dates vote: set `voted` to the most frequent class of each row; of equal counts the lower class wins.

# %%
chance = np.random.default_rng(0)
truth = chance.integers(0, 4, 200)
answers = np.where(chance.random((200, 5)) < 0.6, truth[:, None], chance.integers(0, 4, (200, 5)))
voted = None
### BEGIN SOLUTION
voted = np.array([np.bincount(row, minlength=4).argmax() for row in answers])
### END SOLUTION

# %%
if voted is not None:
    most = [np.bincount(row).max() for row in answers]
    assert ((answers == voted[:, None]).sum(1) == most).all(), "as many dates as the most frequent class has"
    print(f"one image {np.mean(answers == truth[:, None]):.0%}, five that vote {np.mean(voted == truth):.0%}")

# %% [markdown]
# ### Exercise 2
#
# Errors that dates share cannot be outvoted. Make 30 % of the places *misleading*: there, all dates give
# class 0, whatever is true. Set `misled` to what the vote then reaches on all places.

# %%
misled = None
### BEGIN SOLUTION
tricky = answers.copy()
tricky[:60] = 0
misled = np.mean([np.bincount(row, minlength=4).argmax() for row in tricky] == truth)
### END SOLUTION

# %%
if misled is not None:
    assert misled < 0.85, "three places in ten are nearly always wrong"
    print(f"{misled:.0%}: a hundred further dates would not help")

# %% [markdown]
# ## 4 The trained encoder against its twin
#
# Both answered the same places, so they are compared place by place.

# %%
twin = evaluate_sequences(networks["untrained"], spec, cube, settings=quick, name="untrained")
for how in ("mean_features", "vote_f1"):
    c = compare(found, twin, how)
    print(f"{how}: {100 * c.difference:+.1f} points [{100 * c.low:+.1f}, {100 * c.high:+.1f}]")

# %% [markdown]
# ## Summary
#
# * Several images of a place beat one, as far as their errors differ.
# * Means of features keep what dates say *together*; votes keep only single opinions.
# * Hold out whole places, never single dates.
#
# **What's next:** on real data, fMoW has places of 62 kinds, seen up to forty times: `seco-lab probe
# fmow-temporal --weights RUN --data fMoW/train --test fMoW/val`.
#
# **References.** G. Christie and others, *Functional Map of the World*, 2018 (arXiv:1711.07846). K. Ayush and
# others, *Geography-Aware Self-Supervised Learning*, 2021 (arXiv:2011.09980).

# %%
assert {"mean_features", "mean_scores", "vote", "single_image"} <= set(found.scores)
assert len(looks) == 2 * DATES
assert found.protocol.sizes["train"] + found.protocol.sizes["test"] == cube.sizes["patch"]
print("All checks passed.")
