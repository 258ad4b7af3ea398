"""Tiny networks and runs for the tests of methods."""

from __future__ import annotations

import signal

import pytest
import torch
from torch import nn

from photostyle.methods.optimise import Steps
from photostyle.network.decoders import Decoders, DecodersConfig, fingerprint
from photostyle.network.features import FeatureConfig, FeatureEncoder
from photostyle.network.feedforward import FeedForward, FeedForwardConfig


def tiny_encoder(seed: int = 0) -> FeatureEncoder:
    """A random VGG of a few channels, scaled so that deep layers still tell images apart."""
    torch.manual_seed(seed)
    encoder = FeatureEncoder(FeatureConfig("tiny", (6, 7, 8, 9, 10))).eval().requires_grad_(False)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.constant_(module.bias, 0.05)
    return encoder


class Recorder:
    """A progress callback that remembers, and a `should_stop` that says yes after so many steps."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.steps: list[tuple[int, int]] = []
        self.losses: list[float] = []

    def __call__(self, step: int, total: int, loss: float) -> None:
        self.steps.append((step, total))
        self.losses.append(loss)

    def should_stop(self) -> bool:
        return self.stop_after is not None and len(self.steps) >= self.stop_after


def interrupt_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Ctrl-C reaches this process when a run that goes on in steps has taken so many."""
    took = Steps.took

    def pressed(self: Steps, loss: float) -> None:
        took(self, loss)
        if self.done == steps:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Steps, "took", pressed)


def tiny_decoders(encoder: FeatureEncoder, seed: int = 0) -> Decoders:
    """Random decoders of an encoder."""
    torch.manual_seed(seed)
    return Decoders(DecodersConfig(encoder.config.widths, fingerprint(encoder))).eval().requires_grad_(False)


def tiny_looks(seed: int = 0) -> FeedForward:
    """A random network of the looks dawn and dusk, which differ."""
    torch.manual_seed(seed)
    network = FeedForward(FeedForwardConfig(("dawn", "dusk"), (4, 5, 6), 1)).eval().requires_grad_(False)
    for name, parameter in network.named_parameters():
        if name.endswith(("scale", "shift")):
            nn.init.normal_(parameter, 0.5, 0.5)
    return network
