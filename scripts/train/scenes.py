"""Train the segmentation network: python scripts/train/scenes.py scripts/train/configs/scenes.toml --out runs/scenes

Ctrl-C and --minutes leave a checkpoint; --resume continues exactly where it stopped; --weights writes the averaged
network (half-precision safetensors), also from a finished run that is resumed. Its probabilities are calibrated on the
scenes that are held out.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from _training import add_config, guarded, read_table, run_parser, train

from photostyle.segmentation import load_segmenter
from photostyle.segmentation.files import save_network
from photostyle.segmentation.load import TEMPERATURES
from photostyle.training.scenes_calibrate import fit_temperatures, sampled
from photostyle.training.scenes_config import SceneConfig
from photostyle.training.scenes_loop import SceneTrainer


def body(arguments: Namespace) -> None:
    config = SceneConfig.from_dict(read_table(arguments.config, arguments.set))
    run = train(arguments, lambda device: SceneTrainer(config, arguments.out, device))
    if arguments.weights:
        about = {"licence": "MIT", "steps": str(run.step), "description": "ten classes of scenes"}
        save_network(run.average, config.architecture, arguments.weights, extra=about, overwrite=True)
        held = [scene for name in sorted(run.held) for scene in run.held[name]]
        if held:
            segmenter = load_segmenter(str(arguments.weights))
            found = fit_temperatures(*sampled(segmenter.probabilities, held))
            about[TEMPERATURES] = ",".join(map(str, found))
            print("temperatures:", *(f"{n} {t}" for n, t in zip(segmenter.classes, found, strict=True)))
            save_network(run.average, config.architecture, arguments.weights, extra=about, overwrite=True)


def main() -> int:
    parser = run_parser(__doc__)
    add_config(parser, SceneConfig)
    arguments = parser.parse_args()
    return guarded("scenes", lambda: body(arguments))


if __name__ == "__main__":
    sys.exit(main())
