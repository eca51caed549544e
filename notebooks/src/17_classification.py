# %% [markdown]
# # 17 Classification and label efficiency
#
# **You will** put two encoders through an exam in land cover, with many labels and with few, near the
# training places and far from them, and find out which differences are real.<br>
# **Needs** [06 Embeddings on a map](06_embeddings_on_a_map.ipynb). The images are made here, offline.<br>
# **Gives** nothing for other notebooks.<br>
# **Time** 25 minutes.

# %%
# %matplotlib inline
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

# %%
from seco_lab import places, seasons
from seco_lab.checkpoints import read_weights
from seco_lab.downstream import compare, join_results, untrained_like
from seco_lab.downstream.classification import ClassTask, ProbeSettings, evaluate_classes
from seco_lab.downstream.curves import features_to_compare, k_curve, label_curve, split_gap
from seco_lab.places import Place
from seco_lab.sources import SimulatedSource
from seco_lab.viz.scores import k_curve_figure, label_curve_figure, results_figure, split_figure

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
EXAM, SIDE = (60, 8) if FAST else (900, 26)
SHARES, SEEDS = ((0.2, 1), (0,)) if FAST else ((0.02, 0.05, 0.1, 0.5, 1), (0, 1, 2))
STRENGTHS = (1e-2,) if FAST else (1e-1, 1e-2, 1e-3, 1e-4)  # of the penalty, to choose from
SIZE_PX = 32
WEIGHTS = os.environ.get("SECO_LAB_WEIGHTS", "../data/tiny_encoder.pt")  # or a run of your own

# %% [markdown]
# ## 1 An exam
#
# Places of a simulated world that the encoder has never seen, each with the kind of land that names it: ten
# classes, as in EuroSAT. The encoder was trained on another world without any label; it takes two minutes
# (`tools/make_tiny_encoder.py`), so do not expect miracles. Its twin has the same architecture and its first,
# random weights.

# %%
drawn = places.plan_places(EXAM, places.AroundCities(std_km=50), seed=3).place_list()
day = seasons.quarters(len(drawn), years=(2023,))[:, 1:2]  # the second quarter of the year
world = SimulatedSource(seed=1, clouds=False)
cube = world.labelled(drawn, day, size_px=SIZE_PX, bands="rgb").drop_vars(["mask", "boxes"])
names, counts = np.unique(cube["label"], return_counts=True)
cube = cube.isel(patch=np.isin(cube["label"], names[counts > 2]))  # a class needs some to learn from
{cube.attrs["class_names"][name]: int(count) for name, count in zip(names, counts, strict=True)}

# %%
weights = read_weights(WEIGHTS)
encoder, spec = weights.encoder, weights.spec
twin = untrained_like(encoder)
print(f"{encoder.name}: {spec.sensor}, {', '.join(spec.bands)}; {encoder.num_features} features")

# %% [markdown]
# ## 2 The sound way
#
# A fifth of the images is held out for the test. Of the rest, a fifth chooses the strength of the regression
# and the number of neighbours. So no test image has a say in anything, and each of them counts.
#
# **Question.** Four things answer the exam without having learned from images: statistics of colours, random
# filters, the untrained twin, and the nearest training place on the map. Which will be hardest to beat?

# %%
settings = ProbeSettings(size_px=SIZE_PX, strengths=STRENGTHS)
task = ClassTask.of("land cover", cube, measures=("f1",))
trained = evaluate_classes(task, encoder, spec, settings, name="trained")
quick = replace(settings, baselines=False)  # the floors are the same
untrained = evaluate_classes(task, twin, spec, quick, name="untrained twin")
results_figure([trained, untrained])

# %%
join_results([trained, untrained])[["linear", "knn", "linear_f1", "floor", "coordinates"]]

# %% [markdown]
# The intervals of both encoders may overlap, and the difference can be sure all the same. Both answered the
# *same* images: most are easy for both or hard for both, and what counts are those that only one gets right.
# `compare` draws the test images again and again, the same ones for both.

# %%
found = compare(trained, untrained)
print(f"{100 * found.difference:+.1f} points [{100 * found.low:+.1f}, {100 * found.high:+.1f}]")
print("the sign is sure" if found.is_clear else "this exam cannot tell them apart")

# %% [markdown]
# ### Exercise 1
#
# The official SeCo code cuts the test list into batches of 32, takes the accuracy of each whole batch, and
# averages; the last, incomplete batch is dropped. Compute that number from `right` (one entry a test image)
# and set `official`.

# %%
right = trained.main.items
batch = 32 if len(right) > 64 else 8
official = None
### BEGIN SOLUTION
whole = len(right) // batch * batch
official = float(right[:whole].reshape(-1, batch).mean(1).mean())
### END SOLUTION

# %%
if official is not None:
    used = len(right) // batch * batch
    assert abs(official - right[:used].mean()) < 1e-9, "the mean of whole batches of equal size"
    print(
        f"all {len(right)} images: {right.mean():.3f}; the official way: {official:.3f}, from {used} of them"
    )

# %% [markdown]
# ## 3 Fewer labels
#
# Labels are what costs. The promise of learning without them is this curve: with few labels good features
# are worth most. The subsets are nested (5 % lie within 10 %), hold every class, and draw nothing twice.

# %%
features = features_to_compare(task, encoder, spec, settings, name="trained")
options = {"shares": SHARES, "seeds": SEEDS, "strengths": STRENGTHS}
curve = label_curve(features, task.labels, task.truth, **options)
label_curve_figure(curve)

# %%
linear = curve[curve["probe"] == "linear"]
table = linear.pivot_table(index="images", columns="features", values="value", aggfunc="mean").round(3)
table

# %% [markdown]
# ### Exercise 2
#
# How many labelled images does the untrained twin need to be as good as the trained encoder is with the
# *fewest*? Set `needed` to the number of images from the table, or to `np.inf` if it never gets there.

# %%
needed = None
### BEGIN SOLUTION
goal = table["trained"].iloc[0]
reached = table.index[table["untrained"] >= goal]
needed = reached[0] if len(reached) else np.inf
### END SOLUTION

# %%
if needed is not None:
    below = table.index < needed
    assert (table["untrained"][below] < table["trained"].iloc[0]).all()
    print(f"{table.index[0]} labels with training, {needed} without")

# %% [markdown]
# ## 4 How many neighbours?
#
# kNN needs no training at all. Few neighbours are noisy, many blur small classes. Look at the curve, but do
# not choose k by it: these are the test images. `knn_probe` chooses on a part of the training images.

# %%
k_curve_figure(k_curve(features, task.labels, task.truth))

# %% [markdown]
# ## 5 Near and far
#
# So far every place was far from every other. Real data sets are often cut from few scenes: the field in the
# test list lies beside the same field in the training list. Here is such a set: a grid of places, 1 km apart.
#
# **Question.** The nearest training place on the map answers without seeing a pixel. What will it reach when
# the lists are parted at random, and what when they are parted by blocks of 6 km?

# %%
grid = [
    Place(f"g{y:02d}-{x:02d}", 11.0 + 0.0134 * x, 48.0 + 0.009 * y) for y in range(SIDE) for x in range(SIDE)
]
field = world.labelled(grid, day[0], size_px=SIZE_PX, bands="rgb").drop_vars(["mask", "boxes"])
kinds, counts = np.unique(field["label"], return_counts=True)
field = field.isel(patch=np.isin(field["label"], kinds[counts >= 0.05 * len(grid)]))

# %%
gap = split_gap(encoder, spec, field, settings, block_km=3 if FAST else 6)
split_figure(gap)

# %%
wide = gap.pivot(index="probe", columns="split", values="value")
wide["lost by going away"] = wide["random"] - wide["spatial"]
wide.round(3)

# %% [markdown]
# What is lost by going away is what a random list gives for knowing the neighbours. On the real EuroSAT
# list, latitude and longitude alone are right on 73 % of the test images. A score beside that number, and
# beside the floor, tells something; a score alone does not.

# %%
fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for kind in np.unique(field["label"]):
    here, name = field["label"].values == kind, str(field["class"].values[kind])
    axis.scatter(field["lon"][here], field["lat"][here], s=18, marker="s", label=name)
axis.set(title="kind of land on the grid", xticks=[], yticks=[], aspect="equal")
fig.legend(loc="outside right upper", fontsize=8)
plt.show()

# %% [markdown]
# ## Summary
#
# * One number needs four beside it: colours, random filters, first weights, and the place itself.
# * Two encoders are compared on the same images, pair by pair.
# * Few labels are where good features pay. Draw the subsets nested and without replacement.
# * Random lists of neighbouring images measure memory. Part them by distance.
#
# **What's next:** the same from a terminal, on real EuroSAT: `seco-lab probe eurosat --weights RUN --data
# EuroSAT_RGB --curve --spatial-km 25 --figures figures --out run.json`; two such files beside the paper's
# numbers: `seco-lab compare run.json other.json`. Several dates of a place:
# [18 A place in time](18_a_place_in_time.ipynb).
#
# **References.** P. Helber and others, *EuroSAT*, 2019 (arXiv:1709.00029). O. Mañas and others, *Seasonal
# Contrast*, 2021 (arXiv:2103.16607). E. Rolf and others, 2021 (arXiv:2010.08168).

# %%
assert set(trained.baselines) >= {"floor", "untrained", "random_features", "coordinates"}
assert set(curve["features"]) == {"trained", "untrained", "floor"}
assert (curve["low"] <= curve["value"]).all()
assert (curve["value"] <= curve["high"]).all()
assert set(gap["split"]) == {"random", "spatial"}
print("All checks passed.")
