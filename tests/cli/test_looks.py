"""`photo --look`, `looks`, `try`: embedded looks, references beside each other, and strengths of colour and light."""

import numpy as np
import pytest

from photostyle.colour.lab import to_lab
from photostyle.jobs.photo import read_image
from photostyle.looks import LOOKS, look_file
from tests.util.cli import contents, plain, read, save_picture, size


@pytest.fixture
def photo(tmp_path):
    return save_picture(tmp_path / "c.png", 40, 56, 1)


def test_a_look_is_its_style_file_applied(cli, photo, tmp_path):
    result = cli("photo", photo, "--look", "golden-hour", "-o", tmp_path / "o.png", "--segment", "off")
    assert result.code == 0, result.err
    assert cli("looks", "golden-hour", "-o", tmp_path / "g.style").code == 0
    assert (tmp_path / "g.style").read_bytes() == look_file("golden-hour").read_bytes()
    applied = cli("apply", tmp_path / "g.style", photo, "-o", tmp_path / "a.png", "--segment", "off")
    assert applied.code == 0, applied.err
    assert (read(tmp_path / "o.png") == read(tmp_path / "a.png")).all()
    assert (read(tmp_path / "o.png") != read(photo)).any()
    batched = cli("batch", tmp_path, "--look", "golden-hour", "-o", tmp_path / "b", "--segment", "off", "--dry-run")
    assert batched.code == 0, batched.err


def test_per_cent_regions_and_mixes(cli, photo, tmp_path):
    options = ("--segment", "off", "-o", tmp_path / "o.png", "--overwrite", "--look", "snow")
    images = []
    for extra in (("--strength", "0.5"), ("--strength", "50%"), ("--look", "candle"), ("--look", "candle:3")):
        result = cli("photo", photo, *options, *extra)
        assert result.code == 0, result.err
        images.append(read(tmp_path / "o.png"))
    assert (images[0] == images[1]).all()
    assert images[0].mean() > images[2].mean() > images[3].mean()


def test_weights_of_style_photos(cli, photo, tmp_path):
    light = save_picture(tmp_path / "light.png", 40, 56, 2)
    dark = tmp_path / "dark.png"
    from PIL import Image

    Image.fromarray((read(light) // 4).astype(np.uint8)).save(dark)
    means = []
    for weight in ("0", "1", "300%"):
        out = tmp_path / f"o{len(means)}.png"
        styles = ("--style", f"{light}:1", "--style", f"{dark}:{weight}")
        result = cli("photo", photo, *styles, "--segment", "off", "-o", out)
        assert result.code == 0, result.err
        means.append(read(out).mean())
    assert means[0] > means[1] > means[2]


def test_colour_and_brightness_apart(cli, photo, tmp_path):
    def lab(*extra):
        common = ("--look", "candle", "--segment", "off", "-o", tmp_path / "o.png", "--overwrite")
        result = cli("photo", photo, *common, *extra)
        assert result.code == 0, result.err
        return to_lab(read_image(tmp_path / "o.png")[None])[0]

    before, whole = to_lab(read_image(photo)[None])[0], lab()
    light, hue = lab("--colour", "0"), lab("--brightness", "0%")
    assert (light[0] - whole[0]).abs().mean() < 1.5
    assert (hue[0] - before[0]).abs().mean() < 1.5
    assert (hue[1:] - whole[1:]).abs().mean() < (hue[1:] - before[1:]).abs().mean()
    lab("--colour", "0", "--brightness", "0")
    assert (tmp_path / "o.png").read_bytes() == photo.read_bytes()


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        (["--look", "sno"], "there is no look 'sno'; did you mean snow?"),
        (["--look", "snow", "--style", "c.png"], "either --style PHOTO or --look NAME"),
        (["--look", "snow", "--at", "decoder"], "--at is encoder"),
        (["--look", "snow", "--method", "monge"], "--look does not apply to --method monge"),
        (["--look", "snow", "--style-mask", "m.png"], "--style-mask"),
        (["--look", "snow", "--compare", "c.png"], "c.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_looks_refuse(cli, photo, tmp_path, monkeypatch, extra, complaint):
    monkeypatch.chdir(tmp_path)
    assert complaint in cli.refuses(tmp_path, "photo", "c.png", "-o", "o.png", "--segment", "off", *extra)


def test_before_and_after_in_a_file(cli, photo, tmp_path):
    common = ("--look", "snow", "--segment", "off", "-o", tmp_path / "o.png")
    assert cli("photo", photo, *common, "--compare", tmp_path / "both.png").code == 0
    both = read(tmp_path / "both.png")
    assert size(tmp_path / "both.png") == (56 + 8 + 56, 40)
    assert (both[:, :56] == read(photo)).all()
    assert (both[:, 64:] == read(tmp_path / "o.png")).all()


def test_the_list_and_the_sheet(cli, photo, tmp_path):
    listed = cli("looks")
    assert [line.split()[0] for line in listed.out.splitlines()] == list(LOOKS)
    assert cli("looks", "snow", "candle", "-o", tmp_path / "sheet.png", "--photo", photo).code == 0
    assert size(tmp_path / "sheet.png")[0] > 400
    before = contents(tmp_path)
    assert "did you mean snow" in cli("looks", "snwo").err
    assert "-o sheet.png" in cli("looks", "--photo", photo).err
    assert "holds one look" in cli("looks", "-o", tmp_path / "all.style").err
    assert contents(tmp_path) == before


def test_try(cli, photo, tmp_path):
    references = [save_picture(tmp_path / f"r{i}.png", 40, 56, 5 + i) for i in range(2)]
    sheet = ("try", photo, *references, "--look", "snow", "--segment", "off", "-o", tmp_path / "sheet.png")
    result = cli(*sheet)
    assert result.code == 0, result.err
    assert "3 tried on c.png" in result.err
    before = contents(tmp_path)
    assert "already exists" in cli(*sheet).err
    assert "nothing to try" in cli("try", photo, "-o", tmp_path / "x.png").err
    assert "-o sheet.png" in cli("try", photo, *references).err
    assert contents(tmp_path) == before


def test_doctor(cli):
    result = cli("doctor")
    assert (result.code, result.err) == (0, "")
    lines = plain(result.out).splitlines()
    assert len(lines) == 10
    for word in ("torch", "Python", "small (embedded)", "12 of 12 looks", "threads", "GiB free", "video yes", "JPEG"):
        assert word in result.out
    assert "broken" not in result.out
    assert '"GPU"' in cli("doctor", "--json").out
