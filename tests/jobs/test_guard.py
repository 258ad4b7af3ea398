"""The guard over regions: one wall that a segmentation cuts in two is whole again."""

import logging

import pytest
import torch
from PIL import Image

from photostyle.evaluate.consistency import torn
from photostyle.jobs import photo as jobs
from photostyle.jobs.applying import Application, applied
from photostyle.jobs.guard import Guard
from photostyle.jobs.loading import load
from photostyle.jobs.regions import RegionSettings
from photostyle.jobs.rendering import Rendering
from photostyle.jobs.trying import tried
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Source
from photostyle.transfer.fitting import fit, measure_target
from photostyle.weights import load_model

HEIGHT, WIDTH = 96, 128


class Halves:
    """A segmentation that takes the left half of every picture for sky and the right one for a building."""

    joint = False
    names = ("sky", "building")

    def __call__(self, images, *, sure=True):
        found = []
        for image in images:
            sky = torch.zeros(image.shape[-2:])
            sky[:, : image.shape[-1] // 2] = 1
            found.append(Regions({"sky": sky, "building": 1 - sky}, hard=False))
        return found


@pytest.fixture(scope="module")
def model():
    return load_model()


def saved(path, image):
    Image.fromarray((image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()).save(path)
    return load(path, None, "shot")


def pair(folder, wall):
    """A plain wall, or one with a darker half; and a style with a blue left and a brown right half."""
    noise = 0.01 * torch.randn(3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    photo, style = torch.full((3, HEIGHT, WIDTH), 0.6) + noise, torch.zeros(3, HEIGHT, WIDTH) + noise
    if not wall:
        photo[..., WIDTH // 2 :] -= 0.3
    style[..., : WIDTH // 2] += torch.tensor([0.2, 0.4, 0.9])[:, None, None]
    style[..., WIDTH // 2 :] += torch.tensor([0.6, 0.3, 0.1])[:, None, None]
    return saved(folder / "photo.png", photo), saved(folder / "style.png", style)


def run(model, folder, wall, rendering):
    photo, style = pair(folder, wall)
    before, told = photo.image.clone(), []
    _, result = jobs.stylized(
        model, photo, style, FitOptions(gradient=False), rendering,
        regions=RegionSettings(segment=Halves()), decided=told.append,
    )  # fmt: skip
    return torn(before[None], result[None]), told


@pytest.fixture
def unsettled(monkeypatch):
    """As if the wall were settled wrongly: the halves as they were found."""
    monkeypatch.setattr("photostyle.jobs.regions.fitted", lambda regions, image: regions)


@pytest.mark.parametrize("mode", ["full", "grid"])
def test_a_torn_wall_takes_the_whole_style(model, tmp_path, unsettled, caplog, mode):
    with caplog.at_level(logging.WARNING, "photostyle"):
        found, told = run(model, tmp_path, True, Rendering(mode))
    assert found < 0.1
    assert {decision.reason for decision in told[-1]} & {"torn"}
    assert "tear surfaces" in caplog.text


def test_without_the_guard_it_is_torn(model, tmp_path, unsettled, monkeypatch):
    monkeypatch.setattr(Guard, "better", lambda *_: None)
    assert run(model, tmp_path, True, Rendering("full"))[0] > 0.3


def test_regions_that_the_photo_has_are_left_alone(model, tmp_path, unsettled, caplog):
    with caplog.at_level(logging.WARNING, "photostyle"):
        _, told = run(model, tmp_path, False, Rendering("full"))
    assert len(told) == 1
    assert all(decision.reason == "same name" for decision in told[0])
    assert not caplog.text


def saved_style(model, folder, kind):
    """The two-coloured style as it is saved: measured alone, or fitted to a photo that has both halves."""
    photo, style = pair(folder, False)
    ours, theirs = Halves()([photo.image, style.image])
    options = FitOptions(gradient=False)
    if kind == "target":
        return measure_target(model, style.image, style_regions=theirs, options=options)
    sources = {WHOLE: [Source(0, WHOLE)], **{name: [Source(0, name)] for name in Halves.names}}
    return fit(model, photo.image, style.image, content_regions=ours, style_regions=theirs, sources=sources,
               options=options)  # fmt: skip


@pytest.mark.parametrize("kind", ["target", "transfer"])
@pytest.mark.parametrize("mode", ["full", "grid"])
def test_saved_styles_tear_no_wall_either(model, tmp_path, unsettled, caplog, monkeypatch, kind, mode):
    style, told = saved_style(model, tmp_path, kind), []
    how = Application(regions=RegionSettings(segment=Halves()), decided=told.append)

    def run(wall):
        photo, _ = pair(tmp_path, wall)
        before = photo.image.clone()
        told.clear()
        caplog.clear()
        with caplog.at_level(logging.WARNING, "photostyle"):
            return torn(before[None], applied(style, photo, Rendering(mode), how)[1][None])

    assert run(True) < 0.1
    assert len(told) == 2
    assert {decision.reason for decision in told[-1]} >= {"torn"}
    assert caplog.text.count("tear surfaces") == 1
    run(False)
    assert len(told) == 1
    assert not caplog.text
    monkeypatch.setattr(Guard, "better", lambda *_: None)
    assert run(True) > 0.3


def test_a_strength_of_its_own_is_not_lost_with_a_fitted_style(model, tmp_path, unsettled):
    style, told = saved_style(model, tmp_path, "transfer"), []
    photo, _ = pair(tmp_path, True)
    how = Application(regions=RegionSettings(segment=Halves()), decided=told.append, strengths={"sky": 0.0})
    before = photo.image.clone()
    _, result = applied(style, photo, Rendering("full"), how)
    assert all(decision.reason != "torn" for decision in told[-1] if decision.region == "sky")
    assert torch.equal(result[..., : WIDTH // 2 - 16], before[..., : WIDTH // 2 - 16])


def test_what_is_tried_tears_no_wall(model, tmp_path, unsettled, monkeypatch):
    photo, style = pair(tmp_path, True)[0], saved_style(model, tmp_path, "target")

    def apart():
        (found,) = tried(model, photo, [("style", "", style)], RegionSettings(segment=Halves()), FitOptions())
        return torn(photo.image[None], found.image[None])

    assert apart() < 0.1
    monkeypatch.setattr(Guard, "better", lambda *_: None)
    assert apart() > 0.3
