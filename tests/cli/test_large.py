"""Photos of any size and depth through ``photostyle photo`` and ``photostyle apply``."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile

from photostyle.cli.parameters import FIT_SIZE, parse_fit_size
from photostyle.jobs import rendering
from photostyle.transfer import tiling
from tests.util.cli import photo_arguments, read, save_picture, size, stripes

LITTLE = "80MB"  # tiles of 64 pixels and their halo for the tiny network


@pytest.fixture
def run(cli, scene):
    """``run(option, value, …, content=…, out=…)``; a photo of 330×430 pixels is among the files."""
    save_picture(scene / "large.png", 330, 430, 3)

    def photo(*extra, **names):
        result = cli("photo", *photo_arguments(scene, *extra, **{"content": "large.png", **names}))
        assert result.code == 0, result.err
        return read(scene / names.get("out", "o.png")) if names.get("out", "o.png").endswith("png") else None

    return photo


@pytest.fixture
def tiles(monkeypatch):
    """How many tiles each rendering took."""
    counts: list[int] = []
    real = tiling.tiles

    def counted(image, side, *halo):
        found = real(image, side, *halo)
        counts.append(len(found))
        return found

    monkeypatch.setattr(tiling, "tiles", counted)
    return counts


def gradient(width: int, height: int = 64) -> np.ndarray:
    """A 16-bit ramp in which every column has a value of its own."""
    ramp = np.linspace(9000, 52_000, width).astype(np.uint16)
    return np.broadcast_to(ramp[None, :, None], (height, width, 3)).copy()


def write_deep(path, values):
    path.write_bytes(imagecodecs.png_encode(values))


def read_deep(path):
    return imagecodecs.png_decode(path.read_bytes())


def test_little_memory_gives_the_same_picture(run, tiles):
    whole = run("--render", "full")
    assert set(tiles) <= {1}
    in_tiles = run("--memory", LITTLE, out="t.png")
    assert max(tiles) > 20
    assert abs(whole - in_tiles).max() <= 1
    assert (whole != in_tiles).mean() < 0.01  # rounding to 8 bits at most
    assert whole.std() > 5


def test_little_memory_by_region(run, scene):
    stripes(scene / "m.png", 430, 330, (255, 0, 0), (0, 255, 0))
    stripes(scene / "sm.png", 32, 48, (255, 0, 0), (0, 255, 0))
    masks = ("--content-mask", scene / "m.png", "--style-mask", scene / "sm.png")
    assert abs(run(*masks) - run(*masks, "--memory", LITTLE, out="t.png")).max() <= 1


def test_grid_is_like_full_and_as_large(run, scene, monkeypatch):
    full = run("--render", "full")
    monkeypatch.setattr(rendering.grid, "PIXELS", 330 * 430 // 4)
    by_grid = run("--render", "grid", out="g.png")
    assert size(scene / "g.png") == (430, 330)
    error = np.sqrt(np.square(by_grid - full).mean())
    assert 0 < error < 0.5 * full.std()
    few = run("--render", "grid", "--memory", LITTLE, out="few.png")
    assert abs(few - by_grid).max() <= 1


def test_grid_by_region(run, scene, monkeypatch):
    monkeypatch.setattr(rendering.grid, "PIXELS", 330 * 430 // 4)
    stripes(scene / "m.png", 430, 330, (255, 0, 0), (0, 255, 0))
    stripes(scene / "sm.png", 32, 48, (255, 0, 0), (0, 255, 0))
    masks = ("--content-mask", scene / "m.png", "--style-mask", scene / "sm.png", "--fit-size", "0.04")
    full, by_grid = run(*masks), run(*masks, "--render", "grid", out="g.png")
    assert np.sqrt(np.square(by_grid - full).mean()) < 0.5 * full.std()
    half = run(*masks, "--render", "grid", "--strength", "1,#ff0000=0", out="h.png")
    changed = abs(half - by_grid).mean((0, 2))
    assert changed[:150].mean() > 5 * changed[280:].mean()


def test_auto_takes_the_grid_for_large_photos(run, monkeypatch):
    by_grid = run("--render", "grid")
    monkeypatch.setattr(rendering, "FULL_PIXELS", 330 * 430 - 1)
    assert np.array_equal(run(out="a.png"), by_grid)
    monkeypatch.setattr(rendering, "FULL_PIXELS", 330 * 430)
    assert not np.array_equal(run(out="b.png"), by_grid)


def test_fit_size(run):
    full, reduced = run("--fit-size", "full"), run("--fit-size", "0.02MP", out="r.png")
    assert np.array_equal(run("--fit-size", "0.2", out="all.png"), full)
    assert np.array_equal(run(out="default.png"), full)
    difference = np.sqrt(np.square(full - reduced).mean())
    assert 0 < difference < 0.5 * full.std()


@pytest.mark.parametrize(
    ("text", "pixels"), [("2", 2_000_000), ("0.5MP", 500_000), (" 4 mp", 4_000_000), ("full", 0), ("FULL", 0)]
)
def test_fit_sizes(text, pixels):
    assert parse_fit_size(text) == pixels


def test_the_default_fit_size_is_the_library_s():
    assert parse_fit_size(FIT_SIZE) == rendering.FIT_PIXELS


def test_apply_takes_them_too(cli, run, scene, tiles, monkeypatch):
    full = run("--save-style", scene / "a.style")
    monkeypatch.setattr(rendering.grid, "PIXELS", 330 * 430 // 4)

    def apply(out, *extra):
        result = cli("apply", scene / "a.style", scene / "large.png", "-o", scene / out, *extra,
                     "--model", scene / "tiny.safetensors")  # fmt: skip
        assert result.code == 0, result.err
        return scene / out

    tiles.clear()
    assert abs(read(apply("t.png", "--memory", LITTLE)) - full).max() <= 1
    assert max(tiles) > 20
    error = np.sqrt(np.square(read(apply("g.png", "--render", "grid")) - full).mean())
    assert 0 < error < 0.5 * full.std()
    deep = read_deep(apply("d.png", "--bits", 16))
    assert deep.dtype == np.uint16
    assert abs(deep / 257 - full).max() < 1  # a saved style's own rounding comes on top


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_more_bits_than_the_photo_has(run, scene, suffix):
    shallow = run()
    run("--bits", 16, out=f"d{suffix}")
    deep = read_deep(scene / "d.png") if suffix == ".png" else tifffile.imread(scene / "d.tif")
    assert (deep.dtype, deep.shape) == (np.uint16, (330, 430, 3))
    assert abs(deep / 257 - shallow).max() <= 0.51
    assert len(np.unique(deep)) > 10_000  # no 8-bit step in between


@pytest.mark.parametrize("render", ["full", "grid"])
def test_a_deep_gradient_keeps_its_levels(run, scene, render):
    write_deep(scene / "ramp.png", gradient(2048))
    run("--render", render, content="ramp.png", out="d.tif")
    result = tifffile.imread(scene / "d.tif")
    assert result.dtype == np.uint16
    assert min(len(np.unique(result[32, :, channel])) for channel in range(3)) > 1000


def test_fewer_bits_than_the_photo_has_are_dithered(run, scene):
    write_deep(scene / "ramp.png", gradient(800, 160))
    run("--bits", 16, content="ramp.png", out="deep.png")
    shallow = run("--bits", 8, content="ramp.png", out="shallow.png")
    exact = read_deep(scene / "deep.png") / 257
    assert abs(shallow - exact).max() < 1.01
    flat = shallow.astype(np.float64).reshape(160, 100, 8, 3).mean((0, 2)) - exact.reshape(160, 100, 8, 3).mean((0, 2))
    assert abs(flat).max() < 0.1  # where rounding would be off by up to half a level
    assert np.array_equal(run("--bits", 8, content="ramp.png", out="again.png"), shallow)


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--memory", "much", "memory is 'much'; give a size such as 4G"),
        ("--memory", "10MB", "a memory budget of 10 MiB is too small"),
    ],
)
def test_memory_that_cannot_be(scene, refuses, option, value, complaint):
    save_picture(scene / "large.png", 330, 430, 3)
    assert complaint in refuses(option, value, content="large.png")


@pytest.mark.parametrize("out", ["o.jpg", "o.webp"])
def test_formats_of_8_bits(refuses, out):
    assert "holds 8 bits a sample, not 16; write .png or .tif" in refuses("--bits", 16, out=out)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--render", "fast"), ("--bits", "12"), *(("--fit-size", v) for v in ("", "2GB", "0", "-1", "nan", "2000000"))],
)
def test_values_that_mean_nothing(cli, scene, option, value):
    before = sorted(scene.iterdir())
    result = cli("photo", *photo_arguments(scene, option, value))
    assert result.code == 2
    assert option in result.err
    assert sorted(scene.iterdir()) == before


def test_clips_have_no_such_options(cli, scene):
    photo = cli("photo", *photo_arguments(scene, "--save-style", scene / "a.style"))
    assert photo.code == 0
    result = cli("apply", scene / "a.style", scene / "clip.mp4", "-o", scene / "out.mp4", "--bits", 8)
    assert (result.code, len(result.lines)) == (1, 1)
    assert "--render, --memory and --bits are for photos" in result.lines[0]
