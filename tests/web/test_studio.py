"""The photo tab and the long errands without a page: previews, results as the jobs write them, corrected masks."""

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import ImageReadError, MaskError, MemoryLimitError, ParameterError
from photostyle.io import CLASS_COLOURS, read_mask
from photostyle.jobs.loading import load
from photostyle.jobs.photo import stylize_file
from photostyle.jobs.regions import Reference, RegionSettings
from photostyle.methods import find
from photostyle.options import FitOptions
from photostyle.regions.labels import Decision
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.presets import load_style
from photostyle.transfer.targets import Target
from photostyle.web import views
from photostyle.web.errands import Errand, Stopped
from photostyle.web.masks import correct_mask
from photostyle.web.studio import Studio
from photostyle.web.wishes import KEPT_RESULTS, MOST_STYLES, Engine, Wishes, result_name
from tests.util.cli import colourful_model, save_picture

PLAIN = Wishes(segment=False)


class Halves:
    """Sky on the left, ground on the right."""

    joint = False
    names = ("sky", "ground", "water")

    def __call__(self, images):
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
    studio.set_content(studio.take(save_picture(tmp_path / "c.png", 40, 56, 1), 10**6))
    studio.set_styles([studio.take(save_picture(tmp_path / "s.png", 48, 32, 2), 10**6)])
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
        studio.take(tmp_path / "c.png", 40 * 56 - 1)
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
    other = studio.take(save_picture(tmp_path / "t.png", 32, 48, 5), 10**6)
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
    studio.set_styles(studio.styles)
    assert studio.refresh(Wishes(FitOptions(matching="adain"), segment=False)) is not other


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


def test_a_correction_becomes_the_photo_s_mask(studio, monkeypatch):
    # These regions end exactly at a column of a photo of noise, where settling would find no reason for it.
    monkeypatch.setattr("photostyle.jobs.regions.settle", lambda regions, image: regions)
    studio.refresh(Wishes())
    before = studio.preview
    stroke = np.zeros((20, 28), np.bool_)  # painted on a copy of half the size
    stroke[:, :7] = True
    path = correct_mask(studio, stroke, "ground")
    labels = read_mask(path, size=(40, 56))
    named = np.vectorize(labels.names.get)(labels.labels)
    assert (named[:, :14] == "ground").all()
    assert (named[:, 16:26] == "sky").all()
    assert (named[:, 30:] == "ground").all()
    assert studio.refresh(Wishes()) is not before
    assert 0.7 < float(studio.regions.weights["ground"].mean()) < 0.8
    added = correct_mask(studio, stroke, "water")
    assert "water" in read_mask(added, size=(40, 56)).names.values()
    with pytest.raises(MaskError, match="nothing was painted"):
        correct_mask(studio, np.zeros((20, 28), np.bool_), "sky")
    studio.set_content(studio.content)
    assert studio.mask is None
    with pytest.raises(MaskError, match="no regions"):
        correct_mask(studio, stroke, "sky")


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
    assert told == [("a.png", 0, 3), ("bad.jpg", 1, 3), ("a.png", 2, 3)]
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
        return studio.take(save_picture(studio.new_folder() / "photo.png", 24, 32, seed), 10**6)

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


def test_what_was_decided_stands_behind_the_regions_colours():
    made = [
        Decision("person", 0.4, ("person",), (0,), "same name"),
        Decision("<b>", 0.6, (WHOLE,), (0,), "whole photo"),
        Decision("sky", 0.0001, ("sky",), (0,), "same name"),
    ]
    html = views.decided(made)
    assert f"background:rgb{CLASS_COLOURS['person']}" in html
    assert html.count("<li>") == 2
    assert "<b>" not in html
    assert views.decided([]) == ""
