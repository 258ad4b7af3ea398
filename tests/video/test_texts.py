"""Subtitles that are text: in every container in the codec that it takes, the words and times as they were."""

from __future__ import annotations

import itertools
import logging
from fractions import Fraction

import av
import pytest

from tests.util.video import make_clip, remake

CODECS = {"o.mp4": "mov_text", "o.mov": "mov_text", "o.mkv": "subrip", "o.webm": "webvtt"}
HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\n"
    b"Style: Default,Arial,16,&Hffffff\nStyle: Sign,Arial,40,&Hff\n\n[Events]\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "photostyle")
    return caplog


def texts(path):
    """(start, length, plain text) of every subtitle, as libav reads them, the codec, and the language."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        found = []
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            for line in stream.codec_context.decode(packet):
                words = line.dialogue.decode() if line.dialogue else ""
                if words:
                    tick = packet.time_base
                    found.append((float(packet.pts * tick), float(packet.duration * tick), words))
        return found, stream.codec_context.codec.canonical_name, stream.language


def subtitled(path, codec, lines, header=b"", length=30):
    """A clip with subtitles in a codec of Matroska's."""
    film = make_clip(path.with_name("film.mkv"), (length,))
    with av.open(str(film)) as source, av.open(str(path), "w") as container:
        picture = container.add_stream_from_template(source.streams.video[0], opaque=True)
        if codec == "ass":
            text = container.add_stream("ass")
            text.codec_context.subtitle_header = header
        else:
            text = container.add_mux_stream(codec)
        text.time_base = Fraction(1, 1000)
        text.metadata["language"] = "kor"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = picture
                container.mux(packet)
        for number, words in enumerate(lines):
            packet = av.Packet(words)
            packet.stream, packet.time_base, packet.pts, packet.dts = text, Fraction(1, 1000), *[300 * number + 40] * 2
            packet.duration = 200
            container.mux(packet)
    return path


@pytest.mark.parametrize(("source", "output"), list(itertools.product(["i.mkv", "i.mp4", "i.mov"], CODECS)))
def test_words_and_times_in_every_container(tmp_path, said, source, output):
    clip = make_clip(tmp_path / source, (24,), subtitles=True)
    remake(clip, tmp_path / output)
    found, codec, language = texts(tmp_path / output)
    assert [(round(start, 3), round(length, 3)) for start, length, _ in found] == [(0, 0.2), (0.3, 0.2)]
    assert [words for *_, words in found] == ["one", "two"]
    assert (codec, language) == (CODECS[output], "kor")
    assert not said.records


@pytest.mark.parametrize("output", ["o.mp4", "o.mov", "o.webm"])
def test_slanted_words_of_subrip_stay_so(tmp_path, said, output):
    remake(subtitled(tmp_path / "i.mkv", "subrip", [b"Hello <i>there</i>", "Grüße\nalle".encode()]), tmp_path / output)
    first, second = (words for *_, words in texts(tmp_path / output)[0])
    assert first.removesuffix(r"{\i0}") == r"Hello {\i1}there"
    assert second == "Grüße\nalle"
    assert not said.records


@pytest.mark.parametrize(
    ("codec", "line"),
    [
        ("subrip", b'<font color="#ff0000">red</font>'),
        ("subrip", b"{\\an8}at the top"),
        ("ass", b"0,0,Sign,,0,0,0,,EXIT"),
        ("ass", b"0,0,Default,,0,0,0,,{\\pos(10,20)}here"),
    ],
)
def test_other_styles_and_places_are_said(tmp_path, said, codec, line):
    clip = subtitled(tmp_path / "i.mkv", codec, [line], HEADER)
    remake(clip, tmp_path / "o.mp4")
    assert "styles and places of the subtitle stream 1, whose text is kept" in said.text
    assert len(texts(tmp_path / "o.mp4")[0]) == 1
    said.clear()
    remake(clip, tmp_path / "o.mkv")
    assert texts(tmp_path / "o.mkv")[1] == codec
    assert not said.records


def test_they_move_with_the_beginning(tmp_path):
    clip = subtitled(tmp_path / "i.mkv", "subrip", [b"one", b"two", b"three"])
    remake(clip, tmp_path / "o.mp4", span=(200, None))
    assert [(round(start, 2), words) for start, _, words in texts(tmp_path / "o.mp4")[0]] == [
        (0.14, "two"),
        (0.44, "three"),
    ]


def test_damaged_lines_are_said_and_the_rest_kept(tmp_path, said):
    clip = subtitled(
        tmp_path / "i.mkv", "ass", [b"0,0,Default,,0,0,0,,one", b"nonsense", b"2,0,Default,,0,0,0,,three"], HEADER
    )
    remake(clip, tmp_path / "o.mp4")
    assert {"one", "three"} <= {words for *_, words in texts(tmp_path / "o.mp4")[0]}
