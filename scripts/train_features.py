"""Train the embedded feature encoder by distillation: python scripts/train_features.py PHOTOS --teacher FILE --out DIR

Every layer relu1_1 … relu5_1 of the student, through a 1×1 projection that is dropped afterwards, is regressed on the
teacher's, standardized a channel at a time. The teacher is the published VGG-19 at a sixteenth (a safetensors file) or,
with ``--teacher vgg19``, torchvision's VGG-19 itself.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import torch
from rich.progress import track

from photostyle.device import resolve
from photostyle.errors import PhotostyleError
from photostyle.features import FeatureConfig
from photostyle.training import data
from photostyle.training.features import FeatureTrainer
from photostyle.training.teachers import load_cd16, load_vgg19
from photostyle.weights import save_features


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--teacher", required=True, help="path of the distilled teacher, or vgg19")
    parser.add_argument("--out", type=Path, required=True, help="folder for log.csv and checkpoint.pt")
    parser.add_argument("--weights", type=Path, help="write the trained encoder here (safetensors, half precision)")
    parser.add_argument("--widths", type=int, nargs=5, default=FeatureConfig().widths)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    try:
        device = resolve(arguments.device)
        teacher = load_vgg19() if arguments.teacher == "vgg19" else load_cd16(Path(arguments.teacher))
        training, held = data.split(data.load_photos(arguments.photos))
        a, b, c, d, e = arguments.widths
        trainer = FeatureTrainer(
            FeatureConfig(widths=(a, b, c, d, e)), teacher.to(device), training, steps=arguments.steps,
            batch=arguments.batch, crop=arguments.crop, learning_rate=arguments.learning_rate, seed=arguments.seed,
        )  # fmt: skip
        arguments.out.mkdir(parents=True, exist_ok=True)
        checkpoint = arguments.out / "checkpoint.pt"
        if arguments.resume:
            trainer.load(torch.load(checkpoint, map_location=device, weights_only=True))
        started = time.monotonic()
        with (arguments.out / "log.csv").open("a", newline="") as file:
            writer = csv.writer(file)
            for step in track(range(trainer.step, arguments.steps), "training"):
                loss = trainer.advance()
                if (step + 1) % 100 == 0 or step + 1 == arguments.steps:
                    errors = [round(x, 4) for x in trainer.validate(held)]
                    writer.writerow([step + 1, round(time.monotonic() - started, 1), round(loss, 4), *errors])
                    file.flush()
                    torch.save(trainer.state(), checkpoint)
        print("held error a layer, relu1_1 to relu5_1:", *(f"{x:.3f}" for x in trainer.validate(held)))
        if arguments.weights:
            about = {"licence": "MIT", "steps": str(trainer.step), "teacher": teacher.config.name}
            save_features(trainer.student, arguments.weights, about)
    except (PhotostyleError, OSError) as error:
        print(f"train_features: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
