"""``photostyle segment``: the label map, its names, and the way back."""

import json

import numpy as np
import pytest
from PIL import Image

from photostyle.io import CLASS_COLOURS, UNSURE, read_mask
from tests.cli.test_regions import Halves
from tests.util.cli import contents, photo_arguments, photo_scene, read, save_picture, size


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr("photostyle.jobs.segment.find_segmentation", lambda name, model, device: Halves())
    # These regions are exact, an unsure one among them; what is unsure would be settled by what lies beside it.
    monkeypatch.setattr("photostyle.jobs.regions.settle", lambda regions, image: regions)
    return photo_scene(tmp_path)


def test_a_label_map_and_a_picture_of_it(scene, cli):
    result = cli("segment", scene / "c.png", "-o", scene / "m.png", "--overlay", scene / "v.jpg")
    assert (result.code, result.out) == (0, ""), result.err
    assert str(scene / "m.png") in result.lines[0]
    assert "sky" in result.lines[0]
    with Image.open(scene / "m.png") as image:
        assert (image.mode, image.size) == ("P", (56, 40))
        assert set(json.loads(image.text["photostyle-regions"]).values()) == {"sky", "ground", UNSURE}
    found = read_mask(scene / "m.png", size=(40, 56))
    assert found.names[found.labels[3, 10]] == "sky"
    assert found.names[found.labels[-3, 10]] == "ground"
    assert found.names[found.labels[20, 54]] == UNSURE
    assert size(scene / "v.jpg") == (56, 40)
    towards_sky = abs(read(scene / "v.jpg")[2:8, 5:30] - np.array(CLASS_COLOURS["sky"])).mean()
    assert towards_sky < 0.7 * abs(read(scene / "c.png")[2:8, 5:30] - np.array(CLASS_COLOURS["sky"])).mean()


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_edited_and_given_back(scene, cli, mode):
    """Any paint program's way of saving keeps the colours, and so the names."""
    for name in ("c", "s"):
        assert cli("segment", scene / f"{name}.png", "-o", scene / f"{name}1.png", "--quiet").err == ""
        with Image.open(scene / f"{name}1.png") as image:
            edited = image.convert(mode)
        edited.info.clear()
        edited.save(scene / f"{name}2.png")
    pictures = []
    for number in (1, 2):
        masks = ["--content-mask", scene / f"c{number}.png", "--style-mask", scene / f"s{number}.png"]
        arguments = photo_arguments(scene, *masks, "--keep", "sky", out=f"o{number}.png")
        result = cli("photo", *arguments, "--report", scene / f"r{number}.json")
        assert result.code == 0, result.err
        regions = json.loads((scene / f"r{number}.json").read_text())["photos"][0]["regions"]
        assert {r["region"] for r in regions} == {"sky", "ground", UNSURE}
        pictures.append(read(scene / f"o{number}.png"))
    assert np.array_equal(*pictures)


def test_existing_files_and_bad_names(scene, cli):
    for arguments in (
        ("segment", scene / "c.png", "-o", scene / "c.png", "--overwrite"),
        ("segment", scene / "c.png", "-o", scene / "cm.png"),
        ("segment", scene / "c.png", "-o", scene / "m.jpg"),
        ("segment", scene / "c.png", "-o", scene / "m.png", "--overlay", scene / "s.png"),
        ("segment", scene / "c.png", "-o", scene / "m.png", "--overlay", scene / "m.png", "--overwrite"),
        ("segment", scene / "absent.png", "-o", scene / "m.png"),
        ("segment", scene / "c.png", "-o", scene / "m.png", "--segment", "off"),
        ("segment", scene / "c.png", "-o", scene / "m.png", "--segment", "cluster"),
        ("segment", scene / "c.png", "-o", scene / "absent/m.png"),
    ):
        cli.refuses(scene, *arguments)
    assert cli("segment", scene / "c.png", "-o", scene / "cm.png", "--overwrite").code == 0


def test_a_smaller_map(scene, cli):
    save_picture(scene / "large.png", 120, 200, 3)
    assert cli("segment", scene / "large.png", "-o", scene / "m.png", "--size", 50).code == 0
    assert size(scene / "m.png") == (50, 30)


def test_with_the_embedded_network(tmp_path, cli):
    photo_scene(tmp_path)
    before = contents(tmp_path)
    result = cli("segment", tmp_path / "c.png", "-o", tmp_path / "m.png")
    assert result.code == 0, result.err
    assert set(contents(tmp_path)) == {*before, "m.png"}
    found = read_mask(tmp_path / "m.png", size=(40, 56))
    assert set(found.names.values()) <= {*CLASS_COLOURS, UNSURE}
