"""scripts/check/lost.py: what it calls lost, and what it takes for said."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import lost
import numpy as np
import pytest
from _lost_accounts import lost as missing
from _lost_accounts import not_said, of_photo
from av.stream import Disposition
from PIL import Image

from photostyle.io import read_photo, write_photo
from tests.io.test_kept import CAPTION, captioned
from tests.util.exiftool import needs_exiftool
from tests.util.video import make_clip, remake


def test_storage_and_thumbnails_are_no_loss():
    before = {
        "System:FileName": "a", "IFD0:Compression": 1, "IFD0:StripOffsets": 8, "IFD1:ThumbnailOffset": 9,
        "IFD0:Orientation": 6, "ExifIFD:ExifImageWidth": 40, "JFIF:JFIFVersion": "1 1", "PNG:BitDepth": 8,
        "Composite:ImageSize": "1x1", "Minolta:PreviewImageStart": 13, "MPImage2:MPImageType": 0,
    }  # fmt: skip
    assert missing(before, {}, same_format=True) == []


def test_what_describes_the_photo_is():
    before = {
        "IFD0:Artist": "Ada", "IPTC:Keywords": ["a", "b"], "JFIF:XResolution": 300, "PNG:Title": "x",
        "File:Comment": "y", "GPS:GPSLatitude": 1.5, "Panasonic:LensType": "z", "XMP-dc:Format": "f",
    }  # fmt: skip
    assert len(missing(before, {}, same_format=True)) == len(before)
    assert missing(before, before, same_format=True) == []
    assert missing({"IFD0:Artist": "Ada"}, {"IFD0:Artist": "Eve"}, same_format=True) == ["IFD0:Artist: Ada is now Eve"]


def test_another_format_may_have_another_name_for_it():
    assert missing({"PNG:Author": "Ada"}, {"IFD0:Artist": "Ada"}, same_format=False) == []
    assert missing({"PNG:Author": "Ada"}, {"IFD0:Artist": "Ada"}, same_format=True) == ["PNG:Author: Ada"]
    assert missing({"PNG:Author": "Ada"}, {"IFD0:Artist": "Eve"}, same_format=False) == ["PNG:Author: Ada"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("XMP-hdrgm:Version: 1.0", "warning: b.jpg: without what a.jpg holds besides: HDR gain map"),
        ("XMP-Container:DirectoryItemMime: video/mp4", "besides: motion clip"),
        ("IPTC:Keywords: a", "WebP has no place for: IPTC"),
        ("PNG:parameters: x", "TIFF has no place for: text 'parameters'"),
    ],
)
def test_what_is_said_is_not_lost_in_silence(line, said):
    assert not_said([line, "IFD0:Artist: Ada"], said) == ["IFD0:Artist: Ada"]
    assert not_said([line], "") == [line]


@needs_exiftool
def test_a_photo_and_its_result(tmp_path):
    source = captioned(tmp_path / "in.jpg")
    photo = read_photo(source)
    write_photo(tmp_path / "out.jpg", photo.pixels, like=photo)
    assert of_photo(source)["IPTC:Caption-Abstract"] == CAPTION[2, 120].decode()
    assert lost.compare(source, tmp_path / "out.jpg", []) == lost.Finding(source)
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(tmp_path / "bare.jpg")
    finding = lost.compare(source, tmp_path / "bare.jpg", ["warning: something else"])
    assert any(line.startswith("IPTC:Caption-Abstract") for line in finding.lost)
    assert any(line.startswith("JFIF:XResolution: 300 is now 1") for line in finding.lost)
    assert lost.report(finding)[0] == "in.jpg: LOST"


needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")


@needs_exiftool
@needs_ffprobe
def test_a_clip_and_its_result(tmp_path):
    told = {"title": "Drive", "com.apple.quicktime.make": "Apple"}
    flags = {"audio_tags": {"language": "fra"}, "audio_flags": Disposition.default | Disposition.comment}
    keys = {"movflags": "use_metadata_tags"}
    source = make_clip(
        tmp_path / "in.mp4", (10,), audio="aac", chapters=True, subtitles=True, tags=told, muxer=keys, **flags
    )
    remake(source, tmp_path / "out.mp4")
    assert lost.compare(source, tmp_path / "out.mp4", []) == lost.Finding(source)
    remake(source, tmp_path / "out.mkv")
    assert lost.compare(source, tmp_path / "out.mkv", []) == lost.Finding(source)
    found = lost.compare(source, make_clip(tmp_path / "bare.mp4", (9,), rate=Fraction(30)), []).lost
    names = {line.partition(": ")[0] for line in found}
    assert names >= {"format:title", "Keys:Make", "video0:frames", "audio0", "audio0:language", "chapter0", "chapter1"}
    assert names >= {"video0:avg_frame_rate", "audio0:is comment", "subtitle0", "duration"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("video0:side data Stereo 3D: {}", "left out, as .mp4 files do not hold it: stereo layout"),
        ("video0:alpha_mode: 1", "h264 in .mkv does not keep its alpha"),
        ("audio1:is comment: 1", "comment of the audio stream 2"),
        ("subtitle0: there", "subtitle stream 2 (dvdsub)"),
    ],
)
def test_what_is_said_of_a_clip(line, said):
    assert not_said([line, "format:title: x"], said) == ["format:title: x"]


@needs_exiftool
@needs_ffprobe
def test_a_refusal_is_no_loss(tmp_path, capsys):
    (tmp_path / "no.jpg").write_text("no photo")
    style = Path(__file__).parents[2] / "docs/samples/dusk.jpg"
    assert lost.main([str(tmp_path), "--style", str(style), "--", "--segment", "off"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("no.jpg: refused\n  said  ")
    assert "no.jpg" in out.splitlines()[1]


def test_what_a_result_tells_otherwise_is_not_lost():
    sensor = {
        "IFD0:CFAPattern2": "0 1 1 2",
        "IFD0:DNGVersion": "1 4 0 0",
        "IFD0:WhiteLevel": 16383,
        "IFD0:Artist": "Ada",
    }
    assert missing(sensor, {}, same_format=False) == ["IFD0:Artist: Ada"]
    assert len(missing({"IFD0:WhiteLevel": 16383}, {}, same_format=False)) == 1
    told = {"PNG-cICP:ColorPrimaries": 12}
    assert missing(told, {"ICC-header:ProfileVersion": 4.4}, same_format=True) == []
    assert len(missing(told, {}, same_format=True)) == 1
