"""Train an image transformation network: python scripts/train/feedforward.py CONFIG --out DIR --weights FILE

The configuration is a TOML file of `photostyle.training.feedforward.FeedForwardTraining`'s fields; its table `styles`
names the looks and their photos. One look is the network of Johnson et al. (2016), several are told apart by their
scales and shifts (Dumoulin et al. 2017).
"""

from __future__ import annotations

import sys
from argparse import Namespace

import torch
from _training import add_config, guarded, read_table, run_parser, train

from photostyle.training.data import load_photo, load_photos
from photostyle.training.feedforward import FeedForwardTrainer, FeedForwardTraining, parse_training
from photostyle.weights import load_features, save_looks


def body(arguments: Namespace) -> None:
    config = parse_training(read_table(arguments.config, arguments.set, merged=("styles",)))
    styles = [load_photo(path) for path in config.styles.values()]

    def make(device: torch.device) -> FeedForwardTrainer:
        encoder = load_features(config.features, device)
        return FeedForwardTrainer(config, arguments.out, encoder, load_photos(config.photos), styles)

    run = train(arguments, make)
    print("held photos:", *(f"{name} {value:.3f}" for name, value in run.validate().items()))
    if arguments.weights:
        about = {"licence": "MIT", "steps": str(run.step)}
        save_looks(run.average, arguments.weights, about)


def main() -> int:
    parser = run_parser(__doc__)
    add_config(parser, FeedForwardTraining)
    arguments = parser.parse_args()
    return guarded("feedforward", lambda: body(arguments))


if __name__ == "__main__":
    sys.exit(main())
