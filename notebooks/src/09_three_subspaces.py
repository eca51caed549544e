# %% [markdown]
# # 09 Three sub-spaces
#
# **You will** look into the three sub-spaces of SeCo while they form: what can be read from each, how far
# each moves when the season or the colours change, which images each finds alike, and whether a mix-up
# would be noticed.<br>
# **Needs** [05 Train SeCo](05_train_seco.ipynb). The images are made here, offline.<br>
# **Gives** the trained method in `subspaces_run` in the work folder.<br>
# **Time** 25 minutes, of which the computer trains about 5.

# %%
# %matplotlib inline
import copy
import math
import os
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# %%
from seco_lab import places, seasons
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.downstream import SubspaceMonitor, spaces_of
from seco_lab.embeddings import embed
from seco_lab.methods import SeCo
from seco_lab.neighbours import nearest
from seco_lab.nn.encoders import encoder_named
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.train import PretrainingRun, StepCosine, TrainConfig
from seco_lab.views import SeasonalViews, Strength
from seco_lab.viz.dashboard import TrainingDashboard
from seco_lab.viz.leakage import leakage_bars
from seco_lab.viz.thumbnails import season_pictures

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
PLACES, STEPS, BATCH, SIZE_PX = (60, 8, 16, 24) if FAST else (240, 500, 64, 24)
BANDS, EVERY = ("B08", "B04", "B03"), max(4, STEPS // 8)

# %% [markdown]
# ## 1 A world where seasons show
#
# In the tropics an image hardly tells the month. So we take cities between 38 and 62 degrees north or south,
# and let the network see **near infrared** (B08), where plants shine in summer, beside red and green.

# %%
cube_path = WORK / "temperate.zarr"
if not cube_path.exists():
    drawn = places.plan_places(6 * PLACES, places.AroundCities(std_km=50), seed=0).place_list()
    chosen = [place for place in drawn if 38 < abs(place.lat) < 62][:PLACES]
    dates = seasons.quarters(len(chosen), years=(2024,))
    bands = ("B02", "B03", "B04", "B08")
    save_cube(SimulatedSource(clouds=False).load(chosen, dates, size_px=48, bands=bands), cube_path)
cube = open_cube(cube_path)
names = seasons.season_labels(cube["time"].values, cube["lat"].values)
print(dict(cube.sizes), "| first place:", ", ".join(names[0]))

# %% [markdown]
# ## 2 What should each space forget?
#
# SeCo's query is an image as it is. Its three keys differ: key 0 by season *and* colours, key 1 by the season
# alone, key 2 by the colours alone. Sub-space `all` must find key 0, `season` must find key 1, `augmentation`
# must find key 2, and the last two must **reject** the other keys of the same place.
#
# So `all` forgets both, `season` forgets the season, and `augmentation` forgets the augmentation.
#
# ### Exercise 1
#
# Which sub-space must *keep* the season, and which must keep the augmentation?

# %%
keeps_season, keeps_augmentation = None, None
### BEGIN SOLUTION
keeps_season, keeps_augmentation = "augmentation", "season"
### END SOLUTION

# %%
if keeps_season is not None:
    assert keeps_season == "augmentation", "it must tell key 2 from keys of other seasons"
    assert keeps_augmentation == "season", "it must tell key 1 from keys with changed colours"

# %% [markdown]
# ## 3 An exam for spaces
#
# `SubspaceMonitor` asks two questions of every space, at places that its probes have not seen:
#
# * **What can be read?** A linear probe names the season; another one names the look of an image that is
#   shown as it is, darker, brighter, grey and blurred. 0 is guessing, 1 is always right.
# * **How far does it move?** The distance between two seasons of a place, as a share of the distance between
#   two places (`season_shift`), and the same for looks (`augmentation_shift`).

# %%
spec = input_spec_for(cube, bands=BANDS, size_px=SIZE_PX)
strong = Strength(area=(0.8, 1.0), jitter=0.6, p_jitter=1.0, p_gray=0.3)  # a short run needs clear changes
method = SeCo(
    encoder_named("resnet18-narrow"),
    dim=64,
    queue_size=4 * BATCH,
    momentum=0.95,
    temperature=0.1,
    steady=True,  # for short runs
)
monitor = SubspaceMonitor(cube, spec, strength=strong, images=960)
before = monitor(method)
print(f"guessing: season {monitor.chances['season']:.0%}, look {monitor.chances['augmentation']:.0%}")
pd.DataFrame(before.rows()).set_index("space").round(2)

# %% [markdown]
# Before training the four spaces are alike: heads of random numbers treat season and colours the same.
#
# ## 4 Train, and watch the spaces part
#
# **Question.** Which will part first: what can be read, or how far the spaces move?

# %%
folder = WORK / "subspaces_run"
shutil.rmtree(folder, ignore_errors=True)  # begin anew each time this cell runs
batches = CubeBatches(cube_path, BATCH, seasons=3, bands=BANDS)
views = SeasonalViews(spec, SIZE_PX, strength=strong)
config = TrainConfig(steps=STEPS, lr=0.003, optimizer="adamw", schedule=StepCosine(warmup_steps=STEPS // 40))
run = PretrainingRun(method, batches, views, config, spec=spec, folder=folder)
with TrainingDashboard(run) as dashboard:
    for log in run:
        dashboard.update(log, monitor(method).floats() if log.step % EVERY == 0 else None)

# %%
after = monitor(method)
pd.DataFrame(after.rows()).set_index("space").round(2)

# %%
leakage_bars(after.floats(), title=f"after {run.step} steps")

# %% [markdown]
# **Read it honestly.** The shifts part first, because distance is what the loss pulls and pushes. What a
# probe can *read* parts later, if at all: that a space is told to ignore something does not mean that no
# trace of it is left. In our trial the season moved `all` and `season` by 0.13 and `augmentation` by 0.23,
# and could be read from the last one best (0.10, 0.06 and 0.13). A changed look moved `season` most (0.33;
# the others 0.21 and 0.22), and yet it could be read from all three alike (0.39, 0.36, 0.41). The shifts tell
# whether the training works, the probes what you can safely build on.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained", sharey=True)
for axis, what in zip(axes, ("season", "augmentation"), strict=True):
    for name in ("all", "season", "augmentation"):
        steps, shifts = dashboard.history.column(f"{what}_shift_{name}")
        axis.plot(steps, shifts, marker="o", markersize=3, label=name)
    axis.set(title=f"how far the {what} moves it", xlabel="step", ylim=(0, None))
axes[0].legend(title="sub-space")
plt.show()

# %% [markdown]
# ## 5 Neighbours in each space
#
# One image, asked of each sub-space: which images of the whole cube are most alike? The other seasons of the
# *same place* should come first, in `all` and `season` more surely than in `augmentation`, which tells
# seasons apart.

# %%
heads, number = spaces_of(method), cube.sizes["season"]
vectors = {name: embed(method.encoder, cube, spec, head=head)["embedding"] for name, head in heads.items()}
rows = {name: table.values.reshape(-1, table.sizes["dim"]) for name, table in vectors.items()}
asked = 7 * number + 2  # place 7 in July
found = {name: nearest(r[asked], r, k=5, exclude=np.array([asked]))[0][0] for name, r in rows.items()}

# %%
figure, axes = plt.subplots(len(found), 6, figsize=(8, 1.5 * len(found)), layout="constrained")
for line, (name, images) in zip(axes, found.items(), strict=True):
    for axis, image in zip(line, [asked, *images], strict=True):
        place, season = divmod(int(image), number)
        axis.imshow(season_pictures(cube, place)[season])
        axis.set_title(f"{place}, {names[place, season]}", fontsize=8)
        axis.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, fontsize=9)
plt.show()

# %% [markdown]
# One image proves nothing. So count over all images: how often is the nearest neighbour of the same place,
# and how often of the same season?

# %%
own = np.arange(cube.sizes["patch"] * number)
place_of, season_of = np.divmod(own, number)
season_names = names[place_of, season_of]
counts = {}
for name, r in rows.items():
    two = nearest(r, r, k=2)[0]
    first = np.where(two[:, 0] == own, two[:, 1], two[:, 0])  # not the image itself
    same_place, same_season = place_of[first] == place_of, season_names[first] == season_names
    counts[name] = {"same place": same_place.mean(), "same season": same_season.mean()}
pd.DataFrame(counts).T.round(2)

# %% [markdown]
# In our trial the nearest image was of the same place in 72 % (`all`), 80 % (`season`) and 68 %
# (`augmentation`), and of the same season in 11, 10 and 15 %. A small difference in the expected direction,
# and no more: two images of one place share their roads and fields, whatever a head was told.
#
# ### Exercise 2
#
# You build a map of crops by their growth through the year. Which sub-space would you look into, by
# `season_shift` of `after`? Set `choice` to the name of the sub-space that moves most.

# %%
choice = None
### BEGIN SOLUTION
choice = max(after.spaces, key=lambda name: after.spaces[name].season_shift)
### END SOLUTION

# %%
if choice is not None:
    assert all(after.spaces[choice].season_shift >= r.season_shift for r in after.spaces.values())
    print(choice)

# %% [markdown]
# ## 6 Would we notice a mistake?
#
# A check that never fails proves nothing. So we make a mistake on purpose: the heads of `season` and
# `augmentation` change places. `complaints()` says which space keeps what it was told to ignore.

# %%
swapped = copy.deepcopy(method)
swapped.heads[1], swapped.heads[2] = swapped.heads[2], swapped.heads[1]
right, wrong = after.complaints(), monitor(swapped).complaints()
print(f"complaints as trained: {len(right)}; with heads swapped: {len(wrong)}")
for sentence in wrong[:2]:
    print("-", sentence)

# %% [markdown]
# ## Summary
#
# * Each sub-space is told to forget something. Only a measurement tells whether it did.
# * Distances part before probes do. A probe finds traces that hardly move an embedding.
# * The representation, which is used downstream, keeps both: it must serve all three heads.
# * A check is worth something once it has failed on a mistake made on purpose.
#
# **What's next:** [10 Old weights](10_old_weights.ipynb): the published networks, opened safely.
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607). T. Wang and P. Isola,
# *Understanding contrastive representation learning through alignment and uniformity*, 2020
# (arXiv:2005.10242).

# %%
assert run.step == run.steps, "the run is complete (if you stopped it, run the cell of section 4 again)"
assert list(after.spaces) == ["representation", "all", "season", "augmentation"]
assert all(math.isfinite(value) for value in after.floats().values())
assert right or wrong, "one of the two orders of the heads must be wrong"
if not FAST:
    assert after.spaces["augmentation"].season_shift > after.spaces["season"].season_shift
    assert len(wrong) > len(right), "the mix-up is noticed"
print("All checks passed.")
