"""What is told of long things while they go on, and of a clip before it is rendered."""

import pytest

from photostyle.errors import MemoryLimitError
from photostyle.web.clip_frames import glance
from photostyle.web.errands import Errand
from photostyle.web.progress import Stopped, streamed, worded
from tests.web.test_studio import PLAIN, engine, studio  # noqa: F401 - fixtures


def test_a_clip_is_seen_before_it_is_rendered(studio, tmp_path):  # noqa: F811
    pytest.importorskip("av")
    from tests.util.video import make_clip

    clip = make_clip(tmp_path / "cuts.mp4", (8, 6))
    told = []
    found = glance(Errand(studio, PLAIN, lambda *step: told.append(step)), clip, 10**6)
    assert [still.what for still in found.stills] in (
        ["first", "middle", "cut"],
        ["first", "cut", "middle"],
        ["first", "cut"],
    )
    assert found.frames == 14
    assert found.searched is None
    for still in found.stills:
        assert still.before.shape == still.after.shape
        assert float((still.before - still.after).abs().mean()) > 1e-3
    assert [choice.seconds > 0 for choice in found.choices] == [True, True]
    assert told
    with pytest.raises(MemoryLimitError, match="larger"):
        glance(Errand(studio, PLAIN, lambda *_: None), clip, 100)


def test_progress_tells_how_long_it_will_take(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("photostyle.web.progress.time.monotonic", lambda: now[0])

    def work(tell):
        for step in range(5):
            tell("grading", step, 4)
            now[0] += 2.0
        return "done"

    *told, result = streamed(work)
    assert result == "done"
    assert told[-1].left == 0
    assert {one.what for one in told} == {"grading"}
    with pytest.raises(Stopped):
        list(streamed(stopped))
    assert [worded(each) for each in (0.2, 42, 150, 5025)] == ["less than a second", "42 s", "2 min", "1 h 24 min"]


def stopped(_tell):
    raise Stopped
