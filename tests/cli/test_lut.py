"""``photostyle lut``: tables of a look, how much of it they are, and what they make of the photo."""

import re

import imagecodecs
import numpy as np
import pytest

from photostyle.colour.lut import Lut, psnr
from photostyle.io import read_photo
from photostyle.jobs.lut import explain
from tests.util.cli import read, save_colourful_model, save_picture, size, stripes

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def scene(tmp_path):
    save_colourful_model(tmp_path / "tiny.safetensors")
    save_picture(tmp_path / "c.png", 44, 60, 1)
    save_picture(tmp_path / "s.png", 48, 33, 2)
    stripes(tmp_path / "cm.png", 60, 44, RED, BLUE)
    stripes(tmp_path / "sm.png", 33, 48, BLUE, RED)
    return tmp_path


def arguments(scene, *words):
    found = [scene / w if isinstance(w, str) and "." in w and w[0].isalpha() else w for w in words]
    return ["lut", scene / "c.png", *found, "--model", scene / "tiny.safetensors"]


@pytest.fixture
def lut(cli, scene):
    def run(*words):
        result = cli(*arguments(scene, *words))
        assert result.code == 0, result.err
        return result

    return run


def table(path):
    lines = path.read_text("ascii").splitlines()
    rows = np.array([line.split() for line in lines[4:]], float)
    count = int(lines[1].removeprefix("LUT_3D_SIZE "))
    return lines[0], Lut(rows.reshape(count, count, count, 3).transpose(2, 1, 0, 3))


def test_the_table_is_the_look_on_colours(lut, scene, cli):
    result = lut("--style", "s.png", "-o", "look.cube", "--size", 9, "--preview", "p.png")
    told = re.fullmatch(
        r".*look\.cube written: ([\d.]+) dB from what photostyle photo .* \(by region\), "
        r"([\d.]+) dB from the result without regions .* is ([\d.]+) dB from it",
        result.lines[0],
    )
    photo = ["photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors"]
    assert cli(*photo, "-o", scene / "full.png", "--segment", "off").code == 0
    before, full, preview = (read_photo(scene / name).pixels for name in ("c.png", "full.png", "p.png"))
    assert psnr(preview, full) == pytest.approx(float(told[2]), abs=0.3)
    assert psnr(before, full) == pytest.approx(float(told[3]), abs=0.1)
    assert float(told[2]) > float(told[3]) + 3
    assert cli(*photo, "-o", scene / "usual.png").code == 0
    usual = read_photo(scene / "usual.png").pixels
    assert psnr(preview, usual) == pytest.approx(float(told[1]), abs=0.3)
    title, written = table(scene / "look.cube")
    assert title == 'TITLE "s.png on c.png"'
    assert abs(written(before) - preview).max() < 1.6 / 255
    for channel in range(3):
        assert np.diff(written.table[..., channel], axis=channel).min() >= 0


def test_of_a_saved_style(lut, scene, cli):
    made = cli("style", "make", scene / "s.png", "-o", scene / "s.style", "--model", scene / "tiny.safetensors",
               "--segment", "off", "--strength", 0.5)  # fmt: skip
    assert made.code == 0
    lut("--style-file", "s.style", "-o", "a.cube", "--size", 5)
    lut("--style", "s.png", "-o", "b.cube", "--size", 5, "--strength", 0.5)
    assert np.array_equal(table(scene / "a.cube")[1].table, table(scene / "b.cube")[1].table)
    lut("--style-file", "s.style", "-o", "c.cube", "--size", 5, "--strength", 1)
    assert not np.array_equal(table(scene / "a.cube")[1].table, table(scene / "c.cube")[1].table)


@pytest.mark.parametrize("parts", [("--brightness", 0), ("--colour", "40%"), ("--colour", 0, "--brightness", 0)])
def test_colour_and_brightness_apart(lut, scene, cli, parts):
    result = lut("--style", "s.png", "-o", "look.cube", "--size", 9, "--preview", "p.png", *parts)
    told = re.search(r"([\d.]+) dB from the result without regions .* is ([\d.]+) dB from it", result.lines[0])
    photo = ["photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors"]
    assert cli(*photo, "-o", scene / "full.png", "--segment", "off", *parts).code == 0
    before, full, preview = (read_photo(scene / name).pixels for name in ("c.png", "full.png", "p.png"))
    if len(parts) == 4:  # nothing is kept of the look: the table is that of no change
        assert abs(preview - before).max() < 2 / 255
        return
    assert psnr(preview, full) == pytest.approx(float(told[1]), abs=0.3)
    assert psnr(before, full) == pytest.approx(float(told[2]), abs=0.1)
    lut("--style", "s.png", "-o", "all.cube", "--size", 9)
    assert not np.allclose(table(scene / "all.cube")[1].table, table(scene / "look.cube")[1].table, atol=0.02)


def test_hald(lut, scene):
    lut("--style", "s.png", "-o", "look.png", "--size", 16, "-q")
    lut("--style", "s.png", "-o", "look.cube", "--size", 16)
    pixels = imagecodecs.png_decode((scene / "look.png").read_bytes())
    assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.uint16)
    written = table(scene / "look.cube")[1].table.transpose(2, 1, 0, 3).reshape(64, 64, 3)
    assert abs(pixels / 65535 - written).max() < 1e-5


def test_regions_are_warned_of(lut, scene):
    masks = ("--content-mask", "cm.png", "--style-mask", "sm.png")
    masks = (*masks, "--strength", "1,#ff0000=0")  # the same colours stay on one side and change on the other
    result = lut("--style", "s.png", "-o", "look.cube", "--size", 5, *masks)
    assert result.lines[1].startswith("warning: a table cannot show this look well (below 30 dB)")
    assert lut("--style", "s.png", "-o", "quiet.cube", "--size", 5, *masks, "-q").lines == []


def test_a_look_of_colours_alone_is_found_whole():
    photo = np.random.default_rng(0).random((600, 500, 3), np.float32)  # more than are sampled
    graded = photo @ np.array([[0.8, 0.1, 0], [0, 0.9, 0], [0.1, 0, 0.7]], np.float32) + 0.05
    found = explain(photo, graded, 9)
    assert found.table > 45
    assert not found.poor
    assert explain(photo, photo[::-1], 5).poor
    assert found.untouched == psnr(photo, graded)


def test_previews_have_the_photo_s_size_and_depth(lut, scene):
    imagecodecs_photo = (read(scene / "c.png") * 257).astype(np.uint16)
    (scene / "c.png").write_bytes(imagecodecs.png_encode(imagecodecs_photo))
    lut("--style", "s.png", "-o", "look.cube", "--size", 5, "--preview", "deep.png")
    assert size(scene / "deep.png") == (60, 44)
    assert imagecodecs.png_decode((scene / "deep.png").read_bytes()).dtype == np.uint16


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("-o", "x.cube"), "give one of --style PHOTO, --look NAME and --style-file"),
        (
            ("--style", "s.png", "--style-file", "s.style", "-o", "x.cube"),
            "give one of --style PHOTO, --look NAME and --style-file",
        ),
        (("--style-file", "s.style", "--style-mask", "sm.png", "-o", "x.cube"), "--style-mask belongs to"),
        (("--style-file", "s.style", "-o", "x.cube"), "s.style: cannot read"),
        (("--style", "s.png", "-o", "x.lut"), "extension '.lut'"),
        (("--style", "s.png", "-o", "s.png", "--size", 16), "already exists"),
        (("--style", "s.png", "-o", "x.png", "--size", 33), "a Hald image holds a cube of 16, 25"),
        (("--style", "s.png", "-o", "x.cube", "--size", 1), "LUT size is 1; it must be between 2 and 129"),
        (("--style", "s.png", "-o", "x.cube", "--preview", "c.png"), "already exists"),
        (("--style", "s.png", "-o", "x.cube", "--content-mask", "cm.png"), "--content-mask needs --style-mask"),
        (("--style", "s.png", "-o", "x.cube", "--strength", "1,sky=0"), "options by region need regions"),
        (("--style", "absent.png", "-o", "x.cube"), "absent.png"),
    ],
)
def test_refusals(cli, scene, words, complaint):
    assert complaint in cli.refuses(scene, *arguments(scene, *words))
