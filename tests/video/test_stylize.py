"""A clip from file to file: shots, looks, segments, resuming, and what goes wrong."""

import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from photostyle.colour.yuv import to_rgb
from photostyle.errors import OutputError, ParameterError, VideoReadError
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit
from photostyle.video import grid_stream, items
from photostyle.video import segments as video_segments
from photostyle.video.grade import input_layout
from photostyle.video.looks import FIT_PIXELS, StyleSide, key_size
from photostyle.video.options import VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.stylize import apply_clip, load_style, stylize_clip
from photostyle.weights import load_model
from tests.util import picture, tiny_model
from tests.util.cli import colourful_model, save_colourful_model, save_picture
from tests.util.video import decoded, make_clip, packets, plan_of, same_pictures
from tests.util.waiting import PATIENCE, wait_for

LOSSLESS = {"codec": "ffv1"}


@pytest.fixture(scope="module")
def model():
    return colourful_model()


@pytest.fixture(scope="module")
def style():
    return StyleSide(picture(40, 48, 2))


def frames(path):
    reader = VideoReader(path)
    layout = input_layout(reader.info)
    return [to_rgb([torch.from_numpy(p) for p in f.planes()], layout) for f in reader.frames()]


def test_each_shot_is_one_fit_to_its_own_frames_and_nothing_leaks_across_a_cut(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (14, 11))
    options = VideoOptions(keyframes=3, segment=0.2, **LOSSLESS)
    report = stylize_clip(model, clip, style, tmp_path / "o.mkv", FitOptions(), options)
    assert (report.frames, report.shots, report.damaged, report.codec) == (25, 2, False, "ffv1")
    source, result = frames(clip), frames(tmp_path / "o.mkv")
    # key frames lie in the middles of thirds; what is fitted to them alone gives the result
    for first, count, keys in ((0, 14, (2, 6, 11)), (14, 11, (15, 19, 23))):
        # clips lay no course of a sky and protect no colours
        how = FitOptions(gradient=False, protect={})
        transfer = fit(model, [source[k] for k in keys], style.image, options=how)
        for k in (first, first + count // 2, first + count - 1):
            expected = transfer.apply(source[k]).clamp(0, 1)
            assert (result[k].clamp(0, 1) - expected).abs().mean() < 0.02, k
    assert not (tmp_path / "o.mkv.parts").exists()
    # the cut lies between the same two frames
    steps = [float((b - a).abs().mean()) for a, b in pairwise(result)]
    assert int(np.argmax(steps)) == 13


@pytest.mark.parametrize("fit_", ["shot", "drift", "frame"])
def test_every_way_to_fit_gives_all_frames_at_their_times(tmp_path, model, style, fit_):
    pts = [90 * k + (k % 3) * 11 for k in range(20)]
    clip = make_clip(tmp_path / "in.mp4", (20,), pts=pts, time_base=Fraction(1, 1000), audio="aac")
    options = VideoOptions(fit=fit_, window=0.4, segment=0.3, keyframes=2)
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), options)
    assert [second for second, _ in decoded(tmp_path / "o.mp4")] == [Fraction(p, 1000) for p in pts]
    assert packets(tmp_path / "o.mp4", "audio") == packets(clip, "audio")


def flicker(images):
    means = torch.stack([image.mean((1, 2)) for image in images])
    return float((means[2:] - 2 * means[1:-1] + means[:-2]).pow(2).mean())


def test_drift_follows_the_light_slowly_and_without_steps(tmp_path, model, style):
    gain = [1.0 - 0.6 * k / 59 for k in range(60)]
    clip = make_clip(tmp_path / "in.mkv", (60,), codec="ffv1", options={}, gain=gain)
    means = {}
    for fit_ in ("shot", "drift"):
        options = VideoOptions(fit=fit_, window=0.6, keyframes=2, **LOSSLESS)
        report = stylize_clip(model, clip, style, tmp_path / f"{fit_}.mkv", FitOptions(), options)
        assert report.shots == 1
        means[fit_] = [float(image.mean()) for image in frames(tmp_path / f"{fit_}.mkv")]
    change = {name: abs(np.mean(values[-5:]) - np.mean(values[:5])) for name, values in means.items()}
    assert change["drift"] < 0.75 * change["shot"]  # the light is taken out, as a fit to every frame does
    steps = np.abs(np.diff(means["drift"]))
    assert steps.max() < 0.02


def test_strength_nought_keeps_the_clips_colours(tmp_path):
    network = load_model("small")
    clip = make_clip(tmp_path / "in.mp4", (3,), colour=(1, 1, 1, 1))
    stylize_clip(
        network, clip, StyleSide(picture(64, 64, 2)), tmp_path / "o.mp4", FitOptions(strength=0.0), VideoOptions(crf=4)
    )
    for (_, before), (_, after) in zip(decoded(clip), decoded(tmp_path / "o.mp4"), strict=True):
        for a, b in zip(before, after, strict=True):
            assert np.abs(a - b).mean() < 2


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("full", {"colour": (2, 1, 1, 1)}),
        ("limited", {"colour": (1, 9, 14, 9)}),
        ("ten", {"fmt": "yuv420p10le"}),
        ("odd", {"size": (45, 61), "codec": "ffv1", "options": {}}),
        ("turned", {"rotation": -90}),
    ],
)
def test_tags_depth_and_sizes_pass_through(tmp_path, model, style, name, choices):
    suffix = ".mkv" if choices.get("codec") == "ffv1" else ".mp4"
    clip = make_clip(tmp_path / f"in{suffix}", (5,), **choices)
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), VideoOptions(crf=2))
    before, after = VideoReader(clip).info, VideoReader(tmp_path / "o.mp4").info
    assert (after.width, after.height, after.bits, after.rotation) == (
        before.width, before.height, before.bits, before.rotation,
    )  # fmt: skip
    assert after.colour == before.colour
    source, result = frames(clip), frames(tmp_path / "o.mp4")
    how = FitOptions(gradient=False, protect={})  # as clips are
    expected = fit(model, source, style.image, options=how).apply(source[2]).clamp(0, 1)
    assert (result[2].clamp(0, 1) - expected).abs().mean() < 0.03


def test_start_and_end_choose_frames(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (50,), audio="aac")
    options = VideoOptions(start=0.5, end=1.0)
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), options)
    assert [second for second, _ in decoded(tmp_path / "o.mp4")] == [Fraction(k, 25) for k in range(12)]
    with pytest.raises(ParameterError, match="no frame lies between"):
        stylize_clip(model, clip, style, tmp_path / "p.mp4", FitOptions(), VideoOptions(start=9.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "o.mp4"]


def test_preview_is_small(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (3,), size=(300, 640))
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), VideoOptions(preview=True))
    info = VideoReader(tmp_path / "o.mp4").info
    assert (info.width, info.height) == (480, 224)


def test_a_fitted_style_is_applied_to_all_shots(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (8, 8))
    how = FitOptions(gradient=False, protect={})  # as clips are
    transfer = fit(model, frames(clip)[0], style.image, options=how)
    report = apply_clip(transfer, clip, tmp_path / "o.mkv", VideoOptions(**LOSSLESS), strength=0.5)
    assert report.frames == 16
    source, result = frames(clip), frames(tmp_path / "o.mkv")
    for k in (0, 12):
        assert (result[k].clamp(0, 1) - transfer.apply(source[k], strength=0.5).clamp(0, 1)).abs().mean() < 0.02


def test_batches_give_what_single_frames_give(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (11, 6))
    for batch in (1, 4):
        options = VideoOptions(batch=batch, segment=0.3, **LOSSLESS)
        stylize_clip(model, clip, style, tmp_path / f"{batch}.mkv", FitOptions(), options)
    for a, b in zip(decoded(tmp_path / "1.mkv"), decoded(tmp_path / "4.mkv"), strict=True):
        assert all(np.abs(p - q).max() <= 1 for p, q in zip(a[1], b[1], strict=True))


class StopError(Exception):
    pass


def segments(folder):
    """Names of the finished segments of a clip's run."""
    return sorted(path.name for path in folder.glob("segment-*.nut"))


def interrupted(after, model, clip, style, out, *args, finished=0, **kwargs):
    """Run until `after` frames are graded and so many segments are through the encoder's thread, then fail."""

    def progress(stage, done, total):
        if stage == "grading" and done >= after:
            wait_for(lambda: len(segments(out.with_name(f"{out.name}.parts"))) >= finished)
            raise StopError

    with pytest.raises(StopError):
        stylize_clip(model, clip, style, out, *args, progress=progress, **kwargs)


@pytest.mark.parametrize("fit_", ["shot", "drift", "frame"])
def test_a_continued_run_equals_an_unbroken_one(tmp_path, model, style, fit_):
    clip = make_clip(tmp_path / "in.mp4", (17, 9, 12), audio="aac")
    options = VideoOptions(fit=fit_, window=0.2, segment=0.2)
    arguments = (model, clip, style)
    stylize_clip(*arguments, tmp_path / "whole.mp4", FitOptions(), options)
    for after, finished in ((9, 1), (23, 5)):
        out = tmp_path / "o.mp4"
        interrupted(after, *arguments, out, FitOptions(), options, finished=finished, resume=after > 9)
        assert not (tmp_path / "o.mp4").exists()
        folder = tmp_path / "o.mp4.parts"
        assert not list(folder.glob("*.partial"))
        assert len(segments(folder)) == finished
    with pytest.raises(OutputError, match="--resume"):
        stylize_clip(*arguments, tmp_path / "o.mp4", FitOptions(), options)
    with pytest.raises(OutputError, match="another fit options"):
        stylize_clip(*arguments, tmp_path / "o.mp4", FitOptions(strength=0.5), options, resume=True)
    seen = []
    stylize_clip(
        *arguments, tmp_path / "o.mp4", FitOptions(), options, resume=True, progress=lambda *told: seen.append(told)
    )
    assert {stage for stage, _, _ in seen} == {"grading"}  # the first pass is not done again
    assert seen[0][1] == 17 + 5 + 1  # what was graded of a segment that was not finished is done again
    assert seen[-1] == ("grading", 38, 38)
    assert same_pictures(tmp_path / "whole.mp4", tmp_path / "o.mp4")
    assert packets(tmp_path / "o.mp4", "audio") == packets(tmp_path / "whole.mp4", "audio")
    assert not (tmp_path / "o.mp4.parts").exists()


SCRIPT = """
import sys
from pathlib import Path
from photostyle.video.stylize import load_style, stylize_clip
from photostyle.video.options import VideoOptions
from photostyle.options import FitOptions
from photostyle.weights import load_model
folder, slow, resume = Path(sys.argv[1]), sys.argv[2] == "slow", sys.argv[3] == "resume"
def progress(stage, done, total):
    if slow and stage == "grading" and done >= 18:
        print("half-way", flush=True)
        import time; time.sleep(3600)
model = load_model(str(folder / "tiny.safetensors"))
stylize_clip(model, folder / "in.mp4", load_style(folder / "s.png", model), folder / sys.argv[4], FitOptions(),
             VideoOptions(segment=0.2), resume=resume, progress=progress)
"""


def test_a_run_killed_half_way_is_continued_to_the_same_clip(tmp_path):
    make_clip(tmp_path / "in.mp4", (15, 16), audio="aac")
    save_picture(tmp_path / "s.png", 40, 48, 2)
    save_colourful_model(tmp_path / "tiny.safetensors")

    def command(*args):
        return {"args": [sys.executable, "-c", SCRIPT, str(tmp_path), *args], "cwd": Path(__file__).parents[2]}

    subprocess.run(**command("fast", "new", "whole.mp4"), check=True, timeout=PATIENCE)
    with subprocess.Popen(**command("slow", "new", "o.mp4"), stdout=subprocess.PIPE) as broken:
        assert broken.stdout.readline() == b"half-way\n"
        wait_for(lambda: len(segments(tmp_path / "o.mp4.parts")) == 3)  # what the encoder's thread was given
        broken.send_signal(signal.SIGKILL)
    assert broken.returncode == -signal.SIGKILL
    folder = tmp_path / "o.mp4.parts"
    assert len(segments(folder)) == 3
    assert not (tmp_path / "o.mp4").exists()
    subprocess.run(**command("fast", "resume", "o.mp4"), check=True, timeout=PATIENCE)
    assert same_pictures(tmp_path / "whole.mp4", tmp_path / "o.mp4")
    assert packets(tmp_path / "o.mp4", "audio") == packets(tmp_path / "in.mp4", "audio")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "o.mp4", "s.png", "tiny.safetensors", "whole.mp4"]


def test_segments_stay_within_shots_and_their_length(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (12, 5, 3))
    options = VideoOptions(segment=0.2)
    interrupted(19, model, clip, style, tmp_path / "o.mp4", FitOptions(), options, finished=4)
    plan = plan_of(tmp_path / "o.mp4")
    assert [(shot["first"], shot["count"]) for shot in plan["shots"]] == [(0, 12), (12, 5), (17, 3)]
    assert segments(tmp_path / "o.mp4.parts") == [
        f"segment-{k:05d}.nut" for k in range(4)
    ]  # 5, 5, 2; 5; and the last was not finished


def test_a_full_disk_keeps_what_is_done(tmp_path, model, style, monkeypatch):
    clip = make_clip(tmp_path / "in.mp4", (12,))

    class Filling(video_segments.SegmentWriter):
        def write(self, planes):
            if (self.path.stem, self._frames) == ("segment-00001", 3):
                raise OutputError(f"{self.path}: cannot be written (the disk is full); make room")
            super().write(planes)

    options = VideoOptions(segment=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(video_segments, "SegmentWriter", Filling)
        with pytest.raises(OutputError, match="disk is full"):
            stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), options)
    assert sorted(p.name for p in (tmp_path / "o.mp4.parts").glob("segment*")) == ["segment-00000.nut"]
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), options, resume=True)
    assert len(decoded(tmp_path / "o.mp4")) == 12


def test_damage_is_survived_and_resuming_knows_of_it(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (40,), options={"g": "10", "preset": "veryfast", "crf": "5"})
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = np.random.default_rng(0).integers(0, 256, 400, np.uint8).tobytes()
    clip.write_bytes(data)
    options = VideoOptions(segment=0.3)
    report = stylize_clip(model, clip, style, tmp_path / "whole.mp4", FitOptions(), options)
    assert report.damaged
    assert report.frames > 30
    interrupted(20, model, clip, style, tmp_path / "o.mp4", FitOptions(), options)
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), options, resume=True)
    assert same_pictures(tmp_path / "whole.mp4", tmp_path / "o.mp4")


def test_a_clip_that_changes_under_way_is_refused(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (20,))
    interrupted(12, model, clip, style, tmp_path / "o.mp4", FitOptions(), VideoOptions(segment=0.2))
    make_clip(clip, (9,))
    with pytest.raises(OutputError, match="another clip"):
        stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), VideoOptions(segment=0.2), resume=True)
    stamp = plan_of(tmp_path / "o.mp4")["asked"]["clip"]
    assert stamp[0] == "in.mp4"


@pytest.mark.parametrize(("finish", "kind"), [("smooth", grid_stream.Item), ("windows", items.Item)])
def test_memory_does_not_grow_with_the_clip(tmp_path, model, style, monkeypatch, finish, kind):
    """Frames in flight are bounded: a decoder that could run away waits."""
    alive, most = [0], [0]
    plain = kind.__init__

    def born(self, *args):
        plain(self, *args)
        alive[0] += 1
        most[0] = max(most[0], alive[0])

    monkeypatch.setattr(kind, "__init__", born)
    monkeypatch.setattr(kind, "__del__", lambda self: alive.__setitem__(0, alive[0] - 1), raising=False)
    clip = make_clip(tmp_path / "in.mp4", (80,))
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(finish=finish), VideoOptions(batch=2))
    assert 1 < most[0] <= 12


def test_refusals_come_before_any_work(tmp_path, model, style):
    clip = make_clip(tmp_path / "in.mp4", (3,))
    (tmp_path / "there.mp4").write_bytes(b"mine")
    for output, error, says in (
        ("there.mp4", OutputError, "already exists"),
        ("o.avi", OutputError, "extension '.avi'"),
        ("no/o.mp4", OutputError, "does not exist"),
    ):
        with pytest.raises(error, match=says):
            stylize_clip(model, clip, style, tmp_path / output, FitOptions())
    hdr = make_clip(tmp_path / "hdr.mp4", (2,), fmt="yuv420p10le", colour=(1, 9, 16, 9))
    with pytest.raises(VideoReadError, match="HDR"):
        stylize_clip(model, hdr, style, tmp_path / "o.mp4", FitOptions())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hdr.mp4", "in.mp4", "there.mp4"]
    stylize_clip(model, hdr, style, tmp_path / "o.mp4", FitOptions(), VideoOptions(allow_hdr=True))
    assert VideoReader(tmp_path / "o.mp4").info.colour.transfer == 16


@pytest.mark.parametrize(
    "wrong",
    [
        {"fit": "clip"}, {"keyframes": 0}, {"window": 0.0}, {"window": float("inf")}, {"start": -1.0},
        {"start": 2.0, "end": 1.0}, {"end": 0.0}, {"batch": 0}, {"segment": -1.0},
    ],
)  # fmt: skip
def test_options_are_checked(wrong):
    with pytest.raises(ParameterError):
        VideoOptions(**wrong)


def test_styles_and_key_frames_are_reduced(tmp_path):
    save_picture(tmp_path / "s.png", 900, 1200, 2)
    model = tiny_model()
    height, width = load_style(tmp_path / "s.png", model).image.shape[-2:]
    assert height * width <= 1.01 * FIT_PIXELS
    assert abs(width / height - 4 / 3) < 0.01
    assert key_size(100, 200) == (100, 200)
    assert key_size(2160, 3840) == (540, 960)
    assert min(key_size(16, 90000)) >= 16
