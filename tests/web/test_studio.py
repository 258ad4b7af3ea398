"""The photo tab and the long errands without a page: previews, results as the jobs write them, corrected masks."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import ImageReadError, MaskError, MemoryLimitError, ParameterError
from photostyle.evaluate.consistency import torn
from photostyle.io import read_mask
from photostyle.jobs.loading import load
from photostyle.jobs.photo import stylize_file
from photostyle.jobs.regions import Reference, RegionSettings
from photostyle.methods import find
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer.presets import load_style
from photostyle.transfer.targets import Target
from photostyle.web import views
from photostyle.web.asks import Ask
from photostyle.web.errands import Errand
from photostyle.web.masks import corrected, painted
from photostyle.web.progress import Stopped
from photostyle.web.studio import Studio
from photostyle.web.wishes import KEPT_RESULTS, MOST_STYLES, Engine, Wishes, read_source, result_name
from photostyle.weights import load_model
from tests.util.cli import colourful_model, save_picture

PLAIN = Wishes(segment=False)


class Halves:
    """Sky on the left, ground on the right."""

    joint = False
    names = ("sky", "ground", "water")

    def __call__(self, images, *, sure=True):
        found = []
        for image in images:
            left = torch.zeros(image.shape[-2:])
            left[:, : image.shape[-1] // 2] = 1
            found.append(Regions.from_weights({"sky": left, "ground": 1 - left}))
        return found


@pytest.fixture(scope="module")
def engine():
    return Engine(colourful_model(), _found=Halves())


@pytest.fixture
def studio(engine, tmp_path):
    studio = Studio(engine, tmp_path)
    studio.set_content(read_source(save_picture(tmp_path / "c.png", 40, 56, 1), 10**6))
    studio.set_styles([read_source(save_picture(tmp_path / "s.png", 48, 32, 2), 10**6)])
    return studio


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_it_says_what_is_missing(engine, tmp_path):
    empty = Studio(engine, tmp_path)
    for ask in (empty.refresh, empty.export):
        with pytest.raises(ParameterError, match="choose a photo and a reference"):
            ask(PLAIN)
    with pytest.raises(ParameterError, match="references"):
        empty.save_style(PLAIN)
    with pytest.raises(ParameterError, match="Photo tab"):
        Errand(empty, PLAIN, print)


def test_photos_are_limited(studio, tmp_path):
    with pytest.raises(ImageReadError, match="pixels"):
        read_source(tmp_path / "c.png", 40 * 56 - 1)
    with pytest.raises(ParameterError, match="too many"):
        studio.set_styles(studio.styles * (MOST_STYLES + 1))


@pytest.mark.parametrize("wishes", [PLAIN, Wishes(FitOptions(strength=0.5, strengths={"sky": 0.2}))])
def test_results_are_what_the_job_writes(studio, tmp_path, wishes):
    path = studio.export(wishes)
    expected = tmp_path / "expected.png"
    stylize_file(studio.engine.model, tmp_path / "c.png", [Reference(load(tmp_path / "s.png"))], expected,
                 wishes.options, regions=RegionSettings(Halves() if wishes.segment else None))  # fmt: skip
    np.testing.assert_array_equal(read(path), read(expected))
    assert path.name == "c-styled.png"


def test_weights_of_references_count(studio, tmp_path):
    other = read_source(save_picture(tmp_path / "t.png", 32, 48, 5), 10**6)
    studio.set_styles([*studio.styles, other])
    both = read(studio.export(PLAIN))
    studio.weigh([0.0, 1.0])
    second = read(studio.export(PLAIN))
    assert studio.shares == [0.0, 1.0]
    studio.set_styles([other])
    np.testing.assert_array_equal(second, read(studio.export(PLAIN)))
    assert np.abs(both.astype(int) - second).mean() > 0.5
    with pytest.raises(ParameterError, match="weight above 0"):
        studio.weigh([0.0])


def test_a_preview_is_made_once_for_what_it_shows(studio):
    first = studio.refresh(PLAIN)
    assert studio.refresh(Wishes(FitOptions(strength=0.3, strengths={"sky": 0.1}), segment=False)) is first
    other = studio.refresh(Wishes(FitOptions(matching="adain"), segment=False))
    assert other is not first
    assert studio.refresh(PLAIN) is first  # it was seen before


def test_a_preview_shows_the_result(studio):
    seen = studio.refresh(PLAIN).at(1.0)
    result = torch.from_numpy(read(studio.export(PLAIN)).copy()).permute(2, 0, 1) / 255
    photo = studio.content.shown.image
    # Windows smooth what this random network does to single pixels.
    assert float((seen - result).abs().mean()) < 0.5 * float((photo - result).abs().mean())


def test_regions_take_what_the_table_says(studio):
    studio.refresh(Wishes(mapping=(("sky", "ground"),), keep=("ground",)))
    decisions = {decision.region: decision for decision in studio.plan.decisions}
    assert decisions["sky"].takes == ("ground",)
    assert decisions["ground"].reason == "kept"
    assert {name for regions in studio.style_regions for name in regions.weights} == {"sky", "ground"}
    with pytest.raises(MaskError):
        studio.refresh(Wishes(mapping=(("sky", "water"),)))


def test_a_correction_becomes_the_photo_s_mask(studio, tmp_path, monkeypatch):
    # These regions end exactly at a column of a photo of noise, where settling would find no reason for it.
    monkeypatch.setattr("photostyle.jobs.regions.settle", lambda regions, image: regions)
    studio.refresh(Wishes())
    before = studio.preview
    stroke = np.zeros((20, 28), np.uint8)  # painted on a copy of half the size
    stroke[:, :7] = 1
    path = corrected(studio, stroke, ["ground"])
    labels = read_mask(path, size=(40, 56))
    named = np.vectorize(labels.names.get)(labels.labels)
    assert (named[:, :14] == "ground").all()
    assert (named[:, 16:26] == "sky").all()
    assert (named[:, 30:] == "ground").all()
    key = studio.add_mask(path)
    assert studio.refresh(Wishes()) is not before
    assert 0.7 < float(studio.regions.weights["ground"].mean()) < 0.8
    stroke[:5] = 2
    added = corrected(studio, stroke, ["ground", "water"])
    assert {"water", "ground", "sky"} <= set(read_mask(added, size=(40, 56)).names.values())
    with pytest.raises(MaskError, match="nothing was painted"):
        corrected(studio, np.zeros((20, 28), np.uint8), ["sky"])
    reference = studio.styles[0].key
    studio.choose(Ask(weights=((reference, 1.0),)))
    assert studio.mask is None  # a step back in the history
    assert studio.refresh(Wishes()) is before
    studio.choose(Ask(weights=((reference, 1.0),), mask=key))
    assert studio.mask == path
    studio.set_content(studio.content)
    assert studio.mask is None
    with pytest.raises(MaskError, match="no regions"):
        corrected(studio, stroke, ["sky"])


def test_what_is_painted_is_a_picture_of_numbers(tmp_path):
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[1, :, 0], picture[2, :, 0] = 1, 9
    path = tmp_path / "painted.png"
    Image.fromarray(picture).save(path)
    labels, names = painted(path, ["sky"])
    assert names == ["sky"]
    assert labels.sum() == 6  # 9 is no number of a name
    for wrong in (None, [], ["<b>"], "sky"):
        with pytest.raises(MaskError):
            painted(path, wrong)
    path.write_bytes(path.read_bytes()[:45])
    with pytest.raises(ImageReadError, match="arrive whole"):
        painted(path, ["sky"])


def test_one_reference_of_several_is_seen_alone(studio, tmp_path):
    first = studio.styles[0].key
    second = studio.add_style(read_source(save_picture(tmp_path / "t.png", 32, 48, 5), 10**6))
    mix = Ask(PLAIN, ((first, 1.0), (second, 0.5)))
    studio.choose(mix)
    assert studio.shares == pytest.approx([2 / 3, 1 / 3])
    mixed = studio.refresh(PLAIN)
    studio.ahead(PLAIN)
    known = len(studio._previews)
    studio.choose(Ask(PLAIN, mix.weights, alone=second))
    alone = studio.refresh(PLAIN)
    assert len(studio._previews) == known  # it was computed ahead
    assert float((alone.at(1.0) - mixed.at(1.0)).abs().mean()) > 1e-3
    studio.set_styles(studio.styles)
    torch.testing.assert_close(studio.refresh(PLAIN).at(1.0), alone.at(1.0))
    with pytest.raises(ParameterError, match="all weights are 0"):
        studio.choose(Ask(PLAIN, ((second, 0.0),)))
    with pytest.raises(ParameterError, match="not here any more"):
        studio.choose(Ask(PLAIN, alone="file:gone"))


def test_what_is_computed_ahead_can_be_hushed(studio, tmp_path, monkeypatch):
    studio.add_style(read_source(save_picture(tmp_path / "t.png", 32, 48, 5), 10**6))
    studio.refresh(PLAIN)
    known = len(studio._previews)
    monkeypatch.setattr(studio.hush, "clear", lambda: None)
    studio.hush.set()
    studio.ahead(PLAIN)
    assert len(studio._previews) == known


def test_a_look_is_kept_and_used_again(studio, tmp_path):
    path = studio.save_style(PLAIN)
    assert isinstance(load_style(path, studio.engine.model), Target)
    expected = read(studio.export(PLAIN))
    studio.load_saved(path)
    assert studio.styles == []
    assert studio.refresh(PLAIN).at(0.5).shape == (3, 40, 56)
    np.testing.assert_allclose(read(studio.export(PLAIN)).astype(int), expected, atol=1)


def test_many_photos_make_an_archive(studio, tmp_path):
    photos = [save_picture(tmp_path / "a.png", 32, 40, 3), tmp_path / "bad.jpg", tmp_path / "more" / "a.png"]
    photos[1].write_text("no photo")
    photos[2].parent.mkdir()
    save_picture(photos[2], 24, 32, 4)
    told = []
    errand = Errand(studio, PLAIN, lambda *step: told.append(step))
    archive, failures = errand.photos(photos, 10**6)
    with zipfile.ZipFile(archive) as file:
        assert file.namelist() == ["a-styled.png", "a-styled-2.png"]
    assert len(failures) == 1
    assert "bad.jpg" in failures[0]
    assert [step[1:] for step in told] == [(0, 3), (1, 3), (2, 3)]
    assert told[1][0] == "Photo 2 of 3, bad.jpg"
    with pytest.raises(ParameterError, match="pixels"):
        Errand(studio, PLAIN, print).photos(photos[:1], 100)
    with pytest.raises(ParameterError, match="no photos"):
        Errand(studio, PLAIN, print).photos([], 100)


def test_what_takes_long_can_be_stopped(studio, tmp_path):
    errand = Errand(studio, PLAIN, lambda *_: None)
    studio.stop.set()
    with pytest.raises(Stopped):
        errand.photos([tmp_path / "c.png"], 10**6)
    assert not errand.folder.exists()


def test_a_clip_is_graded_and_looked_at(studio, tmp_path):
    pytest.importorskip("av")
    from tests.util.video import make_clip

    clip = make_clip(tmp_path / "pan.mp4", (8,))
    seen = Errand(studio, PLAIN, lambda *_: None).clip(clip, 10**6, part=(0.0, 0.2))
    assert seen.name == "pan-preview.mp4"
    done = Errand(studio, PLAIN, lambda *_: None).clip(clip, 10**6)
    assert done.name == "pan-styled.mp4"
    assert sorted(path.name for path in done.parent.iterdir()) == [done.name]
    with pytest.raises(MemoryLimitError, match="larger"):
        Errand(studio, PLAIN, lambda *_: None).clip(clip, 100)


def test_what_is_not_needed_any_more_is_removed(studio, tmp_path):
    def uploaded(seed):
        return read_source(save_picture(studio.new_folder() / "photo.png", 24, 32, seed), 10**6)

    first, second = uploaded(1), uploaded(2)
    studio.set_content(first)
    studio.set_styles([first, second])
    studio.set_content(first)
    assert first.path.exists()
    studio.set_styles([second])
    assert not first.path.exists()
    assert second.path.exists()
    assert (tmp_path / "c.png").exists()  # not in a folder of its own: a sample
    results = [studio.result_folder() for _ in range(KEPT_RESULTS + 1)]
    assert [folder.exists() for folder in results] == [False, *[True] * KEPT_RESULTS]


def test_methods_are_compared(studio):
    with pytest.raises(ParameterError, match="at least one"):
        Errand(studio, PLAIN, lambda *_: None).compare([], 10)
    sheet, outcomes = Errand(studio, PLAIN, lambda *_: None).compare([find("reinhard"), find("monge")], 10)
    assert [outcome.error for outcome in outcomes] == ["", ""]
    assert read(sheet).shape[2] == 3


@pytest.mark.parametrize(
    ("name", "bits", "expected"),
    [("a b.JPG", 8, "a-b-styled.JPG"), ("x.heic", 8, "x-styled.jpg"), ("x.dng", 16, "x-styled.tif"),
     ("../..tif", 16, "photo-styled.tif"), ("ü.webp", 8, "ü-styled.webp")],
)  # fmt: skip
def test_names_of_results(tmp_path, name, bits, expected):
    assert result_name(tmp_path / name.split("/")[-1], bits) == expected


def test_regions_are_sent_as_numbers():
    left = torch.zeros(8, 12)
    left[:, :6] = 0.9
    picture, names = views.labels(Regions.from_weights({"sky": left, "water": (0.9 - left) * 0.2}), (16, 24))
    with Image.open(io.BytesIO(picture.content)) as image:
        labels = np.asarray(image)
    assert image.mode == "L"
    assert labels.shape == (16, 24)
    assert names == ["sky", "unsure"]  # what no region claims
    assert names[labels[8, 2]] == "sky"
    assert names[labels[8, 20]] == "unsure"


def test_regions_of_a_photo_are_found_once(studio, tmp_path, monkeypatch):
    found, own = [], Halves.__call__
    monkeypatch.setattr(Halves, "__call__", lambda self, images, **how: found.append(1) or own(self, images, **how))
    studio.refresh(Wishes())
    assert len(found) == 2  # of the photo and of the reference
    studio.refresh(Wishes(FitOptions(matching="adain")))
    other = read_source(save_picture(tmp_path / "t.png", 32, 48, 5), 10**6)
    studio.set_styles([other])
    studio.refresh(Wishes())
    assert len(found) == 3
    studio.set_content(read_source(save_picture(tmp_path / "d.png", 40, 48, 7), 10**6))
    studio.refresh(Wishes())
    assert len(found) == 4


def test_what_was_seen_alone_is_sketched_at_once(studio, tmp_path):
    other = read_source(save_picture(tmp_path / "t.png", 32, 48, 5), 10**6)
    first, second = studio.styles[0].key, studio.add_style(other)
    alone = Ask(PLAIN, ((first, 1.0), (second, 1.0)), second)
    studio.choose(Ask(PLAIN, ((first, 1.0), (second, 1.0))))
    studio.refresh(PLAIN)
    assert studio.sketch(alone) is None
    studio.ahead(PLAIN)
    sketch = studio.sketch(alone)
    studio.choose(alone)
    assert studio.refresh(PLAIN) is sketch
    assert torch.equal(sketch.draft(1.0), sketch.at(1.0))


class Torn(Halves):
    """Halves that part one surface."""

    names = ("sky", "building")

    def __call__(self, images, *, sure=True):
        return [Regions({"sky": found.weights["sky"], "building": found.weights["ground"]}, hard=False)
                for found in super().__call__(images)]  # fmt: skip


@pytest.fixture
def wall(tmp_path, monkeypatch):
    """A wall that is parted, with a reference that is two-coloured itself."""
    monkeypatch.setattr("photostyle.jobs.regions.fitted", lambda regions, image: regions)
    noise = 0.01 * torch.randn(96, 128, 3, generator=torch.Generator().manual_seed(1)).numpy()
    style = np.where(np.arange(128)[None, :, None] < 64, [0.2, 0.4, 0.9], [0.6, 0.3, 0.1]) + noise
    for name, pixels in (("wall.png", 0.6 + noise), ("style.png", style), ("plain.png", 0.5 + noise)):
        Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8)).save(tmp_path / name)
    studio = Studio(Engine(load_model(), _found=Torn()), tmp_path)
    studio.set_content(read_source(tmp_path / "wall.png", 10**6))
    studio.set_styles([read_source(tmp_path / "style.png", 10**6)])
    return studio


def test_previews_are_guarded_as_results_are(wall):
    preview = wall.refresh(Wishes())
    assert {decision.reason for decision in wall.plan.decisions} >= {"torn"}
    assert torn(preview.shown[None], preview.at(1.0)[None]) < 0.1
    assert torn(preview.shown[None], preview.at(0.75)[None]) < 0.1
    result = torch.from_numpy(read(wall.export(Wishes())).copy()).permute(2, 0, 1) / 255
    assert float((preview.at(1.0) - result).abs().mean()) < 0.02


def test_a_reference_seen_alone_is_judged_alone(wall, tmp_path):
    plain = read_source(tmp_path / "plain.png", 10**6)
    wall.set_styles([*wall.styles, plain])
    wall.weigh([0.02, 0.98])
    preview = wall.refresh(Wishes())
    assert "torn" not in {decision.reason for decision in wall.plan.decisions}  # the mix of both tears nothing
    assert torn(preview.shown[None], preview.at(1.0)[None]) < 0.1
    assert torn(preview.shown[None], preview.at(1.0, shares=[1.0, 0.0])[None]) < 0.1
