"""Regions over time: steadied along the motion, given up where it cannot be followed, and the same after a restart."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import MaskError, ParameterError
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions, side_by_side
from photostyle.transfer.fitting import fit
from photostyle.video.looks import StyleSide
from photostyle.video.masks import MaskFrames
from photostyle.video.options import VideoOptions
from photostyle.video.regions import Adapted, Heard, Masks, Smoothed, carry, upright
from photostyle.video.stylize import apply_clip, stylize_clip
from tests.util import halves, picture
from tests.util.cli import colourful_model
from tests.util.video import decoded, make_clip, same_pictures, scene

SIZE = (64, 96)


def view(time, step=3):
    """A camera moving right over a scene: `step` pixels a frame."""
    wide = torch.from_numpy(scene(3, 0, 64, 200)).float()
    return wide[:, step * time : step * time + 96].expand(3, -1, -1)


def truth(time, step=3):
    """A region that is fixed to the scene: right of its column 60."""
    return (torch.arange(96) + step * time >= 60).float().expand(SIZE)


class Trembling:
    """Stands in for a segmentation network: right, but for a border that jumps about."""

    def __init__(self):
        self.time, self.rng = -1, np.random.default_rng(0)

    def __call__(self, image):
        self.time += 1
        shift = int(self.rng.integers(-4, 5))
        noisy = torch.roll(truth(self.time), shift, 1)
        noisy[:, :4], noisy[:, -4:] = truth(self.time)[:, :4], truth(self.time)[:, -4:]
        return torch.stack([1 - noisy, noisy]) * 0.9 + 0.05


def as_regions(found, image):
    return Regions({"left": found[0], "right": found[1]}, hard=False)


def test_borders_that_tremble_are_steadied_along_the_motion():
    smooth, rough = Smoothed(Trembling(), as_regions, "x"), Smoothed(Trembling(), as_regions, "x", memory=0.0)
    errors = {}
    for name, source in (("smooth", smooth), ("rough", rough)):
        found = [source.follow(view(t), t).weights["right"] for t in range(20)]
        errors[name] = np.mean([float((w - truth(t)).abs().mean()) for t, w in enumerate(found) if t >= 6])
        # what changes from frame to frame in the scene's own coordinates
        errors[name + " boil"] = np.mean([float((b[:, :-3] - a[:, 3:]).pow(2).mean()) for a, b in pairwise(found[6:])])
    assert errors["smooth"] < 1.1 * errors["rough"]
    assert errors["smooth boil"] < 0.25 * errors["rough boil"]


def test_probabilities_stay_probabilities_and_a_new_scene_is_believed_at_once():
    rng = np.random.default_rng(0)
    before, now = (rng.dirichlet((1, 1, 1), SIZE).transpose(2, 0, 1).astype(np.float32) for _ in range(2))
    here, other = (scene(k, 0, *SIZE).astype(np.float32) for k in (1, 2))
    kept = carry(before, here, now, here, 0.8)
    assert np.allclose(kept.sum(0), 1, atol=1e-5)
    assert np.allclose(kept, 0.8 * before + 0.2 * now, atol=0.02)
    # brightness that does not agree: only the new frame counts
    changed = carry(before, np.zeros(SIZE, np.float32), now, np.ones(SIZE, np.float32), 0.8)
    assert np.allclose(changed, now, atol=1e-3)
    assert np.abs(carry(before, here, now, other, 0.8) - now).mean() < np.abs(kept - now).mean()


def test_a_restart_forgets_and_single_frames_know_no_past():
    source = Smoothed(Trembling(), as_regions, "x")
    source.follow(view(0), 0)
    source.restart()
    fresh = Smoothed(Trembling(), as_regions, "x")
    fresh._probabilities.time, fresh._probabilities.rng = 0, np.random.default_rng(0)
    fresh._probabilities.rng.integers(-4, 5)
    assert torch.equal(source.follow(view(1), 1).weights["right"], fresh.single(view(1), 1).weights["right"])
    with pytest.raises(ParameterError, match="memory"):
        Smoothed(Trembling(), as_regions, "x", memory=1.0)


def test_frames_that_are_left_out_fade_the_past_all_the_same():
    """A still picture whose region vanishes: five frames on, as little of it is left as after five that were seen."""
    still, found = view(0), iter([1.0, 0.0])

    def probabilities(image):
        share = torch.full(SIZE, next(found, 0.0))
        return torch.stack([1 - share, share])

    source = Smoothed(probabilities, as_regions, "x")
    source.follow(still, 0)
    left = source.follow(still, 5).weights["right"].mean()
    assert float(left) == pytest.approx(0.8**5, abs=0.02)


class Brightness:
    """A region source that a run can repeat: what is bright, smoothed."""

    def __new__(cls):
        def probabilities(image):
            bright = image.mean(0).clamp(0, 1)
            return torch.stack([1 - bright, bright])

        return Smoothed(probabilities, lambda p, image: Regions({"0": p[0], "1": p[1]}, hard=False), "brightness")


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_continued_run_sees_the_same_regions(tmp_path, rotation):
    model, style = colourful_model(), StyleSide(picture(40, 48, 2), Regions.from_labels(halves(40, 48, 0, 1)))
    clip = make_clip(tmp_path / "in.mp4", (26, 6), rotation=rotation)
    options = VideoOptions(segment=0.25, codec="ffv1")
    stylize_clip(model, clip, style, tmp_path / "whole.mkv", FitOptions(), options, regions=Brightness())

    def stop(stage, done, total):
        if stage == "grading" and done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_clip(model, clip, style, tmp_path / "o.mkv", FitOptions(), options, regions=Brightness(), progress=stop)
    stylize_clip(model, clip, style, tmp_path / "o.mkv", FitOptions(), options, regions=Brightness(), resume=True)
    assert same_pictures(tmp_path / "whole.mkv", tmp_path / "o.mkv")
    near = FitOptions(finish="windows")  # to the network, which tells the regions further apart
    stylize_clip(model, clip, style, tmp_path / "with.mkv", near, options, regions=Brightness())
    stylize_clip(model, clip, StyleSide(style.image), tmp_path / "without.mkv", near, options)
    difference = np.abs(decoded(tmp_path / "with.mkv")[3][1][0] - decoded(tmp_path / "without.mkv")[3][1][0])
    assert difference.mean() > 0.5


def test_regions_are_found_upright_and_turned_back():
    image = picture(20, 30)
    for rotation in (0, 90, 180, -90):
        turn, back = upright(rotation)
        turned = turn(image)
        assert turned.shape == ((3, 20, 30) if rotation % 180 == 0 else (3, 30, 20))
        regions = back(Regions({"a": turned[0]}, hard=False))
        assert torch.equal(regions.weights["a"], image[0])
    assert torch.equal(upright(90)[0](image), torch.rot90(image, 1, (1, 2)))


def test_styles_without_a_region_fall_to_related_ones_or_the_whole():
    model = colourful_model()
    labels = Regions.from_labels(halves(40, 48, 0, 1))
    named = Regions({"ground": labels.weights["0"], "sky": labels.weights["1"]}, hard=True)
    transfer = fit(model, picture(40, 48, 1), picture(40, 48, 2), content_regions=named, style_regions=named)

    class Source:
        lead, name = 0, "x"

        def single(self, image, index):
            return Regions({"vegetation": labels.weights["0"], "sky": labels.weights["1"]}, hard=True)

    found = Adapted(Source(), transfer).single(picture(40, 48, 1), 0)
    assert set(found.weights) == {"ground", "sky"}
    both = side_by_side([labels, Regions({"0": torch.ones(40, 48)}, hard=True)])
    assert both.size == (40, 96)
    assert both.weights["1"][:, 48:].sum() == 0


def test_masks_come_from_a_folder_or_a_painted_clip(tmp_path):
    colours = np.zeros((48, 64, 3), np.uint8)
    colours[:, 32:] = (255, 0, 0)
    folder = tmp_path / "masks"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.roll(colours, number, 1)).save(folder / f"{number}.png")
    import av

    for name, codec, fmt in (("m.mkv", "ffv1", "bgr0"), ("m.mp4", "libx264", "yuv420p")):
        container = av.open(str(tmp_path / name), "w")
        stream = container.add_stream(codec, rate=25, width=64, height=48)
        stream.pix_fmt = fmt
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(colours, number, 1)), "rgb24")
            container.mux(stream.encode(frame.reformat(format=fmt)))
        container.mux(stream.encode())
        container.close()
    expected = MaskFrames(folder)
    for name in ("m.mkv", "m.mp4"):
        painted = MaskFrames(tmp_path / name)
        for number in (0, 2, 1, 1):  # in any order
            ours, theirs = painted.read(number, (48, 64)), expected.read(number, (48, 64))
            assert (ours.labels == theirs.labels).mean() > (0.9999 if name == "m.mkv" else 0.9)
        with pytest.raises(MaskError, match="fewer masks"):
            painted.read(3, (48, 64))
        with pytest.raises(MaskError, match="64x48 pixels but the clip's are 48x64"):
            painted.read(0, (64, 48))
    with pytest.raises(MaskError, match="holds 3 masks"):
        expected.read(3, (48, 64))
    (tmp_path / "none").mkdir()
    with pytest.raises(MaskError, match="holds no picture"):
        MaskFrames(tmp_path / "none")
    found = Masks(folder, (48, 64)).follow(picture(24, 32), 0)
    assert found.size == (24, 32)
    assert len(found.weights) == 2


def test_a_style_fitted_by_region_meets_a_clips_regions(tmp_path):
    model = colourful_model()
    labels = Regions.from_labels(halves(48, 64, 0, 1))
    transfer = fit(model, picture(48, 64, 1), picture(48, 64, 2), content_regions=labels, style_regions=labels)
    clip = make_clip(tmp_path / "in.mp4", (4,))

    class Halves:
        lead, name = 0, "halves"

        def single(self, image, index):
            return labels

        follow = single

        def heard(self, image, index):
            return Heard(None, lambda vote: labels)

        def restart(self, vote=None):
            pass

    options = VideoOptions(codec="ffv1")
    apply_clip(transfer, clip, tmp_path / "by.mkv", options, regions=Halves())
    apply_clip(transfer, clip, tmp_path / "whole.mkv", options)
    a, b = decoded(tmp_path / "by.mkv")[0][1][0], decoded(tmp_path / "whole.mkv")[0][1][0]
    assert np.abs(a - b).mean() > 0.3
