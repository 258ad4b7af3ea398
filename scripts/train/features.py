"""Train the embedded feature encoder by distillation: python scripts/train/features.py PHOTOS --teacher FILE --out DIR

Every layer relu1_1 … relu5_1 of the student, through a 1×1 projection that is dropped afterwards, is regressed on the
teacher's, standardized a channel at a time. The teacher is the published VGG-19 at a sixteenth (a safetensors file) or,
with ``--teacher vgg19``, torchvision's VGG-19 itself.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import torch
from _training import guarded, run_parser, train

from photostyle.network.features import FeatureConfig
from photostyle.training.data import load_photos
from photostyle.training.features import DistilConfig, FeatureTrainer
from photostyle.training.teachers import load_cd16, load_vgg19
from photostyle.weights import save_features


def body(arguments: Namespace) -> None:
    teacher = load_vgg19() if arguments.teacher == "vgg19" else load_cd16(Path(arguments.teacher))
    config = DistilConfig(
        FeatureConfig(widths=tuple(arguments.widths)), teacher.config.name, arguments.steps, arguments.batch,
        arguments.crop, arguments.learning_rate, arguments.seed,
    )  # fmt: skip

    def make(device: torch.device) -> FeatureTrainer:
        return FeatureTrainer(config, arguments.out, teacher.to(device), load_photos(arguments.photos))

    run = train(arguments, make)
    print("held error a layer, relu1_1 to relu5_1:", *(f"{x:.3f}" for x in run.validate().values()))
    if arguments.weights:
        about = {"licence": "MIT", "steps": str(run.step), "teacher": config.teacher}
        save_features(run.student, arguments.weights, about)


def main() -> int:
    parser = run_parser(__doc__)
    defaults = DistilConfig()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--teacher", required=True, help="path of the distilled teacher, or vgg19")
    parser.add_argument("--widths", type=int, nargs=5, default=defaults.student.widths)
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--crop", type=int, default=defaults.crop)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    arguments = parser.parse_args()
    return guarded("features", lambda: body(arguments))


if __name__ == "__main__":
    sys.exit(main())
