"""Train an embedded model: python scripts/train/wct2.py scripts/train/configs/small.toml --out runs/small --weights
w.safetensors

Ctrl-C and --minutes leave a checkpoint; --resume continues exactly where it stopped.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from dataclasses import replace

from _training import add_config, guarded, read_table, run_parser, train

from photostyle.network.wct2 import macs_per_pixel
from photostyle.training.config import TrainConfig
from photostyle.training.loop import Trainer
from photostyle.weights import save_model


def body(arguments: Namespace) -> None:
    config = TrainConfig.from_dict(read_table(arguments.config, arguments.set, merged=("model",)))
    run = train(arguments, lambda device: Trainer(config, arguments.out, device))
    if arguments.weights:
        model = run.model
        if arguments.regularization is not None:
            model.config = replace(model.config, regularization=arguments.regularization)
        about = {
            "licence": "MIT",
            "steps": str(run.step),
            "description": f"{model.config.unpool} WCT2, {macs_per_pixel(model.config):,.0f} MAC a pixel",
        }
        save_model(model, arguments.weights, half=True, overwrite=True, extra=about)


def main() -> int:
    parser = run_parser(__doc__)
    add_config(parser, TrainConfig)
    parser.add_argument("--regularization", type=float, help="default to store with them, if not the one trained with")
    arguments = parser.parse_args()
    return guarded("train", lambda: body(arguments))


if __name__ == "__main__":
    sys.exit(main())
