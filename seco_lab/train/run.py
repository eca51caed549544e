"""A pretraining run: iterate it, and each turn trains one step."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from seco_lab.batch import Batch, Batches
from seco_lab.input_spec import InputSpec
from seco_lab.methods import Method, StepOutput
from seco_lab.nn.devices import choose_device, choose_precision, keep_freed_memory, memory_layout
from seco_lab.nn.processes import from_main, is_main, join_processes, main_does, process_count, together
from seco_lab.nn.synced_batchnorm import sync_batchnorm
from seco_lab.train.agreement import check_parts, check_same_everywhere, identity
from seco_lab.train.config import TrainConfig
from seco_lab.train.estimate import Estimate, measure
from seco_lab.train.folder import RunFolder
from seco_lab.train.guards import CollapseWatch, LossWatch
from seco_lab.train.interrupts import finish_first
from seco_lab.train.log import StepLog
from seco_lab.train.reading import StepInput, Views
from seco_lab.train.shares import average_learning, joined, over_processes, own_share, parts_of


class PretrainingRun:
    """Trains a method on batches, one step a turn of the ``for`` loop.

    Nothing happens until somebody iterates. Leave the loop by ``break`` or by interrupting the notebook, and
    the next ``for`` goes on where it stopped. With a folder, checkpoints and ``metrics.csv`` are kept there
    and ``resume`` continues them to the bit (on CPUs) after any kind of end::

        run = PretrainingRun(SeCo(resnet18()), batches, views, TrainConfig(epochs=10), spec=spec)
        for log in tqdm(run):
            curve.update(log)

    Under ``torchrun`` each process works on its share of the rows of every batch
    (``docs/decisions/0047-many-processes.md``). All of them make and iterate the run; the main one writes.

    Attributes:
        method: What is trained.
        config: How.
        spec: What the encoder expects; stored with it.
        device: Where it runs.
        precision: ``torch.bfloat16`` or ``torch.float32``.
        processes: How many processes train together.
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
            batches: Where patches come from; a batch is that of all processes together.
            views: Makes the views that the method compares.
            config: How to train; the papers' numbers by default.
            spec: Input contract of the encoder.
            folder: Where to keep checkpoints and metrics, for one process at a time; None keeps nothing.
            device: ``"auto"`` takes CUDA, then MPS, then the CPU; of several GPUs each process its own.

        Raises:
            ValueError: Bands, units, views, queue and batch do not fit each other, or the processes do not;
                names both sides.
        """
        self.method, self.spec, self.config = method, spec, config or TrainConfig()
        self._kept = None if folder is None else RunFolder(folder)
        self.folder = None if self._kept is None else self._kept.path
        self._batches, self._views = batches, views
        # The last check of the units, too: where no conversion is known, this raises.
        unit_factor = check_parts(method, batches, views, spec)
        self.device = choose_device(join_processes(device, timeout_s=self.config.process_timeout_s))
        self.processes = process_count()
        share = own_share(batches.batch_size, self.config.accumulate)
        self._input = StepInput(
            batches, views, share, self.config, spec=spec, unit_factor=unit_factor, device=self.device
        )
        self.precision = choose_precision(self.config.precision, self.device)
        self.steps, self.step = self.config.total_steps(batches.steps_per_epoch), 0
        self._place(method)
        self._optimizer = self.config.build_optimizer(method.trainable())
        # Reading a loss makes a GPU wait, so there it is read every tenth step only.
        self._look_every = 1 if self.device.type == "cpu" else 10
        self._losses = LossWatch(self._look_every, self._input_of)
        self._collapse = CollapseWatch(self.config.watch_every_steps)
        self._times: deque[float] = deque(maxlen=10)
        self._seconds, self._saved_at = 0.0, 0.0
        self._saved_step, self._claimed = 0, False
        self._check_processes()

    def _check_processes(self) -> None:
        ours = self._identity() | {"config": self.config.to_dict(), "folder": str(self.folder)}
        check_same_everywhere(ours, self.method)

    def _identity(self) -> dict[str, Any]:
        return identity(self.method, self._batches, self._views, self.spec, self.config, self.steps)

    def _place(self, method: nn.Module) -> None:
        if together() and self.config.batchnorm == "synced":
            sync_batchnorm(method)
        layout = memory_layout(self.device) if self.config.channels_last else torch.preserve_format
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
            FileExistsError: The folder holds another run that was not resumed, or another process has it.
            RuntimeError: Batches or views of one's own ran out.
            ProcessLostError: Another process of the run ended or does not answer; the last checkpoint stays.
        """
        if self.step >= self.steps:
            if self._kept is not None and self._saved_step < self.step:
                self.save()  # the disk was full at the end
            raise StopIteration
        with finish_first():
            return self._turn()

    def _turn(self) -> StepLog:
        if not self._times:
            keep_freed_memory()
        self._claim()
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
        self._optimizer.zero_grad()
        parts = parts_of(*self._input(step), self.config.accumulate)
        output = over_processes(joined([self._learn(batch, views) for batch, views in parts]))
        self._losses.add(step + 1, output.loss, lr)
        average_learning(self.method, self._optimizer)
        self._optimizer.step()
        self.method.after_step(output)
        return lr, output

    def _learn(self, batch: Batch, views: Mapping[str, Tensor]) -> StepOutput:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            output = self.method.step(views, batch)
        (output.loss / self.config.accumulate).backward()
        return output

    def _learning_rate(self, step: int) -> float:
        per_epoch = self._batches.steps_per_epoch
        factor = self.config.schedule.factor(step, steps=self.steps, steps_per_epoch=per_epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.lr * factor
        return self.config.lr * factor

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
        if self._kept is None:
            return
        if is_main():
            self._kept.add(log)
        if self.step == self.steps or self._is_due():
            self.save()
        elif is_main() and self.step % self._look_every == 0:
            self._kept.write_rows()

    def _is_due(self) -> bool:
        due = self._seconds - self._saved_at >= 60 * self.config.save_every_minutes
        if not together():
            return due
        # The main process's clock decides, for all of them and not at every step.
        return self.step % self._look_every == 0 and from_main(due)

    def _claim(self) -> None:
        if self._kept is not None and not self._claimed:
            main_does(self._kept.begin)
        self._claimed = True

    def save(self) -> Path:
        """Write a checkpoint now; also done every few minutes and after the last step.

        Where several processes train together, all must call it and the main one writes.

        Returns:
            The checkpoint.

        Raises:
            ValueError: The run has no folder.
            FloatingPointError: A loss since the last look is no number.
            FileExistsError: The folder holds another run that was not resumed, or another process has it.
            OSError: The disk is full; the checkpoint before is intact and the run can go on.
        """
        if self._kept is None:
            raise ValueError("this run keeps nothing: give PretrainingRun a folder")
        self._losses.check()
        self._claim()
        # An attempt that fails is not repeated at each step.
        self._saved_at = self._seconds
        with finish_first():
            path = main_does(self._write)
        self._saved_step = self.step
        return path

    def _write(self) -> Path:
        path = self._kept.save(self._content())
        if self.step == self.steps:
            self._kept.leave()
        return path

    def _content(self) -> dict[str, Any]:
        return {
            **self._identity(),
            "step": self.step,
            "seconds": self._seconds,
            "device": str(self.device),
            "processes": self.processes,
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
            ValueError: The checkpoint is damaged or of another configuration, whose fields are named, or not
                all processes see it.
            FileExistsError: Another process works in the folder.
        """
        if self._kept is None:
            raise ValueError("this run keeps nothing to resume from: give PretrainingRun a folder")
        content = self._kept.stored(self._identity(), accept)
        if content is None:
            return False
        main_does(lambda: self._kept.go_on(content["step"]))
        self.method.load_state_dict(content["method_state"])
        self._optimizer.load_state_dict(content["optimizer_state"])
        self.step, self._seconds = content["step"], content["seconds"]
        self._saved_at, self._saved_step, self._claimed = self._seconds, self.step, True
        return True

    def estimate(self) -> Estimate:
        """Time and memory of the run, measured on a few steps that leave no trace."""
        with finish_first():
            return measure(self)
