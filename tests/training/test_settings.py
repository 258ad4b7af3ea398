"""What the configurations of training runs share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from photostyle.errors import ParameterError
from photostyle.training.settings import check_numbers, from_table


@dataclass(frozen=True)
class Pair:
    first: int
    second: int = 2


@dataclass(frozen=True)
class Example:
    folder: Path
    other: Path | None = None
    count: int = 3
    share: float = 0.5
    pair: Pair | None = None

    def __post_init__(self) -> None:
        check_numbers(self, ("count",))


def read(**values):
    return from_table(Example, values, {"pair": lambda table: Pair(table["first"], table.get("second", 2))})


def test_texts_become_paths_and_tables_what_they_are_made_into():
    found = read(folder="a", other="b", pair={"first": 4}, share=1)
    assert found == Example(Path("a"), Path("b"), 3, 1, Pair(4))
    assert read(folder="a").other is None


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({}, "folder"),
        ({"folder": 3}, "int"),
        ({"depth": 3}, "depth"),
        ({"pair": {"second": 1}}, "the table pair needs first"),
        ({"pair": 3}, "int"),
        ({"count": 0}, "count is 0; it must be at least 1"),
        ({"count": True}, "count is True"),
        ({"count": 1.0}, "count is 1.0"),
        ({"share": -0.1}, "share is -0.1"),
        ({"share": math.nan}, "share is nan"),
        ({"share": "much"}, "share is 'much'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(values, part):
    with pytest.raises(ParameterError, match=part) as error:
        read(**({"folder": "a"} | values if values else {}))
    assert str(error.value).startswith("training configuration: ")
    assert "\n" not in str(error.value)
