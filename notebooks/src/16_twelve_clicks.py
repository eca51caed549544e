# %% [markdown]
# # 16 Find all of something with twelve clicks
#
# **You will** teach a classifier what you are looking for by saying *yes* or *no* to twelve places, let it
# choose which places it shows you, and measure how much of the world it then finds.<br>
# **Needs** [02 The seasonal cube](02_the_seasonal_cube.ipynb); no training.<br>
# **Gives** `water.zarr` and `water.parquet` with your labels in the work folder.<br>
# **Time** 25 minutes, 1 minute to run.

# %%
# %matplotlib inline
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

# %%
from seco_lab import places
from seco_lab.data import input_spec_for
from seco_lab.downstream.floors import RandomConvolutions
from seco_lab.embeddings import embed
from seco_lab.explore import REST, Directions, Labeller, more_like, open_labels, place_labels, save_labels
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.viz.explorer import EmbeddingExplorer
from seco_lab.viz.plots import true_colour_grid
from seco_lab.world.landcover import EUROSAT_CLASSES

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
PLACES, CLICKS = (120 if FAST else 600), 12

# %% [markdown]
# ## 1 A world that knows the truth
#
# An ecologist wants to find **all places that lie in water**: lakes, reservoirs, the sea. Nobody has
# labelled them. In the simulated world we can ask afterwards what was really there, and so measure what we
# would otherwise only believe.

# %%
path = WORK / "water.zarr"
if not path.exists():
    chosen = places.plan_places(PLACES, places.AroundCities(25), seed=3).place_list()
    summer = np.array(["2024-07-01"], "datetime64[D]")
    world = SimulatedSource(seed=0, clouds=False).labelled(chosen, summer, 64, bands="rgb")
    save_cube(world, path)
cube = open_cube(path)
truth = cube["label"].values == EUROSAT_CLASSES.index("SeaLake")
print(f"{len(truth)} places, of which {truth.sum()} are water: keep this number a secret")

# %% [markdown]
# Every place becomes a vector. Any encoder will do, yours from notebook 05 as well; here it is a bank of
# random filters, so that nothing hangs on a training. What all vectors share says nothing about any of them,
# so each number is taken relative to its mean and spread.

# %%
spec = input_spec_for(cube, bands="rgb", size_px=64)
embeddings = embed(RandomConvolutions(3, num_features=256), cube, spec)
raw = embeddings["embedding"].values[:, 0]
relative = (raw - raw.mean(0)) / (raw.std(0) + 1e-9)
embeddings["embedding"] = ("patch", "season", "dim"), relative[:, None].astype(np.float32)
vectors = Directions.of(relative)

# %% [markdown]
# ## 2 One example
#
# It starts with one place that you happen to know. The first row is that place, the others are those most
# like it.

# %%
first = int(np.flatnonzero(truth)[0])
alike, cosine = more_like(vectors, [first], k=3)
true_colour_grid(cube, [first, *alike])

# %% [markdown]
# **Question.** Some of these may be wrong: what else is dark and smooth?
#
# ## 3 Twelve clicks
#
# A `Labeller` learns from the labels, in a few milliseconds, so it can do it anew after each click. One class
# alone is told from places drawn at random. `most_useful` proposes the place that it doubts most and that
# looks like none you have labelled. In the explorer you answer by looking; here the truth answers for you.


# %%
def asked_of(choose, clicks=CLICKS, seed=0):
    """Labels after some clicks: ``choose(labeller, learned, labels)`` says which place comes next."""
    labeller, labels = Labeller(vectors, seed=seed), {first: "water"}
    while len(labels) < clicks:
        row = choose(labeller, labeller.learn(labels), labels)
        labels[row] = "water" if truth[row] else REST
    return labeller, labels


def most_useful(labeller, learned, labels):
    return int(labeller.most_useful(learned, labels)[0])


# %%
labeller, labels = asked_of(most_useful)
learned = labeller.learn(labels)
probability = learned.of("water")
print(list(labels.values()))

# %% [markdown]
# Look at what it wanted to know: hard cases, not typical ones.

# %%
true_colour_grid(cube, list(labels)[:4])

# %% [markdown]
# ## 4 How much did it find?
#
# **Precision**: of the places called water, how many are? **Recall**: of all water, how much was found?
#
# ### Exercise 1
#
# Compute both for the places with a probability above one half.

# %%
said = probability > 0.5
precision, recall = None, None
### BEGIN SOLUTION
precision = (said & truth).sum() / said.sum()
recall = (said & truth).sum() / truth.sum()
### END SOLUTION

# %%
if precision is not None:
    assert abs(precision * said.sum() - recall * truth.sum()) < 1e-6, "both count the same places on top"
    print(f"precision {precision:.0%}, recall {recall:.0%}, found {said.sum()} of {truth.sum()}")

# %% [markdown]
# One half is not a law of nature. Who must not miss any takes a lower threshold and looks through more. The
# curve shows all thresholds at once: places are taken from the most to the least likely.


# %%
def curve(probability):
    """Precision and recall as ever more places are called water, the likeliest first."""
    hits = np.cumsum(truth[np.argsort(-probability)])
    return hits / np.arange(1, len(hits) + 1), hits / truth.sum()


precisions, recalls = curve(probability)
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.plot(recalls, precisions, label=f"{CLICKS} clicks")
axis.axhline(truth.mean(), color="0.6", linestyle=":", label="places at random")
axis.set(xlabel="recall", ylabel="precision", ylim=(0, 1.05))
axis.legend()
plt.show()

# %% [markdown]
# ## 5 Is it worth asking the right questions?
#
# Against clicks on places drawn at random. One trial is luck, so we take several, and measure by the mean
# precision over all recalls (**average precision**).
#
# **Question.** Water is rare. How many of twelve random places are water?


# %%
def average_precision(probability):
    precisions, recalls = curve(probability)
    return float(np.sum(precisions * np.diff(recalls, prepend=0)))


trials, score = range(2 if FAST else 6), {"most useful": [], "random": []}
for seed in trials:
    chance = np.random.default_rng(seed)
    ways = {"most useful": most_useful, "random": lambda *_, chance=chance: int(chance.integers(len(truth)))}
    for name, choose in ways.items():
        teacher, told = asked_of(choose, seed=seed)
        score[name].append(average_precision(teacher.learn(told).of("water")))
print({name: f"{np.mean(values):.2f}" for name, values in score.items()})

# %% [markdown]
# **Read it honestly.** Chosen questions help most where the class is rare and the vectors separate it. With
# vectors that do not, no question helps: try `Residential` in place of `SeaLake`.
#
# ## 6 Labels outlive the embeddings
#
# Labels are kept by the **name** of a place, not by its row. So they serve other embeddings, other models,
# and next year's cube.

# %%
names = embeddings["patch"].values
by_name = {str(names[row]): label for row, label in labels.items()}
where = np.stack([embeddings["lon"].values, embeddings["lat"].values], 1)
save_labels(by_name, WORK / "water.parquet", patches=names, lonlat=where)

few = names[: len(names) // 2]
placed = place_labels(open_labels(WORK / "water.parquet"), few)
print(len(placed.here), "labels fit;", placed.report())

# %% [markdown]
# ### Exercise 2
#
# How many more clicks are worth it? Set `more` to the average precision after 24 clicks.

# %%
more = None
### BEGIN SOLUTION
teacher, told = asked_of(most_useful, clicks=24)
more = average_precision(teacher.learn(told).of("water"))
### END SOLUTION

# %%
if more is not None:
    assert 0 < more <= 1
    print(f"{average_precision(probability):.2f} after {CLICKS} clicks, {more:.2f} after 24")

# %% [markdown]
# ## 7 With your own eyes
#
# The same in the explorer, where you are the truth: under **Label and learn** choose a class, click a place
# and press its number; the star marks the place whose label would teach most. Your labels of above are
# loaded.

# %%
explorer = EmbeddingExplorer(embeddings, cube, columns={"probability of water": probability})
print(explorer.load_labels(WORK / "water.parquet"))
explorer.colour_by = "probability of water"
explorer

# %% [markdown]
# ## Summary
#
# * A few labels and frozen embeddings make a map of anything, in milliseconds.
# * Let the classifier ask: it learns more from its doubts than from chance.
# * Say precision **and** recall, and at which threshold.
# * Labels belong to places, not to rows.
#
# **What's next:** your own cube: `seco-lab explore embeddings.parquet --cube cube.zarr --out map.html`.
#
# **References.** B. Settles, *Active Learning Literature Survey*, 2009. C. Elkan and K. Noto, *Learning
# classifiers from only positive and unlabeled data*, 2008 (doi:10.1145/1401890.1401920). E. Rolf and others,
# *A generalizable and accessible approach to machine learning with global satellite imagery* (MOSAIKS), 2021.

# %%
assert len(labels) == CLICKS
assert set(labels.values()) <= {"water", REST}
assert average_precision(probability) > truth.mean(), "better than places at random"
assert open_labels(WORK / "water.parquet") == by_name
assert len(placed.here) + len(placed.absent) == CLICKS
print("All checks passed.")
