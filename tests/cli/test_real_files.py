"""What other programs got wrong of real files: one file of each kind through the command, and what is right of it."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin, PngImagePlugin, features

from photostyle.io import read_photo
from photostyle.io.profiles import is_srgb
from photostyle.video.reading import VideoReader
from tests.io import test_declared, test_kept, test_raw, test_xmp
from tests.util.cli import photo_arguments, pixels, save_colourful_model, save_picture
from tests.util.video import decoded, make_clip
from tests.video import test_beside, test_fields

HEIGHT, WIDTH = 40, 56


class Files:
    """A folder with a style and a tiny network, and the commands on files in it."""

    def __init__(self, cli, folder):
        self.cli, self.folder = cli, folder
        save_picture(folder / "s.png", 48, 32, 2)
        save_colourful_model(folder / "tiny.safetensors")

    def __truediv__(self, name):
        return self.folder / name

    def photo(self, content, out, *extra):
        """Grade a photo, and return what was said beside its name."""
        result = self.cli("photo", *photo_arguments(self.folder, *extra, content=content, out=out))
        assert result.code == 0, result.err
        return result.lines[:-1]

    def refuses_photo(self, content):
        return self.cli.refuses(self.folder, "photo", *photo_arguments(self.folder, content=content))

    def video(self, clip, out, *extra):
        model = ("--model", self / "tiny.safetensors")
        result = self.cli("video", self / clip, "--style", self / "s.png", "-o", self / out, *model, *extra)
        assert result.code == 0, result.err
        return result.lines[:-1]


@pytest.fixture
def files(cli, tmp_path):
    return Files(cli, tmp_path)


def image(seed=1):
    return pixels(HEIGHT, WIDTH, seed)


# Photos.


@pytest.mark.parametrize("place", ["photo", "reference"])
def test_cut_outs_over_black_and_white(files, place):
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[8:-8, 8:-8] = 255
    save_picture(files / "plain.png", HEIGHT, WIDTH, 3)
    results = []
    for name, under in {"black": 0, "white": 255}.items():
        values = np.where(alpha[..., None] > 0, image(), np.uint8(under))
        Image.fromarray(np.dstack([values, alpha])).save(files / f"{name}.png")
        if place == "photo":
            assert files.photo(f"{name}.png", f"o-{name}.png") == []
            results.append(np.asarray(Image.open(files / f"o-{name}.png"))[alpha > 0])
        else:
            assert files.photo("plain.png", f"o-{name}.png", "--style", files / f"{name}.png", "--overwrite") == []
            results.append(np.asarray(Image.open(files / f"o-{name}.png")))
    np.testing.assert_array_equal(*results)


def test_raw_photos_two_stops_apart(files):
    pytest.importorskip("rawpy")
    lights = []
    for stops in (0, 2):
        test_raw.dng(files / f"{stops}.dng", 2.0**-stops)
        assert files.photo(f"{stops}.dng", f"{stops}.tif", "--strength", 0) == []
        lights.append(test_raw.light(files / f"{stops}.tif"))
    assert lights[0] / lights[1] == pytest.approx(4, rel=0.05)


def test_hdr_heic(files):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(image())).save(
        files / "pq.heic", color_primaries=9, transfer_characteristics=16, matrix_coefficients=9
    )
    assert "HDR (PQ)" in files.refuses_photo("pq.heic")


def test_hdr_png(files):
    test_declared.png(files / "pq.png", test_declared.cicp(9, 16), values=image())
    assert "HDR (PQ)" in files.refuses_photo("pq.png")


def test_display_p3_told_by_a_chunk(files):
    test_declared.png(files / "p3.png", test_declared.cicp(12, 13), values=image())
    assert files.photo("p3.png", "o.png") == []
    with Image.open(files / "o.png") as result:
        assert not is_srgb(result.info["icc_profile"])
    assert files.photo("p3.png", "same.png", "--strength", 0) == []
    one, other = (read_photo(files / name).pixels for name in ("p3.png", "same.png"))
    np.testing.assert_allclose(one, other, atol=1 / 255)


GAIN_MAP = test_kept.small((25, 15), xmp=b"<x xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/'/>")


@pytest.mark.parametrize(
    ("second", "kind", "said"),
    [(GAIN_MAP, 0, "HDR gain map"), (test_kept.small((50, 30)), 0x020002, "second view")],
)
def test_second_pictures(files, second, kind, said):
    test_kept.mpo(files / "a.jpg", second, kind)
    lines = files.photo("a.jpg", "o.jpg")
    assert len(lines) == 1
    assert lines[0].endswith(f"without what a.jpg holds besides: {said}")
    assert b"MPF" not in (files / "o.jpg").read_bytes()


def test_a_motion_photo(files):
    told = test_xmp.packet(test_xmp.directory("MotionPhoto"), 'GCamera:MotionPhoto="1"')
    test_xmp.jpeg(files / "a.jpg", told)
    with (files / "a.jpg").open("ab") as stream:
        stream.write(struct.pack(">I4s4s", 24, b"ftyp", b"mp42") + bytes(12) + b"film" * 99)
    lines = files.photo("a.jpg", "o.jpg")
    assert len(lines) == 1
    assert lines[0].endswith("holds besides: motion clip")
    result = (files / "o.jpg").read_bytes()
    assert b"MotionPhoto" not in result
    assert b"image/jpeg" in result  # the rest of the packet


@pytest.mark.parametrize("out", ["o.jpg", "o.tif"])
def test_captions_and_resolution(files, out):
    test_kept.captioned(files / "iptc.jpg")
    assert files.photo("iptc.jpg", out) == []
    with Image.open(files / out) as result:
        assert IptcImagePlugin.getiptcinfo(result) == test_kept.CAPTION
        assert tuple(result.info["dpi"]) == (300, 300)


def test_texts_and_resolution_of_a_png(files):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ada")
    texts.add_itxt("Beschreibung", "Größe")
    Image.fromarray(image()).save(files / "phys.png", dpi=(300, 300), pnginfo=texts)
    assert files.photo("phys.png", "o.png") == []
    with Image.open(files / "o.png") as result:
        assert result.text == {"Author": "Ada", "Beschreibung": "Größe"}
        assert result.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_xmp_in_parts(files):
    test_xmp.jpeg(files / "a.jpg", *test_xmp.extended("x" * 90_000))
    assert files.photo("a.jpg", "o.jpg") == []
    assert b"x" * 90_000 in (read_photo(files / "o.jpg").xmp or b"")


def test_a_thumbnail_as_the_first_page(files):
    with tifffile.TiffWriter(files / "a.tif") as file:
        file.write(image()[::4, ::4], photometric="rgb", subfiletype=1)
        file.write(image(), photometric="rgb")
    assert files.photo("a.tif", "o.png", "--strength", 0) == []
    np.testing.assert_array_equal(np.asarray(Image.open(files / "o.png")), image())


def test_a_tiff_of_a_codec_that_libtiff_may_lack(files):
    tifffile.imwrite(
        files / "a.tif", image(), photometric="rgb", compression="webp", compressionargs={"lossless": True}
    )
    assert files.photo("a.tif", "o.png", "--strength", 0) == []
    np.testing.assert_array_equal(np.asarray(Image.open(files / "o.png")), image())


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_ten_bits_of_an_avif(files):
    deep = (image().astype(np.uint16) << 2) + 1
    coded = imagecodecs.avif_encode(deep, level=100, bitspersample=10, pixelformat="yuv444")
    (files / "deep.avif").write_bytes(coded)
    assert files.photo("deep.avif", "o.png", "--strength", 0) == []
    result = imagecodecs.png_decode((files / "o.png").read_bytes())
    assert result.dtype == np.uint16
    wanted = imagecodecs.avif_decode(coded).astype(float) / 1023 * 65535
    assert np.abs(result - wanted).max() <= 1


def test_a_soft_brush_as_a_mask(files):
    save_picture(files / "c.png", HEIGHT, WIDTH, 1)
    for name, width, height in (("cm.png", WIDTH, HEIGHT), ("sm.png", 32, 48)):
        ramp = np.clip(np.linspace(-200, 455, width), 0, 255)
        Image.fromarray(np.broadcast_to(ramp, (height, width)).astype(np.uint8)).save(files / name)
    lines = files.photo("c.png", "o.png", "--content-mask", files / "cm.png", "--style-mask", files / "sm.png")
    assert all("soft" in line for line in lines)
    assert not [line for line in lines if "no " in line and "region" in line]


# Clips.


@pytest.mark.parametrize("out", ["o.mp4", "o.mov", "o.mkv"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_constant_rates(files, out, rate):
    options = {"bf": "2", "preset": "veryfast"}
    make_clip(files / "i.mp4", (20,), rate=rate, options=options, colour=(2, 1, 1, 1), audio="aac")
    assert files.video("i.mp4", out) == []
    with av.open(str(files / out)) as result, av.open(str(files / "i.mp4")) as source:
        ours, theirs = result.streams.video[0], source.streams.video[0]
        assert (ours.average_rate, ours.base_rate) == (theirs.average_rate, theirs.base_rate)
    assert len(decoded(files / out)) == 20


@pytest.mark.parametrize("out", ["o.mp4", "o.mov", "o.mkv"])
def test_a_timecode_of_the_file(files, out):
    make_clip(files / "tc.mkv", (6,), tags={"timecode": "10:00:00:00"})
    assert files.video("tc.mkv", out) == []
    with av.open(str(files / out)) as result:
        found = [s.metadata.get("timecode") for s in result.streams] + [file_tag(result, "timecode")]
    assert "10:00:00:00" in found


def file_tag(container, name):
    return {key.lower(): value for key, value in container.metadata.items()}.get(name)


def test_interlaced_pictures(files):
    test_fields.interlaced(files / "i.mp4")
    lines = files.video("i.mp4", "o.mp4", "--strength", 0)
    assert len(lines) == 1
    assert "is interlaced; each frame's two fields become one whole picture" in lines[0]
    reader = VideoReader(files / "o.mp4")
    assert reader.info.fields == ""
    assert max(test_fields.combing(frame.planes()[0]) for frame in reader.frames()) < 8


def test_prores_4444(files):
    make_clip(files / "p4444.mov", (3,), codec="prores_ks", fmt="yuva444p10le", options={"profile": "4444"})
    (line,) = files.video("p4444.mov", "o.mov", "--codec", "prores")
    assert line.endswith("does not keep its 12 bits a sample (it has 10)")
    with av.open(str(files / "o.mov")) as result:
        assert result.streams.video[0].codec_context.codec_tag == "ap4h"
        assert result.streams.video[0].codec_context.pix_fmt.startswith("yuva444p")


def test_quicktime_keys(files):
    keys = test_beside.IPHONE
    make_clip(files / "iphone.mov", (6,), tags=keys, muxer={"movflags": "use_metadata_tags"})
    assert files.video("iphone.mov", "o.mov") == []
    kept = test_beside.file_tags(files / "o.mov")
    assert {key.lower(): value for key, value in keys.items()}.items() <= kept.items()


def test_sound_with_a_cover(files):
    with av.open(str(files / "a.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=48000)
        with av.open(str(files / "s.png")) as still:
            cover = container.add_stream_from_template(still.streams.video[0], opaque=True)
        cover.disposition = av.stream.Disposition.attached_pic
        container.start_encoding()
        packet = av.Packet((files / "s.png").read_bytes())
        packet.stream = cover
        container.mux(packet)
        block = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        block.sample_rate = 48000
        container.mux(sound.encode(block))
        container.mux(sound.encode())
    arguments = ("--style", files / "s.png", "-o", files / "o.mp4", "--model", files / "tiny.safetensors")
    assert "holds no video stream but a cover picture" in files.cli.refuses(
        files.folder, "video", files / "a.mp4", *arguments
    )
