import pytest
import torch

from photostyle.errors import MaskError, ParameterError
from photostyle.options import FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Source, check_sources, published_sources
from photostyle.transfer.fitting import fit, fit_and_apply, stylize
from tests.util import halves, picture, tiny_model

CONTENT, STYLE, OTHER = picture(40, 56, 1), picture(48, 32, 2) ** 2, 1 - picture(44, 40, 7)
REGIONS_C, REGIONS_S, REGIONS_O = (
    Regions.from_labels(halves(*shape, 0, 1)) for shape in ((40, 56), (48, 32), (44, 40))
)


def options(**fields):
    plain = {"regularization": 1e-4, "shrinkage": 0.0, "at": ("encoder",), "matching": "wct", "finish": False}
    return FitOptions(**{**plain, **fields})


def fitted(sources, styles=(STYLE,), regions=(REGIONS_S,), **fields):
    return stylize(
        tiny_model(), CONTENT, list(styles), content_regions=REGIONS_C, style_regions=list(regions), sources=sources,
        options=options(**fields),
    )  # fmt: skip


def test_the_published_rule():
    both = {"0": [Source(0, "0")], "1": [Source(0, "1")]}
    assert published_sources([REGIONS_C], [REGIONS_S], 1, with_whole=False) == both
    assert list(published_sources([REGIONS_C], [REGIONS_S], 1, with_whole=True)) == [WHOLE, "0", "1"]
    assert published_sources(None, None, 2, with_whole=False) == {WHOLE: [Source(0, WHOLE), Source(1, WHOLE)]}
    with pytest.raises(MaskError, match="one side only"):
        published_sources([REGIONS_C], None, 1, with_whole=True)
    with pytest.raises(MaskError, match="no label in common"):
        published_sources([REGIONS_C], [Regions.from_labels(halves(48, 32, 5, 6))], 1, with_whole=True)
    given = fitted({WHOLE: [Source(0, WHOLE)], **both})
    assert torch.equal(given, fitted(None))


def test_crossed_sources_are_swapped_labels():
    crossed = fitted({"0": [Source(0, "1")], "1": [Source(0, "0")]}, unmatched="keep")
    swapped = Regions.from_labels(1 - halves(48, 32, 0, 1))
    assert torch.allclose(crossed, fitted(None, regions=[swapped], unmatched="keep"), atol=1e-6)


def test_each_region_from_a_style_of_its_own():
    sources = {"0": [Source(0, "0")], "1": [Source(1, WHOLE)]}
    first = fitted(sources, (STYLE, OTHER), (REGIONS_S, REGIONS_O))
    changed = fitted(sources, (STYLE, OTHER.flip(0)), (REGIONS_S, REGIONS_O))
    difference = (first - changed).abs().mean(0)
    assert difference[:, 46:].mean() > 10 * difference[:, :8].mean()


def test_what_nothing_serves_stays():
    model = tiny_model()
    plain = model(CONTENT[None])[0]
    image = fitted({"0": [Source(0, "0")]}, unmatched="keep")
    assert (image - plain)[:, :, 52:].abs().max() < 1e-5 < (image - plain)[:, :, :4].abs().max()
    image = fitted({"0": [Source(0, "0")]})  # measures the whole photo, but maps nothing to it
    assert (image - plain)[:, :, 52:].abs().max() < 1e-5


def test_strengths_by_region():
    model, sources = tiny_model(), {n: [Source(0, n)] for n in (WHOLE, "0", "1")}
    plain = model(CONTENT[None])[0]
    full, kept = fitted(sources), fitted(sources, strengths={"1": 0.0})
    assert (kept - plain)[:, :, 52:].abs().max() < 1e-5
    assert (kept - full)[:, :, :4].abs().max() < 1e-5
    assert torch.allclose(fitted(sources, strengths={"0": 1.0, "1": 1.0}), full, atol=1e-6)
    assert torch.equal(fitted(sources, strengths={"7": 0.2}), full)
    # a region without a map of its own takes the whole's at its strength
    rest = fitted({WHOLE: [Source(0, WHOLE)], "0": [Source(0, "0")]}, strengths={"1": 0.0})
    assert (rest - plain)[:, :, 52:].abs().max() < 1e-5


def test_strengths_when_applied():
    sources = {n: [Source(0, n)] for n in (WHOLE, "0", "1")}
    transfer, image = fit_and_apply(
        tiny_model(), CONTENT, STYLE, content_regions=REGIONS_C, style_regions=REGIONS_S, sources=sources,
        options=options(strengths={"1": 0.5}),
    )  # fmt: skip
    assert torch.equal(transfer.apply(CONTENT, REGIONS_C), image)
    plain = transfer.apply(CONTENT, REGIONS_C, 0.0, {})
    assert torch.equal(plain, tiny_model()(CONTENT[None])[0])
    off = transfer.apply(CONTENT, REGIONS_C, strengths={"0": 0.0})
    assert (off - plain)[:, :, :4].abs().max() < 1e-5
    with pytest.raises(ParameterError, match="strength"):
        transfer.apply(CONTENT, REGIONS_C, strengths={"0": 3.0})


def test_small_regions_are_drawn_towards_the_whole():
    labels = torch.zeros(40, 56, dtype=torch.int64)
    labels[:5, :5] = 1
    sources = {n: [Source(0, n)] for n in (WHOLE, "0", "1")}
    maps = {}
    for k in (0.0, 1.0, 1e9):
        how = options(shrinkage=k)
        maps[k] = fit(
            tiny_model(), CONTENT, STYLE, content_regions=Regions.from_labels(labels), style_regions=REGIONS_S,
            sources=sources, options=how,
        ).maps["encoder1"]  # fmt: skip
    far = [float((m["1"].affine.matrix - m[WHOLE].affine.matrix).norm()) for m in maps.values()]
    assert far[0] > far[1] > far[2]
    assert far[2] < 1e-6 * far[0]
    large = [float((m["0"].affine.matrix - maps[0.0]["0"].affine.matrix).norm()) for m in maps.values()]
    assert large[1] < 0.05 * float(maps[0.0]["0"].affine.matrix.norm())
    with pytest.raises(ParameterError, match="shrinkage"):
        FitOptions(shrinkage=-1)


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ({}, "no region has a style"),
        ({"0": []}, "no region has a style"),
        ({"9": [Source(0, "0")]}, "'9' is not in the content"),
        ({"0": [Source(0, "9")]}, "takes '9', not a region of style 0"),
        ({"0": [Source(2, "0")]}, "takes style 2, but there are 1"),
    ],
)
def test_bad_sources(sources, complaint):
    with pytest.raises((MaskError, ParameterError), match=complaint):
        check_sources(sources, [REGIONS_C], [REGIONS_S], 1)
    with pytest.raises((MaskError, ParameterError), match=complaint):
        fitted(sources)
