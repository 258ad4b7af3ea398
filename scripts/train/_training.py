"""What the training scripts share: arguments, configurations, resuming, interrupts, progress and errors.

Ctrl-C and --minutes leave a checkpoint; --resume continues exactly where it stopped.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, get_args

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from photostyle.device import DeviceName, resolve
from photostyle.errors import OutputError, ParameterError, PhotostyleError
from photostyle.training.running import CHECKPOINT, Run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

R = TypeVar("R", bound=Run[Any, Any])


def run_parser(description: str) -> ArgumentParser:
    """The arguments of every training script."""
    parser = ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for log.csv and checkpoint.pt")
    parser.add_argument("--weights", type=Path, help="write the result here (safetensors, half precision)")
    parser.add_argument("--device", choices=get_args(DeviceName), default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads to compute with")
    parser.add_argument("--minutes", type=float, help="stop after this long, with a checkpoint")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    return parser


def add_config(parser: ArgumentParser, kind: type) -> None:
    """The arguments that `read_table` reads."""
    parser.add_argument("config", type=Path, help=f"TOML file of {kind.__name__}'s fields")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field, TOML syntax")


def read_table(path: Path, assignments: Sequence[str] = (), merged: Sequence[str] = ()) -> dict[str, Any]:
    """A TOML file's table, overridden by assignments in TOML; the tables named in `merged` keep their other fields."""
    source = str(path)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        for source in assignments:
            update = tomllib.loads(source)
            for name in merged:
                if isinstance(update.get(name), dict):
                    update[name] = {**values.get(name, {}), **update[name]}
            values.update(update)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{source}: not valid TOML: {error}") from error
    return values


def train(arguments: Namespace, make: Callable[[torch.device], R]) -> R:
    """Make a run on the device asked for, resume it if asked, and train with progress until it ends or is stopped."""
    checkpoint = arguments.out / CHECKPOINT
    if checkpoint.exists() and not arguments.resume:
        raise OutputError(f"{checkpoint} exists: pass --resume to continue, or choose another --out")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    run = make(resolve(arguments.device))
    if arguments.resume:
        run.resume()
    until = time.monotonic() + arguments.minutes * 60 if arguments.minutes is not None else None
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                  TimeRemainingColumn()) as bar:  # fmt: skip
        task = bar.add_task("training", total=run.config.steps, completed=run.step)

        def report(step: int, row: dict[str, float]) -> None:
            bar.update(task, completed=step)
            figures = "  ".join(f"{name} {value:.4f}" for name, value in row.items())
            bar.console.print(f"{step:6d}  {figures}", soft_wrap=True)

        def interrupt(number: int, frame: FrameType | None) -> None:
            # KeyboardInterrupt could come in the middle of the optimiser's step, and then nothing resumes exactly.
            run.stop()
            signal.signal(number, previous)

        previous = signal.signal(signal.SIGINT, interrupt)
        try:
            run.run(report, until)
        finally:
            signal.signal(signal.SIGINT, previous)
        if run.step < run.config.steps:
            bar.console.print(f"stopped at step {run.step}; continue with --resume")
    return run


def guarded(name: str, body: Callable[[], None]) -> int:
    """The exit code of a script: 1 after an error, of which one line is printed."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        body()
    except (PhotostyleError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
