"""Steps in the order of the official code, written from METHODS.md with plain loops and columns as keys.

The stored reference numbers end after one step; this carries them on, for tests of chains of steps.
"""

import copy

import torch
from torch.nn import functional


class OfficialOrder:
    """SeCo's module (E sub-spaces) and GASSL's (E = 1): key encoder first, queue last."""

    def __init__(self, method, heads, key_heads, queues, lr=0.03):
        self.encoder, self.heads = copy.deepcopy(method.encoder), copy.deepcopy(list(heads))
        self.key_encoder, self.key_heads = copy.deepcopy(method.key_encoder), copy.deepcopy(list(key_heads))
        self.queue = [queue.rows.T.clone() for queue in queues]
        self.pointer = [int(queue.pointer) for queue in queues]
        self.momentum, self.temperature = method.momentum, method.temperature
        self.classifier = copy.deepcopy(getattr(method, "classifier", None))
        learning = [self.encoder, *self.heads, *([self.classifier] if self.classifier else [])]
        parameters = [p for module in learning for p in module.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=1e-4)

    @torch.no_grad()
    def move_keys(self):
        pairs = [(self.key_encoder, self.encoder), *zip(self.key_heads, self.heads, strict=True)]
        for slow, fast in pairs:
            for k, q in zip(slow.parameters(), fast.parameters(), strict=True):
                k.copy_(k * self.momentum + q * (1.0 - self.momentum))

    def forward(self, query, keys):
        """Logits of each sub-space, and the query's projection in the first."""
        self.move_keys()
        features = self.encoder(query)
        with torch.no_grad():
            key_features = [self.key_encoder(key) for key in keys]
        logits, waiting, projected = [], [], []
        for e, head in enumerate(self.heads):
            projected.append(head(features))
            z = functional.normalize(projected[e], dim=1)
            with torch.no_grad():
                z_keys = [functional.normalize(self.key_heads[e](v), dim=1) for v in key_features]
            negatives = [self.queue[e].clone()]
            if e > 0:
                negatives += [z_keys[j].T for j in range(len(keys)) if j != e]
            # einsum rounds otherwise, and BatchNorm over few values magnifies that from step to step.
            own = (z * z_keys[e]).sum(1, keepdim=True)
            others = z @ torch.cat(negatives, 1)
            logits.append(torch.cat([own, others], 1) / self.temperature)
            waiting.append(z_keys[e])
        for e, keys_ in enumerate(waiting):
            self._enqueue(e, keys_)
        return logits, projected[0]

    def _enqueue(self, e, keys):
        start = self.pointer[e]
        self.queue[e][:, start : start + len(keys)] = keys.T
        self.pointer[e] = (start + len(keys)) % self.queue[e].shape[1]

    def step(self, query, keys, labels=None, loss_of=None):
        """One whole training step; returns the loss."""
        logits, projected = self.forward(query, keys)
        zeros = torch.zeros(len(query), dtype=torch.int64)
        loss_of = loss_of or (lambda rows: functional.cross_entropy(rows, zeros))
        loss = sum(loss_of(rows) for rows in logits)
        if self.classifier is not None:
            loss = loss + functional.cross_entropy(self.classifier(projected.relu()), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def official_ml_cpc(logits, alpha):
    """GASSL's second loss as its scripts build it: a divergence between two flattened distributions."""
    rows, columns = logits.shape
    beta = (columns - alpha) / (columns - 1)
    weights = torch.full((columns,), beta).log()
    weights[0] = torch.tensor(alpha).log()
    wanted = torch.zeros(rows, columns)
    wanted[:, 0] = 1.0 / rows
    shares = functional.log_softmax((logits + weights).reshape(1, -1), dim=1)
    return functional.kl_div(shares, wanted.reshape(1, -1), reduction="batchmean") / alpha


def official_alpha(alpha, low, epoch, epochs):
    """GASSL's geometric schedule of alpha."""
    high, low = torch.tensor(alpha).log(), torch.tensor(low).log()
    return float(torch.exp((high - low) * (1 - epoch / epochs) + low))
