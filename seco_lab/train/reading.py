"""What a method gets in a step: this process's rows of a batch, and their views on the device."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from seco_lab.batch import Batch, Batches, Share, generator_for, sent
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import memory_layout
from seco_lab.train.config import TrainConfig
from seco_lab.train.guards import check_first_batch

Views = Callable[..., Mapping[str, Tensor]]


class StepInput:
    """Rows and views by step, the same that one process would make of the whole batch.

    Pixels of other processes' rows are read only where the batches have no ``shared``, and their views are
    made only where the views take no ``share``.
    """

    def __init__(
        self,
        batches: Batches,
        views: Views,
        share: Share,
        config: TrainConfig,
        *,
        spec: InputSpec,
        unit_factor: float,
        device: torch.device,
    ) -> None:
        """Decide what has to be read.

        Args:
            batches: Where patches come from.
            views: Makes the views that the method compares.
            share: Rows of each batch that are wanted.
            config: Seed, memory layout, and whether the first batch is checked.
            spec: What the encoder expects.
            unit_factor: From the counts of the batches to those of the contract.
            device: Where the views are wanted.
        """
        self._share, self._views, self._config, self._spec = share, views, config, spec
        self._unit_factor, self._device = unit_factor, device
        self._views_share = not share.whole and "share" in inspect.signature(views).parameters
        batches = batches.on(device) if hasattr(batches, "on") else batches
        reads_share = self._views_share and hasattr(batches, "shared")
        self._batches = batches.shared(share) if reads_share else batches
        self._cut_first = self._views_share and not reads_share
        self._checked = not config.check_input

    def __call__(self, step: int) -> tuple[Batch, dict[str, Tensor]]:
        """Rows of that step, and their views, each of shape (B, C, S, S).

        Raises:
            ValueError: The first batch does not look like what the input contract says.
            RuntimeError: Batches or views of one's own ran out.
        """
        try:
            batch, views = self._read(step)
        except StopIteration as error:  # in the loop it would look like the end of the run
            raise RuntimeError(
                f"batches or views ran out in step {step + 1}; they must know every step"
            ) from error
        if not self._checked:
            check_first_batch(views, self._spec)
            self._checked = True
        layout = memory_layout(self._device) if self._config.channels_last else torch.contiguous_format
        return batch, {name: view.contiguous(memory_format=layout) for name, view in views.items()}

    def _read(self, step: int) -> tuple[Batch, dict[str, Tensor]]:
        batch = self._batches[step]
        if self._cut_first:
            batch = batch.part(self._share.slice)
        return self._with_views(batch, step)

    def _with_views(self, batch: Batch, step: int) -> tuple[Batch, dict[str, Tensor]]:
        images = sent(batch.images, self._device)
        if self._unit_factor != 1:
            images = images.float() * self._unit_factor
        # Chance is drawn on the CPU wherever the images are: the same on every device, and no waiting for it.
        generator = generator_for(self._config.seed, step, "views")
        if self._views_share:
            return batch, dict(self._views(images, generator, share=self._share))
        views, own = dict(self._views(images, generator)), self._share.slice
        if self._share.whole:
            return batch, views
        return batch.part(own), {name: view[own] for name, view in views.items()}
