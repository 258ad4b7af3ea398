"""Files and names made to do harm: bombs, absurd shapes, pickles, paths that lead elsewhere, outputs onto inputs."""

import contextlib
import io
import os
import pickle
import re
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load, save

from photostyle.batch.plan import survey
from photostyle.errors import ImageReadError, OutputError, VideoReadError, WeightsError
from photostyle.io import check_apart, read_photo
from photostyle.segmentation.files import read_network, save_network
from photostyle.transfer.fitting import fit
from photostyle.transfer.presets import load_style, read_metadata, save_transfer
from photostyle.weights import read_header, read_model
from tests.util import picture, tiny_model
from tests.util.cli import contents, photo_arguments, pixels, save_picture, size, subprocess_cli
from tests.util.segmentation import tiny_architecture, tiny_network


@contextlib.contextmanager
def little_memory(most=100 << 20):
    """What is done here takes no more memory than this at its peak; seen on Linux only."""
    if sys.platform != "linux":
        yield
        return
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is in use
    before = peak()
    yield
    assert peak() - before < most


def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) << 10


# --- Bombs


def patched(form, old, new, **options):
    """An image file with one place of its header overwritten."""
    file = io.BytesIO()
    Image.fromarray(pixels(24, 32)).save(file, form, **options)
    data = bytearray(file.getvalue())
    place = data.index(old)
    data[place : place + len(new)] = new
    return bytes(data)


def tiff(bits, big):
    file = io.BytesIO()
    values = np.zeros((24, 32, 3), f"u{bits // 8}")
    tifffile.imwrite(file, values, photometric="rgb", metadata=None, bigtiff=big, compression="zlib")
    data = bytearray(file.getvalue())
    for tag in (256, 257):  # width, length
        old = struct.pack("<HHQ" if big else "<HHI", tag, 3, 1)
        if old not in data:
            old = struct.pack("<HHQ" if big else "<HHI", tag, 4, 1)
        place = data.index(old)
        data[place : place + len(old) + 4] = old[:2] + struct.pack("<H", 4) + old[4:] + struct.pack("<I", 200_000)
    return bytes(data)


BOMBS = {
    "a.png": lambda: patched("PNG", b"IHDR", b"IHDR" + struct.pack(">II", 300_000, 300_000)),
    "b.jpg": lambda: patched("JPEG", b"\xff\xc0", b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 65_500, 65_500)),
    "c.gif": lambda: patched("GIF", b"GIF8", b"GIF89a" + struct.pack("<HH", 65_535, 65_535)),
    "d.bmp": lambda: patched("BMP", struct.pack("<II", 40, 32), struct.pack("<III", 40, 2**30, 2**30)),
    "e.ppm": lambda: b"P6 900000 900000 255\n" + bytes(100),
    "f.webp": lambda: patched(
        "WEBP", b"VP8X", b"VP8X\x0a\0\0\0\0\0\0\0" + 2 * (16_383).to_bytes(3, "little"), exif=b"x"
    ),
    "g.jp2": lambda: patched("JPEG2000", b"ihdr", b"ihdr" + struct.pack(">II", 2**31 - 1, 2**31 - 1)),
    "h.tif": lambda: tiff(8, False),
    "i.tif": lambda: tiff(16, False),
    "j.tif": lambda: tiff(16, True),
}


@pytest.mark.parametrize("name", BOMBS)
def test_declared_sizes_are_refused_before_memory_is_taken(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name]())
    with little_memory(), pytest.raises(ImageReadError, match=name) as error:
        read_photo(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["strip", "samples", "profile", "text"])
def test_small_files_that_unpack_to_much(tmp_path, kind):
    path = tmp_path / ("a.tif" if kind in ("strip", "samples") else "a.png")
    packed = zlib.compress(bytes(160 << 20), 1)
    if kind == "strip":  # a strip of far more than the picture has
        tifffile.imwrite(path, np.zeros((24, 32, 3), np.uint16), photometric="rgb", metadata=None, compression="zlib")
        data = bytearray(path.read_bytes())
        for tag, value in ((273, len(data)), (279, len(packed))):
            place = data.index(struct.pack("<HH", tag, 3 if struct.pack("<HH", tag, 3) in data else 4))
            data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, value)
        path.write_bytes(bytes(data) + packed)
    elif kind == "samples":
        values = np.zeros((40, 40, 60_000), np.uint8)
        tifffile.imwrite(path, values, photometric="rgb", planarconfig=1, metadata=None, compression="zlib")
    else:
        save_picture(path, 24, 32)
        data = path.read_bytes()
        name, body = (b"iCCP", b"p\0\0" + packed) if kind == "profile" else (b"zTXt", b"k\0\0" + packed)
        chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        path.write_bytes(data[:33] + chunk + data[33:])
    del packed
    with little_memory(64 << 20), contextlib.suppress(ImageReadError):
        assert read_photo(path).size == (24, 32)


@pytest.mark.parametrize("where", ["container", "stream"])
def test_clips_of_absurd_size(tmp_path, where):
    pytest.importorskip("av")
    from photostyle.video.reading import VideoReader
    from tests.util.video import make_clip

    if where == "container":
        data = bytearray(make_clip(tmp_path / "a.avi", (2,), codec="ffv1", options={}).read_bytes())
        place = data.index(b"strf") + 12  # behind the size of a BITMAPINFOHEADER
        data[place : place + 8] = struct.pack("<ii", 16_000, 9_000)
    else:
        make_clip(tmp_path / "a.avi", (2,), codec="mjpeg", fmt="yuvj420p", options={})
        start = re.compile(rb"\xff\xc0\0.\x08....", re.DOTALL)
        header = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", 9_000, 16_000)
        data = bytearray(start.sub(header, (tmp_path / "a.avi").read_bytes()))
    (tmp_path / "a.avi").write_bytes(data)
    with little_memory(), pytest.raises(VideoReadError, match=r"a\.avi") as error:
        VideoReader(tmp_path / "a.avi")
    assert ("more than the limit" in str(error.value)) == (where == "container")


# --- Weights and styles


@pytest.fixture
def style(tmp_path):
    save_transfer(fit(tiny_model(), picture(40, 56, 1), picture(48, 32, 2)), tmp_path / "look.style")
    return tmp_path / "look.style"


def test_safetensors_that_promise_more_than_they_hold(tmp_path):
    header = b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
    for name in ("a.safetensors", "a.style"):
        path = tmp_path / name
        for data in (struct.pack("<Q", len(header)) + header, struct.pack("<Q", 2**60) + header, b"\xff" * 100):
            path.write_bytes(data)
            reader = read_metadata if name.endswith("style") else read_header
            with pytest.raises(WeightsError, match=name):
                reader(path)


@pytest.mark.parametrize("shape", [(0,), (0, 10**12), (1, 1, 1, 1), (3, 2), (10**6,)])
def test_styles_of_absurd_shapes(style, shape):
    tensors, metadata = load(style.read_bytes()), read_metadata(style)
    del metadata["sha256"]
    name = next(name for name in tensors if name.endswith("matrix"))
    style.write_bytes(save({**tensors, name: torch.zeros(shape)}, metadata))
    with pytest.raises(WeightsError, match="damaged"):
        load_style(style, tiny_model())


@pytest.mark.parametrize(
    "options",
    [
        {"stem_width": 4000, "channels": [4000] * 4},
        {"channels": [10**9] * 4},
        {"layers": [10**9] * 4},
        {"decoder_pyramid_channels": 4000, "decoder_segmentation_channels": 4000},
        {"channels": [8] * 100_000},
    ],
)
def test_networks_of_absurd_size_take_no_memory(tmp_path, options):
    path = tmp_path / "n.safetensors"
    architecture = tiny_architecture()
    architecture.options.update(options)
    save_network(tiny_network(), architecture, path)
    with little_memory(), pytest.raises(WeightsError, match=r"n\.safetensors"):
        read_network(path)


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_pickle_is_run(cli, scene, zipped):
    mark = scene / "mark"
    for name in ("evil.pth", "evil.style", "evil.safetensors", "evil.png", "evil.toml"):
        if zipped:
            torch.save({"conv0.weight": Evil(mark)}, scene / name)
        else:
            (scene / name).write_bytes(pickle.dumps(Evil(mark)))
    model = scene / "tiny.safetensors"
    photo = ["photo", scene / "c.png", "--style", scene / "s.png", "-o", scene / "o.png"]
    for words in (
        [*photo, "--model", scene / "evil.safetensors"],
        [*photo, "--model", scene / "evil.pth"],
        [*photo, "--model", model, "--segment", scene / "evil.pth"],
        [*photo, "--model", model, "--preset", scene / "evil.toml"],
        ["apply", scene / "evil.style", scene / "c.png", "-o", scene / "o.png", "--model", model],
        ["photo", scene / "evil.png", "--style", scene / "s.png", "-o", scene / "o.png", "--model", model],
        ["weights", "import", "--encoder", scene / "evil.pth", "--decoder", scene / "evil.pth"],
    ):
        line = cli.refuses(scene, *words)
        assert "evil" in line
        assert not mark.exists()
    if zipped:
        assert "refused, nothing was run" in line


def test_archives_are_not_unpacked(cli, scene):
    with zipfile.ZipFile(scene / "evil.zip", "w") as archive:
        archive.writestr("../../evil.txt", "out")
        archive.writestr("/tmp/evil-absolute.txt", "out")
    for name in ("evil.png", "evil.style", "evil.safetensors", "evil.pth"):
        (scene / name).write_bytes((scene / "evil.zip").read_bytes())
    photo = ["--style", scene / "s.png", "-o", scene / "o.png", "--model", scene / "tiny.safetensors"]
    cli.refuses(scene, "photo", scene / "evil.png", *photo)
    cli.refuses(scene, "apply", scene / "evil.style", scene / "c.png", *photo[2:])
    cli.refuses(scene, "photo", scene / "c.png", *photo[:4], "--model", scene / "evil.safetensors")
    cli.refuses(scene, "weights", "import", "--encoder", scene / "evil.pth", "--decoder", scene / "evil.pth")
    assert not (scene.parents[1] / "evil.txt").exists()
    assert not Path("/tmp/evil-absolute.txt").exists()


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "..", "a/b", "a\nb", "-o", "a\0b", "vgg19/../x"])
def test_names_of_weights_are_no_paths(cli, tmp_path, name):
    (tmp_path / "x.pth").write_bytes(b"x")
    if "\0" not in name:
        result = cli("weights", "fetch", "--", name)
        assert (result.code, len(result.lines)) == (1, 1)
        result = cli("weights", "import", "--encoder", tmp_path / "x.pth", "--decoder", tmp_path / "x.pth",
                     f"--name={name}")  # fmt: skip
        assert (result.code, len(result.lines)) == (1, 1)
        assert "use letters, digits, _ and -" in result.err or "is damaged" in result.err


# --- Names and paths

NAMES = {
    "newline": "a\nphotostyle: all is well\n.png", "unicode": "日本 naïve ЖЖ.png", "emoji": "🌅👩‍👩‍👧.png",
    "right to left": "\u202egnp.exe.png", "escape": "\x1b[2J\x1b]0;owned\x07.png", "dash": "-o.png",
    "longest": "n" * 251 + ".png", "markup": "[red]x:smile:.png",
    "spaces": "  .png", "quote": "a'b\"c$(x)`y`.png",
    "dots": "..x.png",
}  # fmt: skip


@pytest.mark.parametrize("kind", NAMES)
def test_odd_names_of_photos(cli, scene, monkeypatch, kind):
    name = NAMES[kind]
    monkeypatch.chdir(scene)
    save_picture(scene / name, 20, 24)
    save_picture(scene / "plain.png", 20, 24)
    common = ["--style", "s.png", "--model", "tiny.safetensors", "--segment", "off"]
    done = cli("photo", *common, "-o", "out", "--", name)
    assert done.code == 0, done.err
    assert len(done.lines) == 1  # whatever is in the name, one line says so
    assert "\x1b" not in done.err
    assert size(scene / "out" / name) == (24, 20)
    assert cli("photo", "plain.png", *common, f"--out={name}", "--overwrite").code == 0
    (scene / "bad").mkdir()
    (scene / "bad" / name).write_bytes(b"no photo")
    failed = cli("photo", *common, "-o", "other", "--", Path("bad") / name)
    assert (failed.code, len(failed.lines)) == (1, 1)
    assert "\x1b" not in failed.err
    assert not list((scene / "other").iterdir())


@pytest.mark.parametrize("word", ["x" * 300, "x" * 5000, "y/" * 3000])
def test_words_too_long_for_a_path(cli, scene, word):
    photo = ["photo", scene / "c.png", "-o", scene / "o.png", "--model", scene / "tiny.safetensors"]
    other = ["--style", scene / "s.png"]
    for words in (
        [*photo, "--style", word], [*photo, "--style", f"sky={word}"], [*photo, *other, "--model", f"{word}/m"],
        [*photo, *other, "--model", f"{word}.safetensors"], [*photo, *other, "--segment", word],
        [*photo, *other, "--preset", word], [*photo, *other, "--save-style", f"{word}.style"],
        [*photo, *other, "--report", f"{word}.json"], [*photo, *other, "--content-mask", word, "--style-mask", word],
        ["apply", word, scene / "c.png", "-o", scene / "o.png"], ["photo", word, *photo[2:], *other],
        ["video", word, *other, "-o", scene / "o.mp4"], ["video", scene / "c.png", *other, "-o", f"{word}.mp4"],
        ["style", "make", word, "-o", scene / "o.style"], ["style", "show", word],
        ["segment", word, "-o", scene / "m.png"],
        ["batch", word, *other, "-o", scene / "out"], ["batch", scene, *other, "-o", word],
        ["lut", word, *other, "-o", scene / "o.cube"], ["weights", "import", "--encoder", word, "--decoder", word],
    ):  # fmt: skip
        result = cli(*words)
        assert result.code == 1, words
        assert "Traceback" not in result.err


def test_a_name_that_is_not_unicode_is_done(scene):
    save_picture(scene / "plain.png", 20, 24)
    odd = os.fsencode(scene) + b"/\xff\x1b.png"
    os.rename(scene / "plain.png", odd)
    result = subprocess_cli("photo", odd, "--style", scene / "s.png", "--model", scene / "tiny.safetensors",
                            "-o", scene / "out", "--segment", "off", "--report", scene / "r.json")  # fmt: skip
    assert result.code == 0, result.err
    assert len(result.lines) == 1
    assert os.path.exists(os.fsencode(scene / "out") + b"/\xff\x1b.png")


def test_links_out_of_the_folder_of_results(tmp_path):
    for place in ("in/sub", "out", "elsewhere"):
        (tmp_path / place).mkdir(parents=True)
    save_picture(tmp_path / "in" / "a.png", 20, 24)
    save_picture(tmp_path / "in" / "sub" / "b.png", 20, 24)
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    plan = survey(tmp_path / "in", tmp_path / "out", since=None)
    problems = {item.content.name: str(item.problem) for item in plan.items}
    assert problems["a.png"] == "None"
    assert "leads out of" in problems["b.png"]


def test_a_link_within_the_results_back_to_the_photos(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "results").mkdir()
    save_picture(tmp_path / "in" / "sub" / "b.png", 20, 24)
    (tmp_path / "in" / "results" / "sub").symlink_to("../sub")
    for since in (0, None):
        (item,) = survey(tmp_path / "in", tmp_path / "in" / "results", since=since).items
        assert isinstance(item.problem, OutputError)
        assert not item.finished


def test_a_folder_of_links_is_not_walked_and_a_link_to_a_photo_is_read(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "private").mkdir()
    save_picture(tmp_path / "private" / "p.png", 20, 24)
    (tmp_path / "in" / "loop").symlink_to(".")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "private")
    (tmp_path / "in" / "p.png").symlink_to(tmp_path / "private" / "p.png")
    plan = survey(tmp_path / "in", tmp_path / "results")
    assert [item.output for item in plan.items] == [tmp_path / "results" / "p.png"]
    assert plan.links == 2


# --- Outputs onto inputs


def spellings(folder, name):
    """Other names of a file."""
    (folder / "link").symlink_to(name)
    (folder / "linked.png").symlink_to(name)
    os.link(folder / name, folder / "hard.png")
    (folder / "alias").symlink_to(".")
    return [folder / name, folder / "." / name, folder / "alias" / name, folder / "alias" / ".." / folder.name / name,
            folder / "linked.png", folder / "hard.png"]  # fmt: skip


@pytest.mark.parametrize("role", ["content", "style", "mask"])
def test_no_spelling_of_an_input_is_an_output(cli, scene, role):
    name = {"content": "c.png", "style": "s.png", "mask": "cm.png"}[role]
    masks = ["--content-mask", scene / "cm.png", "--style-mask", scene / "sm.png"]
    for spelling in spellings(scene, name):
        arguments = photo_arguments(scene, "--overwrite", *masks)
        arguments[arguments.index(scene / "o.png")] = spelling
        assert str(spelling) in cli.refuses(scene, "photo", *arguments)


def test_other_commands_keep_their_inputs(cli, scene):
    model = ["--model", scene / "tiny.safetensors"]
    assert cli("style", "make", scene / "s.png", "-o", scene / "a.style", *model, "--segment", "off").code == 0
    other = ["--style", scene / "s.png", *model, "--overwrite"]
    before = contents(scene)
    for words in (
        ["style", "mix", scene / "a.style", "-o", scene / "a.style", *model, "--overwrite"],
        [
            "style",
            "show",
            scene / "a.style",
            "--content",
            scene / "c.png",
            "-o",
            scene / "c.png",
            *model,
            "--overwrite",
        ],
        ["lut", scene / "c.png", *other, "-o", scene / "o.cube", "--preview", scene / "c.png"],
        ["lut", scene / "c.png", *other, "-o", scene / "o.cube", "--preview", scene / "s.png"],
        ["lut", scene / "c.png", *other, "-o", scene / "s.png", "--size", "16"],
        ["lut", scene / "c.png", *other, "-o", scene / "o.png", "--preview", scene / "o.png", "--size", "16"],
        ["segment", scene / "c.png", "-o", scene / "c.png", "--overwrite"],
        ["segment", scene / "c.png", "-o", scene / "m.png", "--overlay", scene / "c.png", "--overwrite"],
    ):
        result = cli(*words)
        assert (result.code, len(result.lines)) == (1, 1), words
        assert contents(scene) == before


def test_files_are_told_apart_by_what_they_are(tmp_path):
    (tmp_path / "a").write_text("a")
    os.link(tmp_path / "a", tmp_path / "b")
    with pytest.raises(OutputError, match="is read"):
        check_apart([tmp_path / "b"], [tmp_path / "a"])
    with pytest.raises(OutputError, match="twice"):
        check_apart([tmp_path / "new", tmp_path / "." / "new"], [tmp_path / "a"])
    check_apart([tmp_path / "new", tmp_path / "other"], [tmp_path / "a"])


def test_clips_keep_their_masks_and_styles(cli, scene):
    pytest.importorskip("av")
    from tests.util.video import make_clip

    clip = make_clip(scene / "in.mp4", (4,))
    masks = make_clip(scene / "masks.mp4", (4,))
    os.link(clip, scene / "hard.mp4")
    for out in ("in.mp4", "hard.mp4", "masks.mp4"):
        line = cli.refuses(scene, "video", clip, "--style", scene / "s.png", "--content-mask", masks, "--style-mask",
                           scene / "sm.png", "--model", scene / "tiny.safetensors", "-o", scene / out,
                           "--overwrite")  # fmt: skip
        assert str(scene / out) in line


def test_weights_of_another_hash(tmp_path):
    from photostyle.weights import save_model

    save_model(tiny_model(), tmp_path / "m.safetensors")
    data = bytearray((tmp_path / "m.safetensors").read_bytes())
    data[-5] ^= 4
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="do not match their SHA-256"):
        read_model(tmp_path / "m.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="no /dev/zero, or no such files")
@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/mem", "/dev/stdin"])
def test_special_files_are_not_read(cli, scene, path):
    for words in ([path, "--style", scene / "s.png"], [scene / "c.png", "--style", path]):
        cli.refuses(scene, "photo", *words, "-o", scene / "o.png", "--model", scene / "tiny.safetensors")
