"""Train an embedded model: python scripts/train.py scripts/configs/small.toml --out runs/small --weights w.safetensors

Ctrl-C and --minutes leave a checkpoint; --resume continues exactly where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import get_args

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from photostyle.device import DeviceName, resolve
from photostyle.errors import OutputError, ParameterError, PhotostyleError
from photostyle.networks import macs_per_pixel
from photostyle.training.config import TrainConfig
from photostyle.training.loop import Trainer
from photostyle.weights import save_model

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_config(path: Path, assignments: list[str]) -> TrainConfig:
    source = str(path)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        for source in assignments:
            update = tomllib.loads(source)
            if isinstance(update.get("model"), dict):
                update["model"] = {**values.get("model", {}), **update["model"]}
            values.update(update)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{source}: not valid TOML: {error}") from error
    return TrainConfig.from_dict(values)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="TOML file of TrainConfig's fields")
    parser.add_argument("--out", type=Path, required=True, help="folder for log.csv and checkpoint.pt")
    parser.add_argument("--weights", type=Path, help="write the trained model here (safetensors, half precision)")
    parser.add_argument("--regularization", type=float, help="default to store with them, if not the one trained with")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field, TOML syntax")
    parser.add_argument("--device", choices=get_args(DeviceName), default="auto")
    parser.add_argument("--minutes", type=float, help="stop after this long, with a checkpoint")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        config = read_config(arguments.config, arguments.set)
        checkpoint = arguments.out / "checkpoint.pt"
        if checkpoint.exists() and not arguments.resume:
            raise OutputError(f"{checkpoint} exists: pass --resume to continue, or choose another --out")
        trainer = Trainer(config, arguments.out, resolve(arguments.device))
        if arguments.resume:
            trainer.resume()
        until = time.monotonic() + arguments.minutes * 60 if arguments.minutes is not None else None
        with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                      TimeRemainingColumn()) as bar:  # fmt: skip
            task = bar.add_task("training", total=trainer.config.steps, completed=trainer.step)

            def report(step: int, row: dict[str, float]) -> None:
                bar.update(task, completed=step)
                bar.console.print(f"{step:6d}  " + "  ".join(f"{name} {value:.4f}" for name, value in row.items()))

            def interrupt(number: int, frame: FrameType | None) -> None:
                # KeyboardInterrupt could come in the middle of the optimiser's step, and then nothing resumes exactly.
                trainer.stop()
                signal.signal(number, previous)

            previous = signal.signal(signal.SIGINT, interrupt)
            try:
                trainer.run(report, until)
            finally:
                signal.signal(signal.SIGINT, previous)
            if trainer.step < trainer.config.steps:
                bar.console.print(f"stopped at step {trainer.step}; continue with --resume")
        if arguments.weights:
            model = trainer.model
            if arguments.regularization is not None:
                model.config = replace(model.config, regularization=arguments.regularization)
            about = {
                "licence": "MIT",
                "steps": str(trainer.step),
                "description": f"{model.config.unpool} WCT2, {macs_per_pixel(model.config):,.0f} MAC a pixel",
            }
            save_model(model, arguments.weights, half=True, overwrite=True, extra=about)
    except (PhotostyleError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
