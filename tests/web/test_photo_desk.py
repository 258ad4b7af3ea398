"""What the photo tab answers at once: sketches and guesses, before the network has had its say."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.util.cli import colourful_model, save_picture

pytest.importorskip("gradio")
from photostyle.web import fits
from photostyle.web.desk import Desk
from photostyle.web.photo_desk import PhotoDesk
from photostyle.web.sessions import Limits, Sessions
from photostyle.web.studio import Studio
from photostyle.web.wishes import Engine, read_source


@pytest.fixture
def desk(tmp_path):
    engine = Engine(colourful_model())
    sessions = Sessions(tmp_path / "web", Limits(), lambda folder: Studio(engine, folder))
    visitor = sessions.visit("cookie")
    studio = Studio(engine, visitor.new_folder())
    studio.set_content(read_source(save_picture(tmp_path / "c.png", 40, 56, 1), 10**6))
    keys = [studio.add_style(read_source(save_picture(tmp_path / f"{n}.png", 32, 48, n), 10**6)) for n in (5, 6)]
    work = PhotoDesk(Desk(sessions, engine))

    def ask(do, *, alone=None, strength=1.0, **more):
        styles = [{"key": key, "weight": 1} for key in keys]
        settings = {"segment": False, "styles": styles, "alone": alone, "strength": strength}
        return getattr(work, f"_{do}")(visitor, studio, {"settings": settings, **more})

    def pixels(reply):
        picture = visitor.pictures[Path(reply["after"]).name].content
        return np.frombuffer(picture, np.uint8) if isinstance(picture, bytes) else None

    return studio, keys, ask, pixels


def test_what_was_seen_is_sketched_and_what_was_not_is_waited_for(desk):
    studio, keys, ask, pixels = desk
    assert ask("sketch", alone=keys[0]) == {}
    seen = ask("see", alone=keys[0])
    ask("see", alone=keys[1])
    sketch = ask("sketch", alone=keys[0])
    assert np.array_equal(pixels(sketch), pixels(seen))
    assert (sketch["strength"], sketch["size"]) == (1.0, [56, 40])
    assert studio.ask.alone == keys[1]  # what is looked at is not what is chosen
    assert ask("sketch") == {}  # the mix


def test_a_strength_is_shown_at_once_and_said_to_be_rough(desk):
    studio, keys, ask, pixels = desk
    assert ask("see", alone=keys[0])["rough"] is False
    guess = ask("look", alone=keys[0], strength=0.4)
    assert guess["rough"] is True
    studio.ahead(studio.ask.wishes)
    answer = ask("look", alone=keys[0], strength=0.4)
    assert answer["rough"] is False
    assert not np.array_equal(pixels(guess), pixels(answer))
    json.dumps(answer)


def test_a_fit_that_nobody_waits_for_is_given_up(desk, monkeypatch):
    studio, keys, ask, pixels = desk
    seen = ask("see", alone=keys[0], seq=3)
    preview, made = studio.preview, []

    def fitting(*args, **kwargs):
        made.append(args)
        if len(made) == 1:
            ask("give_up", of=4)  # while regions are dealt with, the page sends word
        return plan(*args, **kwargs)

    plan = fits.plan
    monkeypatch.setattr(fits, "plan", fitting)
    assert ask("see", alone=keys[1], seq=4) == {"dropped": True}
    assert studio.preview is preview
    assert np.array_equal(pixels(ask("look", alone=keys[0], seq=5)), pixels(seen))
    assert "after" in ask("see", alone=keys[1], seq=6)  # what is asked for later is not meant
    assert len(made) == 2
