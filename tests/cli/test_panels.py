"""Help in panels: what a retoucher needs comes first."""

import re

import pytest

from tests.util.cli import CommandLine, plain

PANELS = {
    "photo": ("Options", "Look", "Regions", "Colour and light", "Large photos", "Output", "Network", "Other methods"),
    "apply": ("Options", "Look", "Regions", "Colour and light", "Large photos", "Output", "Network"),
    "batch": ("Options", "Look", "Regions", "Colour and light", "Large photos", "Many photos", "Output", "Network"),
    "video": ("Options", "Look", "Regions", "Colour and light", "Long clips", "Output", "Network"),
    "lut": ("Options", "Look", "Regions", "Colour and light", "Output", "Network"),
}
WHERE = {
    "photo": {
        "Options": ("--style", "--look", "--out", "--help"),
        "Look": ("--strength", "--finish", "--gradient", "--protect", "--matching", "--at"),
        "Regions": ("--segment", "--keep", "--map", "--content-mask", "--style-mask", "--mask-refine"),
        "Large photos": ("--size", "--render", "--memory", "--fit-size"),
        "Output": (
            "--save-style",
            "--bits",
            "--raw-brightness",
            "--report",
            "--preset",
            "--overwrite",
            "--quiet",
            "--verbose",
        ),
        "Network": ("--model", "--unpool", "--device"),
    },
    "apply": {"Options": ("--out", "--help"), "Look": ("--strength",), "Regions": ("--segment", "--content-mask")},
    "batch": {
        "Options": ("--style", "--style-file", "--look", "--out", "--help"),
        "Many photos": ("--jobs", "--engine", "--address", "--dry-run"),
    },
    "video": {
        "Options": ("--style", "--look", "--out", "--help"),
        "Look": ("--strength", "--finish", "--matching", "--fit", "--keyframes", "--window", "--deflicker"),
        "Long clips": ("--jobs", "--engine", "--address", "--start", "--end", "--resume"),
    },
    "lut": {"Options": ("--style", "--style-file", "--look", "--out", "--help"), "Output": ("--size", "--preview")},
}


def help_of(monkeypatch, capfd, columns, *command):
    monkeypatch.setenv("COLUMNS", str(columns))
    result = CommandLine(monkeypatch, capfd)(*command, "--help")
    assert (result.code, result.err) == (0, "")
    return plain(result.out).strip("\n").splitlines()


def panels(lines):
    """Title of each panel to the long names of its options, in order."""
    found = {}
    for line in lines:
        title = re.match(r"╭─ (.+?) ─", line)
        if title:
            found[title.group(1)] = []
        option = re.match(r"│ [* ]* *(--[a-z-]+)", line)
        if option:
            found[list(found)[-1]].append(option.group(1))
    return found


@pytest.mark.parametrize("columns", [80, 100, 160])
@pytest.mark.parametrize("command", PANELS)
def test_panels_and_their_order(monkeypatch, capfd, command, columns):
    found = panels(help_of(monkeypatch, capfd, columns, command))
    assert tuple(found) == ("Arguments", *PANELS[command])
    for panel, first in WHERE[command].items():
        assert tuple(found[panel])[: len(first)] == first


@pytest.mark.parametrize("columns", [80, 90, 100])
def test_the_first_screen_is_what_a_retoucher_needs(monkeypatch, capfd, columns):
    first = "\n".join(help_of(monkeypatch, capfd, columns, "photo")[:40])
    for option in ("--style ", "-o ", "--strength ", "--segment ", "--keep "):
        assert option in first
    for option in ("--save-style", "--memory", "--method", "--steps"):
        assert option not in first


@pytest.mark.parametrize("command", PANELS)
def test_switches_do_not_look_as_if_they_took_a_value(monkeypatch, capfd, command):
    lines = help_of(monkeypatch, capfd, 100, command)
    assert [line for line in lines if "<bool>" in line and "--help" not in line] == []
