"""Small things that several test files make. Those of `tests.util.networks` are had from here too, and loaded when
asked for: worker processes that need nothing of them start without torch."""

from __future__ import annotations

from importlib import import_module


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(import_module("tests.util.networks"), name)
