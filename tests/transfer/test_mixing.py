import pytest
import torch

from photostyle.errors import ParameterError, TransferMismatchError
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit, measure_target
from photostyle.transfer.mixing import mix_targets, mix_transfers
from tests.util import assert_same, halves, picture, tiny_model

MODEL = tiny_model()
CONTENT = picture(40, 56, 1)
A, B, C = picture(48, 32, 2) ** 2, picture(40, 40, 3) ** 0.5, picture(32, 40, 4)


def fitted(style, **options):
    return fit(MODEL, CONTENT, style, options=FitOptions(**options))


def test_a_mix_of_targets_is_the_target_of_the_mix():
    a, b, c = (measure_target(MODEL, style) for style in (A, B, C))
    mixed = mix_targets([mix_targets([a, b], [3, 1]), c], [2, 1])
    direct = fit(MODEL, CONTENT, [A, B, C], style_weights=[0.5, 1 / 6, 1 / 3])
    assert_same(fit(MODEL, CONTENT, mixed), direct, 1e-9)
    assert_same(fit(MODEL, CONTENT, mix_targets([a, b])), fit(MODEL, CONTENT, [A, B]), 1e-9)


def test_a_weaker_target_counts_less():
    a = measure_target(MODEL, A, options=FitOptions(strength=1.0))
    b = measure_target(MODEL, B, options=FitOptions(strength=0.5))
    mixed = mix_targets([a, b])
    assert mixed.options.strength == 0.75
    assert mixed.shares == pytest.approx([2 / 3, 1 / 3])
    still = mix_targets([measure_target(MODEL, A, options=FitOptions(strength=0.0))] * 2, [1, 3])
    assert (still.options.strength, still.shares) == (0.0, pytest.approx([0.25, 0.75]))


def test_a_mix_of_maps_is_a_mix_of_effects():
    # One site, nothing clamped: the mean of the maps maps to the mean of the features.
    a, b = fitted(A, at=("encoder",), strength=1.0), fitted(B, at=("encoder",), strength=0.6)
    mixed = mix_transfers([a, b], [1, 3])
    x = torch.randn(1, 6, 5, 7)
    one, other, both = (t.maps["encoder1"]["*"].affine for t in (a, b, mixed))
    effects = 0.25 * one(x) + 0.75 * torch.lerp(x, other(x), 0.6)
    assert mixed.options.strength == pytest.approx(0.7)
    assert torch.allclose(torch.lerp(x, both(x), mixed.options.strength), effects, atol=1e-5)
    low, high = mixed.maps["encoder1"]["*"].low, mixed.maps["encoder1"]["*"].high
    assert low <= high


def test_ends_and_middle_of_a_mix():
    a, b = fitted(A), fitted(B)
    assert_same(mix_transfers([a, b], [1, 0]), a, 1e-12)
    assert_same(mix_transfers([a, a], [2, 5]), a, 1e-9)
    middle, end_a, end_b = (t.apply(CONTENT) for t in (mix_transfers([a, b]), a, b))
    apart = (end_a - end_b).square().mean()
    for end in (end_a, end_b):
        assert (middle - end).square().mean() < apart


def test_by_region():
    regions = {"content_regions": halves(40, 56, 0, 1)}
    a = fit(MODEL, CONTENT, A, **regions, style_regions=halves(48, 32, 0, 1))
    b = fit(MODEL, CONTENT, B, **regions, style_regions=halves(40, 40, 1, 0))
    mixed = mix_transfers([a, b])
    expected = (a.maps["encoder2"]["1"].affine.bias + b.maps["encoder2"]["1"].affine.bias) / 2
    torch.testing.assert_close(mixed.maps["encoder2"]["1"].affine.bias, expected)
    assert set(mixed.regions) == {"*", "0", "1"}
    with pytest.raises(TransferMismatchError, match=r"regions do not mix: .*0, 1 and"):
        mix_transfers([a, fitted(B)])


def test_targets_with_regions_mix_with_their_like():
    a, b = (measure_target(MODEL, A, style_regions=halves(48, 32, 0, 1)) for _ in range(2))
    assert set(mix_targets([a, b]).regions) == {"*", "0", "1"}
    with pytest.raises(TransferMismatchError, match="with regions and styles without"):
        mix_targets([a, measure_target(MODEL, B)])


def test_what_does_not_mix():
    other = tiny_model("sum")
    with pytest.raises(TransferMismatchError, match="different models"):
        mix_transfers([fitted(A), fit(other, CONTENT, A)])
    with pytest.raises(TransferMismatchError, match="matching is monge and wct"):
        mix_transfers([fitted(A), fitted(B, matching="wct")])
    with pytest.raises(TransferMismatchError, match="at is encoder,decoder and encoder;"):
        mix_targets([measure_target(MODEL, A), measure_target(MODEL, B, options=FitOptions(at=("encoder",)))])
    for weights in ([1], [0, 0], [2, -1], [float("inf"), 1]):
        with pytest.raises(ParameterError, match="style weights"):
            mix_transfers([fitted(A, at=("encoder",)), fitted(B, at=("encoder",))], weights)
    with pytest.raises(ParameterError, match="style weights"):
        mix_targets([])
