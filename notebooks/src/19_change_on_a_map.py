# %% [markdown]
# # 19 Change detection on a map
#
# **You will** find out where a place has changed between two dates, choose a threshold without looking at the
# answer, and lay before, after, truth and prediction over each other on a map.<br>
# **Needs** [06 Embeddings on a map](06_embeddings_on_a_map.ipynb). If `seco_run` of notebook 05 is missing,
# an untrained network stands in.<br>
# **Gives** nothing to keep.<br>
# **Time** 25 minutes, 1 minute to run.

# %%
# %matplotlib inline
import os
from pathlib import Path

import numpy as np

# %%
from seco_lab.checkpoints import load_encoder
from seco_lab.downstream import change_vectors
from seco_lab.downstream.change_maps import feature_distance, threshold_on
from seco_lab.downstream.oscd import evaluate_oscd, load_oscd, random_weights
from seco_lab.downstream.simulated_scenes import simulated_cities
from seco_lab.viz.change_map import change_map
from seco_lab.viz.scene_figures import change_figure

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
RUN = Path(os.environ.get("SECO_LAB_WORK", "../data/work")) / "seco_run"
DATA = "simulated"  # or the folder of OSCD, such as "../data/OSCD"

# %% [markdown]
# ## 1 Two dates
#
# In 2018 and in 2021 somebody looked at the same places. Between the two houses were built, forests were cut
# and land was flooded. The simulated world knows where; for the cities of **OSCD** people drew it by hand.
# With the folder of OSCD in `DATA`, every cell below works on real cities.

# %%
pairs = (
    simulated_cities(3 if FAST else 10, size_px=64 if FAST else 128)
    if DATA == "simulated"
    else load_oscd(DATA)
)
pairs = {name: pair for name, pair in pairs.items() if "mask" in pair}
share = {name: float((pair["mask"] == 1).mean()) for name, pair in pairs.items()}
shown = max(share, key=share.get)
pair = pairs[shown]
print({name: f"{value:.1%}" for name, value in share.items()})

# %% [markdown]
# **Question.** If 3 % of the pixels changed, how many pixels does an answer get right that says "nothing
# changed" everywhere? Why is accuracy useless here?
#
# ## 2 The simplest answer: change vectors
#
# Take the bands of a pixel at both dates and measure how far apart they are. Before that, each band gets the
# same mean and spread at both dates, so that another sun or a little haze is no change.

# %%
vectors = change_vectors(pair)
others = [other for name, other in pairs.items() if name != shown]
cut = threshold_on(others, [change_vectors(other) for other in others])
change_figure(pair, vectors, threshold=cut)

# %% [markdown]
# The threshold was chosen on the **other** places. Chosen on this one it would look better, and prove
# nothing: at a new place nobody tells you where the change is.
#
# ### Exercise 1
#
# `told` says where the score reaches the threshold, `truth` where something changed. Compute `precision`
# (which part of what was told is right), `recall` (which part of the change was told) and `f1`, their
# harmonic mean.

# %%
told, truth = vectors >= cut, pair["mask"].values[0] == 1
precision = recall = f1 = None
### BEGIN SOLUTION
hits = (told & truth).sum()
precision, recall = hits / max(told.sum(), 1), hits / truth.sum()
f1 = 2 * hits / (told.sum() + truth.sum())
### END SOLUTION

# %%
if f1 is not None:
    assert abs(f1 - 2 * precision * recall / max(precision + recall, 1e-12)) < 1e-6
    print(f"precision {precision:.0%}, recall {recall:.0%}, F1 {f1:.0%}")

# %% [markdown]
# ## 3 What an encoder sees
#
# A pixel alone is noisy. An encoder looks at the pixel **and what is around it**. We ask it for its feature
# maps of both dates and measure how far apart *they* are; nothing is trained here.

# %%
if (RUN / "checkpoint.pt").exists():
    encoder, spec = load_encoder(RUN)
else:
    encoder, spec = random_weights("resnet18-narrow")
    print("no seco_run: this network has learned nothing yet")
distance = {name: feature_distance(encoder, spec, one, device="cpu") for name, one in pairs.items()}
threshold = threshold_on(others, [distance[name] for name in pairs if name != shown])

# %% [markdown]
# ## 4 On the map
#
# Switch between **before** and **after**, lay truth or prediction over them, and move the threshold: few
# false alarms or few missed changes, never both. (Offline the map around is empty, the place is not.)

# %%
view = change_map(pair, distance[shown], threshold=threshold)
view

# %% [markdown]
# ### Exercise 2
#
# You may miss one changed pixel in five, no more. Set `generous` to the highest threshold that still tells
# 80 % of the changed pixels. (`np.quantile` of the scores where something changed gives it in one line.) What
# does it cost?

# %%
generous = None
### BEGIN SOLUTION
generous = np.quantile(distance[shown][truth], 0.2, method="lower")
### END SOLUTION

# %%
if generous is not None:
    assert (distance[shown][truth] >= generous).mean() >= 0.8
    wrong = ((distance[shown] >= generous) & ~truth).sum()
    print(f"{wrong} false alarms for {truth.sum()} changed pixels")

# %% [markdown]
# ## 5 Over all places
#
# One place proves little. Each place in turn is judged by a threshold that the others teach. `auc` is the
# chance that a changed pixel scores above an unchanged one; it needs no threshold at all. `cva` are change
# vectors.

# %%
result = evaluate_oscd(encoder, spec, pairs, device="cpu")
result.to_frame()

# %% [markdown]
# **Question.** Is your encoder above `untrained`? Do the intervals overlap? What would you need to be sure?
#
# Both were asked about the same places, so the difference is taken place by place. Where the interval leaves
# out 0, the sign is sure; where it does not, more places are needed, not more digits.

# %%
for who, lead in result.protocol.settings["auc_above"].items():
    points, low, high = (100 * lead[key] for key in ("difference", "low", "high"))
    print(f"AUC above {who}: {points:+.1f} points [{low:+.1f}, {high:+.1f}]")

# %% [markdown]
# ## Summary
#
# * Change is rare, so accuracy says nothing; precision, recall and F1 do.
# * A threshold belongs to other places than those it is judged on.
# * Two answers to the same places are compared place by place.
# * What has learned nothing (change vectors, the untrained network) is hard to beat by much: show it beside.
#
# **What's next:** the decoder of the paper, trained on labelled cities: `seco-lab probe oscd --weights RUN
# --data OSCD --protocol unet`. And [20 Detection and segmentation](20_detection_and_segmentation.ipynb).
#
# **References.** R. C. Daudt and others, *Urban Change Detection for Multispectral Earth Observation Using
# Convolutional Neural Networks*, 2018 (arXiv:1810.08468). O. Mañas and others, 2021 (arXiv:2103.16607).

# %%
assert vectors.shape == distance[shown].shape == pair["mask"].shape[1:]
assert view.date.value == "after"
assert "F1" in view.legend.value
assert {"cva_auc", "untrained_auc"} <= set(result.baselines)
assert 0 <= result.scores["auc"].low <= result.scores["auc"].high <= 1
print("All checks passed.")
