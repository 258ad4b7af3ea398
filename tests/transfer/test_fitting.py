import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import ImageSizeError, MaskError, NumericalError, ParameterError
from photostyle.options import MATCHINGS, FitOptions
from photostyle.regions.regions import WHOLE, Regions
from photostyle.transfer.fitting import fit, fit_and_apply, stylize
from photostyle.transfer.matching import moments
from photostyle.transfer.transfer import run
from tests.util import copying_model, halves, picture, tiny_model

CONTENT, STYLE = picture(40, 56, 1), picture(48, 32, 2) ** 2
STAGES = [("encoder",), ("decoder",), ("skip",), ("encoder", "decoder", "skip"), ("decoder", "skip")]


def options(**fields):
    return FitOptions(**{"regularization": 1e-4, "at": ("encoder",), "matching": "wct", "finish": False, **fields})


@pytest.mark.parametrize("unpool", ["sum", "cat5"])
@pytest.mark.parametrize("at", STAGES)
def test_apply_gives_what_fitting_gave(unpool, at):
    model = tiny_model(unpool)
    transfer, image = fit_and_apply(model, CONTENT, STYLE, options=options(at=at))
    assert torch.equal(transfer.apply(CONTENT), image)
    assert torch.equal(stylize(model, CONTENT, STYLE, options=options(at=at)), image)
    assert (image - model(CONTENT[None])[0]).abs().max() > 1e-4  # something happened


def test_sites_and_their_names():
    sites = fit(tiny_model(), CONTENT, STYLE, options=options(at=("encoder", "decoder", "skip"))).maps
    encoder, decoder = [f"encoder{n}" for n in (1, 2, 3, 4)], [f"decoder{n}" for n in (3, 2, 1)]
    skips = [f"skip{n}.{band}" for n in (1, 2, 3) for band in ("lh", "hl", "hh")]
    assert list(sites) == [*encoder, *skips, *decoder]
    assert next(iter(fit(tiny_model(), CONTENT, STYLE, options=options(at=("decoder",))).maps)) == "decoder4"


@pytest.mark.parametrize("matching", ["wct", "monge", "cholesky"])
def test_mapped_features_have_the_styles_moments(matching):
    model, seen = tiny_model(), {}
    transfer = fit(model, CONTENT, STYLE, options=options(matching=matching, regularization=0.0))
    run(model, STYLE[None], ("encoder",), lambda name, x: seen.setdefault(name, x))
    # before the clamp to the content's range
    first = transfer.maps["encoder1"][WHOLE].affine
    run(model, CONTENT[None], ("encoder",), lambda name, x: seen.setdefault("content " + name, x))
    mapped, target = moments(first(seen["content encoder1"].double())), moments(seen["encoder1"])
    assert torch.allclose(mapped.mean, target.mean, atol=1e-6)
    assert torch.allclose(mapped.covariance, target.covariance, atol=1e-5)


@given(
    height=st.integers(16, 45),
    width=st.integers(16, 45),
    unpool=st.sampled_from(["sum", "cat5"]),
    labelled=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_output_has_the_inputs_size(height, width, unpool, labelled):
    content = picture(height, width)
    regions = (
        {"content_regions": halves(height, width, 0, 1), "style_regions": halves(48, 32, 1, 0)} if labelled else {}
    )
    image = stylize(tiny_model(unpool), content, STYLE, options=options(at=("encoder", "skip")), **regions)
    assert image.shape == content.shape
    assert torch.isfinite(image).all()


def test_padding_is_undone_exactly():
    # With a network that only copies (strength 0, identity layers) an odd size must come back to the last pixel.
    model = copying_model()
    for size in ((17, 23), (16, 31), (33, 16)):
        content = picture(*size)
        assert (stylize(model, content, STYLE, options=options(strength=0.0)) - content).abs().max() < 1e-6


def test_strength_zero_is_the_reconstruction_and_between_is_monotone():
    model = tiny_model()
    plain = model(CONTENT[None])[0]
    transfer = fit(model, CONTENT, STYLE, options=options())
    assert torch.allclose(transfer.apply(CONTENT, strength=0.0), plain, atol=1e-5)
    distances = [
        float((transfer.apply(CONTENT, strength=s) - plain).square().mean()) for s in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert distances == sorted(distances)
    assert distances[1] > 0
    fitted = [
        float((stylize(model, CONTENT, STYLE, options=options(strength=s)) - plain).square().mean())
        for s in (0, 0.5, 1)
    ]
    assert fitted == sorted(fitted)


@pytest.mark.parametrize("matching", MATCHINGS)
def test_own_style_changes_nothing(matching):
    model = tiny_model()
    image = stylize(model, CONTENT, CONTENT, options=options(matching=matching, at=("encoder", "decoder", "skip")))
    assert (image - model(CONTENT[None])[0]).abs().max() < 1e-4


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_constant_images(matching, value):
    flat = torch.full((3, 24, 24), value)
    for content, style in ((flat, STYLE), (CONTENT, flat), (flat, flat)):
        image = stylize(
            tiny_model(), content, style, options=options(matching=matching, at=("encoder", "decoder", "skip"))
        )
        assert torch.isfinite(image).all()


def test_smallest_image_and_too_small():
    assert stylize(tiny_model(), picture(16, 16), STYLE, options=options()).shape == (3, 16, 16)
    for size in ((15, 40), (40, 15), (1, 1)):
        with pytest.raises(ImageSizeError, match="16×16"):
            stylize(tiny_model(), picture(*size), STYLE)
        with pytest.raises(ImageSizeError):
            stylize(tiny_model(), CONTENT, picture(*size))


def test_each_region_takes_its_own_style():
    model = tiny_model()
    labels_c, labels_s = halves(40, 56, 0, 1), halves(48, 32, 0, 1)
    kwargs = {"content_regions": labels_c, "style_regions": labels_s}
    changed = STYLE.clone()
    changed[:, :, 16:] = 1 - changed[:, :, 16:]  # only the style's right half
    here, there = (stylize(model, CONTENT, s, options=options(at=("encoder",)), **kwargs) for s in (STYLE, changed))
    difference = (here - there).abs().amax(0)
    assert difference[:, 50:].mean() > 20 * difference[:, :6].mean()


def test_one_region_over_everything_is_no_region():
    model = tiny_model()
    everywhere = {
        "content_regions": torch.zeros(40, 56, dtype=torch.int64),
        "style_regions": torch.zeros(48, 32, dtype=torch.int64),
    }
    plain = stylize(model, CONTENT, STYLE, options=options())
    assert (stylize(model, CONTENT, STYLE, options=options(), **everywhere) - plain).abs().max() < 1e-5


def test_hard_and_equal_soft_regions_agree():
    model = tiny_model()
    hard_c, hard_s = Regions.from_labels(halves(40, 56, 0, 1)), Regions.from_labels(halves(48, 32, 0, 1))
    soft_c, soft_s = Regions.from_weights(hard_c.weights), Regions.from_weights(hard_s.weights)
    a = stylize(model, CONTENT, STYLE, content_regions=hard_c, style_regions=hard_s, options=options())
    b = stylize(model, CONTENT, STYLE, content_regions=soft_c, style_regions=soft_s, options=options())
    assert (a - b).abs().mean() < 1e-3


def test_unmatched_regions_stay_or_follow_the_whole():
    model = tiny_model()
    kwargs = {"content_regions": halves(40, 56, 0, 7), "style_regions": halves(48, 32, 0, 9)}
    plain = model(CONTENT[None])[0]
    kept = stylize(model, CONTENT, STYLE, options=options(unmatched="keep"), **kwargs)
    whole = stylize(model, CONTENT, STYLE, options=options(unmatched="whole"), **kwargs)
    assert (kept - plain)[:, :, 52:].abs().max() < 1e-5 < (whole - plain)[:, :, 52:].abs().max()


def test_a_style_by_region_on_a_photo_without_regions():
    model = tiny_model()
    kwargs = {"content_regions": halves(40, 56, 0, 1), "style_regions": halves(48, 32, 0, 1)}
    whole = fit(model, CONTENT, STYLE, options=options(unmatched="whole"), **kwargs)
    assert (whole.apply(CONTENT) - stylize(model, CONTENT, STYLE, options=options())).abs().max() < 0.5
    with pytest.raises(MaskError, match="regions"):
        fit(model, CONTENT, STYLE, options=options(unmatched="keep"), **kwargs).apply(CONTENT)


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_random_label_maps_never_give_nan(seed):
    generator = torch.Generator().manual_seed(seed)
    labels_c = torch.randint(0, 6, (40, 56), generator=generator)
    labels_s = torch.randint(0, 6, (6, 4), generator=generator).repeat_interleave(8, 0).repeat_interleave(8, 1)
    image = stylize(tiny_model(), CONTENT, STYLE, content_regions=labels_c, style_regions=labels_s,
                    options=options(at=("encoder", "decoder", "skip")))  # fmt: skip
    assert torch.isfinite(image).all()


def test_several_contents_share_one_fit():
    model, other = tiny_model(), picture(24, 64, 5)
    alone = fit(model, CONTENT, STYLE, options=options())
    twice = fit(model, [CONTENT, CONTENT], STYLE, options=options())
    assert (alone.apply(CONTENT) - twice.apply(CONTENT)).abs().max() < 5e-3  # n - 1 differs, nothing else
    both = fit(model, [CONTENT, other], STYLE, options=options())
    assert (both.apply(CONTENT) - alone.apply(CONTENT)).abs().max() > 1e-3
    assert both.maps["encoder1"][WHOLE].low <= alone.maps["encoder1"][WHOLE].low


def test_style_weights_mix():
    model, other = tiny_model(), 1 - STYLE
    first = stylize(model, CONTENT, STYLE, options=options())
    assert torch.allclose(
        stylize(model, CONTENT, [STYLE, other], style_weights=[1, 0], options=options()), first, atol=1e-6
    )
    middle = stylize(model, CONTENT, [STYLE, other], options=options())
    assert (middle - first).abs().max() > 1e-3
    with pytest.raises(ParameterError, match="weights"):
        stylize(model, CONTENT, [STYLE, other], style_weights=[1])


def test_batches_apply_like_single_images():
    transfer = fit(tiny_model(), CONTENT, STYLE, options=options())
    batch = torch.stack([CONTENT, picture(40, 56, 9)])
    assert torch.allclose(transfer.apply(batch)[1], transfer.apply(batch[1]), atol=1e-6)


@pytest.mark.parametrize(
    "fields",
    [{"at": ()}, {"at": ("middle",)}, {"matching": "magic"}, {"strength": 7.0}, {"strength": float("nan")},
     {"strength": -0.1}, {"regularization": -1.0}, {"unmatched": "drop"}],
)  # fmt: skip
def test_bad_options(fields):
    with pytest.raises(ParameterError):
        FitOptions(**fields)


def test_options_put_stages_in_order():
    assert FitOptions(at=("skip", "encoder")).at == ("encoder", "skip")


def test_bad_images_and_regions():
    model = tiny_model()
    broken = CONTENT.clone()
    broken[0, 3, 3] = float("nan")
    with pytest.raises(NumericalError, match="NaN"):
        stylize(model, broken, STYLE)
    with pytest.raises(ParameterError, match="must be"):
        stylize(model, torch.zeros(1, 40, 40), STYLE)
    with pytest.raises(ParameterError, match="no image"):
        fit(model, [], STYLE)
    labels = {"content_regions": halves(40, 56, 0, 1), "style_regions": halves(48, 32, 0, 1)}
    with pytest.raises(MaskError, match="one side"):
        stylize(model, CONTENT, STYLE, content_regions=labels["content_regions"])
    with pytest.raises(MaskError, match="same size"):
        stylize(model, CONTENT, STYLE, content_regions=halves(40, 55, 0, 1), style_regions=labels["style_regions"])
    with pytest.raises(MaskError, match="common"):
        stylize(model, CONTENT, STYLE, content_regions=halves(40, 56, 2, 3), style_regions=labels["style_regions"])
    with pytest.raises(MaskError, match="one an image"):
        fit(
            model, [CONTENT, CONTENT], STYLE, content_regions=[halves(40, 56, 0)], style_regions=labels["style_regions"]
        )
    with pytest.raises(ParameterError, match="strength"):
        fit(model, CONTENT, STYLE).apply(CONTENT, strength=2.0)
