"""Masks whose colours have names: written, painted in, and read back."""

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from photostyle.errors import MaskError, OutputError
from photostyle.io import CLASS_COLOURS, DPST_COLOURS, UNSURE, canonical, read_mask, read_mask_pair, region_colours
from photostyle.io.mask_colours import described, name_of, pack, unpack
from photostyle.io.masks import NAMES_KEY, write_mask

SIZE = (30, 42)


def columns(count):
    return np.broadcast_to(np.arange(SIZE[1]) * count // SIZE[1], SIZE).astype(np.uint8)


def names_of(found):
    """Name of every pixel of the first row."""
    return [found.names[label] for label in found.labels[0]]


@pytest.mark.parametrize(
    "names",
    [list(CLASS_COLOURS), ["sky", UNSURE], ["cluster1", "cluster2", "road", "Straße 1"], ["#ff0000", "sky", "#123456"],
     [f"class{n}" for n in range(64)]],
)  # fmt: skip
def test_written_masks_are_read_back_with_their_names(tmp_path, names):
    labels = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.int64) % len(names)
    write_mask(tmp_path / "m.png", labels.astype(np.uint8), names)
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "P"
        assert image.size == SIZE[::-1]
    found = read_mask(tmp_path / "m.png", size=SIZE)
    assert [found.names[label] for label in found.labels.ravel()] == [names[n] for n in labels.ravel()]


def test_names_of_classes_survive_programs_that_keep_nothing_but_colours(tmp_path):
    write_mask(tmp_path / "m.png", columns(len(CLASS_COLOURS)), list(CLASS_COLOURS))
    with Image.open(tmp_path / "m.png") as image:
        image.convert("RGB").save(tmp_path / "bare.bmp")
    assert names_of(read_mask(tmp_path / "bare.bmp", size=SIZE)) == names_of(read_mask(tmp_path / "m.png", size=SIZE))


@pytest.mark.parametrize("name", ["m.jpg", "m.webp", "soft.png"])
def test_class_colours_survive_lossy_formats_and_soft_brushes(tmp_path, name, caplog):
    exact = np.kron(columns(len(CLASS_COLOURS)), np.ones((6, 6), np.uint8))
    pixels = np.array(list(CLASS_COLOURS.values()), np.uint8)[exact]
    if name == "soft.png":
        wide = pixels.astype(np.float32)
        pixels = sum(np.roll(wide, step, 1) for step in range(-2, 3)) / 5
        pixels = (pixels + np.linspace(0, 1.9, pixels.shape[0])[:, None, None]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / name, quality=85)
    found = read_mask(tmp_path / name, size=exact.shape)
    named = np.array([list(CLASS_COLOURS).index(found.names[label]) for label in found.labels.ravel()])
    assert (named.reshape(exact.shape) == exact).mean() > 0.95
    assert "class colours" in caplog.text


OLD = {
    "sky": (135, 206, 235), "vegetation": (34, 139, 34), "water": (30, 100, 200), "building": (200, 110, 60),
    "ground": (150, 130, 100), "mountain": (120, 90, 140), "object": (230, 60, 120), UNSURE: (70, 70, 70),
}  # fmt: skip


def test_masks_of_the_first_classes_mean_what_they_meant(tmp_path):
    assert {name: CLASS_COLOURS[name] for name in OLD if name != UNSURE} == {
        n: c for n, c in OLD.items() if n != UNSURE
    }
    # Every colour between any two of the old ones, as a soft brush leaves it.
    pairs = [(a, b) for a in OLD.values() for b in OLD.values()]
    shares = np.linspace(0, 1, 21)[:, None]
    mixed = np.concatenate([np.round(a + (np.array(b) - a) * shares) for a, b in pairs]).astype(np.uint8)
    painted = np.repeat(np.array(list(OLD.values()), np.uint8), 400, 0)
    Image.fromarray(np.concatenate([painted, mixed])[:, None]).save(tmp_path / "m.png")
    found = read_mask(tmp_path / "m.png", size=(len(painted) + len(mixed), 1))
    assert set(found.names.values()) == set(OLD)


def test_a_mask_that_names_a_colour_itself_keeps_that_name(tmp_path):
    chunks = PngInfo()
    chunks.add_itxt(NAMES_KEY, '{"#e54f4f": "wall", "#faaf91": "sand"}')
    pixels = np.array([(0xE5, 0x4F, 0x4F), (0xFA, 0xAF, 0x91), CLASS_COLOURS["wall"]], np.uint8)
    Image.fromarray(np.repeat(pixels, 14, 0)[None].repeat(30, 0)).save(tmp_path / "m.png", pnginfo=chunks)
    assert set(names_of(read_mask(tmp_path / "m.png", size=SIZE))) == {"wall", "sand"}
    assert names_of(read_mask(tmp_path / "m.png", size=SIZE))[-1] == "wall"


def test_own_names_are_the_colours_that_a_soft_brush_meant(tmp_path):
    write_mask(tmp_path / "m.png", columns(2), ["road", "field"])
    with Image.open(tmp_path / "m.png") as image:
        pixels = np.kron(np.asarray(image.convert("RGB")), np.ones((4, 4, 1), np.uint8)).astype(np.float32)
        text = image.text[NAMES_KEY]
    pixels += np.random.default_rng(0).uniform(-12, 12, pixels.shape)
    chunks = PngInfo()
    chunks.add_itxt(NAMES_KEY, text)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / "n.png", pnginfo=chunks)
    found = read_mask(tmp_path / "n.png", size=pixels.shape[:2])
    assert set(found.names.values()) == {"road", "field"}


@pytest.mark.parametrize("text", ["{", "[]", '{"#ff0000": 3}', '{"red": "x"}', '{"#ff0000": ""}', '{"#ff0000": "*"}'])
def test_a_damaged_table_of_names_is_left_aside(tmp_path, caplog, text):
    chunks = PngInfo()
    chunks.add_itxt(NAMES_KEY, text)
    Image.new("RGB", SIZE[::-1], (255, 0, 0)).save(tmp_path / "m.png", pnginfo=chunks)
    assert set(read_mask(tmp_path / "m.png", size=SIZE).names.values()) == {"#ff0000"}
    assert "damaged" in caplog.text


def test_pairs_may_have_nothing_in_common_when_that_is_settled_elsewhere(tmp_path):
    for name, colour in (("a.png", (255, 0, 0)), ("b.png", (0, 0, 255))):
        Image.new("RGB", SIZE[::-1], colour).save(tmp_path / name)
    arguments = (tmp_path / "a.png", SIZE, tmp_path / "b.png", SIZE)
    with pytest.raises(MaskError, match="no region in common"):
        read_mask_pair(*arguments)
    a, b = read_mask_pair(*arguments, need_common=False)
    assert (set(a.names.values()), set(b.names.values())) == ({"#ff0000"}, {"#0000ff"})


def test_grey_labels_are_named_by_number(tmp_path):
    Image.fromarray(columns(3)).save(tmp_path / "m.png")
    assert set(read_mask(tmp_path / "m.png", size=SIZE).names.values()) == {"0", "1", "2"}


def test_writing_keeps_what_is_there(tmp_path):
    (tmp_path / "m.png").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists"):
        write_mask(tmp_path / "m.png", columns(1), ["sky"])
    assert (tmp_path / "m.png").read_bytes() == b"old"
    write_mask(tmp_path / "m.png", columns(1), ["sky"], overwrite=True)
    with pytest.raises(MaskError, match="65 regions"):
        write_mask(tmp_path / "n.png", columns(1), [f"r{n}" for n in range(65)])
    assert not (tmp_path / "n.png").exists()


def test_colours_are_all_different_and_mean_what_they_say():
    colours = region_colours([*CLASS_COLOURS, UNSURE, *(f"r{n}" for n in range(50))])
    assert len(set(colours.values())) == 51 + len(CLASS_COLOURS)
    assert not set(colours.values()) & set(DPST_COLOURS)
    assert not set(CLASS_COLOURS.values()) & set(DPST_COLOURS)
    for name, colour in CLASS_COLOURS.items():
        assert name_of(pack(colour)) == name
        assert unpack(pack(colour)) == colour
    assert canonical("red") == "#ff0000" == name_of(0xFF0000)
    assert canonical("sky") == "sky"
    assert described(0xFF0000) == "red #ff0000"
    assert described(0x123456) == "#123456"


def test_the_classes_are_the_segmentation_s():
    from photostyle.regions import regions
    from photostyle.regions.labels import RELATED
    from photostyle.segmentation import CLASSES

    assert regions.UNSURE == UNSURE
    assert tuple(CLASS_COLOURS) == tuple(CLASSES) == tuple(RELATED)
