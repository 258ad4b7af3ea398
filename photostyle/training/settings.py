"""What the configurations of all training runs share: reading from a TOML table, and the check of their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from photostyle.errors import ParameterError


class Settings(Protocol):
    """A frozen dataclass with fields of type int, float, Path, Path | None and others, under postponed annotations."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=Settings)


def check_numbers(settings: Settings, positive: Sequence[str] = ()) -> None:
    """Check the fields of type int and float, of which those named in `positive` must be at least 1.

    Raises:
        ParameterError: one is of another type, negative, infinite or not a number.
    """
    for item in fields(settings):
        value = getattr(settings, item.name)
        number = isinstance(value, (int, float)) and 0 <= value < math.inf
        if (item.type == "int" and not (number and type(value) is int)) or (item.type == "float" and not number):
            raise ParameterError(f"{item.name} is {value!r}; it must be of type {item.type} and not negative")
    for name in positive:
        if getattr(settings, name) < 1:
            raise ParameterError(f"{name} is {getattr(settings, name)}; it must be at least 1")


def from_table(kind: type[S], values: Mapping[str, Any], made: Mapping[str, Callable[[Any], Any]]) -> S:
    """A configuration from a parsed TOML table.

    Args:
        kind: its class.
        values: the table. Texts become paths where the field is one.
        made: for fields of other kinds, what makes them of TOML's value.

    Raises:
        ParameterError: a field is unknown, missing or out of range.
    """
    paths = {item.name: Path for item in fields(kind) if item.type in ("Path", "Path | None")}
    how: dict[str, Callable[[Any], Any]] = {**paths, **made}
    name = ""
    try:
        found = {}
        for name, value in values.items():
            found[name] = how[name](value) if name in how else value
        return kind(**found)
    except KeyError as error:
        raise ParameterError(f"training configuration: the table {name} needs {error.args[0]}") from error
    except (TypeError, ValueError) as error:
        raise ParameterError(f"training configuration: {error}") from error
