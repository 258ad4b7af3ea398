"""Look-up tables: the fit against known looks, and the files against ffmpeg and Pillow."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.colour.lut import Lut, fit_lut, identity, psnr
from photostyle.errors import NumericalError, OutputError, ParameterError
from photostyle.io.luts import hald_level, too_large_for, write_lut

BASE = Fraction(1, 25)
RANDOM = np.random.default_rng(5)
COLOURS = RANDOM.random((6000, 3))


def graded(colours: np.ndarray) -> np.ndarray:
    """A look: warmer, with more contrast."""
    curve = colours + 0.08 * np.sin(2 * np.pi * (colours - 0.5))
    return np.clip(curve @ np.array([[0.95, 0.05, 0], [0.03, 0.9, 0.02], [0, 0.1, 0.75]]).T + [0.03, 0, 0.02], 0, 1)


def strong(size: int) -> Lut:
    return Lut(graded(identity(size)))


def test_a_look_is_found_again():
    lut = fit_lut(COLOURS, graded(COLOURS), 17)
    probe = RANDOM.random((2000, 3))
    assert psnr(lut(probe), graded(probe)) > 45
    assert lut.size == 17


@pytest.mark.parametrize("size", [2, 5, 17])
def test_identity(size):
    lut = fit_lut(COLOURS, COLOURS, size)
    np.testing.assert_allclose(lut.table, identity(size), atol=2e-3)


def test_a_photo_of_few_colours_bends_nothing_it_has_not():
    few = COLOURS * 0.2 + 0.4
    lut = fit_lut(few, few * 0.5 + 0.25, 17)
    assert psnr(lut(few), few * 0.5 + 0.25) > 50
    # Elsewhere the look goes straight on.
    np.testing.assert_allclose(lut(np.array([[0.2, 0.2, 0.2], [0.8, 0.8, 0.8]])), [[0.35] * 3, [0.65] * 3], atol=0.03)


def test_falling_curves_are_straightened():
    solarised = np.abs(COLOURS - 0.3)
    lut = fit_lut(COLOURS, solarised, 17)
    for channel in range(3):
        assert np.diff(lut.table[..., channel], axis=channel).min() >= 0
    assert psnr(lut(COLOURS), np.maximum(solarised, 0.15)) > 20


def test_noise_is_smoothed_away():
    noisy = graded(COLOURS) + RANDOM.normal(0, 0.05, COLOURS.shape)
    lut = fit_lut(COLOURS, noisy, 17)
    assert psnr(lut(COLOURS), graded(COLOURS)) > psnr(noisy, graded(COLOURS)) + 6


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_application_is_trilinear(size, seed):
    random = np.random.default_rng(seed)
    lut, colour = Lut(random.random((size, size, size, 3))), random.random(3)
    place = colour * (size - 1)
    low = np.minimum(place.astype(int), size - 2)
    expected = np.zeros(3)
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, place - low, 1 - (place - low)))
        expected += share * lut.table[tuple(low + corner)]
    np.testing.assert_allclose(lut(colour[None])[0], expected, atol=1e-6)


def test_colours_outside_the_cube_are_clipped_and_shape_is_kept():
    lut = strong(9)
    outside = np.array([[[-0.5, 0.5, 1.5]]], np.float32)
    np.testing.assert_array_equal(lut(outside), lut(np.clip(outside, 0, 1)))
    assert lut(outside).shape == (1, 1, 3)


@pytest.mark.parametrize("size", [1, 0, 200])
def test_sizes_out_of_range(size):
    with pytest.raises(ParameterError, match=f"LUT size is {size}"):
        fit_lut(COLOURS, COLOURS, size)


def test_unusable_colours():
    with pytest.raises(ParameterError, match="as many"):
        fit_lut(COLOURS, COLOURS[:-1])
    with pytest.raises(ParameterError):
        fit_lut(np.empty((0, 3)), np.empty((0, 3)))
    with pytest.raises(NumericalError):
        fit_lut(COLOURS, np.full_like(COLOURS, np.nan))


def test_psnr():
    assert psnr(COLOURS, COLOURS) == float("inf")
    assert psnr(np.zeros(4), np.full(4, 0.1)) == pytest.approx(20)


def through_ffmpeg(picture: np.ndarray, chain: str, hald: Path | None = None) -> np.ndarray:
    """A picture (H, W, 3) uint16 through an ffmpeg filter, by PyAV."""
    av = pytest.importorskip("av")
    graph = av.filter.Graph()
    height, width = picture.shape[:2]
    source = graph.add_buffer(width=width, height=height, format="rgb48le", time_base=BASE)
    name, _, arguments = chain.partition("=")
    step, sink = graph.add(name, arguments), graph.add("buffersink")
    source.link_to(step)
    if hald is not None:
        with av.open(str(hald)) as container:
            frame = next(container.decode(video=0)).reformat(format="rgb48le")
        second = graph.add_buffer(width=frame.width, height=frame.height, format="rgb48le", time_base=BASE)
        second.link_to(step, 0, 1)
    step.link_to(sink)
    graph.configure()
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb48le")] + ([frame] if hald is not None else [])
    for number, sent in enumerate(frames):
        sent.pts, sent.time_base = 0, BASE
        (source, second)[number].push(sent) if hald is not None else source.push(sent)
    if hald is not None:
        second.push(None)
        source.push(None)
    return graph.pull().reformat(format="rgb48le").to_ndarray()


def test_a_cube_means_the_same_to_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # filter arguments do not take every path
    lut = strong(17)
    write_lut("look.cube", lut.table, title='the "warm" look — für alle')
    picture = RANDOM.integers(0, 65536, (64, 96, 3), dtype=np.uint16)
    shown = through_ffmpeg(picture, "lut3d=file=look.cube:interp=trilinear")
    assert np.abs(shown / 65535 - lut(picture / 65535)).max() < 1 / 255
    tetrahedral = through_ffmpeg(picture, "lut3d=file=look.cube")
    assert np.abs(tetrahedral / 65535 - lut(picture / 65535)).max() < 1.5 / 255


def test_a_hald_image_means_the_same_to_ffmpeg(tmp_path):
    lut = strong(16)
    write_lut(tmp_path / "look.png", lut.table)
    picture = RANDOM.integers(0, 65536, (64, 96, 3), dtype=np.uint16)
    shown = through_ffmpeg(picture, "haldclut=interp=trilinear", tmp_path / "look.png")
    assert np.abs(shown / 65535 - lut(picture / 65535)).max() < 1 / 255


def test_the_text_of_a_cube(tmp_path):
    table = identity(2)
    table[1, 0, 0] = [0.25, 0.5, 1.5]
    write_lut(tmp_path / "a.cube", table, title="x")
    lines = (tmp_path / "a.cube").read_text().splitlines()
    # In this order: FFmpeg's lut3d takes no notice of a domain before the size.
    assert lines[:4] == ['TITLE "x"', "LUT_3D_SIZE 2", "DOMAIN_MIN 0.0 0.0 0.0", "DOMAIN_MAX 1.0 1.0 1.0"]
    assert lines[4:7] == ["0.000000 0.000000 0.000000", "0.250000 0.500000 1.000000", "0.000000 1.000000 0.000000"]
    assert len(lines) == 12


@pytest.mark.parametrize("size", [2, 65, 129])
def test_a_cube_means_the_same_to_opencolorio(tmp_path, size):
    ocio = pytest.importorskip("PyOpenColorIO", reason="OpenColorIO is not installed")
    lut = strong(size)
    write_lut(tmp_path / "look.cube", lut.table, title="warm")
    read = ocio.FileTransform(str(tmp_path / "look.cube"), interpolation=ocio.INTERP_LINEAR)
    processor = ocio.Config.CreateRaw().getProcessor(read).getDefaultCPUProcessor()
    colours = RANDOM.random((4000, 3)).astype(np.float32)
    shown = colours.copy()
    processor.apply(ocio.PackedImageDesc(shown, len(shown), 1, 3))
    np.testing.assert_allclose(shown, lut(colours), atol=1e-4)


@pytest.mark.parametrize("size", [2, 33])
def test_a_cube_means_the_same_to_colour_science(tmp_path, size):
    colour = pytest.importorskip("colour.io.luts", reason="colour-science is not installed", exc_type=ImportError)
    lut = strong(size)
    write_lut(tmp_path / "look.cube", lut.table, title="warm")
    read = colour.read_LUT(str(tmp_path / "look.cube"))
    assert (read.name, read.size) == ("warm", size)
    np.testing.assert_array_equal(read.domain, [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_allclose(read.table, lut.table, atol=1e-6)


def test_what_programs_take():
    assert too_large_for(65) == []
    assert too_large_for(129) == ["Pillow (up to 65)"]


def test_large_tables_go_on_from_smaller_ones():
    some = RANDOM.random((500, 3)) * 0.6 + 0.2
    usual, large = (fit_lut(some, graded(some), size) for size in (33, 129))
    assert large.size == 129
    assert min(psnr(lut(some), graded(some)) for lut in (usual, large)) > 70
    for channel in range(3):
        assert np.diff(large.table[..., channel], axis=channel).min() >= 0


def test_outputs_are_checked(tmp_path):
    write_lut(tmp_path / "a.cube", identity(4))
    with pytest.raises(OutputError, match="--overwrite"):
        write_lut(tmp_path / "a.cube", identity(4))
    with pytest.raises(OutputError, match=r"\.cube"):
        write_lut(tmp_path / "a.txt", identity(4))
    with pytest.raises(ParameterError, match="Hald"):
        write_lut(tmp_path / "a.png", identity(33))
    with pytest.raises(ParameterError, match="shape"):
        write_lut(tmp_path / "b.cube", np.zeros((4, 4, 3)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cube"]
    assert hald_level(64) == 8
