"""Data of the segmentation network's training: scenes, views, light, measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import ImageReadError, ParameterError
from photostyle.segmentation import CLASSES, IGNORE
from photostyle.training import scenes as data
from photostyle.training import scenes_light as light
from photostyle.training.data import step_generator
from photostyle.training.scenes_measure import confusion, overlap, scores
from tests.util import halves, picture

SHARES = light.Shares(sky=0.3, night=0.3)
SKY, BUILDING, GROUND, THING, PERSON = (
    CLASSES.index(name) for name in ("sky", "building", "ground", "object", "person")
)


def save_scene(folder, name, image, labels):
    for part, values in (("images", image.permute(1, 2, 0).numpy()), ("labels", labels.byte().numpy())):
        (folder / part).mkdir(parents=True, exist_ok=True)
        values = values if values.dtype == np.uint8 else (values * 255).round().astype(np.uint8)
        suffix = "jpg" if part == "images" else "png"
        Image.fromarray(values).save(folder / part / f"{name}.{suffix}", quality=95)


def scene(height=60, width=80, seed=0, *values):
    image = (picture(height, width, seed) * 255).byte()
    return data.Scene(str(seed), image, halves(height, width, *(values or (SKY, BUILDING))).byte())


def test_scenes_are_read_in_order_and_reduced(tmp_path):
    labels = halves(240, 400, SKY, GROUND, IGNORE, BUILDING)
    for name in ("b", "a"):
        save_scene(tmp_path, name, picture(240, 400), labels)
    first, second = data.load_scenes(tmp_path, long_side=200)
    assert (first.name, second.name) == ("a", "b")
    assert first.image.shape == (3, 120, 200)
    assert first.image.dtype == first.labels.dtype == torch.uint8
    assert torch.equal(first.labels, halves(120, 200, SKY, GROUND, IGNORE, BUILDING).byte())
    whole = data.load_scenes(tmp_path, long_side=500)[0]
    assert whole.image.shape == (3, 240, 400)
    assert float((whole.image / 255 - picture(240, 400)).abs().mean()) < 0.03


def test_scenes_of_several_folders_are_read_and_palettes_are_indices(tmp_path):
    for name in ("b", "a"):
        save_scene(tmp_path / name, "x", picture(40, 50), halves(40, 50, 3, 6))
    path = tmp_path / "a" / "labels" / "x.png"
    with Image.open(path) as labels:
        labels.putpalette([220, 60, 40] * 256)  # alike in colour
        labels.save(path)
    found = data.load_scenes(tmp_path)
    assert len(found) == 2
    for loaded in found:
        assert torch.equal(loaded.labels, halves(40, 50, 3, 6).byte())
    path.unlink()
    with pytest.raises(ImageReadError, match=r"x\.png"):
        data.load_scenes(tmp_path)


def test_scenes_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="no images"):
        data.load_scenes(tmp_path)
    save_scene(tmp_path, "a", picture(40, 50), halves(40, 50, 0, len(CLASSES)))
    with pytest.raises(ImageReadError, match="from 10 to 252"):
        data.load_scenes(tmp_path)
    save_scene(tmp_path, "a", picture(40, 50), halves(40, 51, 0, 1))
    with pytest.raises(ImageReadError, match="size"):
        data.load_scenes(tmp_path)
    (tmp_path / "labels" / "a.png").unlink()
    with pytest.raises(ImageReadError, match=r"a\.png"):
        data.load_scenes(tmp_path)


def test_an_object_may_be_a_person_in_sets_that_label_none(tmp_path):
    labels = halves(40, 50, SKY, THING, data.NOT_PERSON, IGNORE)
    for name in ("old", "new", "other"):
        save_scene(tmp_path / name, "x", picture(40, 50), labels)
    assert torch.equal(data.load_set(tmp_path / "old")[0].labels, labels.byte())  # nothing said: all classes
    (tmp_path / "classes.json").write_text('{"sets": {"old": [0, 6], "new": [0, 7]}}')
    assert torch.equal(data.load_set(tmp_path / "new")[0].labels, labels.byte())
    assert torch.equal(data.load_set(tmp_path / "other")[0].labels, labels.byte())
    found = data.load_set(tmp_path / "old")[0].labels
    assert torch.equal(found, halves(40, 50, SKY, data.OBJECT_OR_PERSON, data.NOT_PERSON, IGNORE).byte())
    for text in ("{", "[]", '{"sets": {"old": 3}}', '{"sets": {"old": ["a", "b"]}}'):
        (tmp_path / "classes.json").write_text(text)
        with pytest.raises(ParameterError, match=r"classes\.json"):
            data.load_set(tmp_path / "old")


def test_labels_say_what_a_pixel_may_be():
    table = data.allowed()
    assert table.shape == (256, len(CLASSES))
    assert torch.equal(table[: len(CLASSES)], torch.eye(len(CLASSES), dtype=torch.bool))
    assert table[data.OBJECT_OR_PERSON].nonzero()[:, 0].tolist() == [THING, PERSON]
    assert (~table[data.NOT_PERSON]).nonzero()[:, 0].tolist() == [PERSON]
    assert (~table[data.NOT_SKY]).nonzero()[:, 0].tolist() == [SKY]
    assert bool(table[IGNORE].all())


def test_people_are_put_in_front_of_another_view():
    labels = torch.full((32, 32), data.NOT_PERSON)
    labels[8:24, 8:24] = PERSON
    ground = halves(32, 32, SKY, BUILDING)
    view, found = data.paste(torch.ones(3, 32, 32), labels, torch.zeros(3, 32, 32), ground)
    assert torch.equal(found, torch.where(labels == PERSON, PERSON, ground))
    assert bool((view[:, 9:23, 9:23] == 1).all())
    assert bool((view[:, :7] == 0).all())
    assert 0 < float(view[0, 8, 15]) < 1


def test_holding_out_is_a_choice_by_seed():
    scenes = [scene(16, 16, seed) for seed in range(20)]
    training, held = data.hold_out(scenes, 5)
    assert (len(training), len(held)) == (15, 5)
    assert {s.name for s in training} | {s.name for s in held} == {s.name for s in scenes}
    assert [s.name for s in data.hold_out(scenes, 5)[1]] == [s.name for s in held]
    assert [s.name for s in data.hold_out(scenes, 5, seed=1)[1]] != [s.name for s in held]
    with pytest.raises(ParameterError, match="20 scenes"):
        data.hold_out(scenes, 20)


def test_scenes_with_rare_classes_are_drawn_more_often():
    plain = scene()
    rare = scene(60, 80, 0, *[CLASSES.index(name) for name in ("sky", "water", "mountain")])
    unknown = data.Scene("x", plain.image, torch.full((60, 80), IGNORE, dtype=torch.uint8))
    assert [data.rarity(s, {"water": 1.0, "mountain": 2.5}) for s in (plain, rare, unknown)] == [1, 4.5, 1]


def test_views_show_image_and_labels_of_the_same_place():
    # The image is its own label map: three grey values far apart.
    values = torch.tensor([SKY, BUILDING, GROUND])
    labels = halves(90, 120, *values.tolist())
    image = (labels * 50 + 20).byte().expand(3, -1, -1).contiguous()
    flips = 0
    for step in range(12):
        view, target = data.crop(image, labels.byte(), 64, step_generator(0, step), (0.5, 2.0))
        assert view.shape == (3, 64, 64)
        assert target.shape == (64, 64)
        assert target.dtype == torch.int64
        apart = (view[0] * 255 - (target * 50 + 20)).abs()
        assert float((apart < 26).float().mean()) > 0.96  # but for pixels across a border
        assert float(view.min()) >= 0
        assert float(view.max()) <= 1
        flips += bool(target[0, 0] > target[0, -1])
    assert 0 < flips < 12
    again = data.crop(image, labels.byte(), 64, step_generator(0, 3), (0.5, 2.0))
    assert torch.equal(again[0], data.crop(image, labels.byte(), 64, step_generator(0, 3), (0.5, 2.0))[0])
    assert bool((data.crop(image, None, 64, step_generator(0, 3), (0.5, 2.0))[1] == IGNORE).all())


def test_photos_are_reduced_and_never_enlarged(tmp_path):
    for name, (height, width) in {"a": (40, 500), "b": (50, 60)}.items():
        Image.fromarray((picture(height, width).permute(1, 2, 0).numpy() * 255).astype(np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    assert [tuple(photo.shape) for photo in data.load_reduced(tmp_path, 100)] == [(3, 16, 100), (3, 50, 60)]


def test_other_light_keeps_the_range_and_depends_on_the_generator_alone():
    labels = torch.cat([torch.full((32, 64), SKY), halves(32, 64, BUILDING, GROUND, IGNORE)])
    view, skies = picture(64, 64), [(picture(50, 70, 5) * 255).byte()]
    means = []
    for step in range(60):
        for given in (labels, torch.full_like(labels, IGNORE)):
            result = light.augment(view, given, skies, step_generator(1, step), SHARES)
            assert result.shape == view.shape
            assert bool(result.isfinite().all())
            assert float(result.min()) >= 0
            assert float(result.max()) <= 1
            means.append(float(result.mean()))
            assert torch.equal(result, light.augment(view, given, skies, step_generator(1, step), SHARES))
    assert min(means) < 0.2 < 0.6 < max(means)
    nothing = light.Shares(**dict.fromkeys(vars(SHARES), 0.0))
    assert torch.equal(light.augment(view, labels, skies, step_generator(1, 0), nothing), view)
    assert any(
        torch.equal(light.augment(view, labels, [], step_generator(1, step), SHARES), view) for step in range(60)
    )


def test_night_is_dark_with_lamps_on_houses():
    labels = torch.cat([torch.full((48, 96), SKY), torch.full((48, 96), BUILDING)])
    view = torch.full((3, 96, 96), 0.6)
    sky, houses = [], []
    for step in range(20):
        result = light.night(view, labels, step_generator(2, step))
        assert float(result.median()) < 0.6
        sky.append(float((result[:, :36].amax(0) > 0.9).float().mean()))
        houses.append(float((result[:, 48:].amax(0) > 0.9).float().mean()))
    assert sum(sky) < 0.1 * sum(houses)


def test_another_sky_goes_where_the_sky_is():
    labels = torch.cat([torch.full((32, 64), SKY), torch.full((32, 64), GROUND)])
    orange = (torch.tensor([1.0, 0.5, 0.1])[:, None, None].expand(3, 40, 40) * 255).byte()
    view = torch.full((3, 64, 64), 0.5)
    result = light.other_sky(view, labels, [orange], step_generator(3, 0))
    assert float(result[0, 5, 30] - result[2, 5, 30]) > 0.4
    assert float((result[:, 40:].std(2)).max()) < 1e-5
    assert float(result[0, 50, 30]) > float(result[2, 50, 30])  # the land in that sky's light
    assert bool(light.other_sky(view, torch.full((64, 64), GROUND), [orange], step_generator(3, 1)).isfinite().all())


def test_confusion_counts_known_pixels_by_class():
    scenes = [scene(16, 32, 0, SKY, BUILDING), scene(16, 32, 1, SKY, IGNORE)]

    def predict(image):
        return torch.eye(len(CLASSES))[SKY][:, None, None].expand(-1, 4, 8) + image.mean() * 0

    matrix = confusion(predict, scenes)
    assert int(matrix.sum()) == 16 * 32 + 16 * 16
    assert int(matrix[SKY, SKY]) == 2 * 16 * 16
    assert int(matrix[BUILDING, SKY]) == 16 * 16
    values = scores(matrix)
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["sky"] == pytest.approx(2 / 3)
    assert values["building"] == 0
    assert values["mean"] == pytest.approx(1 / 3)  # of sky and building; the others do not occur
    assert np.isnan(values["water"])


def test_partial_labels_are_measured_by_what_they_say():
    # Left half: person; right half: not person. Found: person on the left three quarters, else sky.
    labels = torch.cat([torch.full((8, 16), PERSON), torch.full((8, 16), data.NOT_PERSON)], 1).byte()
    one = data.Scene("x", (picture(8, 32) * 255).byte(), labels)
    found = torch.cat([torch.full((8, 24), PERSON), torch.full((8, 8), SKY)], 1)
    chances = torch.nn.functional.one_hot(found, len(CLASSES)).permute(2, 0, 1).float()
    matrix = confusion(lambda _: chances, [one])
    assert matrix.shape == (len(CLASSES) + 2, len(CLASSES))
    values = scores(matrix)
    assert values["person"] == pytest.approx(16 / 24)
    assert values["sky"] != values["sky"]  # nowhere labelled, nothing that excludes it
    assert overlap(matrix, ("person", "object")) == pytest.approx(16 / 24)
    # An object that may be a person is right as either, and then counts for objects.
    either = data.Scene("x", one.image, torch.where(labels == PERSON, data.OBJECT_OR_PERSON, labels))
    matrix = confusion(lambda _: chances, [either])
    assert int(matrix[THING, THING]) == 8 * 16
    assert scores(matrix)["object"] == 1
    assert scores(matrix)["person"] == 0


def test_classes_taken_for_one_may_be_mixed_up():
    count = len(CLASSES)
    wall, ceiling = CLASSES.index("wall"), CLASSES.index("ceiling")
    matrix = torch.zeros(count + 2, count, dtype=torch.int64)
    matrix[wall, ceiling], matrix[ceiling, ceiling], matrix[SKY, wall], matrix[wall, SKY] = 60, 20, 10, 10
    assert overlap(matrix, ("wall", "ceiling")) == pytest.approx(80 / 100)
    assert overlap(matrix, ("wall",)) == 0
    assert overlap(matrix, ("ceiling",)) == pytest.approx(20 / 80)
