"""Figures of the public WCT2 program for weights made by a rule; `assets/parity.npz` holds its inputs and outputs.

The rule: per half, ``RandomState(seed)`` (encoder) and ``RandomState(seed + 1)`` (decoder) fill the parameters in the
order of their published names; weights are scaled by sqrt(2 / fan-in), biases by 0.05.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit_and_apply

FIGURES = np.load(Path(__file__).parents[1] / "assets" / "parity.npz")
CASES = sorted(name for name in FIGURES.files if name.count("-") == 3)
PUBLISHED_CAT5_NAMES = {"conv3_4": "conv3_4_2", "conv2_2": "conv2_2_2", "conv1_2": "conv1_2_2"}
STAGES = {"e": "encoder", "d": "decoder", "s": "skip"}


@cache
def ruled_model(unpool):
    model = WCT2(ModelConfig(unpool=unpool)).requires_grad_(False)
    seed = int(FIGURES["seed"])
    aliases = PUBLISHED_CAT5_NAMES if unpool == "cat5" else {}
    for half, half_seed, names in ((model.encoder, seed, {}), (model.decoder, seed + 1, aliases)):
        random = np.random.RandomState(half_seed)
        published = {}
        for name, parameter in half.named_parameters():
            layer, kind = name.split(".")
            published[f"{names.get(layer, layer)}.{kind}"] = parameter
        for name in sorted(published):
            shape = tuple(published[name].shape)
            scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) == 4 else 0.05
            published[name].copy_(torch.from_numpy((random.standard_normal(shape) * scale).astype(np.float32)))
    return model


def image(name):
    return torch.from_numpy(FIGURES[name].astype(np.float32) / 255).permute(2, 0, 1)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_published_program(case):
    unpool, sites, mask, alpha = case.split("-")
    regions = {}
    if mask == "labels":
        for side in ("content", "style"):
            regions[f"{side}_regions"] = torch.from_numpy(FIGURES[f"{side}_labels"].astype(np.int64))
    options = FitOptions(tuple(STAGES[s] for s in sites), "wct", float(alpha), regularization=1.0, unmatched="keep",
                         finish=False)  # fmt: skip
    transfer, output = fit_and_apply(ruled_model(unpool), image("content"), image("style"), options=options, **regions)
    error = np.abs(output.permute(1, 2, 0).numpy() - FIGURES[case]).max()
    assert error < 1e-4
    applied = transfer.apply(image("content"), regions.get("content_regions"))
    assert torch.equal(applied, output)


def test_all_figures_are_used():
    assert len(CASES) == 12
