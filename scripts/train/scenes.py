"""Train the segmentation network: python scripts/train/scenes.py scripts/train/configs/scenes.toml --out runs/scenes

Ctrl-C and --minutes leave a checkpoint; --resume continues exactly where it stopped; --weights writes the averaged
network (half-precision safetensors), also from a finished run that is resumed.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from _training import add_config, guarded, read_table, run_parser, train

from photostyle.segmentation.files import save_network
from photostyle.training.scenes_config import SceneConfig
from photostyle.training.scenes_loop import SceneTrainer


def body(arguments: Namespace) -> None:
    config = SceneConfig.from_dict(read_table(arguments.config, arguments.set))
    run = train(arguments, lambda device: SceneTrainer(config, arguments.out, device))
    if arguments.weights:
        about = {"licence": "MIT", "steps": str(run.step), "description": "seven classes of outdoor scenes"}
        save_network(run.average, config.architecture, arguments.weights, extra=about, overwrite=True)


def main() -> int:
    parser = run_parser(__doc__)
    add_config(parser, SceneConfig)
    arguments = parser.parse_args()
    return guarded("scenes", lambda: body(arguments))


if __name__ == "__main__":
    sys.exit(main())
