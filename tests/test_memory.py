"""Sizes as people write them, and what is free."""

from __future__ import annotations

import psutil
import pytest
import torch

from photostyle import memory
from photostyle.errors import ParameterError
from photostyle.memory import free_memory, parse_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4G", 4 << 30),
        ("800M", 800 << 20),
        ("1.5GiB", 3 << 29),
        (" 2 gb ", 2 << 30),
        ("512k", 512 << 10),
        ("1000", 1000),
        ("1t", 1 << 40),
    ],
)
def test_sizes(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "G", "-4G", "0", "four", "4 GX", "1e9", "4,5G"])
def test_nonsense_sizes(text):
    with pytest.raises(ParameterError, match="such as 4G"):
        parse_memory(text)


def test_a_good_half_of_what_is_free():
    free = free_memory(torch.device("cpu"))
    assert 0 < free < psutil.virtual_memory().total


def test_a_containers_limit_counts(tmp_path, monkeypatch):
    limit, used = tmp_path / "max", tmp_path / "current"
    monkeypatch.setattr(memory, "_CONTROL_GROUP", (limit, used))
    unlimited = free_memory(torch.device("cpu"))
    limit.write_text("100000000\n")
    used.write_text("40000000\n")
    assert free_memory(torch.device("cpu")) == 36_000_000
    used.write_text("200000000\n")
    assert free_memory(torch.device("cpu")) == 0
    limit.write_text("max\n")
    assert free_memory(torch.device("cpu")) == pytest.approx(unlimited, rel=0.3)


def test_a_gpus_reserve_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    assert free_memory(torch.device("cuda")) == 900
