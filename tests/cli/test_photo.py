"""``photostyle photo``: what comes out. (What is refused: test_cli_photo_errors.py.)"""

import re

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms

from photostyle.jobs.photo import read_image
from photostyle.transfer.presets import load_transfer
from photostyle.weights import read_model
from tests.util.cli import (
    contents,
    pixels,
    plain,
    read,
    save_colourful_model,
    save_picture,
    size,
    stripes,
    subprocess_cli,
    without_regions,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def scene(tmp_path):
    """A folder with a photo of odd sides, a style and a model."""
    save_picture(tmp_path / "c.png", 41, 59, 1)
    save_picture(tmp_path / "s.png", 48, 33, 2)
    save_colourful_model(tmp_path / "tiny.safetensors")
    return tmp_path


@pytest.fixture
def photo(cli, scene):
    """``photo(name, …, option, value, out=name)``: a run that must succeed, and adds only the output."""

    def run(*args, out="o.png", style="s.png"):
        names = [scene / a if isinstance(a, str) and (scene / a).is_file() else a for a in args]
        model = [] if "--model" in args else ["--model", scene / "tiny.safetensors"]
        before = contents(scene)
        result = cli("photo", *without_regions([*names, "--style", scene / style, "-o", scene / out, *model]))
        assert (result.code, result.out) == (0, ""), result.err
        after = contents(scene)
        assert {name: after[name] for name in before if name != out} == {n: d for n, d in before.items() if n != out}
        return result

    return run


@pytest.mark.parametrize("shape", [(41, 59), (16, 16), (17, 120), (64, 40)])
@pytest.mark.parametrize("extension", [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".PNG"])
def test_sizes_and_formats(scene, photo, shape, extension):
    save_picture(scene / "odd.png", *shape, 3)
    result = photo("odd.png", out=f"o{extension}")
    assert set(contents(scene)) == {"c.png", "s.png", "odd.png", "tiny.safetensors", f"o{extension}"}
    with Image.open(scene / f"o{extension}") as image:
        assert image.size == shape[::-1]
        assert image.mode == "RGB"
        expected = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
        assert image.format == expected.get(extension, "PNG")
    assert len(result.lines) == 1
    assert re.fullmatch(rf"{re.escape(str(scene / f'o{extension}'))} written in [\d.]+ s", result.lines[0])


def test_the_style_shows(scene, photo):
    save_picture(scene / "other.png", 40, 40, 9)
    photo("c.png", out="a.png")
    photo("c.png", out="b.png", style="other.png")
    a, b = read(scene / "a.png"), read(scene / "b.png")
    assert a.std() > 5
    assert abs(a - b).mean() > 2


def test_strength_0_is_the_plain_reconstruction(scene, photo):
    save_picture(scene / "even.png", 40, 56, 1)
    photo("even.png", "--strength", 0, "--finish", "off")
    with torch.no_grad():
        expected = read_model(scene / "tiny.safetensors")(read_image(scene / "even.png")[None])[0]
    expected = (expected.clamp(0, 1) * 255).permute(1, 2, 0).numpy()
    assert abs(read(scene / "o.png") - expected).max() < 1


def test_options_reach_the_fit(scene, photo):
    photo("c.png", "--strength", 0.5, "--at", "skip, encoder", "--matching", "adain", "--save-style", scene / "x.style")
    options = load_transfer(scene / "x.style", read_model(scene / "tiny.safetensors")).options
    assert (options.strength, options.at, options.matching) == (0.5, ("encoder", "skip"), "adain")


def test_quiet(photo, scene):
    assert photo("c.png", "--quiet").err == ""
    assert photo("c.png", "-q", out="out").err == ""
    assert (scene / "out/c.png").exists()


def test_overwrite(scene, cli):
    save_picture(scene / "o.jpg", 5, 5)
    (scene / "x.style").write_bytes(b"old")
    args = ["photo", scene / "c.png", "--style", scene / "s.png", "--model", scene / "tiny.safetensors"]
    assert cli(*args, "-o", scene / "o.jpg", "--save-style", scene / "x.style", "--overwrite").code == 0
    assert size(scene / "o.jpg") == (59, 41)
    assert "*" in load_transfer(scene / "x.style", read_model(scene / "tiny.safetensors")).regions


def test_several_photos_into_a_new_folder(scene, photo):
    Image.fromarray(pixels(20, 30)).save(scene / "d.bmp")
    save_picture(scene / "e.jpeg", 30, 20)
    result = photo("c.png", "d.bmp", "e.jpeg", out="new/deep/")
    assert {p.name: size(p) for p in (scene / "new/deep").iterdir()} == {
        "c.png": (59, 41),
        "d.png": (30, 20),
        "e.jpeg": (20, 30),
    }
    names = [line.split(" written")[0] for line in result.lines]
    assert names == [str(scene / "new/deep" / name) for name in ("c.png", "d.png", "e.jpeg")]


def test_one_photo_into_an_existing_folder(scene, photo):
    (scene / "out.d").mkdir()
    photo("c.png", out="out.d")
    assert size(scene / "out.d/c.png") == (59, 41)


def test_relative_paths(scene, cli, monkeypatch):
    monkeypatch.chdir(scene)
    result = cli("photo", "c.png", "--style", "./s.png", "-o", "o.png", "--model", "tiny.safetensors")
    assert result.code == 0
    assert result.lines[0].startswith("o.png written")


@pytest.mark.parametrize("name", [":car:.png", "[bold]x.png", "ein Bild – groß.png"])
def test_strange_names_are_told_as_they_are(scene, photo, name):
    save_picture(scene / name, 20, 20)
    assert f"{scene / 'out' / name} written" in photo(name, out="out").err


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGBA", "I;16", "F"])
def test_other_modes(scene, photo, mode):
    if mode in ("I;16", "F"):
        grey = pixels(24, 30)[..., 0] / 255
        image = Image.fromarray((grey * 65535).astype(np.uint16) if mode == "I;16" else grey.astype(np.float32))
    else:
        image = Image.fromarray(pixels(24, 30)).convert(mode)
    image.save(scene / "in.tif")
    photo("in.tif")
    with Image.open(scene / "o.png") as result:
        assert result.size == (30, 24)
        assert result.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")


def test_orientation_is_applied_once(scene, photo):
    upright = pixels(40, 56, 4)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # shown turned clockwise by 90°
    exif[ExifTags.Base.Model] = "Camera"
    Image.fromarray(upright).save(scene / "up.png")
    Image.fromarray(np.rot90(upright).copy()).save(scene / "turned.png", exif=exif)
    photo("turned.png", out="turned.jpg")
    photo("turned.png", out="from_turned.png")
    photo("up.png", out="from_up.png")
    for name in ("turned.jpg", "from_turned.png"):
        with Image.open(scene / name) as result:
            assert result.size == (56, 40)
            assert result.getexif().get(ExifTags.Base.Orientation, 1) == 1
            assert result.getexif()[ExifTags.Base.Model] == "Camera"
    assert np.array_equal(read(scene / "from_turned.png"), read(scene / "from_up.png"))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
def test_profile_and_exif_are_kept(scene, photo, extension):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Somebody"
    save_picture(scene / "in.jpg", 24, 30, icc_profile=icc, exif=exif)
    photo("in.jpg", out=f"o{extension}")
    with Image.open(scene / f"o{extension}") as result:
        assert result.info["icc_profile"] == icc
        assert result.getexif()[ExifTags.Base.Artist] == "Somebody"


def test_alpha_is_kept_or_its_loss_is_told(scene, photo):
    rgba = np.dstack([pixels(24, 30), np.linspace(0, 255, 24 * 30).reshape(24, 30).astype(np.uint8)])
    Image.fromarray(rgba).save(scene / "in.png")
    assert len(photo("in.png").lines) == 1
    assert np.array_equal(read(scene / "o.png")[..., 3], rgba[..., 3])
    warning, written = photo("in.png", out="o.jpg").lines
    assert "transparency" in warning
    assert str(scene / "o.jpg") in warning
    assert "written" in written
    assert photo("in.png", "--quiet", out="q.jpg").err == ""


def test_masks(scene, photo):
    """Indexed and RGB masks give the same, and not the same as no masks."""
    for mode in ("RGB", "P"):
        stripes(scene / f"cm{mode}.png", 59, 41, RED, BLUE, mode=mode)
        stripes(scene / f"sm{mode}.png", 33, 48, BLUE, RED, mode=mode)
        photo("c.png", "--content-mask", f"cm{mode}.png", "--style-mask", f"sm{mode}.png", out=f"o{mode}.png")
    with Image.open(scene / "cmP.png") as mask:
        assert mask.mode == "P"
    photo("c.png")
    assert np.array_equal(read(scene / "oRGB.png"), read(scene / "oP.png"))
    assert abs(read(scene / "oRGB.png") - read(scene / "o.png")).mean() > 1


def test_masks_say_what_goes_where(scene, photo):
    """With a style whose halves are dark and bright, the labels decide which half of the photo gets which."""
    style = np.zeros((48, 32, 3), np.uint8) + 30
    style[:, 16:] = 220
    noise = np.random.default_rng(0).integers(-20, 20, style.shape)
    Image.fromarray((style + noise).astype(np.uint8)).save(scene / "halves.png")
    stripes(scene / "sm.png", 32, 48, RED, BLUE)
    results = []
    for number, colours in enumerate(((RED, BLUE), (BLUE, RED))):
        stripes(scene / f"cm{number}.png", 59, 41, *colours)
        masks = ["--content-mask", f"cm{number}.png", "--style-mask", "sm.png"]
        photo("c.png", *masks, out=f"o{number}.png", style="halves.png")
        results.append(read(scene / f"o{number}.png"))
    left, right = (abs(results[0] - results[1])[:, part].mean() for part in (slice(0, 25), slice(34, 59)))
    assert left > 3
    assert right > 3


def test_size_makes_a_small_result(scene, photo):
    save_picture(scene / "large.png", 90, 201, 5)
    save_picture(scene / "large_style.png", 120, 100, 6)
    photo("large.png", "--size", 64, style="large_style.png")
    assert size(scene / "o.png") == (64, 29)
    photo("c.png", "--size", 4000, out="never_enlarged.png")
    assert size(scene / "never_enlarged.png") == (59, 41)


def test_size_takes_masks_of_full_size(scene, photo):
    save_picture(scene / "large.png", 90, 201, 5)
    save_picture(scene / "large_style.png", 120, 100, 6)
    stripes(scene / "cm.png", 201, 90, RED, BLUE)
    stripes(scene / "sm.png", 100, 120, RED, BLUE)
    masks = ["--content-mask", "cm.png", "--style-mask", "sm.png"]
    photo("large.png", "--size", 64, *masks, style="large_style.png")
    assert size(scene / "o.png") == (64, 29)
    photo("large.png", "--size", 64, style="large_style.png", out="plain.png")
    assert abs(read(scene / "o.png") - read(scene / "plain.png")).mean() > 0.5


@pytest.mark.parametrize("unpool", ["sum", "cat5"])
def test_both_kinds_of_unpooling(scene, photo, unpool):
    save_colourful_model(scene / f"{unpool}.safetensors", unpool)
    photo("c.png", "--model", f"{unpool}.safetensors", "--unpool", unpool)
    assert size(scene / "o.png") == (59, 41)


def test_the_same_twice(scene, photo):
    photo("c.png", out="a.png")
    photo("c.png", out="b.png")
    assert (scene / "a.png").read_bytes() == (scene / "b.png").read_bytes()


def test_the_photo_as_its_own_style(scene, photo):
    save_picture(scene / "even.png", 40, 56, 1)
    photo("even.png", "--finish", "off", style="even.png")
    photo("even.png", "--strength", 0, "--finish", "off", out="plain.png")
    assert abs(read(scene / "o.png") - read(scene / "plain.png")).mean() < 3


def test_progress_on_a_terminal(scene, photo, monkeypatch):
    monkeypatch.setattr("photostyle.cli.console.stderr._force_terminal", True)
    monkeypatch.setattr("photostyle.cli.console.stderr.is_interactive", True)
    monkeypatch.setenv("TERM", "xterm")
    result = photo("c.png", out="[red]out")
    assert f"{scene / '[red]out' / 'c.png'} written" in result.err
    assert re.search(r"starting, about \d+ s left", plain(result.err))
    assert re.search(r"fitting and rendering, about \d+ s left", plain(result.err))
    assert photo("c.png", "--quiet", out="quiet.png").err == ""


def test_in_a_process_of_its_own(scene):
    args = ["--style", scene / "s.png", "-o", scene / "o.png", "--model", scene / "tiny.safetensors"]
    result = subprocess_cli("photo", scene / "c.png", *args)
    assert (result.code, result.out, len(result.lines)) == (0, "", 1)
    assert size(scene / "o.png") == (59, 41)
