"""Who works on which rows of a batch: processes side by side, parts one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from seco_lab.batch import Batch, Share
from seco_lab.methods import Method, StepOutput
from seco_lab.nn.collectives import average_together, batchnorm_statistics, every_row
from seco_lab.nn.processes import process_count, process_number, together


def own_share(batch_size: int, accumulate: int) -> Share:
    """The rows of a batch that belong to this process.

    Raises:
        ValueError: The batch cannot be cut into equal parts.
    """
    count = process_count()
    if batch_size % (count * accumulate):
        parts = count * accumulate
        near = max(1, round(batch_size / parts)) * parts
        raise ValueError(
            f"a batch of {batch_size} cannot be cut into equal parts for {count} processes with accumulate "
            f"{accumulate}; take a multiple of {parts}, such as {near}"
        )
    if 1 < count * accumulate == batch_size:
        raise ValueError(
            f"a batch of {batch_size} for {count} processes with accumulate {accumulate} leaves one row at a "
            "time, which is compared with nothing; take a larger batch"
        )
    rows = batch_size // count
    return Share(process_number() * rows, rows, batch_size)


def parts_of(
    batch: Batch, views: Mapping[str, Tensor], count: int
) -> Iterator[tuple[Batch, Mapping[str, Tensor]]]:
    """A batch and its views in ``count`` parts of consecutive rows; as they are for one."""
    if count == 1:
        yield batch, views
        return
    rows = len(batch.index) // count
    for first in range(0, rows * count, rows):
        own = slice(first, first + rows)
        yield batch.part(own), {name: view[own] for name, view in views.items()}


def joined(outputs: Sequence[StepOutput]) -> StepOutput:
    """One output for a batch that was worked on in parts: means of numbers, rows one after the other."""
    if len(outputs) == 1:
        return outputs[0]
    first = outputs[0]
    return StepOutput(
        loss=torch.stack([output.loss.detach() for output in outputs]).mean(),
        metrics={n: torch.stack([o.metrics[n].float() for o in outputs]).mean() for n in first.metrics},
        keys={name: torch.cat([output.keys[name] for output in outputs]) for name in first.keys},
        embeddings={n: torch.cat([output.embeddings[n] for output in outputs]) for n in first.embeddings},
    )


@torch.no_grad()
def over_processes(output: StepOutput) -> StepOutput:
    """The output of the whole batch: mean loss and metrics, the keys of all processes; alone, as it is.

    Embeddings stay those of this process.
    """
    if not together():
        return output
    names = list(output.metrics)
    numbers = torch.stack([output.loss.detach(), *(output.metrics[name].to(output.loss) for name in names)])
    average_together([numbers])
    keys = {name: every_row(key) for name, key in output.keys.items()}
    metrics = dict(zip(names, numbers[1:], strict=True))
    return StepOutput(numbers[0], metrics, keys, output.embeddings)


def average_learning(method: Method, optimizer: torch.optim.Optimizer) -> None:
    """Give all processes the mean of their gradients and BatchNorm statistics; alone, nothing happens."""
    if not together():
        return
    moved = (parameter for group in optimizer.param_groups for parameter in group["params"])
    gradients = [parameter.grad for parameter in moved if parameter.grad is not None]
    average_together([*gradients, *batchnorm_statistics(method)])
