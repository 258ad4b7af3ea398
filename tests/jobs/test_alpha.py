"""What cannot be seen of a photo or reference decides nothing, and what can be seen a little decides little."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from photostyle.batch.look import make_look
from photostyle.batch.work import BatchOptions
from photostyle.errors import ImageReadError
from photostyle.jobs.fitting import fit_and_render
from photostyle.jobs.loading import load, weighed
from photostyle.jobs.methods import MethodRun, method_file
from photostyle.jobs.photo import apply_file, read_image, stylize_file
from photostyle.jobs.regions import Reference, RegionSettings
from photostyle.jobs.rendering import Rendering
from photostyle.jobs.segment import ClusterSegmentation
from photostyle.jobs.style import make_style
from photostyle.methods import METHODS
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer import measuring, tiling
from photostyle.transfer.fitting import fit
from photostyle.weights import save_model
from tests.util import assert_same, halves, picture
from tests.util.cli import colourful_model, save_picture

MODEL = colourful_model()
OTHER = {"black": 0, "white": 255}


def cut_out(path, under, *, height=56, width=72, seed=1):
    """A picture seen through a disc with a soft edge; what is under alpha 0 is all one value."""
    y, x = np.mgrid[0:height, 0:width]
    alpha = np.clip((min(height, width) * 0.4 - np.hypot(y - height / 2, x - width / 2)) / 5, 0, 1)
    alpha = np.rint(alpha * 255).astype(np.uint8)
    rgb = (picture(height, width, seed).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(np.dstack([np.where(alpha[..., None] > 0, rgb, np.uint8(under)), alpha])).save(path)
    return path


@pytest.fixture
def scene(tmp_path):
    save_picture(tmp_path / "plain.png", 48, 60, 2)
    for name, under in OTHER.items():
        cut_out(tmp_path / f"{name}.png", under)
    return tmp_path


def seen(path):
    values = np.asarray(Image.open(path))
    return values[values[..., 3] > 0] if values.shape[2] == 4 else values


def same_where_seen(scene, work):
    for name in OTHER:
        work(scene / f"{name}.png", scene / f"{name}-out.png")
    np.testing.assert_array_equal(*(seen(scene / f"{name}-out.png") for name in OTHER))


@pytest.mark.parametrize("rendering", [Rendering(), Rendering("grid"), Rendering(fit_pixels=900)])
@pytest.mark.parametrize("side", [None, 40])
def test_photos(scene, rendering, side):
    style = load(scene / "plain.png")
    same_where_seen(
        scene,
        lambda photo, out: stylize_file(MODEL, photo, style, out, FitOptions(), rendering=rendering, side=side),
    )


def test_references_and_segmentations(scene):
    found = RegionSettings(ClusterSegmentation(MODEL))
    for settings in (None, found):
        same_where_seen(
            scene,
            lambda style, out, regions=settings: stylize_file(
                MODEL, scene / "plain.png", [Reference(load(style))], out, FitOptions(), regions=regions, overwrite=True
            ),
        )
    same_where_seen(
        scene,
        lambda photo, out: stylize_file(
            MODEL, photo, load(scene / "plain.png"), out, FitOptions(), regions=found, overwrite=True
        ),
    )


def test_saved_styles(scene):
    for source in ("plain", "black", "white"):
        style = make_style(MODEL, [(scene / f"{source}.png", 1.0)], FitOptions())
        apply_file(style, scene / "plain.png", scene / f"{source}-styled.png")
        if source == "plain":
            same_where_seen(scene, lambda photo, out, style=style: apply_file(style, photo, out))
    np.testing.assert_array_equal(seen(scene / "black-styled.png"), seen(scene / "white-styled.png"))
    assert (seen(scene / "plain-styled.png") != seen(scene / "black-styled.png")).any()


@pytest.mark.parametrize("name", ["reinhard", "monge", "sliced"])
def test_other_methods(scene, caplog, name):
    info = next(info for info in METHODS if info.name == name)
    run = MethodRun(info, info.create(), torch.device("cpu"))
    style = Reference(load(scene / "plain.png"))
    same_where_seen(scene, lambda photo, out: method_file(run, photo, style, out))
    said = f"{scene / 'black.png'}: {name} counts what can hardly be seen as much as the rest"
    assert said in caplog.text
    caplog.clear()
    for under in OTHER:
        method_file(
            run,
            scene / "plain.png",
            Reference(load(scene / f"{under}.png")),
            scene / f"{under}-out.png",
            overwrite=True,
        )
    np.testing.assert_array_equal(*(seen(scene / f"{under}-out.png") for under in OTHER))
    assert said in caplog.text
    caplog.clear()
    method_file(run, scene / "plain.png", style, scene / "o.png")
    assert not caplog.records


def test_a_look_for_a_shoot(scene):
    save_model(MODEL, scene / "tiny.safetensors")
    options = BatchOptions(
        ((None, scene / "plain.png"),), model=str(scene / "tiny.safetensors"), device="cpu", shared=True
    )
    for name in OTHER:
        make_look(options, [scene / "plain.png", scene / f"{name}.png"], scene / f"{name}.style")
    one, other = (load_file(scene / f"{name}.style") for name in OTHER)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_images_for_callers_are_continued_too(scene):
    assert torch.equal(*(read_image(scene / f"{name}.png") for name in OTHER))


def test_moments_are_those_of_what_is_seen():
    features = torch.rand(1, 5, 12, 16, generator=torch.Generator().manual_seed(0))
    alpha = torch.zeros(12, 16)
    alpha[:, :7] = 1
    regions = Regions({"a": halves(12, 16, 1, 0).float()}, hard=True)
    found = measuring.measure(features, regions.through(alpha), with_whole=True)
    part = measuring.measure(features[..., :7], None, with_whole=True)["*"]
    torch.testing.assert_close(found["*"].moments.mean, part.moments.mean)
    torch.testing.assert_close(found["*"].moments.covariance, part.moments.covariance)
    assert found["*"].moments.weight == pytest.approx(part.moments.weight)
    assert found["*"].range == pytest.approx(part.range)
    both = measuring.measure(features, Regions({"a": regions.weights["a"] * alpha}, hard=True), with_whole=False)
    torch.testing.assert_close(found["a"].moments.mean, both["a"].moments.mean)


def test_what_is_hardly_seen_hardly_counts():
    features = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    alpha = torch.ones(8, 8)
    alpha[:4], features[..., :4, :] = 0.001, 9.0
    found = measuring.measure(features, Regions({}, hard=True, visible=alpha), with_whole=True)["*"]
    torch.testing.assert_close(found.moments.mean.float(), features[0, :, 4:].mean((1, 2)), atol=0.02, rtol=0)


def test_tiles_weigh_alike():
    content, style = picture(75, 90, 3), picture(64, 80, 4)
    alpha = torch.zeros(75, 90)
    alpha[10:60, 15:50] = 1  # whole tiles cannot be seen
    given = {
        "content_regions": Regions({}, hard=True, visible=alpha),
        "style_regions": Regions({}, hard=True, visible=torch.rand(64, 80, generator=torch.Generator().manual_seed(2))),
    }
    whole, tiled = fit(MODEL, content, style, **given), tiling.fit(MODEL, content, style, **given, tile=32)
    assert_same(whole, tiled, 2e-3)
    _, result = fit_and_render(MODEL, content.clone(), [style], Rendering(), **{
        "content_regions": given["content_regions"], "style_regions": [given["style_regions"]]
    })  # fmt: skip
    torch.testing.assert_close(result, whole.apply(content), atol=1e-4, rtol=0)


def test_an_opaque_alpha_changes_nothing(tmp_path):
    save_picture(tmp_path / "plain.png", 48, 60, 2)
    Image.open(tmp_path / "plain.png").convert("RGBA").save(tmp_path / "opaque.png")
    photos = [load(tmp_path / name) for name in ("plain.png", "opaque.png")]
    assert weighed(photos, None) is None
    assert torch.equal(photos[0].image, photos[1].image)


def test_what_is_transparent_everywhere(scene, caplog):
    Image.new("RGBA", (40, 40), (10, 200, 30, 0)).save(scene / "nothing.png")
    with pytest.raises(ImageReadError, match=r"nothing\.png: is transparent everywhere"):
        Reference(load(scene / "nothing.png"))
    with pytest.raises(ImageReadError, match="transparent everywhere"):
        make_style(MODEL, [(scene / "nothing.png", 1.0)], FitOptions())
    with caplog.at_level(logging.WARNING):
        stylize_file(MODEL, scene / "nothing.png", load(scene / "plain.png"), scene / "o.png", FitOptions())
    np.testing.assert_array_equal(
        np.asarray(Image.open(scene / "o.png")), np.asarray(Image.open(scene / "nothing.png"))
    )
