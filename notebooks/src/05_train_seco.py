# %% [markdown]
# # 05 Train SeCo
#
# **You will** train a small network with Seasonal Contrast, watch it learn in a live dashboard, stop it,
# continue it, and see what a failed training looks like.<br>
# **Needs** [04 InfoNCE and the queue](04_infonce_and_the_queue.ipynb). The images are made here, offline.<br>
# **Gives** `train.zarr` and the trained network in `seco_run` in the work folder, for notebook 06.<br>
# **Time** 30 minutes, of which the computer trains about 5 (a laptop's processor is enough).

# %%
# %matplotlib inline
import math
import os
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import torch

# %%
from seco_lab import diagnostics, places, seasons
from seco_lab.batch import generator_for
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.embeddings import embed
from seco_lab.methods import SeCo
from seco_lab.nn.encoders import encoder_named
from seco_lab.nn.heads import mlp_head
from seco_lab.sources import SimulatedSource
from seco_lab.store import open_cube, save_cube
from seco_lab.train import PretrainingRun, StepCosine, TrainConfig, read_metrics
from seco_lab.views import MILD, MoCoViews, SeasonalViews
from seco_lab.viz.dashboard import TrainingDashboard
from seco_lab.viz.plots import training_curves

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
PLACES, EXAM, STEPS = (64, 60, 16) if FAST else (1200, 300, 1000)
BATCH, QUEUE, SIZE_PX = (16, 32, 32) if FAST else (64, 512, 64)
EVERY = max(4, STEPS // 20)  # steps between two looks

# %% [markdown]
# ## 1 What to learn from, and what to be examined on
#
# The network learns from places around cities, five seasons each, **without labels**. For the exam we take
# *other* places in *another* simulated world, with labels: ten kinds of land, as in the EuroSAT data set. The
# network never trains on them.

# %%
cube_path = WORK / "train.zarr"
if not cube_path.exists():
    chosen = places.plan_places(PLACES, places.AroundCities(std_km=50), seed=0).place_list()
    dates = seasons.random_phase(chosen, seed=0)
    save_cube(SimulatedSource(seed=0).load(chosen, dates, size_px=64, bands="rgb"), cube_path)
cube = open_cube(cube_path)

others = places.plan_places(EXAM, places.AroundCities(std_km=50), seed=1).place_list()
exam_dates = seasons.random_phase(others, seed=1, seasons=2)
exam_cube = SimulatedSource(seed=1).labelled(others, exam_dates, size_px=64, bands="rgb")
labels = torch.from_numpy(exam_cube["label"].values)
print(f"to learn from: {dict(cube.sizes)}")
print(f"exam: {exam_cube.sizes['patch']} places in {exam_cube.sizes['season']} seasons, with labels")

# %% [markdown]
# ## 2 The parts of a run
#
# Each part is one line, and each can be exchanged: where batches come from, which views are made, which
# network, which method, how long. The network is a ResNet-18 with a quarter of the usual width, so that a
# laptop can train it.
#
# The papers train for hundreds of thousands of steps, with a key encoder that keeps 99.9 % of itself at each
# step. In a lesson's thousand steps it would hardly leave its random start. So we take the numbers of a
# *short* run: another optimizer, a faster key encoder, milder changes of colour, and `steady=True`, which
# section 6 explains.

# %%
spec = input_spec_for(cube, bands="rgb", size_px=SIZE_PX)
batches = CubeBatches(cube_path, BATCH, seasons=3, bands="rgb")
views = SeasonalViews(spec, SIZE_PX, strength=MILD)
schedule = StepCosine(warmup_steps=min(10, STEPS // 4))
config = TrainConfig(steps=STEPS, optimizer="adamw", lr=0.001, schedule=schedule, watch_every_steps=EVERY)
folder = WORK / "seco_run"
shutil.rmtree(folder, ignore_errors=True)  # begin anew each time this cell runs

quick = {"momentum": 0.95, "temperature": 0.2, "steady": True}
method = SeCo(encoder_named("resnet18-narrow"), queue_size=QUEUE, **quick)
run = PretrainingRun(method, batches, views, config, spec=spec, folder=folder)
estimate = run.estimate()
print(estimate)

# %% [markdown]
# `estimate` trained a few steps, measured them, and put everything back. So you know the cost *before* you
# begin.
#
# ### Exercise 1
#
# A lesson has 45 minutes. How many `steps` of this training fit in? Use `estimate.seconds_per_step`.

# %%
steps = None
### BEGIN SOLUTION
steps = int(45 * 60 / estimate.seconds_per_step)
### END SOLUTION

# %%
if steps is not None:
    assert abs(steps * estimate.seconds_per_step - 2700) <= 2 * estimate.seconds_per_step
    print(f"{steps} steps, or {steps * BATCH:,} places seen")

# %% [markdown]
# ## 3 The exam
#
# The loss tells how well the network plays its own game. It does not tell whether it learned anything about
# **land**. So now and then we set an exam of three numbers:
#
# * **kNN accuracy**: name the kind of land by a vote of the most similar labelled places. No training at all.
# * **alignment**: distance between two seasons of the same place. Small is good.
# * **uniformity**: how evenly the embeddings fill the sphere. 0 is collapse, -4 is very good.


# %%
def exam(encoder):
    """The three numbers; the encoder itself is left untouched."""
    vectors = torch.from_numpy(embed(encoder, exam_cube, spec)["embedding"].values)
    now, then, half = vectors[:, 0], vectors[:, 1], len(vectors) // 2
    knn = diagnostics.knn_accuracy(now[:half], labels[:half], now[half:], labels[half:], neighbours=5)
    alignment, uniformity = diagnostics.alignment(now, then), diagnostics.uniformity(now)
    return {"knn": knn, "alignment": alignment.item(), "uniformity": uniformity.item()}


untrained = exam(method.encoder)
print("before training:", {name: round(value, 2) for name, value in untrained.items()})

# %% [markdown]
# An untrained network is better than guessing (10 %): colours alone tell water from forest. This number is
# what training has to beat.
#
# ## 4 Train
#
# The loop is yours: `for log in run` trains one step per turn. The dashboard draws what you hand to it.
#
# **Question 1.** The queue begins with random arrows. Will the loss go down from the first step on?<br>
# **Question 2.** Three quizzes run at once: `all` ignores season and colours, `season` ignores the season
# only, `augmentation` the colours only. Which one will be the easiest?
#
# Press **Stop** in the dashboard whenever you like. (At half time the cell presses it for you.)

# %%
HALF = STEPS // 2
with TrainingDashboard(run) as dashboard:
    for log in run:
        if log.step == HALF:
            dashboard.stop_requested = True  # as if you had pressed the button
        dashboard.update(log, exam(method.encoder) if log.step % EVERY == 0 else None)
print("stopped after step", run.step, "of", run.steps, "and saved as", run.save().name)

# %% [markdown]
# ## 5 Continue, exactly
#
# A power cut, a closed laptop: a long training will be interrupted. The checkpoint holds the network, the
# slow copy, the queues and the optimizer. Chance is a function of (seed, step). So the continued run is the
# *same* run.
#
# Here everything is built anew, as after a restart, and then resumed.

# %%
again = SeCo(encoder_named("resnet18-narrow", seed=99), queue_size=QUEUE, **quick)
rest = PretrainingRun(again, batches, views, config, spec=spec, folder=folder)
rest.resume()
assert rest.step == run.step
ours, theirs = method.state_dict(), again.state_dict()
assert all(torch.equal(ours[name], theirs[name]) for name in ours), "bit for bit the same"

# %%
with TrainingDashboard(rest, past=read_metrics(folder)) as dashboard:
    for log in rest:
        dashboard.update(log, exam(again.encoder) if log.step % EVERY == 0 else None)
trained = exam(again.encoder)
print("before:", {name: round(value, 2) for name, value in untrained.items()})
print("after: ", {name: round(value, 2) for name, value in trained.items()})

# %% [markdown]
# ## 6 Read the curves
#
# Every step is kept in `metrics.csv` beside the checkpoint.

# %%
curves = read_metrics(folder)
training_curves(
    curves, smooth=max(2, STEPS // 40), panels=[n for n in curves if n.startswith(("loss", "top1"))]
)

# %% [markdown]
# What to look for:
#
# * The loss may **rise first**. At the start the queue holds random arrows, which are easy to tell from a
#   real key. Once it is full of real keys the quiz becomes hard, and from there on the loss should fall.
# * Top-1 is the share of queries that picked their positive.
# * In a thousand steps `all` is the hardest quiz (top-1 about 10 %): its positive differs by season *and*
#   colours. `season` (26 %) and `augmentation` (19 %) share one of the two with their positive.
# * Keys in the queue come from *earlier* networks. While the network changes fast, old keys look different
#   from fresh ones, and that alone would give the positive away: the quiz could be won without looking at the
#   land. `steady=True` closes this shortcut: embeddings are standardised over the batch, so that old and new
#   keys have the same mean and spread, and the fresh keys of the batch's other places are negatives, too.
# * **Alignment** was small before training only because *all* embeddings lay close together. It means
#   something only beside uniformity.
#
# ### Exercise 2
#
# In sub-space `all` a query chooses among its positive, QUEUE negatives, and the keys of the BATCH - 1 other
# places of the batch. What share of right answers does pure guessing give?

# %%
guess = None
### BEGIN SOLUTION
guess = 1 / (QUEUE + BATCH)
### END SOLUTION

# %%
if guess is not None:
    assert math.isclose(guess, 1 / (QUEUE + BATCH)), "one positive among 1 + QUEUE + BATCH - 1 keys"
    print(f"guessing: {guess:.2%}, this run at its end: {curves['top1_all'][-1]:.2%}")

# %% [markdown]
# ## 7 What collapse looks like
#
# Take the push away: keep only "views of the same image should agree".
#
# **Question.** How can a network reach a perfect score in this game without looking at the image?

# %%
lazy = torch.nn.Sequential(encoder_named("resnet18-narrow"), mlp_head(128, 128, 64))
optimizer = torch.optim.SGD(lazy.parameters(), lr=0.05, momentum=0.9)
make, pull, spread = MoCoViews(spec, SIZE_PX), [], []
for step in range(12 if FAST else 60):
    pair = make(batches[step].images[:, :1], generator_for(0, step, "views"))
    left, right = lazy(pair["query"].float()), lazy(pair["key"].float())
    loss = 1 - torch.cosine_similarity(left, right).mean()  # pull, no push
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    pull.append(loss.item())
    spread.append(diagnostics.spread(left.detach()).item())

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
axes[0].plot(pull)
axes[0].set(title="loss: looks wonderful", xlabel="step", ylim=(0, None))
axes[1].plot(spread, color="#d55e00", label="pull only")
axes[1].axhline(curves["spread"][-1], color="#0072b2", linestyle="--", label="SeCo, at its end")
axes[1].set(title="spread: all images at one place", xlabel="step", ylim=(0, 1.1))
axes[1].legend()
plt.show()

# %%
assert math.isfinite(curves["spread"][-1])
assert pull[-1] < 0.2, "the loss is small"
assert spread[-1] < 0.35, "and the embeddings are nearly all the same"

# %% [markdown]
# It gives every image the same answer. The loss is perfect and the network is worthless. Look at the
# **spread** (or uniformity, or the exam), never at the loss alone. The toolkit looks for you: a run warns
# when its embeddings collapse.
#
# ### Exercise 3
#
# Which of the numbers in the dashboard would show a collapse? Make `alarms` a set of names out of "loss",
# "spread", "uniformity", "images_per_s", "knn".

# %%
alarms = None
### BEGIN SOLUTION
alarms = {"spread", "uniformity", "knn"}
### END SOLUTION

# %%
if alarms is not None:
    assert {"spread", "uniformity"} <= alarms, "both measure whether the embeddings fill the sphere"
    assert "loss" not in alarms, "a loss without a push is smallest in collapse"

# %% [markdown]
# ## Summary
#
# * A run is a loop that you own: measure, draw, stop and continue where you like.
# * Continuing is exact, because the checkpoint is complete and chance belongs to the step.
# * Judge by an exam with images never trained on, beside the untrained network.
# * A good loss proves nothing. Collapse shows in spread and uniformity.
#
# **What's next:** [06 Embeddings on a map](06_embeddings_on_a_map.ipynb): what did it learn, and where?
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607). T. Wang and P. Isola,
# *Understanding contrastive representation learning through alignment and uniformity*, 2020
# (arXiv:2005.10242). Z. Wu and others, *Unsupervised feature learning via non-parametric instance
# discrimination*, 2018 (arXiv:1805.01978): the kNN exam.

# %%
assert rest.step == rest.steps, "the run is complete (if you stopped it, run the cell of section 5 again)"
assert all(math.isfinite(value) for value in curves["loss"])
if not FAST:
    assert trained["knn"] > untrained["knn"], "it learned something about land"
print("All checks passed.")
