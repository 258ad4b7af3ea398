"""What lies under alpha 0: kept for the file, without a say in anything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photostyle.io import Photo, as_seen, limit_size, read_photo, write_photo
from photostyle.io.transparency import uncovered

RANDOM = np.random.default_rng(3)


def cut_out(height: int, width: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, and an alpha of which about `share` is 0 and some is between."""
    random = np.random.default_rng(seed)
    alpha = np.clip(random.random((height, width)).repeat(2, 0)[:height] * 2 - 2 * share, 0, 1).astype(np.float32)
    return random.random((height, width, 3), dtype=np.float32), alpha


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 1000))
def test_the_hidden_decides_nothing_and_the_seen_stays(height, width, share, seed):
    pixels, alpha = cut_out(height, width, share, seed)
    covered = alpha == 0
    other = np.where(covered[..., None], np.float32(7), pixels)
    filled, hidden = uncovered(pixels.copy(), alpha)
    again, _ = uncovered(other, alpha)
    np.testing.assert_array_equal(filled, again)
    np.testing.assert_array_equal(filled[~covered], pixels[~covered])
    if hidden is not None:
        np.testing.assert_array_equal(hidden, pixels[covered])
    assert (hidden is None) == (not covered.any())
    seen = pixels[~covered] if not covered.all() else np.full((1, 3), 0.5, np.float32)
    assert (filled >= seen.min(0) - 1e-5).all()
    assert (filled <= seen.max(0) + 1e-5).all()


def test_surroundings_are_continued():
    pixels = np.zeros((40, 60, 3), np.float32)
    pixels[:, 30:] = [1, 0.5, 0]
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, :4] = alpha[:, -4:] = 1
    filled, _ = uncovered(pixels, alpha)
    np.testing.assert_allclose(filled[:, 5], 0, atol=0.2)
    np.testing.assert_allclose(filled[:, -6], np.broadcast_to([1, 0.5, 0], (40, 3)), atol=0.2)


def stored(path: Path, under: int, bits: int = 8) -> Path:
    """A cut-out with soft edges and `under` beneath alpha 0."""
    y, x = np.mgrid[0:48, 0:64]
    alpha = np.clip((22 - np.hypot(y - 24, x - 32)) / 6, 0, 1)
    rgb = np.stack([x / 64, y / 48, 1 - x / 64], -1)
    rgba = np.dstack([np.where(alpha[..., None] > 0, rgb, under), alpha])
    Image.fromarray(np.rint(rgba * 255).astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("name", ["o.png", "o.tif"])
def test_files_that_can_keep_it_have_their_own_samples_back(tmp_path, name):
    photo = as_seen(read_photo(stored(tmp_path / "in.png", 1)))
    write_photo(tmp_path / name, photo.pixels * 0.5, like=photo)
    before, after = (np.asarray(Image.open(tmp_path / each)) for each in ("in.png", name))
    covered = before[..., 3] == 0
    np.testing.assert_array_equal(after[covered], before[covered])
    np.testing.assert_array_equal(after[..., 3], before[..., 3])
    assert (after[~covered][:, :3] <= 128).all()


@pytest.mark.parametrize("name", ["o.jpg", "o.webp"])
def test_lossy_files_do_not_blend_it_into_what_is_seen(tmp_path, name):
    for under in (0, 1):
        photo = as_seen(read_photo(stored(tmp_path / f"{under}.png", under)))
        write_photo(tmp_path / f"{under}{name}", photo.pixels, like=photo)
    one, other = ((tmp_path / f"{under}{name}").read_bytes() for under in (0, 1))
    assert one == other


def test_reduced_photos_weigh_by_alpha():
    pixels = np.full((64, 64, 3), 0.25, np.float32)
    alpha = np.ones((64, 64), np.float32)
    alpha[::2], pixels[::2] = 0.02, [1, 0, 0]  # what is hardly seen
    small = limit_size(Photo(pixels, alpha, None, None, Path("a.png")), 32)
    assert small.alpha is not None
    np.testing.assert_allclose(small.pixels[4:-4, 4:-4], 0.25, atol=0.03)
    np.testing.assert_allclose(small.alpha[4:-4, 4:-4], 0.51, atol=0.02)
