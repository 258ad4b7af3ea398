from __future__ import annotations

import logging
import threading
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photostyle.errors import ParameterError
from photostyle.training import data
from tests.util import picture
from tests.util.waiting import PATIENCE


def write(path, image):
    Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy()).save(path)


def constant(value, height=8, width=8):
    return torch.full((3, height, width), value, dtype=torch.uint8)


def bytes_of(image):
    return (image * 255).round().byte()


def test_photos_are_loaded_as_bytes_in_order_of_their_names(tmp_path):
    (tmp_path / "deeper").mkdir()
    images = {name: picture(20, 24 + i, i) for i, name in enumerate(["b.png", "a.PNG", "deeper/c.tif"])}
    for name, image in images.items():
        write(tmp_path / name, image)
    (tmp_path / "notes.txt").write_text("no photo")
    photos = data.load_photos(tmp_path)
    expected = [images[name] for name in ("a.PNG", "b.png", "deeper/c.tif")]
    assert [photo.dtype for photo in photos] == [torch.uint8] * 3
    assert all(torch.equal(photo, bytes_of(image)) for photo, image in zip(photos, expected, strict=True))
    assert all(photo.is_contiguous() for photo in photos)
    assert len(data.load_photos(tmp_path, limit=2)) == 2


def test_unreadable_and_tiny_photos_are_logged_and_left_out(tmp_path, caplog):
    write(tmp_path / "good.png", picture(20, 20))
    write(tmp_path / "tiny.png", picture(40, 15))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    with caplog.at_level(logging.WARNING, "photostyle.training.data"):
        assert len(data.load_photos(tmp_path)) == 1
    messages = sorted(record.getMessage() for record in caplog.records if record.name == data.log.name)
    assert len(messages) == 2
    assert "broken.jpg" in messages[0]
    assert "tiny.png" in messages[1]


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_photos_is_an_error(tmp_path, exists):
    folder = tmp_path if exists else tmp_path / "nowhere"
    with pytest.raises(ParameterError, match="no photo to train on") as error:
        data.load_photos(folder)
    assert str(folder) in str(error.value)


def test_loading_leaves_the_warning_filters_as_they_were(tmp_path, monkeypatch):
    # Two threads that catch warnings, the first to enter being the first to leave, restore each other's filters.
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    original = data.read_photo

    def read(path):
        first = path.name == "0.png"
        if not first:
            first_in.wait(PATIENCE)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            (first_in if first else second_in).set()
            (second_in if first else first_out).wait(PATIENCE)
        if first:
            first_out.set()
        return original(path)

    monkeypatch.setattr(data, "read_photo", read)
    for index in range(2):
        write(tmp_path / f"{index}.png", picture(16, 16, index))
    before, shown = list(warnings.filters), warnings.showwarning
    assert len(data.load_photos(tmp_path)) == 2
    assert list(warnings.filters) == before
    assert warnings.showwarning is shown


@pytest.mark.parametrize("count", [2, 40, 41, 95])
def test_split_holds_out_every_fortieth_and_loses_none(count):
    photos = [torch.tensor(index) for index in range(count)]
    training, held = data.split(photos)
    assert [int(photo) for photo in held] == list(range(0, count, 40))
    assert sorted(int(photo) for photo in [*training, *held]) == list(range(count))
    assert [int(photo) for photo in data.split(photos)[0]] == [int(photo) for photo in training]


@pytest.mark.parametrize("count", [0, 1])
def test_split_needs_a_photo_for_each_side(count):
    with pytest.raises(ParameterError, match="at least two"):
        data.split([constant(0)] * count)


def test_steps_and_seeds_have_their_own_randomness():
    def draw(seed, step):
        return torch.rand(4, generator=data.step_generator(seed, step)).tolist()

    assert draw(3, 7) == draw(3, 7)
    draws = {tuple(draw(seed, step)) for seed in range(3) for step in range(-1, 9)}
    assert len(draws) == 30


def test_uniform_covers_its_range():
    values = data.uniform(data.step_generator(0, 0), -2.0, 3.0, 50, 20)
    assert values.shape == (50, 20)
    assert -2 <= values.min() < -1.9
    assert 2.9 < values.max() < 3


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4),
    count=st.integers(0, 6),
    side=st.integers(1, 24),
    step=st.integers(0, 99),
)
def test_crops_of_photos_of_any_size_have_the_wanted_shape_and_range(sizes, count, side, step):
    photos = [bytes_of(picture(h, w, i)) for i, (h, w) in enumerate(sizes)]
    crops = data.random_crops(photos, count, side, data.step_generator(5, step))
    assert crops.shape == (count, 3, side, side)
    assert crops.dtype == torch.float32
    if count:
        assert crops.min() >= 0
        assert crops.max() <= 1


def test_crops_depend_on_seed_and_step_only():
    photos = [bytes_of(picture(40, 50, i)) for i in range(5)]
    crops = [data.random_crops(photos, 3, 16, data.step_generator(*key)) for key in [(1, 2), (1, 2), (1, 3), (2, 2)]]
    assert torch.equal(crops[0], crops[1])
    assert not torch.equal(crops[0], crops[2])
    assert not torch.equal(crops[0], crops[3])


def test_crops_are_of_different_photos_as_long_as_there_are_some():
    photos = [constant(10 * index) for index in range(6)]
    values = data.random_crops(photos, 6, 4, data.step_generator(0, 0))[:, 0, 0, 0] * 255
    assert sorted(values.round().int().tolist()) == [0, 10, 20, 30, 40, 50]
    values = data.random_crops(photos, 15, 4, data.step_generator(0, 0))[:, 0, 0, 0] * 255
    counts = [values.round().int().tolist().count(10 * index) for index in range(6)]
    assert sorted(counts) == [2, 2, 2, 3, 3, 3]


def test_without_zoom_a_crop_is_a_piece_of_the_photo_or_its_mirror_image():
    # Every pixel says where it is.
    rows, columns = torch.meshgrid(torch.arange(30), torch.arange(40), indexing="ij")
    photo = torch.stack([rows, columns, torch.zeros_like(rows)]).byte()
    flipped, corners = set(), set()
    for step in range(30):
        crop = (data.random_crops([photo], 1, 12, data.step_generator(0, step), zoom=1.0)[0] * 255).round().int()
        mirrored = bool(crop[1, 0, 0] > crop[1, 0, 1])
        crop = crop.flip(-1) if mirrored else crop
        top, left = int(crop[0, 0, 0]), int(crop[1, 0, 0])
        assert torch.equal(crop, photo[:, top : top + 12, left : left + 12].int())
        flipped.add(mirrored)
        corners.add((top, left))
    assert flipped == {False, True}
    assert len(corners) > 20


def test_zoom_covers_up_to_that_many_sides():
    # On a ramp of one level per pixel, neighbours of a crop differ by the pixels that one crop pixel covers.
    photo = torch.arange(200).byte().expand(3, 200, 200)
    steps = []
    for step in range(60):
        crop = data.random_crops([photo], 1, 20, data.step_generator(1, step), zoom=3.0)[0] * 255
        steps.append(float((crop[0, 10, 15] - crop[0, 10, 5]).abs()) / 10)
    assert min(steps) >= 1 - 1e-3
    assert min(steps) < 1.3
    assert max(steps) <= 3 + 1e-3
    assert max(steps) > 2.7


def test_a_photo_smaller_than_the_crop_is_enlarged():
    photo = bytes_of(picture(9, 30, 1))
    crop = data.random_crops([photo], 1, 27, data.step_generator(0, 0))[0]
    # Threefold enlargement keeps the values at the pixels' centres.
    small = (crop[:, 1::3, 1::3] * 255).round().byte()
    pieces = [photo[:, :, left : left + 9] for left in range(22)]
    assert sum(torch.equal(small, piece) or torch.equal(small, piece.flip(-1)) for piece in pieces) == 1


def test_grade_without_amount_changes_nothing_but_the_darkest_values():
    images = torch.rand(4, 3, 6, 6, generator=data.step_generator(0, 0))
    images[0, 0, 0, 0] = 0
    graded = data.random_grade(images, data.step_generator(0, 1), 0.0)
    assert (graded - images.clamp_min(1e-4)).abs().max() < 1e-6


@settings(max_examples=20, deadline=None)
@given(batch=st.integers(1, 5), amount=st.floats(0, 4), step=st.integers(0, 99))
def test_grade_stays_in_range_and_is_reproducible(batch, amount, step):
    images = torch.rand(batch, 3, 5, 7, generator=data.step_generator(1, step))
    images[:, :, 0] = 0
    images[:, :, 1] = 1
    graded = data.random_grade(images, data.step_generator(0, step), amount)
    assert graded.shape == images.shape
    assert graded.min() >= 0
    assert graded.max() <= 1
    assert torch.equal(graded, data.random_grade(images, data.step_generator(0, step), amount))


def test_grade_moves_each_image_its_own_way_and_more_with_the_amount():
    images = picture(16, 16).expand(6, 3, 16, 16)
    changes = []
    for amount in (0.1, 0.5, 1.0):
        graded = data.random_grade(images, data.step_generator(0, 0), amount)
        assert len(np.unique(graded.mean((1, 2, 3)).numpy())) == 6
        changes.append(float((graded - images).abs().mean()))
    assert 0 < changes[0] < changes[1] < changes[2]
    assert changes[2] > 0.05


def test_grade_is_a_map_of_colours_alone():
    image = picture(12, 12)
    order = torch.randperm(144, generator=data.step_generator(0, 0))
    shuffled = image.flatten(1)[:, order].view(3, 12, 12)
    graded = data.random_grade(image[None], data.step_generator(0, 4))[0]
    again = data.random_grade(shuffled[None], data.step_generator(0, 4))[0]
    assert torch.allclose(graded.flatten(1)[:, order].view(3, 12, 12), again, atol=1e-6)


def test_copies_share_their_looks():
    images = torch.stack([picture(8, 8, seed) for seed in range(3)])
    graded = data.random_grade(torch.cat([images, images]), data.step_generator(0, 5), copies=2)
    assert torch.equal(graded[:3], graded[3:])
    assert torch.equal(graded[:3], data.random_grade(images, data.step_generator(0, 5)))


@pytest.mark.parametrize("side", [8, 24, 32, 40, 48])
def test_twin_crops_share_at_least_half_of_their_pixels(side):
    rows, columns = torch.meshgrid(torch.arange(100), torch.arange(120), indexing="ij")
    photo = torch.stack([rows, columns, 255 - columns]).byte()
    least, apart = 1.0, 0
    for step in range(20):
        twins = data.twin_crops([photo], 1, side, data.step_generator(0, step), zoom=1.0)
        assert all(twin.shape == (1, 3, side, side) for twin in twins)
        places = [{tuple(pixel) for pixel in (t[0] * 255).round().int().flatten(1).T.tolist()} for t in twins]
        least = min(least, len(places[0] & places[1]) / side**2)
        apart += places[0] != places[1]
    assert 0.5 <= least < 1
    assert apart > 10


def test_degraded_photos_are_noisier_by_so_much_and_half_are_left_alone():
    images = torch.full((40, 3, 32, 32), 0.5)
    degraded = data.degrade(images, data.step_generator(0, 0), 10.0)
    untouched = [torch.equal(x, y) for x, y in zip(degraded, images, strict=True)]
    assert 10 < sum(untouched) < 30
    deviations = degraded.std((1, 2, 3))
    assert deviations.max() < 12 / 255
    assert deviations.max() > 3 / 255
    assert torch.equal(degraded, data.degrade(images, data.step_generator(0, 0), 10.0))


def test_jpeg_keeps_a_photo_up_to_its_quality():
    image = picture(40, 48).mean(0).expand(3, -1, -1)  # grey: JPEG halves the resolution of colour
    errors = [float((data.jpeg(image, quality) - image).abs().mean()) for quality in (100, 95, 20)]
    assert errors[0] < 0.01
    assert errors[1] < 0.7 * errors[2]


def test_twins_are_cut_out_of_one_larger_crop():
    crops = torch.rand(3, 4, data.twin_side(32), data.twin_side(32))
    first, second = data.cut_twins(crops, 32, data.step_generator(0, 3))
    assert first.shape == second.shape == (3, 4, 32, 32)
    for crop, twin in zip(crops, second, strict=True):
        windows = crop.unfold(1, 32, 1).unfold(2, 32, 1)  # (4, 9, 9, 32, 32)
        assert (windows == twin[:, None, None]).all((0, 3, 4)).any()
