"""What a folder of results remembers."""

import json
import os

import pytest

from photostyle.batch.state import read_state
from photostyle.errors import OutputError


def test_nothing_is_known_and_nothing_written(tmp_path):
    state = read_state(tmp_path / "out")
    assert (state.made, state.since, state.differences({"size": 3})) == (None, 0, [])
    assert list(tmp_path.iterdir()) == []


def test_settings_are_remembered(tmp_path):
    state = read_state(tmp_path / "out").renewed({"size": 3, "at": ["skip"]}, overwrite=False)
    assert (state.since, state.differences({"size": 3, "at": ["skip"]})) == (0, [])
    assert state.differences({"size": 4, "bits": 8}) == ["size", "at", "bits"]
    assert read_state(tmp_path / "out") == state


def test_the_same_settings_keep_the_look_and_others_do_not(tmp_path):
    state = read_state(tmp_path).renewed({"size": 3}, overwrite=False)
    state.look.write_text("look")
    assert state.renewed({"size": 3}, overwrite=False) is state
    assert state.look.read_text() == "look"
    other = state.renewed({"size": 4}, overwrite=False)
    assert other.made == {"size": 4}
    assert not state.look.exists()


def test_what_is_to_be_replaced_is_told_by_time(tmp_path):
    result = tmp_path / "a.jpg"
    result.write_text("old")
    state = read_state(tmp_path).renewed({}, overwrite=True)
    state.look.write_text("look")
    assert state.since > 0
    assert os.stat(result).st_mtime_ns <= state.since
    result.write_text("new")
    os.utime(result)
    assert os.stat(result).st_mtime_ns >= state.since
    assert read_state(tmp_path).renewed({}, overwrite=False).since == state.since, "a continued run"
    assert read_state(tmp_path).renewed({}, overwrite=True).since >= state.since
    assert not state.look.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"format": "photostyle-batch", "settings": 3})])
def test_damage(tmp_path, text):
    read_state(tmp_path).renewed({}, overwrite=False)
    (tmp_path / ".photostyle" / "batch.json").write_text(text)
    with pytest.raises(OutputError, match=r"batch\.json: .*delete it, or give another folder"):
        read_state(tmp_path)


def test_an_unwritable_place(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError):
        read_state(tmp_path / "out").renewed({}, overwrite=False)
