# %% [markdown]
# # 20 Detection and segmentation
#
# **You will** put two heads on an encoder: one draws boxes round halls and tanks, the other paints their
# pixels; and you will judge both as the papers do, with average precision and IoU.<br>
# **Needs** [19 Change detection on a map](19_change_on_a_map.ipynb). If `seco_run` of notebook 05 is
# missing, an untrained network stands in.<br>
# **Gives** nothing to keep.<br>
# **Time** 30 minutes, 6 minutes to run.

# %%
# %matplotlib inline
import os
from pathlib import Path

import numpy as np
import torch

# %%
from seco_lab.checkpoints import load_encoder
from seco_lab.downstream.detection import DetectionProtocol, evaluate_detection, train_detector
from seco_lab.downstream.finding import find_objects
from seco_lab.downstream.scene_input import random_weights_for
from seco_lab.downstream.segmentation import (
    SegmentationProtocol,
    class_chances,
    evaluate_segmentation,
    train_segmenter,
)
from seco_lab.downstream.simulated_scenes import simulated_industry
from seco_lab.nn.anchors import Anchors
from seco_lab.nn.boxes import box_iou
from seco_lab.viz.scene_figures import masks_figure, objects_figure

# %%
FAST = os.environ.get("SECO_LAB_FAST") == "1"
RUN = Path(os.environ.get("SECO_LAB_WORK", "../data/work")) / "seco_run"
SIZE_PX, SITES, EPOCHS = (32, 4, 1) if FAST else (96, 24, 20)

# %% [markdown]
# ## 1 Industry
#
# Scenes of the simulated world with halls and tanks. A pixel is 10 m wide: a house is a dot, and a row of
# houses runs into one roof, so houses get no box. We look for halls and tanks of 60 m and more.

# %%
sites = simulated_industry(SITES, size_px=SIZE_PX, least_side_px=6, least_objects=1 if FAST else 6)
names = list(sites)
train, test = (
    {name: sites[name] for name in part} for part in (names[: SITES * 2 // 3], names[SITES * 2 // 3 :])
)
few = {name: test[name] for name in list(test)[:3]}
objects_figure(few, least_side_px=6)

# %% [markdown]
# **Question.** Which of these halls would you find yourself without the boxes?
#
# ## 2 When is a box right?
#
# A found box never fits to the pixel. **Intersection over union** (IoU) measures how well it does: the area
# that both boxes share over the area that they cover together. From 0.5 on a box counts as right.
#
# ### Exercise 1
#
# Compute `iou` of the two boxes below. A box is (left, top, right, bottom).

# %%
first, second = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[5.0, 0.0, 15.0, 10.0]])
iou = None
### BEGIN SOLUTION
iou = 50 / (100 + 100 - 50)
### END SOLUTION

# %%
if iou is not None:
    assert abs(iou - box_iou(first, second).item()) < 1e-6
    print(f"{iou:.2f}: half of each box is shared, and still it counts as wrong")

# %% [markdown]
# ## 3 A detector
#
# **RetinaNet** lays nine boxes (*anchors*) of different size and shape round each cell of the feature maps.
# One head says what is in each, the other how it must be moved to fit. Nearly all anchors are empty; the
# *focal loss* keeps them from drowning the few that are not. Small objects: the tiles are enlarged twice,
# and the anchors start at 8 pixels.

# %%
if (RUN / "checkpoint.pt").exists():
    encoder, spec = load_encoder(RUN)
else:
    encoder, spec = random_weights_for(train, "resnet18-narrow", size_px=64)
    print("no seco_run: this network has learned nothing yet")
tiles = dict(epochs=EPOCHS, tiles_per_scene=1 if FAST else 4, lr=2e-3, enlarge=2, overlap_px=16)
seek = DetectionProtocol(
    **tiles, batch_size=4, tile_px=32 if FAST else 64, least_side_px=6, anchors=Anchors(base_px=8)
)
detector = train_detector(encoder, spec, train, seek, device="cpu")

# %%
found = {name: find_objects(detector, site, spec, seek) for name, site in few.items()}
sure = {name: one.boxes[one.scores >= 0.3].numpy() for name, one in found.items()}
print({name: f"{len(boxes)} boxes, {len(found[name].boxes)} candidates" for name, boxes in sure.items()})
objects_figure(few, sure, least_side_px=6)

# %% [markdown]
# Only boxes with a score of 0.3 or more are drawn. Where should the limit be? **Average precision** does
# not ask: it goes through all candidates from the highest score down and averages the precision on the way.
# `ap50` counts a box from an IoU of 0.5 on, `ap` is the mean over ten stricter limits.

# %%
detection = evaluate_detection(encoder, spec, train, test, seek, class_names=("hall",), device="cpu")
detection.to_frame()

# %% [markdown]
# **Read it honestly.** A few hundred steps on sixteen scenes find what is bright and large; grey roofs on
# asphalt are missed. A number without its neighbours says nothing: the same detector on an *untrained*
# encoder stands below. Smaller halls are neither wanted nor wrong: finding one of 50 m is no mistake.
#
# ## 4 A segmenter
#
# Instead of boxes we ask for the class of **each pixel**. The head takes the finest level of the same
# pyramid.

# %%
paint = SegmentationProtocol(**tiles, batch_size=4, tile_px=32 if FAST else 64)
segmenter = train_segmenter(encoder, spec, train, paint, device="cpu")
painted = {name: class_chances(segmenter, site, spec, paint).argmax(0) for name, site in few.items()}
masks_figure(few, painted)

# %% [markdown]
# ### Exercise 2
#
# `told` and `truth` are the roof pixels of one site. Compute `overlap`, the IoU of the class: shared
# pixels over all that either of them calls a roof.

# %%
one = next(iter(few))
told, truth = painted[one] == 1, few[one]["mask"].values[0] == 1
overlap = None
### BEGIN SOLUTION
overlap = (told & truth).sum() / max((told | truth).sum(), 1)
### END SOLUTION

# %%
if overlap is not None:
    assert 0 <= overlap <= 1
    print(f"IoU of roofs in {one}: {overlap:.0%}")

# %% [markdown]
# Over all sites, pixels of all scenes counted together. `background` is the answer that there is no roof
# anywhere: its mIoU is far above zero, so never read a mIoU without it.

# %%
segmentation = evaluate_segmentation(encoder, spec, train, test, paint, device="cpu")
segmentation.to_frame()

# %% [markdown]
# ## Summary
#
# * One encoder, one pyramid, two heads: boxes and pixels.
# * IoU says how well one answer fits; average precision judges a ranking without a limit.
# * "Nothing there" and "untrained" are the numbers to beat.
#
# **What's next:** real pictures: `seco-lab probe xview --weights RUN --data xView` and `seco-lab probe
# spacenet --weights RUN --data AOI_2_Vegas_Train`.
#
# **References.** T.-Y. Lin and others, *Focal Loss for Dense Object Detection*, 2017 (arXiv:1708.02002);
# *Feature Pyramid Networks*, 2016 (arXiv:1612.03144). K. Ayush and others, *Geography-Aware Self-Supervised
# Learning*, 2020 (arXiv:2011.09980).

# %%
assert set(sure) == set(few)
assert all(np.isfinite(one.boxes.numpy()).all() for one in found.values())
assert all(mask.shape == (SIZE_PX, SIZE_PX) for mask in painted.values())
assert {"untrained_ap50"} <= set(detection.baselines)
assert segmentation.baselines["background_miou"].value > 0.3
print("All checks passed.")
