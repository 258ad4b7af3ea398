"""``--preset job.toml``: options from a file, in place of the defaults; the command line goes before both.

A preset holds a command's long options without their dashes, a line each::

    style = ["dusk.jpg", "sky=clouds.jpg"]
    strength = "0.8,sky=1"
    segment = "auto"
    overwrite = true

Paths are those of the preset's own folder. A file may not hold what the command does not know.
"""

from __future__ import annotations

import difflib
import inspect
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from photostyle.errors import ParameterError

_MAYBE_PATHS = ("segment", "model")  # a name that is known, or a file


def _read(path: Path) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot read this preset ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(f"{path}: not a TOML file ({error})") from error


def apply_preset(context: typer.Context, _: typer.CallbackParam, path: Path | None) -> Path | None:
    """Make a preset's values the defaults of the command that is being parsed.

    Raises:
        ParameterError: the file cannot be read, has a key that is no option of the command, or a value of another type.
    """
    if path is None or context.resilient_parsing:
        return path
    names = _options(context.command)
    kinds = _kinds(context.command.callback)
    defaults = dict(context.default_map or {})
    for key, value in _read(path).items():
        option = key.replace("_", "-")
        if option not in names:
            close = difflib.get_close_matches(option, names, 1)
            hint = f"did you mean {close[0]}?" if close else "give long options without their dashes"
            raise ParameterError(f"{path}: {key}: photostyle {context.info_name} has no option --{option}; {hint}")
        name = names[option]
        found, wanted = _value(value, name, kinds[name], path.parent)
        if found is None:
            raise ParameterError(f"{path}: {key} is {value!r}; it must be {wanted}")
        defaults[name] = found
    context.default_map = defaults
    return path


JobPreset = Annotated[
    Path | None,
    typer.Option(
        "--preset",
        metavar="JOB.toml",
        help="Options from a file: long names without dashes; what is given here goes before it.",
        callback=apply_preset,
        is_eager=True,
        show_default=False,
    ),
]


def _options(command: Any) -> dict[str, str]:
    """Long options without dashes to names of parameters; without this one and those that end a run at once."""
    return {
        spelling.removeprefix("--"): option.name
        for option in command.params
        if option.param_type_name == "option" and not option.is_eager
        for spelling in option.opts
        if spelling.startswith("--")
    }


def _kinds(callback: Any) -> dict[str, Any]:
    """The types of a command's parameters, without what typer is told of them."""
    parameters = inspect.signature(callback).parameters.values()
    hints = {parameter.name: parameter.annotation for parameter in parameters}
    return {name: get_args(hint)[0] if get_origin(hint) is Annotated else hint for name, hint in hints.items()}


def _value(value: Any, name: str, kind: Any, folder: Path) -> tuple[Any, str]:
    """A value as the command takes it, or None where it is of another type than `kind`; and what it must be."""
    inner = [part for part in get_args(kind) if part is not type(None)]
    if get_origin(kind) in (Union, UnionType):
        return _value(value, name, inner[0], folder)
    if get_origin(kind) is list:
        parts = value if isinstance(value, list) else [value]
        good = parts and all(isinstance(part, str) and part for part in parts)
        found = [_value(part, name, inner[0], folder)[0] for part in parts] if good else None
        return found, "a string or a list of strings"
    if kind is bool:
        return (value if isinstance(value, bool) else None), "true or false"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return (value if number and isinstance(value, int) else None), "a whole number"
    if kind is float:
        return (float(value) if number else None), "a number"
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return (str(value) if (number or isinstance(value, str)) and str(value) in choices else None), (
            f"one of {', '.join(choices)}"
        )
    if kind is Path:
        return (str(folder / value) if isinstance(value, str) and value else None), "a path"
    return (_placed(str(value), name, folder) if number or isinstance(value, str) else None), "a string or a number"


def _placed(text: str, name: str, folder: Path) -> str:
    """Text of an option that may be or hold a path, counted from `folder`."""
    if name == "style":
        region, separator, rest = text.partition("=")
        if separator and "/" not in region and not os.path.exists(folder / text):
            return f"{region}={folder / rest}"
        return str(folder / text)
    return str(folder / text) if name in _MAYBE_PATHS and Path(text).suffix and os.path.isfile(folder / text) else text
