"""What a clip has beside its picture: tags, timecode, chapters, languages, covers; kept, or their loss said."""

import io
import itertools
import logging
import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from photostyle.errors import OutputError, VideoReadError
from photostyle.options import FitOptions
from photostyle.video import run as video_run
from photostyle.video.encode import failed
from photostyle.video.looks import StyleSide
from photostyle.video.options import VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.stylize import stylize_clip
from photostyle.video.tags import lost_tags
from photostyle.video.timecode import later
from tests.util import picture
from tests.util.cli import colourful_model
from tests.util.video import decoded, make_clip, packets, remake

IPHONE = {
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15 Pro",
    "com.apple.quicktime.location.ISO6709": "+48.8577+002.2950+035/",
    "com.apple.quicktime.creationdate": "2025-06-01T12:00:00+0200",
    "creation_time": "2025-06-01T10:00:00.000000Z",
}
ANDROID = {"location": "+52.5200+013.4050/", "com.android.version": "14", "com.android.capture.fps": "30.0"}
FILM = {"title": "A day", "artist": "Somebody", "date": "2024-05-06", "comment": "first cut", "genre": "Drama"}
KEYS = {"movflags": "use_metadata_tags"}


@pytest.fixture(scope="module")
def model():
    return colourful_model()


@pytest.fixture(scope="module")
def style():
    return StyleSide(picture(40, 48, 2))


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "photostyle")
    return caplog


def png(size=32):
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)).save(data, "PNG")
    return data.getvalue()


def file_tags(path):
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


@pytest.mark.parametrize("tags", [IPHONE, ANDROID, FILM, {**FILM, "foo": "bar"}], ids=["ios", "android", "film", "own"])
@pytest.mark.parametrize("source", ["i.mov", "i.mp4", "i.mkv"])
@pytest.mark.parametrize("output", ["o.mov", "o.mp4", "o.mkv", "o.webm"])
def test_tags_are_kept_in_every_container(tmp_path, said, tags, source, output):
    clip = make_clip(tmp_path / source, (2,), tags=tags, muxer=KEYS)
    remake(clip, tmp_path / output)
    found = file_tags(tmp_path / output)
    assert not lost_tags(tags, found)
    assert set(tags) <= set(found) | {key for key in tags if key.lower() in found}
    assert "left out" not in said.text


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_finds_the_keys(tmp_path):
    clip = make_clip(tmp_path / "i.mov", (2,), tags=IPHONE, muxer=KEYS)
    remake(clip, tmp_path / "o.mov")
    asked = ["exiftool", "-s3", "-Make", "-Model", "-GPSCoordinates", "-CreationDate"]
    one, other = (subprocess.run([*asked, p], capture_output=True, text=True, check=True).stdout
                  for p in (clip, tmp_path / "o.mov"))  # fmt: skip
    assert other == one
    assert "Apple" in one


def timecodes(path):
    with av.open(str(path)) as container:
        places = [container, *container.streams]
        return [v for place in places for k, v in place.metadata.items() if k.lower() == "timecode"]


@pytest.mark.parametrize("source", ["i.mkv", "i.mov", "i.mp4"])
@pytest.mark.parametrize("output", ["o.mov", "o.mp4", "o.mkv", "o.webm"])
@pytest.mark.parametrize(
    ("rate", "timecode"),
    [(Fraction(25), "10:20:30:12"), (Fraction(30000, 1001), "00:59:59;28"), (Fraction(24), "01:00:00:00")],
)
def test_timecode_is_kept(tmp_path, said, source, output, rate, timecode):
    clip = make_clip(tmp_path / source, (12,), rate=rate, tags={"timecode": timecode})
    assert set(timecodes(clip)) == {timecode}
    remake(clip, tmp_path / output, (5,))
    assert set(timecodes(tmp_path / output)) == {timecode}
    assert "left out" not in said.text


@pytest.mark.parametrize("output", ["o.mov", "o.mkv"])
def test_timecode_moves_with_the_beginning(tmp_path, output):
    clip = make_clip(tmp_path / "i.mov", (12,), rate=Fraction(30000, 1001), tags={"timecode": "00:00:59;27"})
    pts = [frame.pts for frame in VideoReader(clip).frames()]
    remake(clip, tmp_path / output, span=(pts[5], None))
    assert set(timecodes(tmp_path / output)) == {"00:01:00;04"}


@pytest.mark.parametrize("timecode", ["garbage", "01:00:00;00", "", "25:99:00:77"])
@pytest.mark.parametrize("output", ["o.mov", "o.mp4"])
def test_timecode_that_is_none_is_left_out_with_a_word_and_the_clip_is_written(
    tmp_path, model, style, said, timecode, output
):
    clip = make_clip(tmp_path / "i.mkv", (3,), tags={"timecode": timecode, "title": "T"})
    stylize_clip(model, clip, style, tmp_path / output, FitOptions(), VideoOptions())
    assert len(decoded(tmp_path / output)) == 3
    assert file_tags(tmp_path / output)["title"] == "T"
    if timecode in ("garbage", "01:00:00;00"):  # drop-frame counts only 29.97 and its like
        assert timecodes(tmp_path / output) == []
        assert f"left out, as {output[1:]} files do not hold it: timecode {timecode}" in said.text


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(60000, 1001)])
def test_drop_frame_timecode_leaves_out_the_numbers_of_the_standard(rate):
    nominal, dropped = round(rate), round(rate) // 15
    labels = [
        f"{h:02d}:{m:02d}:{s:02d};{f:02d}"
        for h, m, s, f in itertools.product(range(2), range(60), range(60), range(nominal))
        if not (s == 0 and f < dropped and m % 10)
    ]
    for start in (0, 1798, 1799, 1800, 17981, 17982, len(labels) // 2 - 3):
        for frames in (0, 1, 2, 59, 1800, 17982, 20000):
            assert later(labels[start], frames, rate) == labels[start + frames]
    last = f"23:59:59;{nominal - 1:02d}"
    assert later(last, 1, rate) == "00:00:00;00"


@pytest.mark.parametrize(("rate", "start", "frames", "expected"), [
    (Fraction(25), "09:59:59:24", 1, "10:00:00:00"),
    (Fraction(24000, 1001), "23:59:59:23", 2, "00:00:00:01"),
    (Fraction(100), "00:00:00:99", 1, "00:00:01:00"),
    (Fraction(25), "00:00:00:25", 1, None),
    (Fraction(25), "00:00:00;01", 1, None),
    (Fraction(25), "noon", 1, None),
])  # fmt: skip
def test_timecode_without_drops(rate, start, frames, expected):
    assert later(start, frames, rate) == expected


GERMAN = {"i.mp4": "deu", "i.mov": "ger", "i.mkv": "deu"}  # QuickTime's list has it by the other code


@pytest.mark.parametrize(("source", "output"), list(itertools.permutations(["i.mp4", "i.mov", "i.mkv"], 2)))
def test_chapters_languages_and_titles_are_kept(tmp_path, said, source, output):
    film, sound = {"language": GERMAN[source], "title": "Main"}, {"language": "fra", "title": "Voice"}
    clip = make_clip(tmp_path / source, (30,), audio="aac", chapters=True, stream_tags=film, audio_tags=sound)
    target = tmp_path / output.replace("i.", "o.")
    remake(clip, target)
    with av.open(str(target)) as a, av.open(str(clip)) as b:
        for one, other in zip(a.chapters(), b.chapters(), strict=True):
            assert one["metadata"]["title"] == other["metadata"]["title"]
            assert abs(one["start"] * one["time_base"] - other["start"] * other["time_base"]) < Fraction(1, 500)
        assert a.streams.video[0].language in ("deu", "ger")
        assert a.streams.audio[0].language in ("fra", "fre")
        for stream, title in ((a.streams.video[0], "Main"), (a.streams.audio[0], "Voice")):
            assert title in stream.metadata.values()
    assert "left out" not in said.text


def test_flags_of_streams_are_kept_or_their_loss_said(tmp_path, said):
    flags = Disposition.default | Disposition.hearing_impaired
    clip = make_clip(tmp_path / "i.mkv", (12,), audio="aac", audio_flags=flags)
    for name in ("o.mkv", "o.mp4", "o.mov"):
        remake(clip, tmp_path / name)
        with av.open(str(tmp_path / name)) as container:
            kept = container.streams.audio[0].disposition & flags == flags
        assert kept or f"as {name[1:]} files do not hold it: hearing_impaired of the audio stream 1" in said.text
        assert kept == (name != "o.mov")


@pytest.mark.parametrize("source", ["i.mp4", "i.mkv"])
@pytest.mark.parametrize("output", ["o.mp4", "o.mkv", "o.mov", "o.webm"])
def test_a_cover_is_kept_where_the_container_can(tmp_path, said, source, output):
    clip = make_clip(tmp_path / source, (6,), cover=png())
    assert VideoReader(clip).info.codec == "h264"
    remake(clip, tmp_path / output)
    assert len(decoded(tmp_path / output)) == 6
    with av.open(str(tmp_path / output)) as container:
        covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        found = [bytes(p) for s in covers for p in container.demux(s) if p.size]
    if output in ("o.mov", "o.webm"):
        assert found == []
        assert "cover picture 1 (png)" in said.text
    else:
        assert found == [png()]
        assert "left out" not in said.text


@pytest.mark.parametrize("name", ["song.mp4", "song.mp3"])
def test_sound_with_a_cover_is_no_film(tmp_path, name):
    path = tmp_path / name
    container = av.open(str(path), "w")
    sound = container.add_stream("libmp3lame" if name.endswith("mp3") else "aac", rate=48000)
    with av.open(io.BytesIO(png())) as still:
        cover = container.add_stream_from_template(still.streams.video[0], opaque=True)
    cover.disposition = Disposition.attached_pic
    container.start_encoding()
    packet = av.Packet(png())
    packet.stream = cover
    container.mux(packet)
    for i in range(20):
        block = av.AudioFrame.from_ndarray(np.zeros((2, 1152), np.float32), "fltp", "stereo")
        block.sample_rate, block.pts = 48000, i * 1152
        container.mux(sound.encode(block))
    container.mux(sound.encode())
    container.close()
    with pytest.raises(VideoReadError, match=r"holds no video stream but a cover picture; give a clip"):
        VideoReader(path)


def test_the_film_is_graded_wherever_the_cover_stands(tmp_path, model, style):
    clip = make_clip(tmp_path / "i.mp4", (5,), cover=png(400))  # larger than the film
    stylize_clip(model, clip, style, tmp_path / "o.mp4", FitOptions(), VideoOptions())
    with av.open(str(tmp_path / "o.mp4")) as container:
        found = [(s.codec_context.name, s.codec_context.width) for s in container.streams.video]
    assert found == [("h264", 64), ("png", 400)]


def test_a_container_that_refuses_is_found_before_grading(tmp_path, model, style, monkeypatch):
    clip = make_clip(tmp_path / "i.mp4", (5,), audio="aac")

    def never(*args, **kwargs):
        raise AssertionError("grading has begun")

    def refuse(*args, **kwargs):
        raise av.error.ArgumentError(22, "Invalid argument", "o.mov")

    monkeypatch.setattr(video_run, "grade", never)
    monkeypatch.setattr("photostyle.video.trial.open_result", refuse)
    with pytest.raises(OutputError, match=r"o\.mov: the container does not take this picture .*choose another -o"):
        stylize_clip(model, clip, style, tmp_path / "o.mov", FitOptions(), VideoOptions())
    assert list(tmp_path.iterdir()) == [clip]


def test_what_alone_is_refused_is_left_out_and_the_rest_kept(tmp_path, model, style, monkeypatch, said):
    clip = make_clip(tmp_path / "i.mp4", (30,), audio="aac", subtitles=True, chapters=True, tags={"title": "T"})
    original = video_run.unacceptable.__globals__["open_result"]

    def refusing(*args):
        if 2 not in args[-1]:  # the subtitles
            raise av.error.ArgumentError(22, "Invalid argument", "o.mov")
        return original(*args)

    monkeypatch.setattr("photostyle.video.trial.open_result", refusing)
    stylize_clip(model, clip, style, tmp_path / "o.mov", FitOptions(), VideoOptions())
    assert packets(tmp_path / "o.mov", "audio") == packets(clip, "audio")
    with av.open(str(tmp_path / "o.mov")) as container:
        assert container.metadata["title"] == "T"
        assert len(container.chapters()) == 2
        assert not container.streams.subtitles
    assert "files do not hold it: subtitle stream 2" in said.text


@pytest.mark.parametrize(("error", "says"), [
    (OSError(28, "No space left on device"), "the disk is full.*make room.*--resume"),
    (OSError(5, "Input/output error"), r"\(Input/output error\); mend that.*--resume"),
    (av.error.ArgumentError(22, "Invalid argument"), "does not take this picture"),
    (ValueError("no such codec"), "does not take this picture"),
])  # fmt: skip
def test_only_a_full_disk_asks_for_room(tmp_path, error, says):
    message = str(failed(tmp_path / "o.mp4", error))
    with pytest.raises(OutputError, match=says):
        raise failed(tmp_path / "o.mp4", error)
    assert ("room" in message) == ("full" in says)


def test_other_pictures_and_fonts_are_named_when_they_are_left_out(tmp_path, said):
    path = tmp_path / "i.mkv"
    container = av.open(str(path), "w")
    streams = [container.add_stream("ffv1", rate=25, width=32, height=32) for _ in range(2)]
    container.add_attachment("a.ttf", "application/x-truetype-font", b"font")
    for stream in streams:
        stream.pix_fmt = "yuv420p"
    for stream in streams:
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode())
    container.close()
    remake(path, tmp_path / "o.mp4")
    assert "video stream 1 (ffv1)" in said.text
    assert "attachment stream 2" in said.text
    remake(path, tmp_path / "o.mkv", codec="ffv1")
    with av.open(str(tmp_path / "o.mkv")) as made:
        assert [(s.name, s.data) for s in made.streams.attachments] == [("a.ttf", b"font")]
