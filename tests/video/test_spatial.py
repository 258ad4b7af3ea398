"""Both eyes in one frame, a sphere round the viewer, and the XMP of a film: in the place that each container has."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace

import pytest

from photostyle.video.reading import VideoReader
from photostyle.video.spatial import Spatial, packet_of, put_into, stereo_tags
from tests.util.exiftool import needs_exiftool, tags
from tests.util.video import decoded, make_clip, packets, remake

TURN = 65536
SIDE_BY_SIDE = Spatial(stereo=(1, 0))
SPHERE = Spatial(sphere=(0, 30 * TURN, -10 * TURN, 5 * TURN, 0, 0, 0, 0, 0))
PART = Spatial((2, 0), (2, 0, 0, 0, 1 << 30, 1 << 20, 1 << 29, 1 << 21, 0))
CUBE = Spatial(sphere=(1, 0, 0, 0, 0, 0, 0, 0, 16))
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:source>Größe</dc:source></rdf:Description></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
).encode()


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "photostyle")
    return caplog


@pytest.mark.parametrize(("source", "output"), list(itertools.product(["i.mkv", "i.mp4", "i.mov"], repeat=2)))
@pytest.mark.parametrize("mode", ["left_right", "top_bottom"])
def test_eyes_are_kept_from_any_container_to_any(tmp_path, said, source, output, mode):
    remake(make_clip(tmp_path / "made.mkv", (6,), stream_tags={"stereo_mode": mode}), tmp_path / source)
    stereo = {"left_right": (1, 0), "top_bottom": (2, 0)}[mode]
    assert VideoReader(tmp_path / source).info.spatial == Spatial(stereo)
    target = tmp_path / output.replace("i.", "o.")
    remake(tmp_path / source, target)
    assert VideoReader(target).info.spatial == Spatial(stereo)
    assert len(decoded(target)) == 6
    assert not said.records


def test_eyes_that_have_changed_places_are_said_where_there_is_no_word_for_it(tmp_path, said):
    clip = make_clip(tmp_path / "i.mkv", (6,), stream_tags={"stereo_mode": "right_left"})
    remake(clip, tmp_path / "o.mkv")
    assert VideoReader(tmp_path / "o.mkv").info.spatial == Spatial((1, 1))
    assert not said.records
    remake(clip, tmp_path / "o.mp4")
    assert "files do not hold it: stereo layout" in said.text


@pytest.mark.parametrize("spatial", [SPHERE, PART, CUBE, replace(SPHERE, stereo=(1, 0))])
@pytest.mark.parametrize("source", ["i.mov", "i.mp4"])
def test_spheres_are_kept_between_mp4_and_mov(tmp_path, said, spatial, source):
    clip = make_clip(tmp_path / source, (6,), audio="aac", subtitles=True, chapters=True, rotation=90)
    put_into(clip, spatial, None)
    assert VideoReader(clip).info.spatial == spatial
    for name in ("o.mp4", "o.mov"):
        remake(clip, tmp_path / name)
        info = VideoReader(tmp_path / name).info
        assert (info.spatial, info.rotation) == (spatial, 90)
        for kind in ("audio", "subtitle"):
            assert packets(tmp_path / name, kind) == packets(clip, kind)
    assert not said.records
    remake(clip, tmp_path / "o.mkv")
    assert "spherical projection" in said.text


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_xmp_is_kept(tmp_path, said, name):
    clip = make_clip(tmp_path / "i.mp4", (6,), audio="aac")
    put_into(clip, Spatial(), XMP)
    remake(clip, tmp_path / name)
    assert packet_of(tmp_path / name) == XMP
    assert len(decoded(tmp_path / name)) == 6
    assert not said.records
    remake(clip, tmp_path / "o.mkv")
    assert "files do not hold it: XMP" in said.text


@needs_exiftool
def test_exiftool_finds_both(tmp_path):
    clip = make_clip(tmp_path / "i.mp4", (6,))
    put_into(clip, replace(SPHERE, stereo=(1, 0)), XMP)
    remake(clip, tmp_path / "o.mov")
    found = tags(tmp_path / "o.mov")
    assert found["XMP-dc:Source"] == "Größe"
    assert not [key for key in found if key.endswith(("Warning", "Error"))]


def test_a_file_whose_samples_would_move_is_left_alone(tmp_path):
    clip = make_clip(tmp_path / "i.mp4", (6,), muxer={"movflags": "faststart"})
    before = clip.read_bytes()
    put_into(clip, SPHERE, None)
    assert clip.read_bytes() == before


def test_webm_has_fewer_words_for_eyes():
    assert stereo_tags(Spatial((6, 0)), ".webm", {"STEREO_MODE": "row_interleaved_lr"}) == {}
    assert stereo_tags(Spatial((6, 0)), ".mkv", {"STEREO_MODE": "row_interleaved_lr", "a": "b"}) == {
        "stereo_mode": "row_interleaved_lr",
        "a": "b",
    }
    assert stereo_tags(SIDE_BY_SIDE, ".mp4", {"stereo_mode": "left_right"}) == {}


def test_a_clip_of_webm_with_interleaved_eyes_is_written(tmp_path, said):
    clip = make_clip(tmp_path / "i.mkv", (6,), stream_tags={"stereo_mode": "row_interleaved_lr"})
    remake(clip, tmp_path / "o.webm", preview=True)
    assert "stereo layout" in said.text
    assert len(decoded(tmp_path / "o.webm")) == 6
