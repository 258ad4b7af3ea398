"""Tiles against the whole image, for sizes off the grid of the poolings, and memory that does not suffice."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.edges.finish import REACH
from photostyle.errors import ImageSizeError, MaskError, NumericalError, ParameterError
from photostyle.options import FitOptions
from photostyle.regions.regions import Regions
from photostyle.transfer import fitting, tiling
from photostyle.transfer.tile_plan import HALO, NETWORK_HALO
from photostyle.transfer.transfer import Transfer
from tests.util import halves, picture, tiny_model

EVERYWHERE = ("encoder", "skip", "decoder")


def regions_of(kind: str, height: int, width: int) -> Regions | torch.Tensor | None:
    if kind == "none":
        return None
    if kind == "hard":
        return halves(height, width, 1, 2, 3)
    ramp = torch.linspace(0, 1, width).expand(height, width)
    return Regions.from_weights({"2": ramp * 0.9, "3": (1 - ramp) ** 2 * 0.9})


def fitted(unpool="cat5", kind="none", at=("encoder",), tile=None, size=(75, 203)):
    model = tiny_model(unpool)
    names = {"content_regions": regions_of(kind, *size), "style_regions": regions_of(kind, 90, 70)}
    content, style, options = picture(*size, 1), picture(90, 70, 2), FitOptions(at=at)
    if tile is None:
        return fitting.fit(model, content, style, options=options, **names)
    return tiling.fit(model, content, style, options=options, tile=tile, **names)


@settings(deadline=None, max_examples=8)
@given(
    st.integers(16, 220),
    st.integers(16, 150),
    st.sampled_from([64, 72, 136]),
    st.sampled_from(["none", "hard", "soft"]),
)
def test_apply_equals_the_whole(height, width, tile, kind):
    transfer = fitted(kind=kind, at=EVERYWHERE, size=(64, 64))
    image, regions = picture(height, width, 3), regions_of(kind, height, width)
    result = tiling.apply(transfer, image, regions, tile=tile)
    assert result.shape == image.shape
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, transfer.apply(image, regions), atol=1e-5, rtol=0)


@pytest.mark.parametrize("unpool", ["sum", "cat5"])
def test_the_halo_is_as_wide_as_needed_and_no_wider(unpool):
    transfer = fitted(unpool, size=(64, 64))
    transfer = replace(
        transfer, options=replace(transfer.options, finish=False)
    )  # its own reach: tests/edges/test_finish.py
    image = picture(16, 400, 4)
    reference = transfer.apply(image)
    reach = []
    for column in range(200, 208):  # one block of the poolings
        changed = image.clone()
        changed[..., column] += 100  # what little comes through to the far end is to be seen
        columns = torch.nonzero((transfer.apply(changed) != reference).any(0).any(0))[:, 0]
        # A core that starts at the block of the first changed column still needs this one.
        reach.append(max(column - int(columns.min()) // 8 * 8 - 7, int(columns.max()) // 8 * 8 - column))
    assert NETWORK_HALO - 8 < max(reach) <= NETWORK_HALO
    assert HALO - NETWORK_HALO in range(REACH, REACH + 8)


@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_strengths_are_handed_on(strength):
    transfer = fitted(kind="hard", size=(64, 64))
    image, regions = picture(80, 180, 5), halves(80, 180, 1, 2)
    result = tiling.apply(transfer, image, regions, strength, {"2": 0.7}, tile=64)
    torch.testing.assert_close(result, transfer.apply(image, regions, strength, {"2": 0.7}), atol=1e-5, rtol=0)


def test_batches_and_views_of_arrays():
    transfer = fitted(size=(64, 64))
    batch = torch.stack([picture(70, 150, 1), picture(70, 150, 2)])
    view = batch.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # how a photo's pixels arrive
    torch.testing.assert_close(tiling.apply(transfer, view, tile=64), transfer.apply(batch), atol=1e-5, rtol=0)


def test_progress_counts_to_the_end():
    seen: list[tuple[int, int]] = []
    tiling.apply(fitted(size=(64, 64)), picture(64, 140), tile=72, update=lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("kind", ["none", "hard", "soft"])
@pytest.mark.parametrize(("unpool", "at"), [("cat5", EVERYWHERE), ("sum", ("skip", "decoder")), ("cat5", ("encoder",))])
def test_fit_equals_the_whole_to_rounding(unpool, at, kind):
    whole, tiled = fitted(unpool, kind, at), fitted(unpool, kind, at, tile=72)
    assert {site: set(maps) for site, maps in tiled.maps.items()} == {s: set(m) for s, m in whole.maps.items()}
    assert tiled.options == whole.options
    for site, maps in whole.maps.items():
        for name, expected in maps.items():
            found = tiled.maps[site][name]
            # Features are float32: what differs by rounding there is amplified by the inverse roots.
            scale = float(expected.affine.matrix.abs().max())
            torch.testing.assert_close(found.affine.matrix, expected.affine.matrix, atol=3e-4 * scale, rtol=0)
            assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-4)
    image, regions = picture(75, 203, 1), regions_of(kind, 75, 203)
    torch.testing.assert_close(tiled.apply(image, regions), whole.apply(image, regions), atol=1e-4, rtol=0)


def test_several_contents_and_styles_are_fitted_together():
    model = tiny_model()
    contents, styles = [picture(90, 150, 1), picture(64, 64, 2)], [picture(150, 80, 3), picture(70, 70, 4)]
    whole = fitting.fit(model, contents, styles, style_weights=[0.3, 0.7])
    tiled = tiling.fit(model, contents, styles, style_weights=[0.3, 0.7], tile=64)
    torch.testing.assert_close(tiled.apply(contents[0]), whole.apply(contents[0]), atol=1e-4, rtol=0)


def test_a_region_in_one_tile_only():
    model, labels = tiny_model(), torch.zeros(64, 300, dtype=torch.long)
    labels[20:60, 250:] = 1
    content, style, other = picture(64, 300, 1), picture(64, 64, 2), halves(64, 64, 0, 1)
    names = {"content_regions": labels, "style_regions": other}
    whole, tiled = fitting.fit(model, content, style, **names), tiling.fit(model, content, style, tile=64, **names)
    torch.testing.assert_close(tiled.apply(content, labels), whole.apply(content, labels), atol=1e-4, rtol=0)


def out_of_memory_above(pixels, monkeypatch):
    """Let walks over more pixels fail as on a full GPU."""
    apply, walk, tried = Transfer.apply, tiling.walk, []

    def check(image):
        tried.append(image.shape[-2] * image.shape[-1])
        if tried[-1] > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def limited_apply(self, image, *rest):
        check(image)
        return apply(self, image, *rest)

    def limited_walk(model, image, at):
        check(image)
        return walk(model, image, at)

    monkeypatch.setattr(Transfer, "apply", limited_apply)
    monkeypatch.setattr(tiling, "walk", limited_walk)
    return tried


def test_a_full_gpu_gets_smaller_tiles_and_a_warning(monkeypatch, caplog):
    transfer, image = fitted(size=(64, 64)), picture(260, 300, 6)
    expected = transfer.apply(image)
    model, style = transfer.model, picture(80, 80, 7)
    maps = fitting.fit(model, image, style)
    tried = out_of_memory_above((136 + HALO) * (152 + HALO), monkeypatch)
    torch.testing.assert_close(tiling.apply(transfer, image, tile=512), expected, atol=1e-5, rtol=0)
    assert max(tried) == 260 * 300
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "tiles of 256 pixels" in caplog.text
    tiled = tiling.fit(model, image, style, tile=512)
    assert len(caplog.records) == 2
    torch.testing.assert_close(tiled.maps["encoder4"]["*"].affine.bias, maps.maps["encoder4"]["*"].affine.bias)


def test_a_gpu_too_small_for_any_tile_says_so(monkeypatch):
    transfer = fitted(size=(64, 64))
    out_of_memory_above(100, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        tiling.apply(transfer, picture(64, 64), tile=128)


@pytest.mark.parametrize(
    ("image", "regions", "error"),
    [
        (torch.zeros(3, 8, 64), None, ImageSizeError),
        (torch.zeros(1, 64, 64), None, ParameterError),
        (torch.zeros(64), None, ParameterError),
        (torch.full((3, 64, 64), torch.nan), None, NumericalError),
        (torch.zeros(3, 64, 64), torch.zeros(32, 64, dtype=torch.long), MaskError),
    ],
)
def test_unusable_input(image, regions, error):
    transfer = fitted(size=(64, 64))
    with pytest.raises(error):
        tiling.apply(transfer, image, regions, tile=64)
    if regions is None:
        with pytest.raises(error):
            tiling.fit(transfer.model, image, picture(32, 32), tile=64)


@pytest.mark.parametrize("tile", [0, -8, 60])
def test_tiles_lie_on_the_grid(tile):
    with pytest.raises(ParameterError, match="multiple of 8"):
        tiling.apply(fitted(size=(64, 64)), picture(64, 64), tile=tile)
