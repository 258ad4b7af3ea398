"""A fitted style on a clip from Python: shares of its change, and what an interrupted run knows of it."""

from dataclasses import replace

import pytest
import torch

from photostyle.colour.lab import to_lab
from photostyle.errors import OutputError
from photostyle.jobs.blending import Shares, blended_
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit
from photostyle.transfer.matching import Moments
from photostyle.transfer.targets import StyleMoments, Target
from photostyle.video.looks import StyleSide
from photostyle.video.options import VideoOptions
from photostyle.video.stylize import apply_clip
from tests.util import picture
from tests.util.cli import colourful_model
from tests.util.video import frames_of, make_clip, plan_of, same_pictures

WHOLE = VideoOptions(codec="ffv1")


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "in.mp4", (8, 6))


@pytest.fixture
def transfer(clip):
    # Clips protect no colours, so the frames that they are compared with do not, either.
    how = FitOptions(gradient=False, protect={})
    return fit(colourful_model(), frames_of(clip)[0], picture(40, 48, 2), options=how)


@pytest.mark.parametrize("finish", ["smooth", "windows"])
@pytest.mark.parametrize("shares", [Shares(brightness=0), Shares(colour=0.4), Shares(0.3, 0.7)])
def test_shares_are_those_of_each_frame_by_itself(tmp_path, clip, transfer, finish, shares):
    transfer = replace(transfer, options=replace(transfer.options, finish=finish))
    options = replace(WHOLE, colour=shares.colour, brightness=shares.brightness)
    apply_clip(transfer, clip, tmp_path / "o.mkv", options)
    before, after = frames_of(clip), frames_of(tmp_path / "o.mkv")
    for k in (0, 10):
        whole = transfer.apply(before[k]).clamp(0, 1)
        wanted = blended_(before[k], whole.clone(), shares).clamp(0, 1)
        assert (after[k] - wanted).abs().mean() < 0.02
        if shares.brightness == 0:  # but for colours that no screen has at that lightness
            lightness = to_lab(torch.stack([before[k], after[k], whole]))[:, 0]
            assert (lightness[1] - lightness[0]).abs().mean() < 0.15 * (lightness[2] - lightness[0]).abs().mean()


class StopError(Exception):
    pass


def stopped(transfer, clip, out, options, **how):
    """Apply it until the first segment is graded."""

    def progress(stage, done, total):
        if stage == "grading":
            raise StopError

    with pytest.raises(StopError):
        apply_clip(transfer, clip, out, options, progress=progress, **how)


def test_a_continued_run_has_the_shares_that_it_began_with(tmp_path, clip, transfer):
    out, options = tmp_path / "o.mkv", replace(WHOLE, colour=0.5, brightness=0.0)
    stopped(transfer, clip, out, options)
    asked = plan_of(out)["asked"]
    assert (asked["colour"], asked["brightness"]) == (0.5, 0)
    for name, value in (("colour", 1.0), ("brightness", 0.1)):
        with pytest.raises(OutputError, match=f"another {name};"):
            apply_clip(transfer, clip, out, replace(options, **{name: value}), resume=True)
    apply_clip(transfer, clip, out, options, resume=True)
    apply_clip(transfer, clip, tmp_path / "whole.mkv", options)
    assert same_pictures(out, tmp_path / "whole.mkv")


def changed(transfer, **parts):
    """The style with another map at one site: `parts` of `AffineMap`, or of `SiteMap`."""
    site, maps = next(iter(transfer.maps.items()))
    found = maps["*"]
    affine = replace(found.affine, **{name: value for name, value in parts.items() if name in ("matrix", "bias")})
    ends = {name: value for name, value in parts.items() if name in ("low", "high")}
    return replace(transfer, maps={**transfer.maps, site: {**maps, "*": replace(found, affine=affine, **ends)}})


def test_no_other_style_goes_on_with_a_run(tmp_path, clip, transfer):
    """Whatever of a style the frames depend on."""
    first = next(iter(transfer.maps.values()))["*"]
    out = tmp_path / "o.mkv"
    stopped(transfer, clip, out, WHOLE)
    for other, named in (
        (changed(transfer, matrix=first.affine.matrix * 1.1), "style"),
        (changed(transfer, bias=first.affine.bias + 0.1), "style"),
        (changed(transfer, high=first.high - 0.1), "style"),
        (replace(transfer, options=replace(transfer.options, strength=0.5)), "fit options"),
        (replace(transfer, options=replace(transfer.options, finish="windows")), "fit options"),
    ):
        with pytest.raises(OutputError, match=f"another {named};"):
            apply_clip(other, clip, out, WHOLE, resume=True)
    with pytest.raises(OutputError, match="another strength;"):
        apply_clip(transfer, clip, out, WHOLE, strength=0.5, resume=True)
    apply_clip(transfer, clip, out, WHOLE, resume=True)
    assert len(frames_of(out)) == 14


def test_nor_one_that_is_still_to_be_fitted():
    model, square = colourful_model(), torch.eye(2).double()
    near, far = (torch.tensor([mean, 0.0]).double() for mean in (0.2, 0.3))

    def digest(name="sky", mean=far, covariance=square, weight=4.0):
        parts = {"*": Moments(near, square, 9.0), name: Moments(mean, covariance, weight)}
        return StyleSide(Target(model, FitOptions(), (StyleMoments("s", 1.0, {"encoder1": parts}),))).digest

    others = [
        digest(name="water"),
        digest(mean=near),
        digest(covariance=2 * square),
        digest(weight=5.0),  # the fewer pixels, the more it is drawn towards the whole
    ]
    assert len({digest(), *others}) == 5
    assert digest() == digest(covariance=square.clone())
