"""A pretraining run: iterate it, and each turn trains one step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seco_lab.batch import Batch, Batches, generator_for
from seco_lab.checkpoints import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from seco_lab.input_spec import InputSpec
from seco_lab.methods import Method, StepOutput
from seco_lab.nn.devices import choose_device, choose_precision, keep_freed_memory
from seco_lab.train.agreement import check_identity, check_parts, identity
from seco_lab.train.config import TrainConfig
from seco_lab.train.estimate import Estimate, measure
from seco_lab.train.guards import COLLAPSE_COLUMNS, CollapseWatch, LossWatch, check_first_batch
from seco_lab.train.interrupts import finish_first
from seco_lab.train.log import MetricsFile, StepLog

Views = Callable[[Tensor, torch.Generator], Mapping[str, Tensor]]


class PretrainingRun:
    """Trains a method on batches, one step a turn of the ``for`` loop.

    Nothing happens until somebody iterates. Leave the loop by ``break`` or by interrupting the notebook, and
    the next ``for`` goes on where it stopped. With a folder, checkpoints and ``metrics.csv`` are kept there
    and ``resume`` continues them to the bit (on CPUs) after any kind of end::

        run = PretrainingRun(SeCo(resnet18()), batches, views, TrainConfig(epochs=10), spec=spec)
        for log in tqdm(run):
            curve.update(log)

    Attributes:
        method: What is trained.
        config: How.
        spec: What the encoder expects; stored with it.
        device: Where it runs.
        precision: ``torch.bfloat16`` or ``torch.float32``.
        step: Steps done.
        steps: Steps of the whole run.
        folder: Where checkpoints go, or None.
    """

    def __init__(
        self,
        method: Method,
        batches: Batches,
        views: Views,
        config: TrainConfig | None = None,
        *,
        spec: InputSpec,
        folder: str | Path | None = None,
        device: str | torch.device = "auto",
    ) -> None:
        """Check that the parts fit each other and move the method to the device.

        Args:
            method: Any ``Method``, such as ``MoCo`` or ``SeCo``.
            batches: Where patches come from.
            views: Makes the views that the method compares.
            config: How to train; the papers' numbers by default.
            spec: Input contract of the encoder.
            folder: Where to keep checkpoints and metrics; None keeps nothing.
            device: ``"auto"`` takes CUDA, then MPS, then the CPU.

        Raises:
            ValueError: Bands, units, views, queue and batch do not fit each other; names both sides.
        """
        self.method, self.spec, self.config = method, spec, config or TrainConfig()
        self.folder = None if folder is None else Path(folder)
        self._batches, self._views = batches, views
        # The last check of the units, too: where no conversion is known, this raises.
        self._unit_factor = check_parts(method, batches, views, spec)
        self.device = choose_device(device)
        self.precision = choose_precision(self.config.precision, self.device)
        self.steps, self.step = self.config.total_steps(batches.steps_per_epoch), 0
        self._place(method)
        self._optimizer = self.config.build_optimizer(method.trainable())
        # Reading a loss makes a GPU wait, so there it is read every tenth step only.
        self._look_every = 1 if self.device.type == "cpu" else 10
        self._losses = LossWatch(self._look_every, self._input_of)
        self._collapse = CollapseWatch(self.config.watch_every_steps)
        self._metrics = self.folder and MetricsFile(self.folder / "metrics.csv", COLLAPSE_COLUMNS)
        self._times: deque[float] = deque(maxlen=10)
        self._seconds, self._saved_at = 0.0, 0.0
        self._claimed = self._input_checked = False

    def _place(self, method: nn.Module) -> None:
        layout = torch.channels_last if self.config.channels_last else torch.preserve_format
        method.to(self.device, memory_format=layout)
        method.train()
        if self.config.compile:
            for part in method.children():
                if type(part) is type(method.encoder):
                    part.compile()

    def __len__(self) -> int:
        """Steps left, which is what a progress bar wants to know."""
        return self.steps - self.step

    def __iter__(self) -> Iterator[StepLog]:
        return self

    def __next__(self) -> StepLog:
        """Train one step.

        Raises:
            StopIteration: The run is complete.
            FloatingPointError: The loss is no number; the last checkpoint stays as it is.
            FileExistsError: The folder holds another run that was not resumed.
        """
        if self.step >= self.steps:
            raise StopIteration
        with finish_first():
            return self._turn()

    def _turn(self) -> StepLog:
        if not self._claimed:
            self._claim_folder()
        start = time.perf_counter()
        lr, output = self._train(self.step)
        self.step += 1
        measures = self._collapse.look(self.step, output.embeddings)
        self._times.append(time.perf_counter() - start)
        self._seconds += self._times[-1]
        log = self._log(lr, output, measures)
        self._keep(log)
        return log

    def _train(self, step: int) -> tuple[float, StepOutput]:
        lr = self._learning_rate(step)
        batch, views = self._input(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            output = self.method.step(views, batch)
        self._losses.add(step + 1, output.loss, lr)
        self._optimizer.zero_grad()
        output.loss.backward()
        self._optimizer.step()
        self.method.after_step(output)
        return lr, output

    def _learning_rate(self, step: int) -> float:
        per_epoch = self._batches.steps_per_epoch
        factor = self.config.schedule.factor(step, steps=self.steps, steps_per_epoch=per_epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.lr * factor
        return self.config.lr * factor

    def _input(self, step: int) -> tuple[Batch, dict[str, Tensor]]:
        batch = self._batches[step]
        images = batch.images.to(self.device, non_blocking=True)
        if self._unit_factor != 1:
            images = images.float() * self._unit_factor
        # Chance is drawn on the CPU wherever the images are: the same on every device, and no waiting for it.
        views = dict(self._views(images, generator_for(self.config.seed, step, "views")))
        if self.config.check_input and not self._input_checked:
            check_first_batch(views, self.spec)
            self._input_checked = True
        if self.config.channels_last:
            views = {n: v.contiguous(memory_format=torch.channels_last) for n, v in views.items()}
        return batch, views

    def _input_of(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        batch, views = self._input(step - 1)
        return batch.index, views

    def _log(self, lr: float, output: StepOutput, measures: Mapping[str, Tensor]) -> StepLog:
        return StepLog(
            step=self.step,
            epoch=(self.step - 1) // self._batches.steps_per_epoch,
            loss=output.loss.detach(),
            metrics={**output.metrics, **measures},
            lr=lr,
            images_per_s=self._batches.batch_size * len(self._times) / sum(self._times),
            seconds=self._seconds,
        )

    def _keep(self, log: StepLog) -> None:
        if self._metrics is None:
            return
        self._metrics.add(log)
        due = self._seconds - self._saved_at >= 60 * self.config.save_every_minutes
        if due or self.step == self.steps:
            self.save()
        elif self.step % self._look_every == 0:
            self._metrics.write()

    def _claim_folder(self) -> None:
        keep_freed_memory()
        if self.folder is not None and self.step == 0:
            if (self.folder / CHECKPOINT_NAME).exists():
                raise FileExistsError(
                    f"{self.folder} already holds a run; resume it, or choose another folder"
                )
            self.folder.mkdir(parents=True, exist_ok=True)
            self._metrics.keep_until(0)
        self._claimed = True

    def save(self) -> Path:
        """Write a checkpoint now; also done every few minutes and after the last step.

        Returns:
            The checkpoint.

        Raises:
            ValueError: The run has no folder.
            FloatingPointError: A loss since the last look is no number.
            OSError: The disk is full; the checkpoint before is intact and the run can go on.
        """
        if self.folder is None:
            raise ValueError("this run keeps nothing: give PretrainingRun a folder")
        self._losses.check()
        # Rows first: a checkpoint whose rows are missing could not be completed later.
        self.folder.mkdir(parents=True, exist_ok=True)
        self._metrics.write(durable=True)
        path = self.folder / CHECKPOINT_NAME
        # An attempt that fails is not repeated at each step.
        self._saved_at = self._seconds
        save_checkpoint(path, self._content())
        return path

    def _content(self) -> dict[str, Any]:
        return {
            **identity(self.method, self._batches, self.spec, self.config, self.steps),
            "step": self.step,
            "seconds": self._seconds,
            "device": str(self.device),
            "full_config": self.config.to_dict(),
            "method_state": self.method.state_dict(),
            "optimizer_state": self._optimizer.state_dict(),
        }

    def resume(self, *, accept: Sequence[str] = ()) -> bool:
        """Continue from the folder's checkpoint, if there is one.

        Args:
            accept: Fields that may differ from the stored ones, such as ``"config.lr"``.

        Returns:
            Whether there was a checkpoint; without one the run starts from its first step.

        Raises:
            ValueError: The checkpoint is damaged or of another configuration; names the fields that differ.
        """
        if self.folder is None:
            raise ValueError("this run keeps nothing to resume from: give PretrainingRun a folder")
        path = self.folder / CHECKPOINT_NAME
        if not path.exists():
            return False
        content = load_checkpoint(path)
        ours = identity(self.method, self._batches, self.spec, self.config, self.steps)
        check_identity(path, content, ours, accept)
        self.method.load_state_dict(content["method_state"])
        self._optimizer.load_state_dict(content["optimizer_state"])
        self.step, self._seconds = content["step"], content["seconds"]
        self._saved_at = self._seconds
        self._metrics.keep_until(self.step)
        return True

    def estimate(self) -> Estimate:
        """Time and memory of the run, measured on a few steps that leave no trace."""
        with finish_first():
            return measure(self)
