"""Pictures that statistics do not like: whatever finite values go in, finite values come out, and files hold 0 to 1."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photostyle.errors import ImageSizeError, NumericalError
from photostyle.io import write_photo
from photostyle.jobs.loading import pixels_of
from photostyle.options import MATCHINGS, FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer.fitting import fit, stylize
from photostyle.weights import load_model
from tests.util import halves, picture, tiny_model


def flat(*colour, height=32, width=40):
    return torch.tensor(colour)[:, None, None].expand(3, height, width).contiguous()


def board(height=32, width=40, cell=1):
    """Black and white fields."""
    y, x = torch.arange(height)[:, None] // cell, torch.arange(width)[None] // cell
    return ((y + x) % 2).float().expand(3, height, width).contiguous()


def with_line(image):
    """A line of one pixel's width, saturated."""
    image = image.clone()
    image[:, :, image.shape[2] // 2] = torch.tensor([1.0, 0.0, 0.0])[:, None]
    return image


PICTURES = {
    "black": flat(0.0, 0.0, 0.0), "white": flat(1.0, 1.0, 1.0), "grey": flat(0.5, 0.5, 0.5), "red": flat(1.0, 0.0, 0.0),
    "almost black": flat(0.0, 0.0, 0.0) + 1e-38, "one dot": flat(0.2, 0.4, 0.6).index_fill(1, torch.tensor([3]), 0.0),
    "line": with_line(flat(0.3, 0.3, 0.3)), "board": board(), "wide board": board(cell=8),
    "two colours": torch.cat([flat(1.0, 1.0, 0.0, width=20), flat(0.0, 0.0, 1.0, width=20)], 2),
    "noise": torch.rand(3, 32, 40, generator=torch.Generator().manual_seed(0)),
    "saturated": picture(32, 40, 1).sub(0.5).mul(9).add(0.5).clamp(0, 1), "photo": picture(32, 40, 2),
    "wide gamut": picture(32, 40, 3) * 1.8 - 0.4,
}  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return load_model("small")


def sound(result, size, tmp_path, most=2.0):
    """Finite, not far out of range, and a file of it holds what a file can hold."""
    assert tuple(result.shape[-2:]) == size
    assert torch.isfinite(result).all()
    assert result.min() > -most
    assert result.max() < 1 + most
    write_photo(tmp_path / "o.png", pixels_of(result), overwrite=True)
    with Image.open(tmp_path / "o.png") as image:
        assert image.size == (size[1], size[0])


def finished(number, matching):
    """Each pair has the finish in one of the matchings: it takes most of the time, and does not know them apart."""
    return number % len(MATCHINGS) == MATCHINGS.index(matching)


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("content", PICTURES)
def test_every_pair_of_odd_pictures(small, tmp_path, content, matching):
    for number, style in enumerate(("black", "white", "red", "one dot", "board", "saturated", "photo")):
        options = FitOptions(matching=matching, finish=finished(number, matching))
        sound(stylize(small, PICTURES[content], PICTURES[style], options=options), (32, 40), tmp_path)


@pytest.mark.parametrize("at", [("encoder",), ("decoder",), ("encoder", "decoder", "skip")])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_every_place_and_strength(small, tmp_path, at, strength):
    for content, style in (("grey", "photo"), ("photo", "grey"), ("board", "red"), ("line", "one dot")):
        options = FitOptions(at, "wct", strength, 0.0 if strength == 0.5 else None)
        sound(stylize(small, PICTURES[content], PICTURES[style], options=options), (32, 40), tmp_path)


@pytest.mark.parametrize("matching", MATCHINGS)
def test_odd_regions(small, tmp_path, matching):
    """One-colour regions, regions of a pixel, of none, of everything, soft ones that hardly claim anything."""
    two, photo = PICTURES["two colours"], PICTURES["photo"]
    dot = torch.zeros(32, 40, dtype=torch.int64)
    dot[5, 7] = 1
    soft = Regions({"a": torch.full((32, 40), 1e-6), "b": torch.full((32, 40), 0.5)}, hard=False)
    everything = torch.zeros(32, 40, dtype=torch.int64)
    masks = [halves(32, 40, 0, 1), dot, soft, everything]
    pairs = [(m, s) for m in masks for s in masks if isinstance(m, Regions) == isinstance(s, Regions)]
    for number, (content, pair) in enumerate(product((two, photo, PICTURES["grey"]), pairs)):
        options = FitOptions(matching=matching, finish=finished(number, matching))
        regions = {"content_regions": pair[0], "style_regions": pair[1]}
        sound(stylize(small, content, two, options=options, **regions), (32, 40), tmp_path)


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (16, 17), (17, 16), (23, 16), (16, 4000), (4000, 16), (20_000, 16), (16, 20_000)]
)
def test_sizes_from_the_least_to_long_strips(small, tmp_path, height, width):
    for content in (picture(height, width, 1), flat(0.5, 0.2, 0.1, height=height, width=width)):
        sound(stylize(small, content, PICTURES["photo"]), (height, width), tmp_path)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 20_000), (20_000, 1), (15, 16), (16, 15)])
def test_what_is_too_small_is_refused(small, height, width):
    for content, style in ((picture(height, width), PICTURES["photo"]), (PICTURES["photo"], picture(height, width))):
        with pytest.raises(ImageSizeError):
            stylize(small, content, style)


values = st.sampled_from([0.0, 1.0, 0.5, 1 / 255, 1e-30, -0.0, 0.999999]) | st.floats(0, 1, width=32)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    palette=st.lists(st.tuples(values, values, values), min_size=1, max_size=4),
    others=st.lists(st.tuples(values, values, values), min_size=1, max_size=4),
    height=st.integers(16, 34),
    width=st.integers(16, 34),
    matching=st.sampled_from(MATCHINGS),
    by_region=st.booleans(),
)
def test_any_few_colours(tmp_path_factory, seed, palette, others, height, width, matching, by_region):
    """Pictures of one to four colours, scattered over the picture, which are also its regions."""
    generator = np.random.default_rng(seed)
    labels = [torch.from_numpy(generator.integers(0, len(part), (height, width))) for part in (palette, others)]
    content, style = (
        torch.tensor(part, dtype=torch.float32)[label].permute(2, 0, 1)
        for part, label in zip((palette, others), labels, strict=True)
    )
    regions = {"content_regions": labels[0], "style_regions": labels[1]} if by_region else {}
    model = load_model("small")
    result = stylize(model, content, style, options=FitOptions(matching=matching), **regions)
    sound(result, (height, width), tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_refused(bad):
    model, image = tiny_model(), picture(32, 40, 1)
    broken = image.clone()
    broken[1, 2, 3] = bad
    for content, style in ((broken, image), (image, broken)):
        with pytest.raises(NumericalError):
            stylize(model, content, style)
    with pytest.raises(NumericalError):
        fit(model, image, image).apply(broken)
