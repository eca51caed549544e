# %% [markdown]
# # 04 InfoNCE and the queue
#
# **You will** build the heart of contrastive learning by hand: a loss that picks the right partner, a queue
# that remembers wrong partners, and a copy of the network that follows slowly.<br>
# **Needs** [03 Views](03_views.ipynb) for the idea of a *view*. No images are used here, only arrows.<br>
# **Gives** no file. At each step your version is compared with the toolkit's.<br>
# **Time** 30 minutes, under 1 minute to run.
#
# Contrastive learning is a quiz. You show the network one view of a place, the **query**. Then you show it a
# list: one view of the same place, the **positive key**, and many views of other places, the **negatives**.
# Which one belongs to the query? To answer well, the network must learn what makes a place that place.

# %%
# %matplotlib inline
import math
import os

import matplotlib.pyplot as plt
import torch

from seco_lab.nn import losses, momentum

FAST = os.environ.get("SECO_LAB_FAST") == "1"
noise = torch.Generator().manual_seed(0)  # our own source of chance: same seed, same notebook

# %% [markdown]
# ## 1 Arrows of length one
#
# The network turns each view into a list of numbers, its **embedding**. We scale every embedding to length 1.
# Then only the direction counts, and the product of two embeddings is the cosine of the angle between them: 1
# means same direction, 0 means a right angle, -1 means opposite.

# %%
B, K, D, T = 8, 32, 16, 0.07  # queries, negatives, length of an embedding, temperature
query = losses.unit_length(torch.randn(B, D, generator=noise))
positive = losses.unit_length(query + 0.15 * torch.randn(B, D, generator=noise))
negatives = losses.unit_length(torch.randn(K, D, generator=noise))

print("with the positive:", (query[0] @ positive[0]).item())
print("with a negative:  ", (query[0] @ negatives[0]).item())

# %% [markdown]
# ## 2 The loss, one number at a time
#
# For one query we have 1 + K similarities. Divide each by the **temperature** T, take the exponential, and
# ask which share of the total belongs to the positive. This share is the network's answer as a probability.
# The loss is minus its logarithm: 0 if the network is certain and right, large if it is wrong. Its name is
# **InfoNCE**.
#
# $$ \ell_i = -\log \frac{e^{q_i \cdot k_i / T}}{e^{q_i \cdot k_i / T} + \sum_n e^{q_i \cdot k_n / T}} $$

# %%
per_query = []
for i in range(B):
    good = math.exp(query[i] @ positive[i] / T)
    bad = sum(math.exp(query[i] @ negatives[n] / T) for n in range(K))
    per_query.append(-math.log(good / (good + bad)))
by_hand = sum(per_query) / B
print(f"by hand:     {by_hand:.6f}")

# %%
by_toolkit = losses.info_nce(query, positive, negatives, temperature=T)
print(f"seco_lab.nn: {by_toolkit:.6f}")
assert math.isclose(by_hand, by_toolkit.item(), rel_tol=1e-4)

# %% [markdown]
# The toolkit has no loops. It puts the positive into column 0 and the negatives into columns 1 to K, and asks
# for the *cross-entropy* with "column 0" as the right answer: the same formula, all queries at once.

# %%
logits = torch.cat([(query * positive).sum(1, keepdim=True), query @ negatives.T], dim=1) / T
in_one_line = (logits.logsumexp(1) - logits[:, 0]).mean()
assert torch.isclose(in_one_line, by_toolkit)
print("shape of the logits:", tuple(logits.shape), "= (queries, 1 + negatives)")

# %% [markdown]
# **Question.** A network that has learned nothing gives every key the same similarity. What is its loss with
# 1,023 negatives?

# %%
nothing = torch.zeros(B, 1 + 1023)
print(losses.pick_positive(nothing).item(), "=", math.log(1024))
assert math.isclose(losses.pick_positive(nothing).item(), math.log(1024), rel_tol=1e-5)

# %% [markdown]
# log(1 + K): guessing one out of 1 + K. Remember it for notebook 05: **a loss is only good compared with
# log(1 + K)**, and a curve that stays exactly there has *collapsed*: all embeddings point the same way.
#
# ## 3 What the temperature does
#
# **Question.** Which temperature looks mainly at the *hardest* negatives, a low one or a high one?

# %%
hardest_first = (query[0] @ negatives.T).sort(descending=True).values
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
for temperature in (0.03, 0.07, 0.5):
    axis.plot(torch.softmax(hardest_first / temperature, 0), marker=".", label=f"T = {temperature}")
axis.set(xlabel="negatives, the most similar first", ylabel="share of the push")
axis.legend()
plt.show()

# %%
cold, warm = (torch.softmax(hardest_first / t, 0)[0] for t in (0.03, 0.5))
assert cold > warm

# %% [markdown]
# The curves show how the push away from the negatives is shared among them. A low temperature pushes only the
# few most similar away, a high one pushes all alike. Both papers use 0.07.
#
# ## 4 Pull and push
#
# Let the loss move the arrows themselves, without any network. Twelve pairs of arrows start in one half of a
# circle. Each arrow is pulled to its partner and pushed away from the other keys.
#
# **Question.** Where do the pairs end?

# %%
start = torch.rand(12, generator=noise) * math.pi  # angles in the upper half
angles = torch.stack([start, start + 0.5]).requires_grad_()  # query and key of each pair
mover = torch.optim.SGD([angles], lr=0.1)
before = angles.detach().clone()
for _ in range(300):
    q, k = torch.stack([angles.cos(), angles.sin()], dim=-1)
    pull_and_push = losses.pick_positive(losses.contrastive_logits(q, k, k, temperature=0.5))
    mover.zero_grad()
    pull_and_push.backward()
    mover.step()

# %%
figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
for axis, (a, b), title in zip(axes, [before, angles.detach()], ["before", "after"], strict=True):
    axis.plot([a.cos(), b.cos()], [a.sin(), b.sin()], color="grey", linewidth=1)
    axis.scatter(a.cos(), a.sin(), color="#0072b2", label="query", zorder=2)
    axis.scatter(b.cos(), b.sin(), color="#e69f00", label="key", zorder=2)
    axis.set(title=title, aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
axes[0].legend(loc="lower center")
plt.show()

# %%
first, last = before, angles.detach()
assert (last[0] - last[1]).abs().mean() < (first[0] - first[1]).abs().mean(), "partners came together"
assert last[0].sin().min() < -0.5, "and the pairs spread over the whole circle"

# %% [markdown]
# Two things happened at once. Partners came together: **alignment**. The pairs spread over the whole circle:
# **uniformity**. Pull alone would put all arrows on one spot, which is collapse. The push prevents it.
# Notebook 05 draws both numbers while a network learns.
#
# ## 5 The queue
#
# More negatives make a harder quiz, and a better network. But each key costs a pass through the network.
# **MoCo** keeps the keys of past batches in a queue: the newest batch overwrites the oldest. Nothing is
# computed twice.
#
# **Question.** A queue of 8 rows gets batches of 4 keys. After three batches, whose keys are in rows 0 to 3?

# %%
size, dim = 8, 2
mine, pointer = torch.zeros(size, dim), 0
for batch_number in (1, 2, 3):
    keys = torch.full((4, dim), float(batch_number))
    mine[pointer : pointer + 4] = keys
    pointer = (pointer + 4) % size
print(mine[:, 0].tolist(), "next row:", pointer)

# %%
queue = momentum.NegativeQueue(size, dim)
for batch_number in (1, 2, 3):
    queue.enqueue(torch.full((4, dim), float(batch_number)))
assert torch.equal(queue.rows, mine)
assert queue.pointer == pointer

# %% [markdown]
# Batch 3 has replaced batch 1: the queue is a ring. For this the batch must divide the queue, and the toolkit
# says so before a long training begins:

# %%
try:
    queue.enqueue(torch.zeros(3, dim))
except ValueError as problem:
    print(problem)

# %% [markdown]
# ### Exercise 1
#
# SeCo's queue has 16,384 rows, its batches have 256 places. How many steps does a key stay in the queue?

# %%
steps_in_queue = None
### BEGIN SOLUTION
steps_in_queue = 16384 // 256
### END SOLUTION

# %%
if steps_in_queue is not None:
    assert steps_in_queue == 64, "each step replaces 256 of 16,384 rows"

# %% [markdown]
# ## 6 The slow copy
#
# The queue has a catch. A key that is 64 steps old was made by the network of 64 steps ago. If the network
# changes fast, old and new keys are not comparable. So the keys are made by a **copy** of the network that
# follows slowly: after each step it keeps 99.9 % of itself and takes 0.1 % of the network that learns. This
# is the *momentum encoder*; it gets no gradient.

# %%
m = 0.999
learner = torch.nn.Linear(3, 2)
copy = momentum.momentum_copy(learner)
with torch.no_grad():
    learner.weight.add_(1.0)  # the learner makes a jump
expected = m * copy.weight + (1 - m) * learner.weight
momentum.momentum_update(copy, learner, m)
assert torch.allclose(copy.weight, expected)
assert not copy.weight.requires_grad

# %% [markdown]
# **Question.** The learner jumped by 1. After how many steps has the copy gone half the way: 70, 700 or
# 7,000?

# %%
gap, steps = 1.0, 0
while gap > 0.5:
    gap, steps = m * gap, steps + 1
print(steps, "steps; by formula", math.log(0.5) / math.log(m))

# %% [markdown]
# ### Exercise 2
#
# A workshop run has only 300 steps. With m = 0.999 the copy would stay close to the untrained start. Which m
# gives a half-way time of 35 steps?

# %%
m_short = None
### BEGIN SOLUTION
m_short = 0.5 ** (1 / 35)
### END SOLUTION

# %%
if m_short is not None:
    assert math.isclose(m_short**35, 0.5, rel_tol=1e-3), "m to the power of 35 must be one half"
    print(f"m = {m_short:.3f}")

# %% [markdown]
# ## 7 What SeCo adds
#
# MoCo plays one quiz. **SeCo plays three at once**, in three *sub-spaces*: one ignores season and colour
# changes alike, one must tell colour changes apart, one must tell seasons apart. In the last two, the other
# keys of the whole batch join the negatives, among them views of the *very same place* that differ in the
# wrong thing.
#
# ### Exercise 3
#
# The queue has K rows, the batch N places, and each place has 3 keys. In such a sub-space the negatives are
# the queue and all keys of the two other kinds. How many columns have the logits for N = 256 and K = 16,384?

# %%
columns = None
### BEGIN SOLUTION
columns = 1 + 16384 + 2 * 256
### END SOLUTION

# %%
if columns is not None:
    assert columns == 16897, "1 positive + K + 2 N"

# %% [markdown]
# ## Summary
#
# * InfoNCE is the cross-entropy of "which key is mine?". Knowing nothing costs log(1 + K).
# * The temperature decides how much the hardest negatives count.
# * Pull gives alignment, push gives uniformity; without the push everything collapses.
# * The queue gives many negatives for free; the slow copy keeps them comparable.
#
# **What's next:** [05 Train SeCo](05_train_seco.ipynb).
#
# **References.** A. van den Oord and others, *Contrastive predictive coding*, 2018 (arXiv:1807.03748). K. He
# and others, *Momentum contrast*, 2020 (arXiv:1911.05722). T. Wang and P. Isola, *Understanding contrastive
# representation learning through alignment and uniformity*, 2020 (arXiv:2005.10242). O. Mañas and others,
# *Seasonal Contrast*, 2021 (arXiv:2103.16607).

# %%
assert math.isclose(by_hand, by_toolkit.item(), rel_tol=1e-4), "loss"
assert torch.equal(queue.rows, mine), "queue"
assert torch.allclose(copy.weight, expected), "slow copy"
assert steps == 693, "half-way time"
print("All checks passed.")
