"""At strength 0 a photo comes out as it is, to the bit after decoding, in every format."""

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from photostyle.jobs.loading import load
from photostyle.jobs.photo import apply_file, stylize_file
from photostyle.options import FitOptions
from photostyle.transfer import fitting
from tests.util import picture, tiny_model
from tests.util.cli import save_picture


def decoded(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("saved", [False, True])
def test_the_same_format(tmp_path, suffix, saved):
    photo, style, out = tmp_path / f"a.{suffix}", tmp_path / "s.png", tmp_path / f"out.{suffix}"
    save_picture(photo, 40, 56, 1)
    save_picture(style, 32, 32, 2)
    options = FitOptions(strength=0.0)
    if saved:
        transfer = fitting.fit(tiny_model(), picture(40, 56, 1), picture(32, 32, 2))
        apply_file(transfer, photo, out, strength=0.0)
    else:
        stylize_file(tiny_model(), photo, load(style), out, options)
    np.testing.assert_array_equal(decoded(out), decoded(photo))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_another_lossless_format(tmp_path, suffix):
    photo, style, out = tmp_path / "a.jpg", tmp_path / "s.png", tmp_path / f"out.{suffix}"
    save_picture(photo, 40, 56, 1)
    save_picture(style, 32, 32, 2)
    stylize_file(tiny_model(), photo, load(style), out, FitOptions(strength=0.0))
    np.testing.assert_array_equal(decoded(out), decoded(photo))


def test_sixteen_bits(tmp_path):
    photo, style, out = tmp_path / "a.tif", tmp_path / "s.png", tmp_path / "out.png"
    values = (torch.rand(40, 56, 3, generator=torch.Generator().manual_seed(1)) * 65535).round().numpy()
    tifffile.imwrite(photo, values.astype(np.uint16), photometric="rgb")
    save_picture(style, 32, 32, 2)
    stylize_file(tiny_model(), photo, load(style), out, FitOptions(strength=0.0))
    read = load(out).image.permute(1, 2, 0).numpy() * 65535
    np.testing.assert_allclose(read, values, atol=0.01)


def test_a_preview_and_a_misnamed_file_are_written_anew(tmp_path):
    photo, style = tmp_path / "a.png", tmp_path / "s.png"
    save_picture(photo, 40, 56, 1)
    save_picture(style, 32, 32, 2)
    stylize_file(tiny_model(), photo, load(style), tmp_path / "small.png", FitOptions(strength=0.0), side=28)
    assert decoded(tmp_path / "small.png").shape[:2] == (20, 28)
    photo.rename(tmp_path / "b.jpg")  # a PNG that says it is a JPEG
    stylize_file(tiny_model(), tmp_path / "b.jpg", load(style), tmp_path / "c.jpg", FitOptions(strength=0.0))
    with Image.open(tmp_path / "c.jpg") as image:
        assert image.format == "JPEG"
