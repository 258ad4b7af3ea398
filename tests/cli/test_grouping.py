"""Options are declared once, in groups, and handed over in groups."""

import ast
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import torch
import typer
from typer.testing import CliRunner

from photostyle.batch.work import BatchOptions
from photostyle.cli import groups
from photostyle.cli.app import app
from photostyle.cli.grouping import Group, grouped, without
from photostyle.jobs.regions import RegionSettings
from photostyle.jobs.rendering import Rendering
from photostyle.options import FitOptions
from tests.util.cli import ROOT

MOST = 10
SOURCES = sorted((ROOT / "photostyle" / "cli").rglob("*.py"))

# Options of one name that mean something else in these commands, each by itself.
OF_EACH = {
    "--out": "each command writes something else",
    "--size": "photos, tables and sheets have sizes of their own",
    "--preview": "a photo of what a table does, or a quick clip",
    "--content": "what a style is fitted to, or shown on",
    "--name": "a host, or a model",
    "--json": "a file, or what is printed",
    "--steps": "of one method, or of several by name",
}
# Options that are the same everywhere but in these commands.
BUT_IN = {
    "--style": {"video": "one photo, no regions"},
    "--strength": dict.fromkeys(("apply", "batch", "lut"), "a saved style has its own"),
    "--segment": {
        "lut": "off: a table knows no regions",
        "video": "off: every frame takes its time",
        "segment": "it must find something",
        "style make": "of the style photos",
    },
    "--content-mask": {"video": "of every frame"},
    "--style-mask": {"style make": "one for each photo"},
    "--model": {
        **dict.fromkeys(("batch", "lut"), "a saved style has its own"),
        **dict.fromkeys(("apply", "style show", "style mix"), "a saved style always has its own"),
    },
    "--report": {"batch": "of photos, not of regions"},
    "--overwrite": {"batch": "finished photos are left alone without it"},
}


def functions(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            given = node.args
            single = [argument for argument in (given.vararg, given.kwarg) if argument]
            count = len([*given.posonlyargs, *given.args, *given.kwonlyargs, *single])
            yield getattr(node, "name", "lambda"), count


def test_parameters_are_counted(tmp_path):
    path = tmp_path / "m.py"
    path.write_text("async def f(a, /, b, *c, d, **e): lambda x, y: 0", encoding="utf-8")
    assert sorted(functions(path)) == [("f", 5), ("lambda", 2)]


def test_no_function_takes_more_than_can_be_seen_at_once():
    found = [(path.name, *function) for path in SOURCES for function in functions(path)]
    assert len(found) > 100
    assert [function for function in found if function[2] > MOST] == []


def options():
    """Long spelling to command to what a reader of its help sees."""
    found = defaultdict(dict)

    def collect(command, path):
        for name, child in getattr(command, "commands", {}).items():
            collect(child, [*path, name])
        for parameter in command.params if path else ():
            shown = parameter.param_type_name, parameter.help, parameter.default, getattr(parameter, "show_default", 0)
            for spelling in parameter.opts if parameter.param_type_name == "option" else ():
                if spelling.startswith("--"):
                    found[spelling][" ".join(path)] = (*shown, parameter.metavar, parameter.rich_help_panel)

    collect(typer.main.get_command(app), [])
    return found


def test_an_option_of_one_name_says_the_same_everywhere():
    found = options()
    assert set(OF_EACH) | set(BUT_IN) <= {name for name, commands in found.items() if len(commands) > 1}
    for name, commands in found.items():
        if name not in OF_EACH:
            others = {command: shown[1:4] for command, shown in commands.items() if command not in BUT_IN.get(name, ())}
            assert len(set(others.values())) == 1, f"{name} differs between {', '.join(others)}"


def test_what_is_listed_as_different_is():
    found = options()
    for name in OF_EACH:
        assert len({shown[1:] for shown in found[name].values()}) > 1, name
    for name, exceptions in BUT_IN.items():
        usual = Counter(shown[1:4] for command, shown in found[name].items() if command not in exceptions)
        assert not {command for command in exceptions if found[name][command][1:4] in usual}, name


def test_defaults_are_the_library_s():
    assert groups.Look().fit_options() == FitOptions()
    assert groups.SavedLook().fit_options() == FitOptions()
    assert groups.Large().rendering() == Rendering()
    settings = groups.Regions(segment="off").settings(None, torch.device("cpu"))
    assert (settings.mapping, [*settings.keep]) == (RegionSettings().mapping, [*RegionSettings().keep])
    assert (settings.segment, settings.refine_masks) == (RegionSettings().segment, RegionSettings().refine_masks)
    network, batch = groups.Network(), BatchOptions()
    assert (network.name, network.unpool, network.device) == (batch.model, batch.unpool, batch.device)


def test_a_strength_of_a_region_alone_leaves_the_rest_as_usual():
    assert groups.SavedLook(strength="sky=0.5").strengths() == (None, {"sky": 0.5})
    assert groups.SavedLook(strength="sky=0.5").fit_options() == FitOptions(strengths={"sky": 0.5})


@dataclass(frozen=True, kw_only=True)
class Colours(Group, panel="Colours"):
    """For the tests below."""

    hue: Annotated[int, typer.Option(help="An angle.")] = 10
    name: Annotated[str, typer.Option("--called", help="A name.", rich_help_panel="Names")]
    dull: Annotated[bool, typer.Option("--dull", help="Without colour.")] = False


@dataclass(frozen=True, kw_only=True)
class Turned(Colours):
    """An option of it with another default."""

    hue: Annotated[int, typer.Option(help="An angle.")] = 20


def run(command, *words):
    local = typer.Typer(add_completion=False)
    local.command()(grouped(command))
    result = CliRunner().invoke(local, [*words])
    return result, typer.main.get_command(local)


def test_a_command_is_given_whole_groups():
    def command(context: typer.Context, photo: Path, colours: Annotated[Turned, without("dull")], size: int = 3):
        typer.echo(json.dumps([str(photo), colours.hue, colours.name, colours.dull, size, type(colours).__name__]))
        assert isinstance(context.params, dict)

    result, made = run(command, "p.png", "--called", "x", "--size", "4")
    assert json.loads(result.output) == ["p.png", 20, "x", False, 4, "Turned"]
    assert [parameter.name for parameter in made.params] == ["photo", "hue", "name", "size"]
    assert [getattr(parameter, "rich_help_panel", None) for parameter in made.params] == [
        None,
        "Colours",
        "Names",
        None,
    ]
    assert run(command, "p.png")[0].exit_code == 2  # the name is missing
    assert run(command, "p.png", "--called", "x", "--dull")[0].exit_code == 2


def test_what_cannot_be_grouped():
    def lacks(colours: Annotated[Colours, without("name")]) -> None: ...
    def unknown(colours: Annotated[Colours, without("light")]) -> None: ...
    def twice(colours: Colours, more: Turned) -> None: ...

    with pytest.raises(TypeError, match="Colours cannot be without name"):
        grouped(lacks)
    with pytest.raises(TypeError, match="Colours cannot be without light"):
        grouped(unknown)
    with pytest.raises(ValueError, match="duplicate parameter name"):
        grouped(twice)
