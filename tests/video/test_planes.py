"""Maps of colour on planes as they are: the same as a conversion there and back, where that loses nothing."""

import cv2
import numpy as np
import pytest
import torch

from photostyle.colour import yuv
from photostyle.colour.lab import to_lab
from photostyle.edges.colour_grid import ColourGrid, fit_grid
from photostyle.video.planes import PlaneMaps, lab, reduced_rgb, windows

SAMPLINGS = [(0, 0), (1, 0), (1, 1)]


def planes(layout, height, width, seed=0, smooth=12.0):
    """Luma full of detail, and chroma that keeps its shape on the way up and down."""
    rng = np.random.default_rng(seed)
    chroma = [(n + (1 << s) - 1) >> s for n, s in ((height, layout.shift_y), (width, layout.shift_x))]
    found = []
    for size, blur in (((height, width), 0.7), (chroma, smooth), (chroma, smooth)):
        values = cv2.GaussianBlur(rng.random(size).astype(np.float32), (0, 0), blur)
        values = (values - values.min()) / (values.max() - values.min())
        codes = (16 + 219 * values) * 2 ** (layout.bits - 8)
        found.append(codes.round().astype(np.uint8 if layout.bits == 8 else np.uint16))
    return found


def maps(seed=1, size=(9, 12)):
    """Affine maps of colour that vary slowly, (12, h, w)."""
    rng = np.random.default_rng(seed)
    found = np.stack([cv2.GaussianBlur(rng.normal(0, 0.6, size).astype(np.float32), (0, 0), 4) for _ in range(12)])
    found[[0, 4, 8]] += 0.8
    return found


def as_grid(found):
    """The order of `ColourGrid`: all slopes of red, of green, of blue, then the intercepts."""
    slopes = found[:9].reshape(3, 3, *found.shape[1:]).swapaxes(0, 1).reshape(9, *found.shape[1:])
    return ColourGrid(torch.from_numpy(np.concatenate([slopes, found[9:]]))[None])


def converted(source, found, layout, target):
    rgb = yuv.to_rgb([torch.from_numpy(plane.astype(np.int32)) for plane in source], layout)
    return [plane.numpy() for plane in yuv.from_rgb(as_grid(found).apply_(rgb[None])[0], target)]


@pytest.mark.parametrize("shifts", SAMPLINGS)
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize(("bits", "bits_out"), [(8, 8), (8, 10), (10, 10), (12, 12), (16, 16)])
@pytest.mark.parametrize("matrix", [1, 6])
def test_planes_come_out_as_by_way_of_rgb(shifts, left, bits, bits_out, matrix):
    layout = yuv.Layout(bits, matrix, False, *shifts, left=left)
    target = yuv.Layout(bits_out, matrix, False, *shifts, left=left)
    source, found = planes(layout, 96, 128), maps()
    mapper = PlaneMaps(layout, target)
    assert mapper.direct
    code = 2 ** (bits_out - 8)
    for got, expected in zip(mapper.apply(source, found), converted(source, found, layout, target), strict=True):
        assert got.dtype == (np.uint8 if bits_out == 8 else np.uint16)
        assert np.abs(got.astype(int) - expected).max() <= code
        assert np.abs(got.astype(int) - expected).mean() < 0.2 * code


@pytest.mark.parametrize("shifts", SAMPLINGS)
@pytest.mark.parametrize("size", [(45, 61), (16, 17), (64, 48)])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_the_map_that_changes_nothing_keeps_every_code(shifts, size, bits):
    same = np.zeros((12, 5, 7), np.float32)
    same[[0, 4, 8]] = 1
    for full in (False, True):
        layout = yuv.Layout(bits, 1, full, *shifts)
        source = planes(layout, *size, smooth=0.7)
        assert all(
            np.array_equal(a, b) for a, b in zip(PlaneMaps(layout, layout).apply(source, same), source, strict=True)
        )


def test_gbr_planes_are_planes_too():
    layout = yuv.Layout(10, yuv.RGB, True, 0, 0)
    source, found = planes(layout, 40, 50), maps()
    for got, expected in zip(PlaneMaps(layout, layout).apply(source, found), converted(source, found, layout, layout),
                             strict=True):  # fmt: skip
        assert np.abs(got.astype(int) - expected).max() <= 1


def test_codes_are_clipped_to_their_bits():
    for bits in (8, 10, 16):
        layout = yuv.Layout(bits, 1, True, 1, 1)
        bright, dark = np.zeros((12, 2, 2), np.float32), np.zeros((12, 2, 2), np.float32)
        bright[9:], dark[9:] = 3.0, -2.0
        source = planes(layout, 32, 32)
        assert (PlaneMaps(layout, layout).apply(source, bright)[0] == 2**bits - 1).all()
        assert (PlaneMaps(layout, layout).apply(source, dark)[0] == 0).all()


def test_what_is_not_done_directly_is_known():
    plain = yuv.Layout(8, 1)
    assert not PlaneMaps(plain, yuv.Layout(8, 1, shift_y=0)).direct
    assert not PlaneMaps(yuv.Layout(8, 1, True, 0, 0, grey=True), plain).direct
    assert not PlaneMaps(yuv.Layout(8, 1, shift_x=2, shift_y=0), yuv.Layout(8, 1, shift_x=2, shift_y=0)).direct


@pytest.mark.parametrize("shifts", SAMPLINGS)
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("factor", [2, 5, 8])
def test_a_reduced_frame_is_the_mean_of_what_it_covers(shifts, bits, factor):
    layout = yuv.Layout(bits, 1, False, *shifts)
    height, width = 24 * factor, 32 * factor
    source = planes(layout, height, width, smooth=8.0)
    got = reduced_rgb(source, layout, (24, 32))
    rgb = yuv.to_rgb([torch.from_numpy(plane.astype(np.int32)) for plane in source], layout).numpy()
    expected = rgb.reshape(3, 24, factor, 32, factor).mean((2, 4)).clip(0, 1)
    assert got.shape == (3, 24, 32)
    assert np.abs(got - expected).max() < 0.02
    assert np.abs(got - expected).mean() < 0.004


def test_a_frame_that_is_small_already_keeps_its_size():
    for layout in (yuv.Layout(8, 1), yuv.Layout(8, 1, True, 0, 0, grey=True)):
        source = planes(layout, 20, 30)
        used = source[:1] if layout.grey else source
        expected = yuv.to_rgb([torch.from_numpy(plane) for plane in used], layout).clamp(0, 1).numpy()
        assert np.array_equal(reduced_rgb(source, layout, (20, 30)), expected)


def test_windows_are_those_of_the_colour_grid():
    rng = np.random.default_rng(3)
    image = np.ascontiguousarray(
        cv2.GaussianBlur(rng.random((60, 80, 3)).astype(np.float32), (0, 0), 2).transpose(2, 0, 1)
    )
    target = np.ascontiguousarray((image**1.3)[::-1])
    for radius in (2, 4):
        got = as_grid(windows(image, target, radius)).coefficients
        expected = fit_grid(torch.from_numpy(image)[None], torch.from_numpy(target)[None], radius).coefficients
        assert (got - expected).abs().max() < 1e-3


def test_lab_is_lab():
    image = np.random.default_rng(0).random((3, 20, 30)).astype(np.float32)
    assert np.abs(lab(image, soft=False) - to_lab(torch.from_numpy(image)[None])[0].numpy()).max() < 0.5
