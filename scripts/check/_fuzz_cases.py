"""What `scripts/check/fuzz.py` does with a damaged file, and what must come of it: a whole output or a named error."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import av
import numpy as np
import torch
from _fuzz_corpus import HEIGHT, RESUMED, WIDTH, Seed, tiny_model
from PIL import Image
from safetensors import safe_open

from photostyle.batch.state import read_state
from photostyle.cli.app import run
from photostyle.errors import PhotostyleError
from photostyle.io import OUTPUT_EXTENSIONS, read_mask, read_mask_pair, read_photo, write_photo
from photostyle.jobs.photo import apply_file
from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.segmentation import load_segmenter
from photostyle.transfer.presets import load_style
from photostyle.video.options import VideoOptions
from photostyle.video.reading import VideoReader
from photostyle.video.stylize import load_style as load_video_style
from photostyle.video.stylize import stylize_clip
from photostyle.weights import import_checkpoints, load_model

OUTPUT, REFUSED = "output", "refused"
_MODEL = tiny_model()


class FindingError(Exception):
    """Something came of a file that must not."""


def require(holds: object, what: str) -> None:
    """Raise FindingError unless something holds."""
    if not holds:
        raise FindingError(what)


def try_case(seed: Seed, scene: Path, folder: Path, random: Random) -> tuple[str, str]:
    """Do with a damaged file what photostyle does with such files; `folder` is empty, the file's place.

    Returns ``"output"``, or ``"refused"`` and why. Raises FindingError, or whatever got out that is no named error.
    """
    path = folder / seed.name
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, Callable[[Path, Path, Random], None]] = {
        "image": _image, "mask": _mask, "style": _style, "model": _model, "network": _network,
        "checkpoint": _checkpoint, "preset": _preset, "clip": _clip, "state": _state,
    }  # fmt: skip
    if seed.kind == "preset":
        for name in ("style.png", "mask-content.png", "mask-style.png"):
            shutil.copy(scene / name, folder)
    if seed.kind == "state" and path.parent.suffix == ".parts":
        shutil.copytree(scene / path.parent.name, path.parent, dirs_exist_ok=True)
    path.write_bytes(seed.data)
    before = _listing(folder)
    try:
        kinds[seed.kind](path, scene, random)
    except PhotostyleError as error:
        text = str(error)
        require(text and "\n" not in text and len(text) < 3000, f"not one line: {text!r}")
        require(seed.kind != "image" or str(path) in text or "out" in text, f"does not name the file: {text}")
        # A clip keeps its finished parts for --resume, and only these.
        left = {name for name in _listing(folder) - before if ".parts/" not in name}
        require(not left, f"left behind by an error: {left}; {text}")
        require(not [n for n in _listing(folder) if n.endswith(".partial")], "a partial segment was left")
        return REFUSED, text
    hidden = [name for name in _listing(folder) - before if Path(name).name.startswith(".")]
    require(not hidden, f"left behind: {hidden}")
    return OUTPUT, ""


def _listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def _image(path: Path, scene: Path, random: Random) -> None:
    photo = read_photo(path)
    require(photo.pixels.dtype == np.float32 and photo.pixels.shape == (*photo.size, 3), "pixels of another kind")
    require(np.isfinite(photo.pixels).all(), "pixels are not finite")
    require(np.abs(photo.pixels).max() < 1e6, f"pixels reach {np.abs(photo.pixels).max()}")
    if photo.alpha is not None:
        require(photo.alpha.shape == photo.size, "alpha of another size")
        require(photo.alpha.min() >= 0 and photo.alpha.max() <= 1, "alpha out of range")
    if photo.pixels[..., 0].size > 1 << 20:
        return
    out = path.with_name(f"out{random.choice(OUTPUT_EXTENSIONS)}")
    if random.random() < 0.05:
        role = (path, scene / "style.png") if random.random() < 0.7 else (scene / "content.png", path)
        _cli("photo", role[0], "--style", role[1], "-o", out, "--model", scene / "tiny.safetensors", "--segment", "off")
        size = photo.size if role[0] == path else (HEIGHT, WIDTH)
    else:
        write_photo(out, photo.pixels, like=photo)
        size = photo.size
    _whole_image(out, size)


def _whole_image(path: Path, size: tuple[int, int]) -> None:
    with Image.open(path) as image:
        image.load()
        require((image.height, image.width) == size, f"the output is {image.size}, not {size[::-1]}")
    require(read_photo(path).size == size, "the output is read with another size")


def _mask(path: Path, scene: Path, random: Random) -> None:
    if random.random() < 0.05:
        out = path.with_name("out.png")
        _cli("photo", scene / "content.png", "--style", scene / "style.png", "--content-mask", path, "--style-mask",
             scene / "mask-style.png", "--model", scene / "tiny.safetensors", "-o", out)  # fmt: skip
        _whole_image(out, (HEIGHT, WIDTH))
        return
    size = (HEIGHT, WIDTH)
    found = [read_mask(path, size=size)]
    found += read_mask_pair(path, size, scene / "mask-style.png", size, need_common=random.random() < 0.5)
    for labels in found:
        require(labels.labels.shape == size and labels.labels.dtype == np.int64, "labels of another kind")
        require(set(np.unique(labels.labels).tolist()) <= set(labels.names), "a label has no name")
        require(labels.labels.min() >= 0 and labels.labels.max() <= 0xFFFFFF, "a label out of range")


def _style(path: Path, scene: Path, random: Random) -> None:
    out = path.with_name("out.png")
    chance = random.random()
    if chance < 0.05:
        _cli("style", "show", path, "--model", scene / "tiny.safetensors")
    elif chance < 0.1:
        _cli("style", "mix", path, scene / path.name, "-o", path.with_name("out.style"), "--model",
             scene / "tiny.safetensors")  # fmt: skip
    elif chance < 0.2:
        _cli("apply", path, scene / "content.png", "-o", out, "--model", scene / "tiny.safetensors")
        _whole_image(out, (HEIGHT, WIDTH))
    else:
        apply_file(load_style(path, _MODEL), scene / "content.png", out)
        _whole_image(out, (HEIGHT, WIDTH))


def _model(path: Path, scene: Path, random: Random) -> None:
    if random.random() < 0.05:
        out = path.with_name("out.png")
        _cli("photo", scene / "content.png", "--style", scene / "style.png", "--model", path, "-o", out,
             "--segment", "off")  # fmt: skip
        _whole_image(out, (HEIGHT, WIDTH))
        return
    model = load_model(path)
    with safe_open(path, "pt") as file:
        checked = "sha256" in file.metadata()  # files of before it was written are read without
    same = _same(model.state_dict(), _MODEL.state_dict())
    require(same or not checked, "other weights were read than written")


def _network(path: Path, scene: Path, random: Random) -> None:
    segmenter = load_segmenter(str(path))
    found = segmenter.probabilities(torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)))
    require(bool(found.isfinite().all()), "probabilities are not finite")


def _checkpoint(path: Path, scene: Path, random: Random) -> None:
    halves = {half: scene / f"{half}.pth" for half in ("encoder", "decoder")} | {path.stem: path}
    made = import_checkpoints(halves["encoder"], halves["decoder"], destination=path.parent)
    model: WCT2 = load_model(made)
    require(all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values()), "weights are not finite")


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _preset(path: Path, scene: Path, random: Random) -> None:
    out = path.with_name("out.png")
    _cli("photo", scene / "content.png", "--preset", path, "-o", out, "--model", scene / "tiny.safetensors",
         "--device", "cpu")  # fmt: skip
    require(out.is_file(), "no output")
    read_photo(out)


def _clip(path: Path, scene: Path, random: Random) -> None:
    out = path.with_name(f"out{random.choice((path.suffix, '.mkv', '.mp4'))}")
    if random.random() < 0.7:
        reader = VideoReader(path)
        last = None
        for frame in reader.frames():
            require(last is None or frame.pts > last, "timestamps do not increase")
            last = frame.pts
            require(frame.planes()[0].shape == (reader.info.height, reader.info.width), "a plane of another size")
            require(frame.thumbnail(8, 6).shape == (3, 6, 8), "a thumbnail of another size")
        return
    report = stylize_clip(_MODEL, path, load_video_style(scene / "style.png", _MODEL), out, FitOptions(),
                          VideoOptions(preview=random.random() < 0.2, keyframes=2))  # fmt: skip
    _whole_clip(out, report.frames)


def _whole_clip(path: Path, frames: int) -> None:
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
    require(count == frames, f"{count} of {frames} frames are in the output")
    require(not path.with_name(path.name + ".parts").exists(), "parts stay beside a finished clip")


def _state(path: Path, scene: Path, random: Random) -> None:
    if path.name == "batch.json":
        read_state(path.parents[1]).differences({"bits": 8})
        return
    out = path.parents[1] / RESUMED
    options = VideoOptions(codec="ffv1", fit="drift")
    style = load_video_style(scene / "style.png", _MODEL)
    report = stylize_clip(_MODEL, scene / "clip.mp4", style, out, FitOptions(), options, resume=True)
    _whole_clip(out, report.frames)


def _cli(*words: object) -> None:
    """The command in this process: exit code 0, or 1 or 2 and the error as PhotostyleError."""
    sys.argv = ["photostyle", *map(str, words)]
    with _captured() as said:
        try:
            run()
            code: object = 0
        except SystemExit as end:
            code = end.code
    lines = [line for line in said.getvalue().splitlines() if line.strip() and not line.startswith("warning: ")]
    require("Traceback" not in said.getvalue(), said.getvalue())
    if code in (0, None):
        return
    require(code in (1, 2), f"exit code {code}")
    require(code == 2 or (len(lines) == 1 and lines[0].startswith("photostyle: ")), f"said: {lines}")
    raise PhotostyleError(" ".join(lines)[:2000])


@contextlib.contextmanager
def _captured() -> Iterator[io.StringIO]:
    logger = logging.getLogger("photostyle")
    before, hook, said = (logger.handlers, logger.propagate, logger.level), sys.excepthook, io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            yield said
    finally:
        logger.handlers, logger.propagate = before[:2]
        logger.setLevel(before[2])
        sys.excepthook = hook


def offline() -> None:
    """No damaged option may reach a server."""
    os.environ.update(dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"))
    os.environ["PHOTOSTYLE_CACHE"] = "/nonexistent/photostyle"
