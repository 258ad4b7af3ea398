"""How options are grouped: a frozen dataclass declares them once, commands take it whole.

Each field of a `Group` is an option, spelled as typer has it::

    @dataclass(frozen=True, kw_only=True)
    class Regions(Group, panel="Regions"):
        keep: Annotated[str | None, typer.Option(metavar="REGION,…", help="Regions that stay as they are.")] = None

A command that is `grouped` names groups among its parameters: typer is shown their fields in place of them. So a new
option is a new field, with what it means beside it, in every command that takes the group. A command that has no use
for some of them leaves these out, ``Annotated[Regions, without("keep")]``, and they keep their defaults. Where an
option means something else in one command, a subclass declares that field anew; it stays in its place.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

FIRST = "Options"
"""typer's own panel, which comes before all others: what a command is always given, and ``--help``."""


class Group:
    """Base of dataclasses whose fields are options; `panel` is where help shows those that do not say it themselves."""

    panel: ClassVar[str | None] = None

    def __init_subclass__(cls, *, panel: str | None = None) -> None:
        super().__init_subclass__()
        if panel is not None:
            cls.panel = panel


@dataclass(frozen=True)
class Without:
    """Fields of a group that are no options of a command."""

    names: tuple[str, ...]


def without(*names: str) -> Without:
    """Mark a command's group as lacking these options: ``Annotated[Regions, without("keep")]``."""
    return Without(names)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A function for typer that takes the options of the command's groups and calls `command` with the groups.

    Args:
        command: some of whose parameters are annotated with a `Group`. All are handed over by name.

    Raises:
        TypeError: a group lacks a field that is left out, or what is left out has no default.
        ValueError: two groups have a field of one name.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, tuple[type[Group], tuple[str, ...]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        group, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if not (isinstance(group, type) and issubclass(group, Group)):
            parameters.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        left_out = {name for mark in marks if isinstance(mark, Without) for name in mark.names}
        options = _options(group, left_out)
        groups[parameter.name] = group, tuple(option.name for option in options)
        parameters += options

    @functools.wraps(command)
    def spread(**values: Any) -> None:
        built = {name: kind(**{key: values.pop(key) for key in names}) for name, (kind, names) in groups.items()}
        command(**values, **built)

    spread.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return spread


def _options(group: type[Group], left_out: set[str]) -> list[inspect.Parameter]:
    """The fields of a group as parameters, in their order, each with its panel."""
    declared = {field.name: field for field in fields(group)}  # type: ignore[arg-type]
    wrong = [name for name in left_out if name not in declared or declared[name].default is MISSING]
    if wrong:
        raise TypeError(f"{group.__name__} cannot be without {wrong[0]}")
    hints = get_type_hints(group, include_extras=True)
    options = []
    for name, field in declared.items():
        if name not in left_out:
            kind, option = get_args(hints[name])
            option = copy(option)
            option.rich_help_panel = option.rich_help_panel or group.panel
            if bool in (kind, *get_args(kind)) and option.metavar is None:
                option.metavar = ""  # a switch takes no value, and help shall not look as if it did
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            options.append(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
                )
            )
    return options
