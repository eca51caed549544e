# %% [markdown]
# # 00 Check the machine
#
# **You will** find out whether this computer is ready for the course, and how fast it is.<br>
# **Needs** an installed `seco_lab` (`make lab` does that). No network.<br>
# **Gives** a list of OK and FAIL lines, and one number to remember: training images per second.<br>
# **Time** 5 minutes to read, under 1 minute to run.
#
# How to use a notebook of this course: read, **answer the question before you run the cell**, run the cell
# with Shift+Enter, compare. Cells marked *Exercise* wait for a line of yours. If you leave them blank,
# everything below them still runs. Answers are in the folder `solutions/`.

# %%
# %matplotlib inline
import os
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path

import torch
from packaging.requirements import Requirement

FAST = os.environ.get("SECO_LAB_FAST") == "1"  # tests set it: smaller numbers everywhere
WORK = Path(os.environ.get("SECO_LAB_WORK", "../data/work"))  # files that one notebook leaves for the next
WORK.mkdir(parents=True, exist_ok=True)


# %%
results = {}


def check(what, passed, detail):
    """Prints one line and remembers it."""
    results[what] = bool(passed)
    print(f"{'OK  ' if passed else 'FAIL'}  {what:<22} {detail}")


# %% [markdown]
# ## Python and its packages
#
# The package knows what it needs: the list stands in its own metadata, with the versions that work. We ask
# the list instead of writing a second one here, because a second list would soon be wrong.

# %%
check("Python", sys.version_info >= (3, 11), sys.version.split()[0])

for line in metadata.requires("seco-lab"):
    need = Requirement(line)
    if need.marker and not need.marker.evaluate({"extra": "lab"}):
        continue  # tools for developers
    try:
        found = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        found = None
    fits = found and need.specifier.contains(found, prereleases=True)
    check(need.name, fits, f"{found} (wants {need.specifier})")

# %% [markdown]
# ## Where the numbers are computed
#
# A graphics card (*CUDA* from NVIDIA, *MPS* on a Mac) is many times faster than the processor (*CPU*), but
# none is needed for this course. *bf16* is a number format of half the size. Some processors multiply it
# directly; then training is about twice as fast. On the others it would be slower, so the toolkit looks
# before it uses it.

# %%
from seco_lab.nn.devices import bf16_pays, choose_device

device = choose_device("auto")
check("torch device", True, f"{device.type}, {torch.get_num_threads()} threads")
print(f"      bf16 pays here: {'yes' if bf16_pays(device) else 'no, so float32 is used'}")

# %% [markdown]
# ## Widgets and the offline map
#
# Below the next cell there must be a **slider that moves**. If you see only text like `IntSlider(value=3)`,
# close the tab and start with `make lab` from the folder of the project, so that JupyterLab and this kernel
# come from the same installation.

# %%
import ipywidgets

check("widgets", hasattr(ipywidgets, "IntSlider"), f"ipywidgets {ipywidgets.__version__}")
ipywidgets.IntSlider(value=3, min=0, max=10, description="move me")

# %% [markdown]
# The map of the world is part of the package (0.8 MB with 10,000 cities): nothing is downloaded when you draw
# it, so it also works on a train or with thirty laptops on one weak Wi-Fi.

# %%
from seco_lab.places import cities
from seco_lab.viz.plots import places_map

towns = cities()
check("offline basemap", len(towns) == 10_000, f"{len(towns):,} cities, the largest is {towns.name[0]}")
places_map(towns.lon[:500], towns.lat[:500], title="the 500 largest cities")

# %% [markdown]
# ## Disk
#
# The notebooks leave small files in the folder `data/work` for one another. Half a gigabyte is plenty.

# %%
probe = WORK / "can_i_write.txt"
probe.write_text("yes")
check("work folder", probe.read_text() == "yes", "can be written")
probe.unlink()
free_gb = shutil.disk_usage(WORK).free / 1e9
check("disk", free_gb > 0.5, f"{free_gb:.1f} GB free")

# %% [markdown]
# ## A tiny training step
#
# Now the real test: a small network learns for a few steps. It sees 64 pictures of noise and their mirror
# images, and must find out which two belong together. (Notebook 04 builds this game by hand.)
#
# **Question.** How many pictures per second will your machine train on: about 10, 100, 1,000 or 10,000? Write
# your guess down, then run.

# %%
from torch.nn.functional import cross_entropy

from seco_lab.nn.encoders import encoder_named
from seco_lab.nn.heads import mlp_head
from seco_lab.nn.losses import unit_length

picture = torch.randn(64, 3, 64, 64, generator=torch.Generator().manual_seed(0)).to(device)
partner = torch.arange(64, device=device)  # picture 0 belongs to mirror 0, picture 1 to mirror 1, ...
network = torch.nn.Sequential(encoder_named("resnet18-narrow"), mlp_head(128, 128, 64)).to(device)
optimizer = torch.optim.SGD(network.parameters(), lr=0.03, momentum=0.9)

# %%
losses, seconds = [], []
for _ in range(5 if FAST else 15):
    start = time.perf_counter()
    left, right = unit_length(network(picture)), unit_length(network(picture.flip(3)))
    loss = cross_entropy(left @ right.T / 0.07, partner)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    seconds.append(time.perf_counter() - start)

rate = 128 / sorted(seconds)[len(seconds) // 2]  # the median step: the first one is always slow
check("training step", losses[-1] < losses[0], f"loss {losses[0]:.2f} -> {losses[-1]:.2f}")
print(f"      {rate:,.0f} pictures per second")

# %% [markdown]
# **What to expect.** A laptop without a graphics card reaches a few hundred to a few thousand, a graphics
# card tens of thousands. The loss falls although the pictures are noise: with so few pictures the network can
# learn them by heart. That is no understanding, and you will meet the difference again in notebook 06.
#
# ### Exercise 1
#
# The SeCo paper trained on one million images for 200 passes (*epochs*). How many **days** would your machine
# need for that with this small network? Compute `days` from `rate`.

# %%
days = None
### BEGIN SOLUTION
days = 1_000_000 * 200 / rate / 86_400
### END SOLUTION

# %%
if days is not None:
    assert abs(days * 86_400 * rate - 2e8) < 1e3, "seconds = pictures / rate; a day has 86,400 seconds"
    print(f"{days:,.1f} days. The course uses a few hundred places and a small network instead.")

# %% [markdown]
# ## Summary
#
# * Every line above should say OK. A FAIL line names the package or the part; `make lab` in the project's
#   folder installs what is missing.
# * The toolkit picks the device and the number format by itself.
#
# **What's next:** [01 Places and seasons](01_places_and_seasons.ipynb): where on Earth, and when, should we
# look?
#
# **References.** K. He and others, *Deep residual learning*, 2016 (arXiv:1512.03385): the network. GeoNames
# (CC BY 4.0) and Natural Earth (public domain): the cities and the map.

# %%
failed = [what for what, passed in results.items() if not passed]
assert not failed, f"not ready: {', '.join(failed)}"
print(f"All {len(results)} checks passed. Ready.")
