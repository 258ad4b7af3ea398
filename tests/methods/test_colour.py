import numpy as np
import pytest
import torch

from photostyle import methods
from photostyle.colour.lab import from_lab, to_lab
from photostyle.errors import ParameterError
from photostyle.methods.sliced import SlicedOptions, matched, rotation
from photostyle.regions.regions import Regions
from tests.util import halves, picture
from tests.util.methods import Recorder

CONTENT, STYLE = picture(48, 56, 1)[None] * 0.5 + 0.2, picture(40, 64, 7)[None] * 0.4 + 0.3


def run(name, *arguments, **options):
    info = methods.find(name)
    return info.create(info.options(**options)).run(*arguments)


def test_lab_knows_its_reference_colours():
    colours = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5]]).T[None, :, :, None]
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86],
                [53.39, 0, 0]]  # fmt: skip
    assert torch.allclose(to_lab(colours)[0, :, :, 0].T, torch.tensor(expected), atol=0.02)
    image = torch.rand(2, 3, 9, 9)
    assert torch.allclose(from_lab(to_lab(image)), image, atol=1e-5)


def test_reinhard_matches_mean_and_deviation_of_lab():
    result, style = to_lab(run("reinhard", CONTENT, STYLE)), to_lab(STYLE)
    assert torch.allclose(result.mean((0, 2, 3)), style.mean((0, 2, 3)), atol=0.2)
    assert torch.allclose(result.std((0, 2, 3)), style.std((0, 2, 3)), rtol=0.02)


def test_monge_matches_mean_and_covariance_of_rgb():
    result, style = (x[0].flatten(1).double().numpy() for x in (run("monge", CONTENT, STYLE), STYLE))
    assert np.allclose(result.mean(1), style.mean(1), atol=0.003)
    assert np.allclose(np.cov(result), np.cov(style), atol=5e-4)


def test_sliced_transport_matches_every_direction():
    recorder = Recorder()
    info = methods.find("sliced")
    result = info.create(info.options(steps=12)).run(CONTENT, STYLE, progress=recorder)
    assert recorder.steps == [(i, 12) for i in range(1, 13)]
    assert recorder.losses[-1] < 0.05 * recorder.losses[0]
    directions = torch.nn.functional.normalize(torch.randn(20, 3, generator=torch.Generator().manual_seed(5)), dim=1)
    places = torch.linspace(0.02, 0.98, 25)

    def slices(image):
        return torch.quantile(directions @ image[0].flatten(1), places, dim=1)

    before = (slices(CONTENT) - slices(STYLE)).abs().mean()
    after = (slices(result) - slices(STYLE)).abs().mean()
    assert float(after) < 0.1 * float(before)


def test_sliced_transport_can_be_stopped_and_repeated():
    info = methods.find("sliced")
    stopped = Recorder(stop_after=2)
    early = info.create(info.options(steps=9, seed=3)).run(
        CONTENT, STYLE, progress=stopped, should_stop=stopped.should_stop
    )
    assert len(stopped.losses) == 2
    assert torch.equal(early, info.create(info.options(steps=2, seed=3)).run(CONTENT, STYLE))
    assert not torch.equal(early, info.create(info.options(steps=2, seed=4)).run(CONTENT, STYLE))
    with pytest.raises(ParameterError, match="steps is 0"):
        SlicedOptions(steps=0)


def test_many_equal_values_take_the_mean_of_what_they_cover():
    values = torch.cat([torch.zeros(200), torch.full((600,), 0.5), torch.linspace(0.6, 1, 200)])
    found = matched(values, torch.linspace(0, 1, 5000))
    torch.testing.assert_close(found[[0, 300]], torch.tensor([0.1, 0.5]), rtol=0, atol=0.002)
    torch.testing.assert_close(found[800:], torch.linspace(0.8, 1, 200), rtol=0, atol=0.002)


def test_a_white_background_takes_one_colour_of_the_style():
    white = torch.ones(1, 3, 48, 56)
    white[..., 20:28, 20:30] = 0.2
    result = run("sliced", white, STYLE)
    background = result[0][:, white[0, 0] == 1]
    assert float(background.std(1).max()) < 1e-4
    assert float((background.mean(1) - STYLE[0].mean((1, 2))).abs().max()) < 0.05


def test_matched_histograms_are_monotone_and_keep_equal_values_equal():
    values = torch.tensor([0.5, 0.1, 0.5, 0.9, 0.1])
    target = torch.linspace(2, 3, 101)
    found = matched(values, target)
    assert float(found[0]) == float(found[2])
    assert float(found[1]) == float(found[4])
    assert float(found[1]) < float(found[0]) < float(found[3]) == 3.0
    uniform = torch.rand(5000, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(matched(uniform, target), 2 + uniform, atol=0.03)


def test_rotations_are_orthogonal():
    axes = rotation(torch.Generator().manual_seed(0))
    assert torch.allclose(axes @ axes.T, torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("name", ["reinhard", "monge"])
def test_regions_have_maps_of_their_own(name):
    content, style = CONTENT.clone(), STYLE.clone()
    ours, theirs = (Regions.from_labels(halves(*x.shape[-2:], 1, 2)) for x in (content, style))
    result = run(name, content, style, ours, theirs)
    for side in (slice(0, 28), slice(28, 56)):
        there = slice(0, 32) if side.start == 0 else slice(32, 64)
        assert torch.allclose(
            result[..., side], run(name, content[..., side], style[..., there]), atol=1e-4
        )  # a half is a photo of its own
    assert not torch.allclose(result, run(name, content, style), atol=1e-2)


@pytest.mark.parametrize("name", ["reinhard", "monge", "sliced"])
def test_grey_photos_stay_clean(name):
    grey = picture(40, 40, 2)[None].mean(1, keepdim=True).expand(-1, 3, -1, -1)
    result = run(name, grey, STYLE)
    assert torch.isfinite(result).all()
    assert 0 <= float(result.min()) <= float(result.max()) <= 1
