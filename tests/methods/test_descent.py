"""Methods that descend on pixels: the loop, neural style, texture synthesis and Deep Photo."""

import itertools

import pytest
import torch

from photostyle import methods
from photostyle.edges.guided import guided_filter
from photostyle.errors import ImageSizeError, NumericalError, ParameterError
from photostyle.evaluate.content import affine_residual
from photostyle.methods import backbone, deep_photo, gatys, masks, mmd
from photostyle.methods.gatys import GatysOptions
from photostyle.methods.gram import flat, gram, gram_loss
from photostyle.methods.matting import energy, laplacian
from photostyle.methods.optimise import Steps, coarse_to_fine, good_scales, minimise
from photostyle.methods.texture import TextureOptions
from photostyle.regions.regions import Regions
from tests.util import halves, picture
from tests.util.methods import Recorder, tiny_encoder

CONTENT, STYLE = picture(40, 48, 1)[None], picture(44, 36, 7)[None] * 0.5
DESCENTS = ("gatys", "texture", "deep-photo")


def run(name, *regions, recorder=None, **options):
    info = methods.find(name)
    method = info.create(info.options(**options), features=tiny_encoder())
    stop = recorder.should_stop if recorder else None
    return method.run(CONTENT, STYLE, *(regions or (None, None)), recorder, stop)


def gradient_error(loss, image):
    """Relative error of the gradient of a float64 loss in a random direction, against central differences."""
    image = image.double().requires_grad_(True)
    direction = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = float((torch.autograd.grad(loss(image), image)[0] * direction).sum())
    with torch.no_grad():
        found = float(loss(image + 1e-6 * direction) - loss(image - 1e-6 * direction)) / 2e-6
    return abs(found - expected) / abs(expected)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_descent_finds_the_minimum(optimizer):
    target, recorder = picture(20, 24, 3)[None], Recorder()
    steps = Steps(200, recorder, None)
    found = minimise(torch.full_like(target, 0.5), lambda x: ((x - target) ** 2).sum(), 200, optimizer, steps)
    assert torch.allclose(found, target, atol=0.01)
    assert recorder.steps[0] == (1, 200)
    assert len(recorder.steps) <= 200


def test_the_best_image_is_kept_and_its_loss_told():
    recorder = Recorder()
    # Adam oscillates here, so that the last image is not the best.
    loss = lambda x: (100 * (x - 0.5) ** 2).sum().sqrt()  # noqa: E731
    best = minimise(torch.zeros(1, 3, 16, 16), loss, 60, "adam", Steps(60, recorder, None))
    assert float(loss(best)) == pytest.approx(min(recorder.losses))
    assert recorder.losses[-1] > min(recorder.losses)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_is_not_finite_ends_the_descent(optimizer):
    with pytest.raises(NumericalError, match="not finite at the start"):
        minimise(torch.zeros(1, 3, 16, 16), lambda x: x.sum() / 0, 5, optimizer, Steps(5, None, None))
    recorder = Recorder()
    image = torch.full((1, 3, 16, 16), 0.5)
    found = minimise(image, lambda x: (x - 0.4).mean().log(), 50, optimizer, Steps(50, recorder, None))
    assert torch.isfinite(found).all()
    assert len(recorder.losses) < 50


def test_scales_share_the_steps_and_losses_are_made_anew():
    assert [good_scales((100, side)) for side in (100, 512, 513, 1024, 4000)] == [1, 1, 2, 2, 4]
    seen, recorder = [], Recorder()

    def loss_at(scale):
        size = backbone.reduced((64, 80), scale)
        seen.append(size)
        return size, lambda x: (x**2).sum()

    image = coarse_to_fine(torch.ones(1, 3, 64, 80), (64, 80), 2, loss_at, "adam", Steps(11, recorder, None), fresh=3)
    assert seen == [(32, 40)] * 2 + [(64, 80)] * 2
    assert image.shape == (1, 3, 64, 80)
    assert recorder.steps == [(i, 11) for i in range(1, 12)]


@pytest.mark.parametrize("name", DESCENTS)
def test_losses_fall_and_results_are_images(name):
    recorder = Recorder()
    result = run(name, recorder=recorder, steps=24)
    assert result.shape == CONTENT.shape
    assert 0 <= float(result.min()) <= float(result.max()) <= 1
    assert recorder.steps == [(i, 24) for i in range(1, 25)]
    stages = [recorder.losses[:12], recorder.losses[12:]] if name == "deep-photo" else [recorder.losses]
    for losses in stages:
        assert min(losses) < 0.7 * losses[0]


@pytest.mark.parametrize("name", DESCENTS)
def test_equal_seeds_give_equal_results(name):
    assert torch.equal(run(name, steps=6, seed=1), run(name, steps=6, seed=1))


@pytest.mark.parametrize("options", [{"init": "noise"}, {"style_loss": "mmd-gauss"}], ids=str)
def test_other_seeds_give_other_results(options):
    assert torch.equal(run("gatys", steps=6, seed=1, **options), run("gatys", steps=6, seed=1, **options))
    assert not torch.equal(run("gatys", steps=6, seed=1, **options), run("gatys", steps=6, seed=2, **options))


@pytest.mark.parametrize("name", DESCENTS)
def test_a_stopped_run_keeps_the_best_so_far(name):
    whole, stopped = Recorder(), Recorder(stop_after=5)
    run(name, recorder=whole, steps=20)
    early = run(name, recorder=stopped, steps=20)
    assert stopped.losses == whole.losses[:5]
    at_once = run(name, recorder=Recorder(stop_after=0), steps=20)
    assert early.shape == at_once.shape == CONTENT.shape
    if name != "texture":
        assert torch.equal(at_once, CONTENT)
        assert not torch.equal(early, CONTENT)


@pytest.mark.parametrize(
    ("style_loss", "optimizer"),
    [(loss, optimizer) for loss in mmd.STYLE_LOSSES for optimizer in ("lbfgs", "adam")
     if optimizer == "lbfgs" or loss not in mmd.RANDOM],
)  # fmt: skip
def test_every_style_loss_brings_the_style_nearer(style_loss, optimizer):
    result = run("gatys", style_loss=style_loss, optimizer=optimizer, steps=30, content_weight=0)
    encoder = backbone.normalised(tiny_encoder(), [CONTENT, STYLE])
    if style_loss == "mmd-gauss":  # looked at where there are pixels enough to tell distributions by
        style = flat(encoder(STYLE, ("relu2_1",), "mean")["relu2_1"])
        distance = lambda found: mmd.quadratic_mmd(flat(found["relu2_1"]), style, mmd.gaussian(10.0))  # noqa: E731
    else:
        distance = gatys.style_loss(encoder, STYLE, "bn", torch.Generator())
    before, after = (float(distance(encoder(x, backbone.STYLE_LAYERS, "mean"))) for x in (CONTENT, result))
    assert after < 0.8 * before


def test_content_weight_keeps_the_content_and_variation_weight_smooths():
    encoder = tiny_encoder()

    def content_distance(image):
        a, b = (encoder(x, ("relu4_2",), "mean")["relu4_2"] for x in (image, CONTENT))
        return float(((a - b) ** 2).mean())

    free, held = (run("gatys", steps=25, content_weight=weight) for weight in (0.0, 1e4))
    assert content_distance(held) < 0.5 * content_distance(free)
    smooth = run("gatys", steps=25, tv_weight=1e4)
    assert float(gatys.total_variation(smooth)) < 0.5 * float(gatys.total_variation(free))


def test_starts():
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(gatys.start("content", CONTENT, STYLE, generator), CONTENT)
    assert gatys.start("style", CONTENT, STYLE, generator).shape == CONTENT.shape
    noise = gatys.start("noise", CONTENT, STYLE, generator)
    assert abs(float(noise.mean()) - 0.5) < 0.01
    assert 0.01 < float(noise.std()) < 0.05


def test_gradients_of_the_losses():
    encoder = backbone.normalised(tiny_encoder(), [CONTENT, STYLE]).double()
    content, style = CONTENT.double(), STYLE.double()
    loss = gatys.transfer_loss(encoder, content, style, GatysOptions(tv_weight=1.0), torch.Generator())
    image = (content + 0.1 * torch.randn(content.shape, generator=torch.Generator().manual_seed(3))).clamp(0, 1)
    assert gradient_error(loss, image) < 1e-4
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (CONTENT, STYLE))
    regions = masks.pairs(content, style, ours, theirs)
    photo = energy(laplacian(content), content.device)
    stylised = deep_photo.transfer_loss(encoder, content, style, regions, deep_photo.DeepPhotoOptions())
    assert gradient_error(lambda x: stylised(x) + 1e4 * photo(x), image) < 1e-4


def test_the_augmented_style_loss_is_one_gram_loss_a_label():
    encoder = tiny_encoder()
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (CONTENT, STYLE))
    regions = masks.pairs(CONTENT, STYLE, ours, theirs)
    layers = ("relu1_1",)
    x, s = (encoder(image, layers, "mean")["relu1_1"] for image in (CONTENT, STYLE))
    styles = {"relu1_1": [gram(flat(s), pair.style.flatten()) for pair in regions]}
    found = deep_photo.augmented_style_loss({"relu1_1": x}, styles, regions)
    halves_x, halves_s = x.chunk(2, 3), s.chunk(2, 3)
    expected = sum(0.5 * 2 * gram_loss(gram(flat(a)), gram(flat(b))) for a, b in zip(halves_x, halves_s, strict=True))
    assert torch.allclose(found, expected)


def test_labels_keep_their_styles_apart():
    style = torch.cat([torch.full((1, 3, 44, 18), 0.1), torch.full((1, 3, 44, 18), 0.9)], 3)
    style = (style + 0.05 * torch.randn(style.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    ours, theirs = Regions.from_labels(halves(40, 48, 1, 2)), Regions.from_labels(halves(44, 36, 1, 2))
    info = methods.find("deep-photo")
    method = info.create(info.options(steps=60), features=tiny_encoder())
    by_label = method.run(CONTENT, style, ours, theirs)
    swapped = method.run(CONTENT, style, ours, Regions.from_labels(halves(44, 36, 2, 1)))
    left, right = slice(0, 20), slice(28, 48)
    assert float(by_label[..., left].mean()) < float(swapped[..., left].mean()) - 0.05
    assert float(by_label[..., right].mean()) > float(swapped[..., right].mean()) + 0.05


def test_the_matting_laplacian_keeps_deep_photo_a_photo():
    of = energy(laplacian(CONTENT), torch.device("cpu"))
    held, free = (run("deep-photo", steps=40, affine=False, photorealism_weight=weight) for weight in (1e6, 0.0))
    assert float(of(held)) < 0.2 * float(of(free))


def test_deep_photo_ends_locally_affine():
    fitted, plain = (run("deep-photo", steps=6, affine=affine) for affine in (True, False))
    change = guided_filter(CONTENT, plain - CONTENT, deep_photo.RADIUS, deep_photo.EPSILON)
    assert torch.equal(fitted, (CONTENT + change).clamp(0, 1))
    assert affine_residual(CONTENT, fitted) < affine_residual(CONTENT, plain)


def test_textures_take_any_size_and_nothing_of_the_content():
    info = methods.find("texture")
    method = info.create(TextureOptions(size=(37, 50), steps=4), features=tiny_encoder())
    result = method.run(CONTENT, STYLE)
    assert result.shape == (1, 3, 37, 50)
    assert torch.equal(result, method.run(STYLE, STYLE))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gatys", {"content_weight": -1}, "content_weight is -1; it must be 0 or more"),
        ("gatys", {"style_weight": float("nan")}, "style_weight is nan"),
        ("gatys", {"content_weight": 0, "style_weight": 0}, "both 0"),
        ("gatys", {"style_loss": "vgg"}, "style loss is 'vgg'; it must be one of gram"),
        ("gatys", {"optimizer": "sgd"}, "optimizer is 'sgd'; it must be one of lbfgs, adam"),
        ("gatys", {"optimizer": "adam", "style_loss": "mmd-gauss"}, "mmd-gauss draws anew too often for adam"),
        ("gatys", {"init": "grey"}, "init is 'grey'; it must be one of content"),
        ("gatys", {"steps": 0}, "steps is 0; it must be at least 1"),
        ("gatys", {"scales": -1}, "scales is -1"),
        ("texture", {"steps": -3}, "steps is -3"),
        ("deep-photo", {"first_stage": 1.5}, "first_stage is 1.5"),
        ("deep-photo", {"photorealism_weight": -1}, "photorealism_weight is -1"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ParameterError, match=message):
        methods.find(name).options(**options)


def test_small_images_are_refused():
    with pytest.raises(ImageSizeError, match="50×20 pixels is too small"):
        TextureOptions(size=(20, 50))
    for name in ("gatys", "deep-photo"):
        method = methods.find(name).create(features=tiny_encoder())
        with pytest.raises(ImageSizeError, match="at least 32×32"):
            method.run(CONTENT[..., :20, :20], STYLE)


def test_the_encoder_given_is_left_as_it_was():
    encoder = tiny_encoder()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    for name in DESCENTS:
        info = methods.find(name)
        info.create(info.options(steps=2), features=encoder).run(CONTENT, STYLE)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), encoder.state_dict().values(), strict=True))
    assert not any(x.requires_grad for x in itertools.chain(encoder.parameters(), [CONTENT, STYLE]))
