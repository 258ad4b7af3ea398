"""Photos in whatever form people have them, and results that notebooks show."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import photostyle
from photostyle.errors import ImageReadError, ParameterError
from photostyle.jobs.pictures import as_image, show
from photostyle.transfer import fitting
from tests.util import picture, tiny_model
from tests.util.cli import pixels, save_picture


def test_one_photo_in_all_its_forms(tmp_path):
    values = pixels(20, 30)
    path = save_picture(tmp_path / "a.png", 20, 30)
    wanted = torch.from_numpy(values.astype(np.float32) / 255).permute(2, 0, 1)
    forms = [str(path), path, Image.open(path), values, values.astype(np.float64) / 255, wanted,
             values.astype(np.uint16) * 257]  # fmt: skip
    for form in forms:
        torch.testing.assert_close(as_image(form), wanted, rtol=0, atol=1e-6)


def test_pil_images_are_seen_as_files_are(tmp_path):
    turned = Image.fromarray(pixels(20, 30))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned.convert("L").save(tmp_path / "grey.png", icc_profile=None)
    turned.convert("P").save(tmp_path / "palette.png")
    turned.convert("RGBA").save(tmp_path / "alpha.png", icc_profile=profile)
    for name in ("turned", "grey", "palette", "alpha"):
        path = tmp_path / f"{name}.png"
        with Image.open(path) as opened:
            torch.testing.assert_close(as_image(opened), photostyle.read_image(path), rtol=0, atol=1e-6)
    assert as_image(np.full((4, 5), 255, np.uint8)).shape == (3, 4, 5)
    assert as_image(Image.fromarray(np.full((4, 5), 65535, np.uint16))).max() == 1


@pytest.mark.parametrize("wrong", [3, None, [1, 2], np.zeros((4, 5, 2), np.uint8), np.zeros((4, 5, 3), bool)])
def test_what_is_no_photo(wrong):
    with pytest.raises(ParameterError, match="photo"):
        as_image(wrong)
    with pytest.raises(ImageReadError, match="no such file"):
        as_image("nowhere.png")


def test_paths_and_pil_give_what_tensors_give(tmp_path):
    model = tiny_model()
    paths = [save_picture(tmp_path / f"{i}.png", 40, 56, i) for i in range(3)]
    content, *styles = (photostyle.read_image(path) for path in paths)
    wanted = fitting.stylize(model, content, styles, style_weights=[1, 3])
    found = photostyle.stylize(model, paths[0], [str(paths[1]), Image.open(paths[2])], style_weights=[1, 3])
    torch.testing.assert_close(found, wanted)
    transfer = photostyle.fit(model, str(paths[0]), paths[1])
    torch.testing.assert_close(transfer.apply(content), fitting.fit(model, content, styles[0]).apply(content))
    target = photostyle.measure_target(model, paths[1], names=["one"])
    assert photostyle.fit_and_apply(model, paths[0], target)[1].shape == content.shape


def test_what_a_notebook_shows():
    result = picture(30, 40) * 2 - 0.5  # results may leave [0, 1]
    shown = show(picture(60, 40, 1), result, Image.new("RGB", (10, 15)))
    with Image.open(io.BytesIO(shown._repr_png_())) as image:
        assert image.size == (40 + 8 + 80 + 8 + 40, 60)
    one = show(torch.full((1, 3, 20, 3000), torch.nan))
    assert one.image.size == (1200, 8)
    with pytest.raises(ParameterError, match="nothing to show"):
        show()
