# %% [markdown]
# # 10 Old weights
#
# **You will** open a checkpoint in the layout of the official SeCo code without running what it contains,
# find out whether its BatchNorm statistics were polluted, measure them anew, and put the world on a map
# with it.<br>
# **Needs** [06 Embeddings on a map](06_embeddings_on_a_map.ipynb). The checkpoint is made here, offline;
# with a published one on your disk, set the environment variable `SECO_LAB_WEIGHTS` to it.<br>
# **Gives** `clean.pt` and `old_weights.html` in the work folder.<br>
# **Time** 20 minutes, 1 to 2 minutes to run.

# %%
# %matplotlib inline
import os
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

# %%
from seco_lab import places, seasons
from seco_lab.checkpoints import PUBLISHED, batchnorm_report, load_encoder
from seco_lab.checkpoints import read_weights, recognise, save_encoder
from seco_lab.diagnostics import effective_rank, uniformity
from seco_lab.embeddings import embed, recalibrated
from seco_lab.nn.encoders import encoder_named, resnet18
from seco_lab.sources import SimulatedSource
from seco_lab.viz.explorer import EmbeddingExplorer

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))
WORK.mkdir(parents=True, exist_ok=True)
PLACES, SIZE_PX = (24, 48) if FAST else (200, 96)

# %% [markdown]
# ## 1 What is published
#
# The authors of SeCo and GASSL published their networks. `seco-lab weights get NAME` downloads one and checks
# its sum; on a machine without a network, `--from` takes a copy that you carried there.

# %%
for entry in PUBLISHED[:8]:
    print(f"{entry.name:>22}  {entry.encoder}, {entry.trained}")

# %% [markdown]
# ## 2 A small file of the same make
#
# A published file has 171 MB. We build one with the same names and the same nesting, but a quarter of the
# width: the query encoder, its slow copy, three queues, six heads, and what the training program of 2021
# wrote beside them. In the official code the encoder is a plain list of layers, so `conv1` is called `0`
# there, and `layer1` is called `4`.

# %%
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


def official(encoder, prefix):
    """The entries of an encoder under the names of the official SeCo code."""
    parts = ((name.partition("."), value) for name, value in encoder.state_dict().items())
    return {f"{prefix}.{NUMBERS[first]}.{rest}": value.clone() for (first, _, rest), value in parts}


def head_entries(side, features):
    """Three heads of two layers each."""
    sizes = {"0.weight": (features, features), "0.bias": (features,)}
    sizes |= {"2.weight": (128, features), "2.bias": (128,)}
    return {f"heads_{side}.{e}.{name}": torch.zeros(size) for e in range(3) for name, size in sizes.items()}


# %% [markdown]
# The weights come from notebook 05 where it has been run; otherwise they are the first, random ones. Either
# is good enough to see what follows.

# %%
own = WORK / "seco_run"
query = load_encoder(own)[0] if (own / "checkpoint.pt").exists() else encoder_named("resnet18-narrow")
key = resnet18(width=query.width)
key.load_state_dict(query.state_dict())

chosen = places.plan_places(PLACES, places.AroundCities(50), seed=4).place_list()
dates = seasons.quarters(PLACES, years=(2024,))[:, ::2]
cube = SimulatedSource(seed=0).load(chosen, dates, size_px=SIZE_PX, bands="rgb")
print(dict(cube.sizes), "| encoder:", query.name, "width", query.width)

# %% [markdown]
# ## 3 How the statistics of the published files were polluted
#
# BatchNorm layers keep running means of all they have seen **in train mode**. Every 25 epochs the official
# code paused for an exam on other images, which were not standardised, and left the network in train mode.
# So the exam's images moved the statistics that the file keeps. Let us do the same.

# %%
STEPS, EXAM_BATCHES = 40, 25


def see(encoder, images, batches):
    """Batches in train mode: weights stay, BatchNorm statistics move."""
    encoder.train()
    with torch.no_grad():
        for number in range(batches):
            encoder(images[(8 * number + np.arange(8)) % len(images)])


# %%
unit = torch.from_numpy(cube["reflectance"].values[:, 0].astype(np.float32) / 10000)[..., :48, :48]
for part in [m for e in (query, key) for m in e.modules() if isinstance(m, torch.nn.BatchNorm2d)]:
    part.reset_running_stats()
see(query, (unit - 0.11) / 0.06, STEPS)  # one batch in each step of the training
see(key, (unit - 0.11) / 0.06, 3 * STEPS)  # three keys in each step
see(query, unit, EXAM_BATCHES)  # and then the exam

# %%
path = WORK / "official_layout.ckpt"
state = {"queue": torch.zeros(3, 128, 64), "queue_ptr": torch.zeros(3, 1, dtype=torch.int64)}
state |= official(query, "encoder_q") | official(key, "encoder_k")
state |= head_entries("q", query.num_features) | head_entries("k", query.num_features)
content = {
    "epoch": 2,
    "global_step": STEPS,
    "state_dict": state,
    "hyper_parameters": Namespace(base_encoder="resnet18", lr=0.03),  # a class, as Lightning stored them
}
torch.save(content, path)
print(f"{len(state)} entries, {path.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# ## 4 Open it safely
#
# Such a file is a **pickle**: reading it in the usual way may run any code that its author put in. The
# toolkit reads tensors and plain values, and turns every other class into an empty shell. To see the
# difference, here is a file with a trap.


# %%
class Trap:
    """When it is unpickled in the usual way, it makes a file."""

    def __reduce__(self):
        return os.system, (f"touch {WORK / 'trap_ran'}",)


torch.save({**content, "callbacks": Trap()}, WORK / "trap.ckpt")
try:
    read_weights(WORK / "trap.ckpt")
except ValueError as refusal:
    print(refusal)
assert not (WORK / "trap_ran").exists(), "nothing in the file has run"

# %% [markdown]
# A file that merely holds unknown classes is opened, and you learn what was left closed.

# %%
source = os.environ.get("SECO_LAB_WEIGHTS", path)
weights = read_weights(source)
report, spec = weights.report, weights.spec
print(f"layout {report.layout}, {report.encoder}, {report.side} encoder")
print(f"{len(report.loaded)} entries taken, {len(report.extra)} left aside; not opened: {report.shells}")
print("expects", spec.bands, "in", spec.unit, "with limits", spec.low, "to", spec.high)
print("published file:", recognise(source) or "none that we know")

# %% [markdown]
# The numbers of the last lines are the **input contract**. SeCo was trained on 8-bit pixels, in the order
# red, green, blue. Our cube holds reflectance times 10000; the toolkit converts by name, or refuses.
#
# ### Exercise 1
#
# A pixel has the reflectance 0.2. Which 8-bit count did SeCo see, before its limits? (255 stands for 1.)

# %%
count = None
### BEGIN SOLUTION
count = int(0.2 * 255)
### END SOLUTION

# %%
if count is not None:
    assert count == 51, "0.2 of 255"
    print(f"within the limits of red: {(count - spec.low[0]) / (spec.high[0] - spec.low[0]):.2f}")

# %% [markdown]
# ## 5 Ask the doctor
#
# Each batch seen in train mode is counted in the file, and so are the steps of the training.
#
# **Question.** Our file was trained for 40 steps. How many batches will its BatchNorm layers have counted?

# %%
health = batchnorm_report(source)
print(f"{health.verdict}: {health.reason}")
distance = [layer.from_key for layer in health.layers]
figure, axis = plt.subplots(figsize=(8, 2.4), layout="constrained")
axis.bar(range(len(distance)), [value or 0 for value in distance], color="#0072b2")
axis.set(xlabel="BatchNorm layer, from first to last", ylabel="std away", title="distance from the slow copy")
plt.show()

# %% [markdown]
# ## 6 Measure the statistics anew
#
# The weights are as good as ever. Only means and variances are wrong, and these can be measured on any cube:
# `recalibrated` shows it images and keeps the plain mean. On the command line:
# `seco-lab weights doctor FILE --data cube.zarr --out clean.pt`.

# %%
small = replace(spec, size_px=SIZE_PX)  # 224 px in the paper; smaller images are faster here
clean = recalibrated(weights.encoder, cube, small, images=256, batch_size=16)
save_encoder(WORK / "clean.pt", clean, small)
old, new = embed(weights.encoder, cube, small), embed(clean, cube, small)


def measures(table):
    """Uniformity and effective rank of the first season's embeddings."""
    rows = torch.from_numpy(table["embedding"].values[:, 0])
    return {"uniformity": uniformity(rows).item(), "effective rank": effective_rank(rows).item()}


for name, table in (("as published", old), ("measured anew", new)):
    print(f"{name:>14}:", {k: round(v, 2) for k, v in measures(table).items()})

# %% [markdown]
# Uniformity nearer to -4 and a higher rank mean that images are spread further over the sphere. Do not expect
# the same of every file: on other data the exam's images may do less harm. Measure before you decide.
#
# ### Exercise 2
#
# How similar are the two networks' answers? Compute `same`: the mean cosine between `old` and `new`
# embeddings of season 0, image by image.

# %%
same = None
### BEGIN SOLUTION
pair = [torch.from_numpy(table["embedding"].values[:, 0]) for table in (old, new)]
same = torch.cosine_similarity(*pair).mean().item()
### END SOLUTION

# %%
if same is not None:
    a, b = (table["embedding"].values[:, 0] for table in (old, new))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert abs(same - cosine.mean()) < 1e-4, "the mean over the images of their cosines"
    print(f"{same:.3f}")

# %% [markdown]
# ## 7 The world through old weights

# %%
explorer = EmbeddingExplorer(new, cube)
explorer.season, explorer.selected = 0, 3
page = explorer.to_html(WORK / "old_weights.html")
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB, opens in any browser without a network")
explorer

# %% [markdown]
# ## Summary
#
# * A checkpoint of a stranger is a program. Open it with a reader that runs nothing.
# * Weights are worth little without their input contract: bands, order, unit, limits.
# * BatchNorm statistics remember what was seen last. The file's own counters betray a pollution.
# * Weights stay, statistics can be measured anew, and whether it helps can be measured too.
#
# With a real file: `seco-lab weights get seco_resnet18_1m`, then start this notebook with
# `SECO_LAB_WEIGHTS=seco_resnet18_1m.ckpt`. To train on from it, on places of your own and fed as it was:
# `seco-lab pretrain cube.zarr --method seco --weights seco_resnet18_1m.ckpt --out runs/mine`.
#
# **References.** O. Mañas and others, *Seasonal Contrast*, 2021 (arXiv:2103.16607). K. Ayush and others,
# *Geography-aware self-supervised learning*, 2021 (arXiv:2011.09980). S. Ioffe and C. Szegedy, *Batch
# normalization*, 2015 (arXiv:1502.03167).

# %%
back, contract = load_encoder(WORK / "clean.pt")
assert contract.size_px == SIZE_PX
assert torch.equal(back.conv1.weight, weights.encoder.conv1.weight), "weights are as they were"
assert not torch.equal(back.bn1.running_mean, weights.encoder.bn1.running_mean), "statistics are not"
if "SECO_LAB_WEIGHTS" not in os.environ:
    assert health.verdict == "polluted"
    assert (health.batches, health.expected) == (STEPS + EXAM_BATCHES, STEPS)
assert page.stat().st_size > 10_000
print("All checks passed.")
