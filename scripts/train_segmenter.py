"""Train the segmentation network: python scripts/train_segmenter.py scripts/configs/scenes.toml --out runs/scenes

Ctrl-C and --minutes leave a checkpoint; --resume continues exactly where it stopped; --weights writes the averaged
network (half-precision safetensors), also from a finished run that is resumed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import get_args

import torch

from photostyle.device import DeviceName, resolve
from photostyle.errors import OutputError, ParameterError, PhotostyleError
from photostyle.segmentation.files import save_network
from photostyle.training.scenes_config import SceneConfig
from photostyle.training.scenes_loop import SceneTrainer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_config(path: Path, assignments: list[str]) -> SceneConfig:
    source = str(path)
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        for source in assignments:
            values.update(tomllib.loads(source))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{source}: not valid TOML: {error}") from error
    return SceneConfig.from_dict(values)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path, help="TOML file of SceneConfig's fields")
    parser.add_argument("--out", type=Path, required=True, help="folder for log.csv and checkpoint.pt")
    parser.add_argument("--weights", type=Path, help="write the averaged network here (safetensors, half precision)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a field, TOML syntax")
    parser.add_argument("--device", choices=get_args(DeviceName), default="auto")
    parser.add_argument("--threads", type=int, help="CPU threads to compute with")
    parser.add_argument("--minutes", type=float, help="stop after this long, with a checkpoint")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        if arguments.threads:
            torch.set_num_threads(arguments.threads)
        config = read_config(arguments.config, arguments.set)
        checkpoint = arguments.out / "checkpoint.pt"
        if checkpoint.exists() and not arguments.resume:
            raise OutputError(f"{checkpoint} exists: pass --resume to continue, or choose another --out")
        trainer = SceneTrainer(config, arguments.out, resolve(arguments.device))
        if arguments.resume:
            trainer.resume()
        until = time.monotonic() + arguments.minutes * 60 if arguments.minutes is not None else None

        def report(step: int, row: dict[str, float]) -> None:
            print(f"{step:6d}  " + "  ".join(f"{name} {value:.4f}" for name, value in row.items()), flush=True)

        def interrupt(number: int, frame: FrameType | None) -> None:
            # KeyboardInterrupt could come in the middle of the optimiser's step, and then nothing resumes exactly.
            trainer.stop()
            signal.signal(number, previous)

        previous = signal.signal(signal.SIGINT, interrupt)
        try:
            trainer.run(report, until)
        finally:
            signal.signal(signal.SIGINT, previous)
        if trainer.step < config.steps:
            print(f"stopped at step {trainer.step}; continue with --resume")
        if arguments.weights:
            about = {"licence": "MIT", "steps": str(trainer.step), "description": "seven classes of outdoor scenes"}
            save_network(trainer.average, config.architecture, arguments.weights, extra=about, overwrite=True)
    except (PhotostyleError, OSError) as error:
        print(f"train_segmenter: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
