"""``photostyle apply`` to clips with shares of the change: as ``photostyle video`` has them, and gone on with."""

import shutil

import numpy as np
import pytest
from PIL import Image

from photostyle.colour.lab import to_lab
from photostyle.errors import OutputError
from photostyle.video import segments
from tests.util.cli import contents, save_colourful_model, save_picture
from tests.util.video import decoded, frames_of, make_clip, plan_of, same_pictures


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the first test that wants the folder leaves it for the others."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def folder(cli, made, tmp_path):
    """A clip of two shots, its first frame as c.png, and one style as free.style and, fitted to c.png, fitted.style."""
    if not (made / "fitted.style").exists():
        make_clip(made / "in.mp4", (7, 5), colour=(1, 1, 1, 1))
        save_picture(made / "s.png", 40, 48, 2)
        save_colourful_model(made / "tiny.safetensors")
        first = frames_of(made / "in.mp4")[0]
        Image.fromarray((first.permute(1, 2, 0) * 255).round().byte().numpy()).save(made / "c.png")
        common = ("--segment", "off", "--model", made / "tiny.safetensors")
        assert cli("style", "make", made / "s.png", "-o", made / "free.style", *common).code == 0
        # Clips protect no colours, so the still that is compared with them does not, either.
        fit = ("photo", made / "c.png", "--style", made / "s.png", "-o", made / "f.png", "--protect", "off", *common)
        assert cli(*fit, "--save-style", made / "fitted.style").code == 0
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def apply(cli, folder):
    """``apply(style, out, option, value, …)``: the run, on the clip unless it is told of something else."""

    def run(style, out, *extra, on="in.mp4"):
        files = (folder / f"{style}.style", folder / on, "-o", folder / out)
        return cli("apply", *files, "--model", folder / "tiny.safetensors", "--segment", "off", *extra)

    return run


def lab(path):
    """CIELAB of a clip, (frames, 3, H, W)."""
    return to_lab(frames_of(path))


def moved(path, other):
    """How far L* of two clips lie apart on average, and how far a* and b*."""
    apart = (lab(path) - lab(other)).abs()
    return float(apart[:, 0].mean()), float(apart[:, 1:].mean())


SHARES = [("--brightness", "0"), ("--colour", "40%"), ("--colour", "0.3", "--brightness", "70%")]


@pytest.mark.parametrize("parts", SHARES)
def test_a_style_that_is_fitted_to_each_shot_gives_what_video_gives(cli, folder, apply, parts):
    assert apply("free", "a.mp4", *parts).code == 0
    assert apply("free", "all.mp4").code == 0
    files = (folder / "in.mp4", "--style", folder / "s.png", "-o", folder / "v.mp4")
    assert cli("video", *files, "--model", folder / "tiny.safetensors", *parts).code == 0
    ours, whole, theirs = (decoded(folder / name) for name in ("a.mp4", "all.mp4", "v.mp4"))
    assert len(ours) == len(theirs) == 12
    for (tick, one), (same, other) in zip(ours, theirs, strict=True):
        assert tick == same
        assert all(np.abs(plane - twin).mean() < 1 for plane, twin in zip(one, other, strict=True))
    assert max(np.abs(plane - twin).mean() for plane, twin in zip(ours[3][1], whole[3][1], strict=True)) > 4


@pytest.mark.parametrize("parts", SHARES)
def test_a_frame_is_what_its_still_becomes(folder, apply, parts):
    assert apply("fitted", "a.mp4", *parts).code == 0
    assert apply("fitted", "a.png", *parts, on="c.png").code == 0
    assert apply("fitted", "all.png", on="c.png").code == 0
    frame = frames_of(folder / "a.mp4")[0].permute(1, 2, 0).numpy()
    still, whole = (np.asarray(Image.open(folder / name)) / 255 for name in ("a.png", "all.png"))
    assert np.abs(frame - still).mean() < 0.02
    assert np.abs(frame - whole).mean() > 3 * np.abs(frame - still).mean()


@pytest.mark.parametrize("style", ["fitted", "free"])
def test_what_is_not_kept_stays_the_clips(folder, apply, style):
    for name, parts in (
        ("all.mp4", ()),
        ("hue.mp4", ("--brightness", "0")),
        ("light.mp4", ("--colour", "0")),
        ("none.mp4", ("--colour", "0", "--brightness", "0")),
    ):
        assert apply(style, name, *parts).code == 0
    light, hue = moved(folder / "all.mp4", folder / "in.mp4")
    assert min(light, hue) > 4
    kept, changed = moved(folder / "hue.mp4", folder / "in.mp4")
    assert kept < 0.15 * light
    assert changed > 0.5 * hue
    changed, kept = moved(folder / "light.mp4", folder / "in.mp4")
    assert kept < 0.25 * hue  # chroma is stored at half the size
    assert changed > 0.5 * light
    assert max(moved(folder / "none.mp4", folder / "in.mp4")) < 1


@pytest.mark.parametrize("option", ["--colour", "--brightness"])
@pytest.mark.parametrize("value", ["1.5", "nan", "much"])
def test_bad_shares_are_one_line(folder, apply, option, value):
    before = contents(folder)
    result = apply("fitted", "a.mp4", option, value)
    assert (result.code, result.out) == (2, "")
    assert len([line for line in result.lines if option in line]) == 1, result.err
    assert contents(folder) == before


@pytest.mark.parametrize("style", ["fitted", "free"])
def test_an_interrupted_run_goes_on_with_the_same_shares_alone(cli, folder, apply, monkeypatch, style):
    class Filling(segments.SegmentWriter):
        def write(self, planes):
            if self.path.stem == "segment-00001":
                raise OutputError(f"{self.path}: cannot be written (the disk is full); make room")
            super().write(planes)

    parts = ("--colour", "0.5", "--brightness", "0.25")
    with monkeypatch.context() as patch:
        patch.setattr(segments, "SegmentWriter", Filling)
        stopped = apply(style, "o.mp4", *parts)
    assert stopped.code == 1
    assert "disk is full" in stopped.err
    asked = plan_of(folder / "o.mp4")["asked"]
    assert (asked["colour"], asked["brightness"]) == (0.5, 0.25)
    assert (folder / "o.mp4.parts" / "segment-00000.nut").exists()
    done = contents(folder)
    for other, named in (
        (("--colour", "0.5"), "another brightness;"),
        (("--brightness", "0.25"), "another colour;"),
        ((), "another brightness, colour;"),
    ):
        refused = apply(style, "o.mp4", *other)
        assert refused.code == 1
        assert len(refused.lines) == 1
        assert named in refused.err
        assert contents(folder) == done
    assert apply(style, "o.mp4", *parts).code == 0
    assert apply(style, "whole.mp4", *parts).code == 0
    assert same_pictures(folder / "o.mp4", folder / "whole.mp4")
