"""The command that makes the file which the page shows, and its settings as a preset for many photos."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from photostyle.errors import ParameterError
from photostyle.options import FitOptions
from photostyle.web.studio import Studio
from photostyle.web.wishes import result_name, result_stem

Value = str | Sequence[str]


@dataclass(frozen=True)
class Command:
    """A command of photostyle, with files by their names alone, as the page knows no folders.

    Attributes:
        words: its name and what it is given without an option.
        out: the file that it writes.
        options: long options without their dashes; a list is one that is given several times.
    """

    words: tuple[str, ...]
    out: str
    options: Mapping[str, Value] = field(default_factory=dict)


def command(studio: Studio, model: str = "small") -> Command:
    """What makes the file that `Studio.export` writes for what the page asked for last. Raises ParameterError."""
    if studio.content is None or not studio.ready:
        raise ParameterError("choose a photo and a reference first: then there is a command for them")
    wishes, options = studio.ask.wishes, studio.ask.wishes.options
    photo, defaults = studio.content.path.name, FitOptions()
    words: tuple[str, ...] = ("photo", photo)
    given: dict[str, Value] = {}
    if studio.saved:
        key = studio.ask.alone or ""
        if key.startswith("look:"):
            given["look"] = key.partition(":")[2]
        else:
            words = ("apply", studio.saved[0].name, photo)
    else:
        equal = len({style.weight for style in studio.styles}) == 1
        given["style"] = [
            style.path.name if equal else f"{style.path.name}:{style.weight:g}" for style in studio.styles
        ]
    amounts = [f"{options.strength:g}", *(f"{name}={amount:g}" for name, amount in options.strengths.items())]
    if studio.saved or amounts != [f"{defaults.strength:g}"]:
        given["strength"] = ",".join(amounts)
    if not studio.saved:
        if options.at != defaults.at:
            given["at"] = ",".join(options.at)
        if options.matching != defaults.matching:
            given["matching"] = options.matching
        if options.finish != defaults.finish:
            given["finish"] = str(options.finish)
        if wishes.mapping:
            given["map"] = ",".join(f"{ours}={theirs}" for ours, theirs in wishes.mapping)
        if wishes.keep:
            given["keep"] = ",".join(wishes.keep)
    if not wishes.segment:
        given["segment"] = "off"
    if studio.mask and wishes.segment:
        given["content-mask"] = studio.mask.name
    if model != "small" and words[0] == "photo":
        given["model"] = model
    return Command(words, result_name(studio.content.path, studio.content.shown.photo.bits), given)


def arguments(made: Command) -> list[str]:
    """The command's words after ``photostyle``."""
    words = [*made.words]
    for name, value in made.options.items():
        for part in [value] if isinstance(value, str) else value:
            words += [f"--{name}", part]
    return [*words, "-o", made.out]


def line(made: Command) -> str:
    """The command as a shell takes it."""
    return shlex.join(["photostyle", *arguments(made)])


def preset(made: Command) -> str:
    """The options as ``--preset`` takes them (TOML), for any photo; what belongs to this photo alone is left out."""
    words = [*made.words[:-1], "PHOTO.jpg"]
    options = {name: value for name, value in made.options.items() if name != "content-mask"}
    # TOML's strings and arrays of strings are JSON's.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in options.items()]
    return "\n".join([f"# photostyle {shlex.join(words)} --preset THIS.toml -o RESULT.jpg", *lines, ""])


def preset_name(studio: Studio) -> str:
    """What the preset's file is called."""
    named = studio.saved[0] if studio.saved else studio.styles[0].path if studio.styles else None
    return f"{result_stem(named) if named else 'look'}.toml"
