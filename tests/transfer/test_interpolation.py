"""Maps between two windows: ends exact; between them, interpolated content takes the style, and changes slowly."""

from itertools import pairwise

import pytest
import torch

from photostyle.errors import ParameterError, TransferMismatchError
from photostyle.options import MATCHINGS, FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.fitting import fit
from photostyle.transfer.interpolation import Window, interpolate, measure
from photostyle.transfer.mapping import SiteMap
from photostyle.transfer.matching import AffineMap, affine_map, mix, moments
from photostyle.transfer.transfer import Transfer
from tests.util import halves, picture, tiny_model


def windows(model, options=None, regions=None, gains=(1.0, 0.5)):
    content, style = picture(40, 48, 1), picture(32, 40, 2)
    found = []
    for gain in gains:
        keys = [content * gain, picture(40, 48, 3) * gain]
        given = {"content_regions": [regions] * 2, "style_regions": halves(32, 40, 0, 1)} if regions else {}
        transfer = fit(model, keys, style, options=options, **given)
        found.append(measure(transfer, keys, [regions] * 2 if regions else None))
    return found


def test_measured_moments_are_those_that_the_maps_were_fitted_on():
    model = tiny_model()
    (first, _) = windows(model)
    for site, maps in first.transfer.maps.items():
        content = first.moments[site][WHOLE]
        a = maps[WHOLE].affine
        # a map takes its own content's mean to the style's, whatever the content
        other = fit(model, picture(40, 48, 9), picture(32, 40, 2)).maps[site][WHOLE].affine
        measured = measure(Transfer(model, first.transfer.options, {}), [picture(40, 48, 9)])
        if site == "encoder1":
            own = affine_mean(other, fitted_on(model, picture(40, 48, 9)))
            assert torch.allclose(a.matrix @ content.mean + a.bias, own, atol=1e-5)
        assert measured.moments == {}


def fitted_on(model, image):
    transfer = fit(model, image, picture(32, 40, 2))
    return measure(transfer, [image]).moments["encoder1"][WHOLE].mean


def affine_mean(affine, mean):
    return affine.matrix @ mean + affine.bias


@pytest.mark.parametrize("matching", MATCHINGS)
def test_between_the_ends_the_content_between_takes_the_style(matching):
    torch.manual_seed(0)
    style = moments(torch.randn(5, 400) * torch.tensor([1.0, 2, 0.5, 1, 3])[:, None] + 1)
    contents = [moments(torch.randn(5, 5) @ torch.randn(5, 300) + k) for k in range(2)]
    options = FitOptions(matching=matching, regularization=0.01)
    model = tiny_model()
    ends = [
        Window(
            Transfer(model, options, {"s": {WHOLE: SiteMap(affine_map(c, style, matching, 0.01), -1.0 - k, 2.0)}}),
            {"s": {WHOLE: c}},
        )
        for k, c in enumerate(contents)
    ]
    for share in (0.25, 0.5):
        found = interpolate(*ends, share).maps["s"][WHOLE]
        expected = affine_map(mix(contents, [1 - share, share]), style, matching, 0.01)
        assert torch.allclose(found.affine.matrix, expected.matrix, atol=1e-8)
        assert torch.allclose(found.affine.bias, expected.bias, atol=1e-8)
        assert found.low == pytest.approx(-1 - share)


def test_ends_are_the_windows_own_and_what_lies_between_is_continuous():
    model = tiny_model()
    first, second = windows(model, FitOptions(protect={}))  # as clips are, for which this is
    assert interpolate(first, second, 0.0) is first.transfer
    assert interpolate(first, second, 1.0) is second.transfer
    image = picture(40, 48, 1) * 0.75
    shares = [0.0, 1e-6, *(k / 20 for k in range(1, 20)), 1 - 1e-6, 1.0]
    results = [interpolate(first, second, share).apply(image) for share in shares]
    assert (results[1] - results[0]).abs().max() < 1e-4
    assert (results[-1] - results[-2]).abs().max() < 1e-4
    whole = (results[-1] - results[0]).abs().mean()
    steps = [(b - a).abs().mean() for a, b in pairwise(results)]
    assert max(steps) < 0.15 * whole  # twenty steps: none is a jump


def test_regions_interpolate_too_and_one_that_only_one_end_knows_stays():
    model = tiny_model()
    regions = Regions.from_labels(halves(40, 48, 0, 1))
    first, second = windows(model, FitOptions(shrinkage=0.0), regions)
    half = interpolate(first, second, 0.5)
    assert set(half.regions) == {WHOLE, "0", "1"}
    near = interpolate(first, second, 1e-7)
    for name in ("0", "1", WHOLE):
        a, b = (t.maps["encoder1"][name].affine.matrix for t in (near, first.transfer))
        assert torch.allclose(a, b, atol=1e-5)
    without = {site: {n: m for n, m in maps.items() if n != "1"} for site, maps in second.transfer.maps.items()}
    shorter = Window(Transfer(model, second.transfer.options, without), second.moments)
    kept = interpolate(first, shorter, 0.5)
    assert kept.maps["encoder2"]["1"] is first.transfer.maps["encoder2"]["1"]


def test_refuses_strange_shares_and_strangers():
    first, second = windows(tiny_model())
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ParameterError, match="share"):
            interpolate(first, second, share)
    other = windows(tiny_model(seed=4))[0]
    with pytest.raises(TransferMismatchError):
        interpolate(first, other, 0.5)
    with pytest.raises(ParameterError, match="no image"):
        measure(first.transfer, [])


def test_a_map_without_variance_is_no_trouble():
    model = tiny_model()
    grey = torch.full((3, 32, 32), 0.5)
    transfer = fit(model, grey, picture(32, 40, 2))
    window = measure(transfer, [grey])
    result = interpolate(window, measure(transfer, [grey]), 0.5).apply(picture(40, 48, 1))
    assert torch.isfinite(result).all()
    assert isinstance(window.transfer.maps["encoder1"][WHOLE].affine, AffineMap)
