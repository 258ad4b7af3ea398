"""A clip graded by several processes: the same as by one, whatever becomes of a worker."""

import numpy as np
import pytest
from PIL import Image

from photostyle.engines.local import LocalEngine
from photostyle.errors import EngineError, MaskError, ParameterError
from photostyle.options import FitOptions
from photostyle.video.options import VideoOptions
from photostyle.video.regions import masks_of
from photostyle.video.stylize import load_style, stylize_clip
from photostyle.video.workers import Recipe, Workers
from photostyle.weights import load_model
from tests.util.cli import save_colourful_model, save_picture
from tests.util.engines import Here, Telling, segment_number
from tests.util.video import decoded, make_clip, same_pictures

OPTIONS = VideoOptions(segment=0.2, codec="ffv1")


@pytest.fixture
def scene(tmp_path):
    make_clip(tmp_path / "in.mp4", (12, 7), audio="aac")
    save_picture(tmp_path / "s.png", 40, 48, 2)
    save_colourful_model(tmp_path / "tiny.safetensors")
    label = np.zeros((48, 64, 3), np.uint8)
    label[:, 32:] = (255, 0, 0)
    (tmp_path / "masks").mkdir()
    for number in range(19):
        Image.fromarray(np.roll(label, number, 1)).save(tmp_path / "masks" / f"{number:03d}.png")
    Image.fromarray(label[:40, 8:56]).save(tmp_path / "sm.png")
    return tmp_path


@pytest.fixture
def graded(scene):
    """``graded(out, workers, masks=…)``: the frames of the clip, graded."""
    model = load_model(scene / "tiny.safetensors")

    def go(out, workers=None, *, masks=False, options=OPTIONS, **names):
        clip, mask = scene / "in.mp4", scene / "sm.png" if masks else None
        regions = masks_of(scene / "masks", clip) if masks else None
        style = load_style(scene / "s.png", model, mask=mask)
        stylize_clip(model, clip, style, scene / out, FitOptions(), options, regions=regions, workers=workers, **names)
        return scene / out

    return go


def recipe(scene, **names):
    return Recipe(str(scene / "tiny.safetensors"), "cpu", **names)


@pytest.mark.parametrize("masks", [False, True])
def test_two_workers_give_the_same_clip(scene, graded, masks):
    whole, told = graded("whole.mkv", masks=masks), []
    workers = Workers(LocalEngine(2), recipe(scene, masks=scene / "masks" if masks else None, sharing=2))
    shared = graded("shared.mkv", workers, masks=masks, progress=lambda *so_far: told.append(so_far))
    assert same_pictures(whole, shared)
    assert len(decoded(shared)) == 19
    assert [done for stage, done, _ in told if stage == "grading"][-1] == 19
    assert not (scene / "shared.mkv.parts").exists()


def test_a_worker_that_dies_costs_its_segment_and_the_run_can_go_on(scene, graded):
    notes = scene / "notes"
    notes.mkdir()
    engine = Telling(LocalEngine(1), notes, segment_number, killed_before="2")
    with pytest.raises(EngineError, match=r"in\.mp4: segment 2: its worker process was killed .*--resume to go on"):
        graded("o.mkv", Workers(engine, recipe(scene)))
    parts = scene / "o.mkv.parts"
    assert len(list(parts.glob("segment-*.nut"))) == 2
    (parts / f"segment-00002.nut.{'0' * 32}.partial").write_bytes(b"half")
    assert same_pictures(graded("o.mkv", resume=True), graded("whole.mkv"))
    assert not parts.exists()


def test_what_is_there_is_not_made_again(scene, graded):
    class Twice(Here):
        """Every segment twice, as where a worker was cut off before it could say that it was done."""

        def run(self, setup, tasks):
            outcomes = list(super().run(setup, tasks))
            made = {path: path.stat().st_mtime_ns for path in (scene / "o.mkv.parts").glob("segment-*")}
            list(super().run(setup, tasks))
            assert {path: path.stat().st_mtime_ns for path in made} == made
            yield from outcomes

    assert same_pictures(graded("o.mkv", Workers(Twice(), recipe(scene))), graded("whole.mkv"))


def test_errors_of_workers_are_their_own(scene, graded):
    (scene / "masks" / "018.png").unlink()
    with pytest.raises(MaskError, match="holds 18 masks"):
        graded("o.mkv", Workers(Here(), recipe(scene, masks=scene / "masks")))
    frame = VideoOptions(fit="frame", codec="ffv1")
    with pytest.raises(ParameterError, match="not given to workers"):
        graded("f.mkv", Workers(Here(), recipe(scene)), options=frame)
