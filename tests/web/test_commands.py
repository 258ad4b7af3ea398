"""What the page asks for, checked; and the command and preset that make the file which it shows."""

import numpy as np
import pytest

from photostyle.errors import ParameterError
from photostyle.web import commands, looks
from photostyle.web.asks import Ask, asked
from photostyle.web.glances import look_at
from photostyle.web.studio import Studio
from photostyle.web.wishes import MOST_STYLES, Engine, Wishes, read_source
from photostyle.weights import load_model, save_model
from tests.util.cli import colourful_model, save_picture
from tests.web.test_studio import PLAIN, Halves, read


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(colourful_model(), path)
    return path


@pytest.fixture
def studio(model, tmp_path):
    studio = Studio(Engine(load_model(str(model)), str(model), _found=Halves()), tmp_path)
    studio.set_content(read_source(save_picture(tmp_path / "c.png", 40, 56, 1), 10**6))
    studio.set_styles([read_source(save_picture(tmp_path / "s.png", 48, 32, 2), 10**6)])
    return studio


SETTINGS = {
    "strength": 0.8, "segment": True, "at": ["decoder", "skip"], "matching": "wct", "finish": "windows",
    "regions": {"sky": {"takes": "ground", "strength": 0.25, "keep": False}, "ground": {"keep": True, "strength": 0.5}},
    "alone": None, "mask": None,
}  # fmt: skip


def test_settings_become_wishes():
    ask = asked({**SETTINGS, "styles": [{"key": "ab12", "weight": 0.5}]})
    assert ask.weights == (("ab12", 0.5),)
    options = ask.wishes.options
    assert (options.strength, options.at, options.matching, options.finish) == (
        0.8,
        ("decoder", "skip"),
        "wct",
        "windows",
    )
    assert options.strengths == {"sky": 0.25}  # what is kept has none
    assert ask.wishes.mapping == (("sky", "ground"),)
    assert ask.wishes.keep == ("ground",)
    assert asked({**SETTINGS, "segment": False}).wishes.keep == ()
    assert asked({}) == Ask()


@pytest.mark.parametrize(
    "wrong",
    [None, [], {"strength": 2}, {"strength": "1"}, {"strength": float("nan")}, {"strength": True}, {"at": []},
     {"at": "encoder"}, {"matching": "x"}, {"finish": "x"}, {"regions": []}, {"regions": {"sky": 1}},
     {"regions": {"sky": {"strength": -1}}}, {"regions": {"sky": {"takes": "../x"}}}, {"styles": [{}]},
     {"styles": [{"key": "a", "weight": 1}] * (MOST_STYLES + 1)}, {"styles": [{"key": "../a", "weight": 1}]},
     {"alone": "../../x"}, {"mask": 3}],
)  # fmt: skip
def test_settings_are_not_taken_on_trust(wrong):
    with pytest.raises(ParameterError):
        asked(wrong)


@pytest.mark.parametrize("changed", [{}, SETTINGS, {"segment": False, "strength": 0.35}])
def test_the_command_makes_the_same_pixels(studio, model, tmp_path, cli, monkeypatch, changed):
    monkeypatch.setattr("photostyle.jobs.segment.find_segmentation",
                        lambda name, *_: None if name == "off" else Halves())  # fmt: skip
    studio.choose(asked({**changed, "styles": [{"key": studio.styles[0].key, "weight": 1}]}))
    ours = read(studio.export(studio.ask.wishes))
    made = commands.command(studio, str(model))
    monkeypatch.chdir(tmp_path)
    done = cli(*commands.arguments(made))
    assert done.code == 0, done.err
    np.testing.assert_array_equal(ours, read(tmp_path / made.out))
    assert commands.line(made).startswith("photostyle photo c.png --style s.png")

    (tmp_path / "look.toml").write_text(commands.preset(made))
    done = cli("photo", "c.png", "--preset", "look.toml", "-o", "again.png")
    assert done.code == 0, done.err
    np.testing.assert_array_equal(ours, read(tmp_path / "again.png"))


def test_a_saved_style_has_a_command_too(studio, model, tmp_path, cli, monkeypatch):
    saved = tmp_path / "kept.style"
    saved.write_bytes(studio.save_style(PLAIN).read_bytes())
    key = studio.load_saved(saved)
    studio.choose(asked({"alone": key, "strength": 0.6, "segment": False}))
    ours = read(studio.export(studio.ask.wishes))
    made = commands.command(studio, str(model))
    monkeypatch.chdir(tmp_path)
    done = cli(*commands.arguments(made), "--model", str(model))
    assert done.code == 0, done.err
    np.testing.assert_array_equal(ours, read(tmp_path / made.out))


def test_weights_and_names_stand_in_the_command(studio, tmp_path):
    other = studio.add_style(read_source(save_picture(tmp_path / "my dusk.png", 32, 48, 5), 10**6))
    studio.choose(Ask(Wishes(), ((studio.styles[0].key, 1.0), (other, 0.35))))
    made = commands.command(studio)
    assert commands.line(made) == "photostyle photo c.png --style s.png:1 --style 'my dusk.png:0.35' -o c-styled.png"
    assert 'style = ["s.png:1", "my dusk.png:0.35"]' in commands.preset(made)


def test_an_embedded_look_needs_no_reference(studio, tmp_path, monkeypatch):
    saved = tmp_path / "blue-hour.style"
    saved.write_bytes(studio.save_style(PLAIN).read_bytes())
    monkeypatch.setattr(looks, "embedded", lambda: [looks.Look("blue-hour", saved)])
    expected = read(studio.export(PLAIN))
    studio.set_styles([])
    studio.choose(asked({"alone": "look:blue-hour", "segment": False}))
    np.testing.assert_allclose(read(studio.export(studio.ask.wishes)).astype(int), expected, atol=1)
    line = commands.line(commands.command(studio))
    assert line == "photostyle photo c.png --look blue-hour --strength 1 --segment off -o c-styled.png"
    look_at(studio, studio.glances, lambda: True)
    assert studio.glances == {}
    look_at(studio, studio.glances, lambda: False)
    assert studio.glances["look:blue-hour"].startswith("data:image/jpeg;base64,")
