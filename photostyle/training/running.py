"""One run of training: the loop over steps, validation, log, checkpoints and exact resume, on a CPU or a CUDA device.

A trainer is a `Run` that says what a step sees (`batch`), what its loss is made of (`losses`) and how far it has come
(`validate`).
"""

from __future__ import annotations

import csv
import pickle
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from photostyle.errors import WeightsError
from photostyle.io.files import atomic_write, ensure_folder
from photostyle.training.averaging import follow
from photostyle.weights.files import one_line

CHECKPOINT, LOG = "checkpoint.pt", "log.csv"
LOG_EVERY = 50

# What torch.load and load_state_dict raise on files that are damaged or no checkpoint of this trainer.
_DAMAGE = (pickle.UnpicklingError, OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)


class RunConfig(Protocol):
    """What every trainer's configuration, a frozen dataclass, has among its fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def steps(self) -> int:
        """Optimisation steps in all."""

    @property
    def seed(self) -> int:
        """Of everything random."""

    @property
    def validate_every(self) -> int:
        """In steps."""

    @property
    def checkpoint_every(self) -> int:
        """In steps."""


C = TypeVar("C", bound=RunConfig)
B = TypeVar("B")


def one_cycle(
    network: nn.Module, fast: Sequence[Tensor], *, rate: float, factor: float, weight_decay: float, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.OneCycleLR]:
    """AdamW over a network's parameters at a peak rate of `rate` and over those of `fast` at `factor` times as much.

    `fast` may hold some of the network's and others. The rate is one cycle over `steps`.
    """
    slow = [parameter for parameter in network.parameters() if all(parameter is not other for other in fast)]
    groups: list[dict[str, Any]] = [{"params": slow}, {"params": list(fast)}]
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=weight_decay)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [rate, factor * rate], total_steps=steps, pct_start=min(0.9, max(0.1, 2 / steps))
    )


class Run(ABC, Generic[C, B]):
    """One run, in the folder `out` with ``log.csv`` and ``checkpoint.pt``. `C` is its configuration, `B` its batches.

    A subclass makes its modules, `optimizer` and, unless it sets the rate itself, `schedule` in its constructor, after
    this one's, which seeds torch's generator. Whatever is random afterwards must follow from seed and step alone, so
    that a resumed run is the unbroken one.

    Attributes:
        columns: of the log, after ``step``, ``seconds`` and ``loss``: names of the losses and of validation's figures.
        parts: attributes with a ``state_dict`` that make up a checkpoint.
        averaged: names of the average, if there is one, and of what it follows, among `parts`.
        clip: largest norm of the gradient.
        step: steps done.
    """

    columns: tuple[str, ...]
    parts: ClassVar[tuple[str, ...]]
    averaged: ClassVar[tuple[str, str] | None] = None
    clip: ClassVar[float] = 1.0
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None

    def __init__(self, config: C, out: Path, device: torch.device) -> None:
        self.config, self.out, self.device = config, out, device
        self.step, self.stopping = 0, False
        torch.manual_seed(config.seed)

    @abstractmethod
    def batch(self, step: int) -> B:
        """What a step sees, on the CPU: the same for the same seed and step. Called in a thread of its own."""

    @abstractmethod
    def losses(self, batch: B, step: int) -> dict[str, Tensor]:
        """Weighted terms of the loss on a batch, which this moves to the device."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """How good the result is by now."""

    def clipped(self) -> Iterable[Iterable[Tensor]]:
        """Groups of parameters whose gradient is cut to a norm of `clip` each: all of the optimiser's in one."""
        return [[parameter for group in self.optimizer.param_groups for parameter in group["params"]]]

    @property
    def checkpoint(self) -> Path:
        """Where the run's state is kept."""
        return self.out / CHECKPOINT

    def save(self) -> None:
        """Write the whole state, atomically. Raises OutputError if that fails."""
        state = {"step": self.step, "config": repr(asdict(self.config))}
        ensure_folder(self.out)
        with atomic_write(self.checkpoint, overwrite=True) as partial:
            torch.save(state | {name: getattr(self, name).state_dict() for name in self.parts}, partial)

    def resume(self) -> None:
        """Continue from the checkpoint. Raises WeightsError if it is missing, damaged or of another configuration."""
        self.step = self.load(self.checkpoint, self.parts, same_run=True)["step"]

    def load(self, checkpoint: Path, parts: Sequence[str], *, same_run: bool = False) -> dict[str, Any]:
        """Fill some parts from a checkpoint, of this run or another; what the checkpoint holds.

        Raises:
            WeightsError: it is missing, damaged, of another network or, with `same_run`, of another configuration.
        """
        try:
            state: dict[str, Any] = torch.load(checkpoint, map_location=self.device, weights_only=True)
            if same_run and state["config"] != repr(asdict(self.config)):
                raise WeightsError(f"{checkpoint}: belongs to another configuration; train into another folder")
            for name in parts:
                getattr(self, name).load_state_dict(state[name])
            return state
        except _DAMAGE as error:
            raise WeightsError(f"{checkpoint}: missing, damaged or of another network ({one_line(error)})") from error

    def advance(self, batch: B) -> dict[str, Tensor]:
        """One step, and one of the average; its ``loss`` and the terms of it."""
        terms = self.losses(batch, self.step)
        loss = torch.stack(list(terms.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norms = [torch.nn.utils.clip_grad_norm_(parameters, self.clip) for parameters in self.clipped()]
        if bool(torch.stack(norms).isfinite().all()):  # one crop, black all over, must not be the end of a run
            self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        self.step += 1
        if self.averaged:
            average, network = (getattr(self, name) for name in self.averaged)
            follow(average, network, getattr(self.config, "average"), self.step)  # noqa: B009 - of those who have one
        return {"loss": loss, **terms}

    def stop(self) -> None:
        """Let `run` end after the step that it is in, with a checkpoint."""
        self.stopping = True

    def run(self, progress: Callable[[int, dict[str, float]], None] | None = None, until: float | None = None) -> None:
        """Train to the last step, or until `time.monotonic()` passes `until`; checkpoints and log on the way.

        The log's ``seconds`` count from the start of this call. `progress` is called with the step and what is logged.
        """
        started, c = time.monotonic(), self.config
        ensure_folder(self.out)
        self._forget_later_rows()
        with ThreadPoolExecutor(1) as pool, (self.out / LOG).open("a", newline="") as file:
            writer = csv.DictWriter(file, ("step", "seconds", "loss", *self.columns))
            if file.tell() == 0:
                writer.writeheader()
            upcoming = pool.submit(self.batch, self.step)
            while not self.stopping and self.step < c.steps and (until is None or time.monotonic() < until):
                batch = upcoming.result()
                upcoming = pool.submit(self.batch, self.step + 1)
                terms = self.advance(batch)
                due = self.step % c.validate_every == 0 or self.step == c.steps
                if due or self.step % LOG_EVERY == 0:
                    row = {name: float(term.detach()) for name, term in terms.items()}
                    row |= self.validate() if due else {}
                    writer.writerow({"step": self.step, "seconds": round(time.monotonic() - started, 1), **row})
                    file.flush()
                    if progress:
                        progress(self.step, row)
                if self.step % c.checkpoint_every == 0 or self.step == c.steps:
                    self.save()
        self.save()

    def _forget_later_rows(self) -> None:
        # An interrupted run may have logged steps past its last checkpoint, which are about to be done again.
        if not (self.out / LOG).exists():
            return
        with (self.out / LOG).open(newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= self.step]
        if len(kept) < len(rows):
            with atomic_write(self.out / LOG, overwrite=True) as partial, partial.open("w", newline="") as file:
                csv.writer(file).writerows([header, *kept])
