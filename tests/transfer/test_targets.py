"""A measured style against the style photos themselves: the fits must be the same."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import MaskError, ParameterError, TransferMismatchError
from photostyle.options import FitOptions
from photostyle.regions.labels import match
from photostyle.regions.regions import Regions
from photostyle.regions.sources import Source
from photostyle.transfer import tiling
from photostyle.transfer.fitting import fit, fit_and_apply, measure_target
from photostyle.transfer.targets import Target
from tests.util import assert_same, halves, picture, tiny_model

MODEL = tiny_model()
CONTENT = picture(41, 56, 1)
STYLES = [picture(48, 33, 2) ** 2, picture(40, 40, 3) ** 0.5]
ALL = ("encoder", "decoder", "skip")


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0, 4), min_size=2, max_size=2).filter(lambda shares: sum(shares) > 0.01),
    st.sampled_from([("encoder",), ("decoder",), ("skip",), ALL]),
    st.sampled_from(["monge", "wct", "adain"]),
)
def test_fits_as_its_styles_would(shares, at, matching):
    options = FitOptions(at, matching, 0.7)
    target = measure_target(MODEL, STYLES, style_weights=shares, options=options)
    direct = fit(MODEL, CONTENT, STYLES, style_weights=shares, options=options)
    assert_same(fit(MODEL, CONTENT, target), direct)
    assert target.shares == pytest.approx([share / sum(shares) for share in shares])


def test_fits_to_several_photos_and_applies():
    target = measure_target(MODEL, STYLES)
    contents = [CONTENT, picture(40, 40, 9)]
    assert_same(fit(MODEL, contents, target), fit(MODEL, contents, STYLES))
    transfer, image = fit_and_apply(MODEL, CONTENT, target)
    assert torch.allclose(image, transfer.apply(CONTENT), atol=1e-5)
    darker = CONTENT.flip(0) ** 2
    assert not torch.allclose(fit_and_apply(MODEL, darker, target)[1], transfer.apply(darker))


def test_by_region():
    content = Regions.from_labels(halves(41, 56, 1, 2))
    styles = [Regions.from_labels(halves(48, 33, 2, 1)), Regions.from_labels(halves(40, 40, 1, 3))]
    sources = match(content, styles).sources
    direct = fit(MODEL, CONTENT, STYLES, content_regions=content, style_regions=styles, sources=sources)
    target = measure_target(MODEL, STYLES, style_regions=styles, names=["a", "b"])
    assert [style.regions for style in target.styles] == [("1", "2"), ("1", "3")]
    assert set(target.regions) == {"*", "1", "2", "3"}
    assert target.regions[0] == "*"
    again = match(content, [style.regions for style in target.styles]).sources
    assert again == sources
    assert_same(fit(MODEL, CONTENT, target, content_regions=content, sources=again), direct)
    with pytest.raises(MaskError, match="sources"):
        fit(MODEL, CONTENT, target, content_regions=content)
    with pytest.raises(MaskError, match="'3'"):
        fit(MODEL, CONTENT, target, content_regions=content, sources={"1": [Source(0, "3")]})


def test_in_tiles():
    large, styles = picture(150, 90, 4), [picture(96, 170, 2) ** 2, STYLES[1]]
    target = tiling.measure_target(MODEL, styles, style_weights=[1, 3], names=["a", "b"], tile=64)
    assert [style.name for style in target.styles] == ["a", "b"]
    whole = measure_target(MODEL, styles, style_weights=[1, 3])
    expected = fit(MODEL, large, whole)
    assert_same(fit(MODEL, large, target), expected, 1e-5)
    assert_same(tiling.fit(MODEL, large, target, tile=64), expected, 1e-4)


def test_options_may_change_but_for_new_sites():
    target = measure_target(MODEL, STYLES, options=FitOptions(("encoder", "skip")))
    for options in (FitOptions(("skip",), "wct", 0.5), FitOptions(("encoder",))):
        assert_same(fit(MODEL, CONTENT, target, options=options), fit(MODEL, CONTENT, STYLES, options=options))
    for at in (ALL, ("decoder",)):
        with pytest.raises(ParameterError, match="encoder,skip"):
            fit(MODEL, CONTENT, target, options=FitOptions(at))
    both = measure_target(MODEL, STYLES, options=FitOptions(("encoder", "decoder")))
    with pytest.raises(ParameterError, match="measure it again"):  # decoder4 was left out
        fit(MODEL, CONTENT, both, options=FitOptions(("decoder",)))


def test_refuses_what_does_not_fit():
    target = measure_target(MODEL, STYLES)
    with pytest.raises(TransferMismatchError, match="tiny"):
        fit(tiny_model(seed=1), CONTENT, target)
    fit(tiny_model(), CONTENT, target)  # another object, the same network
    with pytest.raises(ParameterError, match="already"):
        fit(MODEL, CONTENT, target, style_weights=[1, 1])
    with pytest.raises(ParameterError, match="give one a style"):
        measure_target(MODEL, STYLES, style_weights=[1])
    for weights in ([0, 0], [-1, 2], [float("nan"), 1]):
        with pytest.raises(ParameterError, match="style weights"):
            measure_target(MODEL, STYLES, style_weights=weights)
    with pytest.raises(ParameterError, match="style weights"):
        Target(MODEL, FitOptions(), ())
