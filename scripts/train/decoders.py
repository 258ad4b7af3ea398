"""Train the decoders of a feature encoder: python scripts/train/decoders.py PHOTOS --out DIR --weights FILE

All of them at once: those of WCT (relu1_1 … relu5_1), of PhotoWCT (relu1_1 … relu4_1, unpooling) and of AdaIN
(relu4_1). The encoder is the embedded one, or a file of `scripts/train/features.py`.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import torch
from _training import guarded, run_parser, train

from photostyle.training.data import load_photos
from photostyle.training.decoders import DecodersTrainer, DecodersTraining
from photostyle.weights import load_decoders, load_features, save_decoders


def body(arguments: Namespace) -> None:
    config = DecodersTraining(
        steps=arguments.steps, batch=arguments.batch, crop=arguments.crop, learning_rate=arguments.learning_rate,
        style=arguments.style_weight, pixels=arguments.pixel_weight, only=tuple(arguments.only), seed=arguments.seed,
        wider=arguments.wider, bfloat16=arguments.bfloat16, average=arguments.average,
        validate_every=arguments.validate_every,
    )  # fmt: skip

    def make(device: torch.device) -> DecodersTrainer:
        encoder = load_features(arguments.features, device)
        run = DecodersTrainer(config, arguments.out, encoder, load_photos(arguments.photos))
        if arguments.init:
            run.start_from(load_decoders(arguments.init, device))
        if arguments.adain_from_wct:
            for decoders in (run.decoders, run.average):
                decoders.get("adain", 4).load_state_dict(decoders.get("wct", 4).state_dict())
        return run

    run = train(arguments, make)
    print("held photos:", *(f"{name} {value:.3f}" for name, value in run.validate().items()))
    if arguments.weights:
        save_decoders(run.average, arguments.weights, {"licence": "MIT", "steps": str(run.step)})


def main() -> int:
    parser = run_parser(__doc__)
    defaults = DecodersTraining()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--features", type=Path, help="the encoder's file, if not the embedded one")
    parser.add_argument("--init", type=Path, help="decoders of another run to start from (safetensors)")
    parser.add_argument(
        "--adain-from-wct", action="store_true", help="start AdaIN's decoder as WCT's of relu4_1, which reconstructs"
    )
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--crop", type=int, default=defaults.crop)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--style-weight", type=float, default=defaults.style, help="of AdaIN's decoder")
    parser.add_argument("--pixel-weight", type=float, default=defaults.pixels, help="of pixels in reconstruction")
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME", help="decoders to train, as wct4; not all")
    parser.add_argument("--wider", type=int, default=defaults.wider, help="how many times the encoder's channels")
    parser.add_argument("--bfloat16", action="store_true", help="compute in bfloat16, for processors that have it")
    parser.add_argument("--average", type=float, default=defaults.average, help="decay of the moving average")
    parser.add_argument("--validate-every", type=int, default=defaults.validate_every)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    arguments = parser.parse_args()
    return guarded("decoders", lambda: body(arguments))


if __name__ == "__main__":
    sys.exit(main())
