"""``photostyle video`` and ``photostyle apply`` on clips."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import photostyle.engines.local
from photostyle.cli.naming import clip_beside
from photostyle.video.reading import VideoReader
from tests.util.cli import ROOT, contents, save_colourful_model, save_picture, subprocess_cli
from tests.util.engines import Here
from tests.util.video import decoded, make_clip, packets, same_pictures
from tests.util.waiting import PATIENCE, wait_for


@pytest.fixture
def folder(tmp_path):
    make_clip(tmp_path / "in.mp4", (7, 5), audio="aac")
    save_picture(tmp_path / "s.png", 40, 48, 2)
    save_colourful_model(tmp_path / "tiny.safetensors")
    return tmp_path


def arguments(folder, *extra, clip="in.mp4", out="o.mp4"):
    model = ("--model", folder / "tiny.safetensors")
    return ["video", folder / clip, "--style", folder / "s.png", "-o", folder / out, *model, *extra]


def test_a_clip_is_graded_and_said_so(cli, folder):
    result = cli(*arguments(folder))
    assert result.code == 0, result.err
    assert result.lines == [f"{folder / 'o.mp4'} written: 12 frames, 2 shots, h264"]
    assert len(decoded(folder / "o.mp4")) == 12
    assert packets(folder / "o.mp4", "audio") == packets(folder / "in.mp4", "audio")
    before = contents(folder)
    assert "already exists" in cli.refuses(folder, *arguments(folder))
    assert contents(folder) == before
    assert cli(*arguments(folder, "--overwrite", "--quiet", "--fit", "frame")).err == ""


def test_without_a_name_the_clip_goes_beside(cli, folder):
    model = ("--model", folder / "tiny.safetensors")
    short = ("video", folder / "in.mp4", "--style", folder / "s.png", *model, "--end", "0.2", "--preview")
    for name in ("in-styled.mp4", "in-styled-2.mp4"):
        assert f"{folder / name} written" in cli(*short).err
    before = (folder / "in-styled-2.mp4").stat().st_mtime_ns
    assert f"{folder / 'in-styled.mp4'} written" in cli(*short, "--overwrite").err
    assert (folder / "in-styled-2.mp4").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("clip", "codec", "name"),
    [("a.MOV", None, "a-styled.mov"), ("a.avi", None, "a-styled.mp4"), ("a.mp4", "prores", "a-styled.mov"),
     ("a.webm", "h264", "a-styled.mp4"), ("a.mkv", "vp9", "a-styled.mkv")],
)  # fmt: skip
def test_the_name_holds_the_codec(tmp_path, clip, codec, name):
    assert clip_beside(tmp_path / clip, codec) == tmp_path / name


def test_an_interrupted_run_without_a_name_is_found_again(tmp_path):
    (tmp_path / "a-styled.mp4").touch()
    (tmp_path / "a-styled-2.mp4.parts").mkdir()
    assert clip_beside(tmp_path / "a.mp4", resume=True).name == "a-styled-2.mp4"
    (tmp_path / "a-styled.mp4.parts").mkdir()
    assert clip_beside(tmp_path / "a.mp4", resume=True).name == "a-styled.mp4"


def test_a_clip_takes_an_embedded_look(cli, folder):
    look = ("video", folder / "in.mp4", "--look", "golden-hour:2", "--look", "snow", "--end", "0.2", "--codec", "ffv1")
    assert cli(*look, "-o", folder / "look.mkv").code == 0
    assert cli(*look, "--colour", "0", "--brightness", "0", "-o", folder / "none.mkv").code == 0
    before, graded, none = (decoded(folder / name) for name in ("in.mp4", "look.mkv", "none.mkv"))
    assert len(graded) == len(none) < len(before)
    assert np.abs(graded[2][1][0] - before[2][1][0].astype(float)).mean() > 5
    assert all(np.abs(a[1][0] - b[1][0].astype(float)).mean() < 1 for a, b in zip(none, before, strict=False))
    assert "either --style PHOTO or --look" in cli.refuses(folder, *look, "--style", folder / "s.png")
    missing = cli("video", folder / "in.mp4")
    assert missing.code == 2
    assert "it is missing" in missing.err
    assert cli(*look, "--colour", "2").code == 2
    assert "knows its own regions" in cli.refuses(folder, *look, "--style-mask", folder / "s.png")


def test_options_arrive(cli, folder):
    extra = ("--fit", "drift", "--window", "0.2", "--keyframes", "2", "--start", "0.1", "--end", "0.4",
             "--codec", "hevc", "--crf", "30", "--matching", "adain", "--strength", "0.5")  # fmt: skip
    result = cli(*arguments(folder, *extra, out="o.mkv"))
    assert result.code == 0, result.err
    assert "7 frames" in result.err
    assert VideoReader(folder / "o.mkv").info.codec == "hevc"
    assert cli(*arguments(folder, "--preview", out="p.webm")).code == 0
    assert VideoReader(folder / "p.webm").info.codec in ("vp9", "libvpx-vp9")


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        (("--strength", "2"), "between 0"),
        (("--keyframes", "0"), "keyframes is 0"),
        (("--start", "3", "--end", "2"), "not after the start"),
        (("--content-mask", "m"), "--style-mask beside it"),
        (("--strength", "sky=0.5"), "needs regions"),
        (("--codec", "prores"), "do not hold prores"),
        (("--crf", "99"), "crf is 99"),
        (("--address", "auto"), "add --engine ray"),
        (("--fit", "frame", "--jobs", "2"), "--fit frame goes without"),
    ],
)
def test_refusals_are_one_line(cli, folder, extra, says):
    assert says in cli.refuses(folder, *arguments(folder, *extra))


def test_bad_files_are_one_line(cli, folder):
    (folder / "text.mp4").write_text("no clip at all")
    (folder / "empty.mp4").write_bytes(b"")
    make_clip(folder / "hdr.mp4", (2,), fmt="yuv420p10le", colour=(1, 9, 16, 9))
    for clip, says in (
        ("text.mp4", "cannot be read as a video"),
        ("empty.mp4", "cannot be read as a video"),
        ("none.mp4", "No such file"),
        ("hdr.mp4", "is HDR (PQ)"),
    ):
        assert says in cli.refuses(folder, *arguments(folder, clip=clip))
    assert "would replace a file that is read" in cli.refuses(folder, *arguments(folder, "--overwrite", out="in.mp4"))
    assert "extension '.avi'" in cli.refuses(folder, *arguments(folder, out="o.avi"))


@pytest.fixture
def masked(folder):
    """The folder with sm.png, a mask of the style, and masks of the clip's frames in masks/."""
    masks = folder / "masks"
    masks.mkdir()
    label = np.zeros((48, 64, 3), np.uint8)
    label[:, 32:] = (255, 0, 0)
    for number in range(12):
        Image.fromarray(label).save(masks / f"{number:03d}.png")
    style = np.zeros((40, 48, 3), np.uint8)
    style[:, 24:] = (255, 0, 0)
    Image.fromarray(style).save(folder / "sm.png")
    return folder


def test_masks_of_frames_and_style_grade_by_region(cli, masked):
    folder, masks = masked, masked / "masks"
    extra = ("--content-mask", masks, "--style-mask", folder / "sm.png", "--codec", "ffv1")
    assert cli(*arguments(folder, *extra, out="by.mkv")).code == 0
    assert cli(*arguments(folder, "--codec", "ffv1", out="whole.mkv")).code == 0
    by, whole = decoded(folder / "by.mkv"), decoded(folder / "whole.mkv")
    assert np.abs(by[3][1][0] - whole[3][1][0]).mean() > 1
    (masks / "011.png").unlink()
    assert "holds 11 masks" in cli(*arguments(folder, *extra, out="short.mkv")).err


def test_a_saved_style_is_applied_to_a_clip(cli, folder):
    save_picture(folder / "c.png", 48, 64, 1)
    model = ("--model", folder / "tiny.safetensors")
    made = cli(
        "photo", folder / "c.png", "--style", folder / "s.png", "-o", folder / "c2.png", *model,
        "--segment", "off", "--save-style", folder / "look.style",
    )  # fmt: skip
    assert made.code == 0, made.err
    result = cli("apply", folder / "look.style", folder / "in.mp4", "-o", folder / "o.mp4", *model)
    assert result.code == 0, result.err
    assert len(decoded(folder / "o.mp4")) == 12
    result = cli("apply", folder / "look.style", folder / "in.mp4", folder / "in.mp4", "-o", folder / "x.mp4", *model)
    assert "need a folder" in result.err
    result = cli("apply", folder / "look.style", folder / "in.mp4", folder / "c.png", "-o", folder / "d", *model)
    assert "do not go together" in result.err
    assert cli("apply", folder / "look.style", folder / "in.mp4", "-o", folder / "d", *model).code == 0
    assert len(decoded(folder / "d" / "in.mp4")) == 12


@pytest.mark.parametrize("strength", [(), ("--strength", "0.5")])
def test_a_style_that_is_not_fitted_is_fitted_to_every_shot(cli, folder, strength):
    model = ("--model", folder / "tiny.safetensors")
    made = cli("style", "make", folder / "s.png", "-o", folder / "s.style", "--segment", "off", *model)
    assert made.code == 0, made.err
    applied = cli("apply", folder / "s.style", folder / "in.mp4", "-o", folder / "a.mp4", *model, *strength)
    assert applied.code == 0, applied.err
    assert "12 frames, 2 shots" in applied.err
    assert cli(*arguments(folder, *strength)).code == 0
    for (tick, one), (same, other) in zip(decoded(folder / "a.mp4"), decoded(folder / "o.mp4"), strict=True):
        assert tick == same
        assert all(abs(plane - twin).mean() < 1 for plane, twin in zip(one, other, strict=True))


def test_a_style_with_regions_that_is_not_fitted_meets_those_of_the_shots(cli, masked):
    model = ("--model", masked / "tiny.safetensors")
    made = cli("style", "make", masked / "s.png", "-o", masked / "s.style", "--style-mask", masked / "sm.png", *model)
    assert made.code == 0, made.err

    def apply(out, *extra):
        result = cli("apply", masked / "s.style", masked / "in.mp4", "-o", masked / out, *model, *extra)
        assert result.code == 0, result.err
        return decoded(masked / out)

    by_region = apply("a.mp4", "--content-mask", masked / "masks")
    masks = ("--content-mask", masked / "masks", "--style-mask", masked / "sm.png")
    assert cli(*arguments(masked, *masks)).code == 0
    for (tick, one), (same, other) in zip(by_region, decoded(masked / "o.mp4"), strict=True):
        assert tick == same
        assert all(abs(plane - twin).mean() < 1 for plane, twin in zip(one, other, strict=True))
    without = apply("w.mp4")  # nothing says where its regions are: the whole look everywhere
    assert abs(by_region[3][1][0] - without[3][1][0]).mean() > 1
    kept = apply("k.mp4", "--content-mask", masked / "masks", "--strength", "1,#ff0000=0")
    difference = abs(kept[3][1][0] - by_region[3][1][0])
    assert difference[:, :24].mean() < 0.3 * difference[:, 40:].mean()


def test_masks_for_a_style_without_regions_are_refused(cli, masked):
    model = ("--model", masked / "tiny.safetensors")
    made = cli("style", "make", masked / "s.png", "-o", masked / "s.style", "--segment", "off", *model)
    assert made.code == 0, made.err
    extra = ("--content-mask", masked / "masks", *model)
    line = cli.refuses(masked, "apply", masked / "s.style", masked / "in.mp4", "-o", masked / "a.mp4", *extra)
    assert "made without regions" in line


@pytest.mark.parametrize("by_region", [False, True])
def test_jobs_give_the_same_clip(cli, masked, monkeypatch, by_region):
    extra = ()
    if by_region:
        extra = ("--content-mask", masked / "masks", "--style-mask", masked / "sm.png", "--codec", "ffv1")
        # That processes are given the masks is tested in tests/video/test_workers.py.
        monkeypatch.setattr(photostyle.engines.local, "LocalEngine", Here)
    alone = cli(*arguments(masked, *extra, out="alone.mkv"))
    shared = cli(*arguments(masked, *extra, "--jobs", 2, out="shared.mkv"))
    assert (alone.code, shared.code) == (0, 0), shared.err
    assert shared.err.replace("shared", "alone") == alone.err
    assert same_pictures(masked / "alone.mkv", masked / "shared.mkv")


def test_ctrl_c_keeps_the_segments_and_says_how_to_go_on(folder):
    make_clip(folder / "long.mp4", (12,) * 6, size=(120, 160))
    command = [sys.executable, "-m", "photostyle", *map(os.fspath, arguments(folder, clip="long.mp4"))]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
        wait_for(lambda: list(folder.glob("o.mp4.parts/segment-*.nut")) or run.poll() is not None)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said
    assert not (folder / "o.mp4").exists()
    assert not list(folder.glob("o.mp4.parts/*.partial"))
    result = subprocess_cli(*arguments(folder, "--resume", clip="long.mp4"))
    assert result.code == 0, result.err
    assert len(decoded(folder / "o.mp4")) == 72
    assert not (folder / "o.mp4.parts").exists()


def test_help_names_the_choices(cli):
    text = cli("video", "--help").out
    for word in ("--fit", "--resume", "--keyframes", "--window", "--segment", "--crf", "--preview"):
        assert word in text
