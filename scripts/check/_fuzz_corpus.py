"""The files that `scripts/check/fuzz.py` starts from: small, whole, at least one for every decoder in use."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
import torch
from _fuzz_metadata import described, packet
from PIL import ExifTags, Image, ImageCms

from photostyle.batch.state import read_state
from photostyle.io import write_mask
from photostyle.network.wct2 import WCT2, ModelConfig
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit, measure_target
from photostyle.transfer.presets import save_style
from photostyle.video.options import VideoOptions
from photostyle.video.spatial import Spatial, put_into
from photostyle.video.stylize import load_style, stylize_clip
from photostyle.weights import save_model

HEIGHT, WIDTH = 24, 32
RESUMED = "resumed.mkv"


@dataclass(frozen=True)
class Seed:
    """A whole file: what it is read as, its name, its bytes."""

    kind: str
    name: str
    data: bytes


def pixels(depth: type[np.unsignedinteger[Any]] = np.uint8, channels: int = 3, seed: int = 0) -> npt.NDArray[Any]:
    """A smooth picture with some noise, (HEIGHT, WIDTH, channels), no more colourful than a photo."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH] / WIDTH
    waves = [0.5 + 0.4 * np.sin(5 * p[0] + 6 * p[1] * x + 5 * p[2] * y) for p in generator.random((channels, 3))]
    values: npt.NDArray[np.float64] = 0.5 * (np.stack(waves, -1) + np.mean(waves, 0)[..., None])
    values += generator.normal(0, 0.03, (HEIGHT, WIDTH, channels))
    return (values.clip(0, 1) * np.iinfo(depth).max).astype(depth)


def tiny_model() -> WCT2:
    """A random network that runs in milliseconds."""
    torch.manual_seed(0)
    return WCT2(ModelConfig("tiny", (4, 6, 8, 8), "sum", 0.5, 1e-3)).eval().requires_grad_(False)


def write_scene(folder: Path) -> None:
    """What every case may use beside the file that is damaged: photo, style, masks, network, saved style, clip."""
    model = tiny_model()
    save_model(model, folder / "tiny.safetensors", half=False)
    for number, name in enumerate(("content.png", "style.png")):
        Image.fromarray(pixels(seed=number)).save(folder / name)
        labels = np.repeat([np.arange(WIDTH) * 2 // WIDTH], HEIGHT, 0).astype(np.uint8)
        write_mask(folder / f"mask-{name}", labels, ["sky", "my own"])
    content, style = (torch.from_numpy(pixels(seed=number)).permute(2, 0, 1) / 255 for number in (0, 1))
    save_style(fit(model, content, style), folder / "fitted.style")
    save_style(measure_target(model, [style], names=["style.png"]), folder / "each.style")
    (folder / "clip.mp4").write_bytes(_clip("mp4", "libx264", "yuv420p"))


def seeds(scene: Path) -> list[Seed]:
    """All files to begin with; those whose libraries are missing are left out."""
    found = [*_images(), *_deep(), *_masks(scene), *_weights(scene), *_clips(), *_presets(), *_interrupted(scene)]
    for kind in ("fitted", "each"):
        found.append(Seed("style", f"{kind}.style", (scene / f"{kind}.style").read_bytes()))
    return found


def _images() -> list[Seed]:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Ada", 6
    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.ExposureTime: 0.01, ExifTags.Base.MakerNote: b"\1\2" * 20})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (51.0, 30.0, 0.0)})
    icc = imagecodecs.cms_profile("rgb", whitepoint=[0.3127, 0.329, 1.0], gamma=2.2,
                                  primaries=[0.64, 0.33, 1.0, 0.21, 0.71, 1.0, 0.15, 0.06, 1.0])  # fmt: skip
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    rgb, rgba, grey = (Image.fromarray(pixels(channels=n).squeeze()) for n in (3, 4, 1))
    palette = rgb.quantize(16)
    tags: dict[str, Any] = {"exif": exif, "icc_profile": icc}
    saved: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("tagged.jpg", rgb, {**tags, "xmp": xmp}), ("progressive.jpg", rgb, {"progressive": True}),
        ("grey.jpg", grey, {}), ("ink.jpg", rgb.convert("CMYK"), {}),
        ("tagged.png", rgb, tags), ("alpha.png", rgba, {"icc_profile": srgb}),
        ("grey-alpha.png", rgba.convert("LA"), {}), ("bit.png", grey.convert("1"), {}),
        ("palette.png", palette, {"transparency": 3}),
        ("plain.tif", rgb, {}), ("lzw.tif", rgb, {**tags, "compression": "tiff_lzw"}),
        ("jpeg.tif", rgb, {"compression": "jpeg"}), ("fax.tif", grey.convert("1"), {"compression": "group4"}),
        ("ink.tif", rgb.convert("CMYK"), {"compression": "tiff_adobe_deflate"}),
        ("lossy.webp", rgba, {**tags, "xmp": xmp}), ("lossless.webp", rgb, {"lossless": True}),
        ("palette.gif", palette, {}), ("plain.bmp", rgb, {}), ("plain.ppm", rgb, {}), ("plain.jp2", rgb, {}),
        ("plain.avif", rgb, {}),
    ]  # fmt: skip
    known = Image.registered_extensions()
    return [Seed("image", name, _saved(image, known["." + name.rpartition(".")[2]], options))
            for name, image, options in saved if "." + name.rpartition(".")[2] in known]  # fmt: skip


def _saved(image: Image.Image, form: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _deep() -> list[Seed]:
    def tiff(values: npt.NDArray[Any], **options: Any) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, values, metadata=None, **{"photometric": "rgb", **options})
        return file.getvalue()

    rgb, rgba = pixels(np.uint16), pixels(np.uint16, 4)
    grey = pixels(np.uint16, 1)[..., 0]
    made: dict[str, Callable[[], bytes]] = {
        "deep.png": lambda: bytes(imagecodecs.png_encode(rgb)),
        "deep-alpha.png": lambda: bytes(imagecodecs.png_encode(rgba)),
        "deep-grey.png": lambda: bytes(imagecodecs.png_encode(grey)),
        "deep.tif": lambda: tiff(rgb, compression="zlib", predictor=True, extratags=[(274, 3, 1, 6, True)]),
        "tiled.tif": lambda: tiff(rgba, tile=(16, 16), extrasamples=["assocalpha"], compression="lzw"),
        "big.tif": lambda: tiff(rgb, bigtiff=True), "planes.tif": lambda: tiff(np.moveaxis(rgb, -1, 0), planarconfig=2),
        "float.tif": lambda: tiff((rgb / 65535).astype(np.float32), compression="zstd"),
        "inverted.tif": lambda: tiff(grey, photometric="miniswhite"),
        "ten.tif": lambda: tiff(rgb >> 6, bitspersample=10), "camera.dng": _camera_raw,
    }  # fmt: skip
    found = [Seed("image", name, make()) for name, make in made.items()]
    found.extend(Seed("image", f"described-{name}", data) for name, data in described(pixels()).items())
    if importlib.util.find_spec("pillow_heif"):
        import pillow_heif

        file = io.BytesIO()
        pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), rgb.tobytes()).save(file, quality=60)
        found.append(Seed("image", "phone.heic", file.getvalue()))
    return found


def _camera_raw() -> bytes:
    """A DNG of a Bayer sensor (RGGB, 12 bits)."""
    mosaic = (pixels(np.uint16, 1)[..., 0] >> 4).repeat(2, 0).repeat(2, 1)
    tags = [
        (50706, 1, 4, (1, 4, 0, 0), True), (50708, 2, 0, "Test Camera", True), (271, 2, 0, "Test", True),
        (33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True), (50717, 4, 1, 4095, True),
        (50728, 5, 3, (1, 2, 1, 1, 4, 5), True), (50778, 3, 1, 21, True),
        (50721, 10, 9, [part for v in np.eye(3).ravel() for part in (int(v), 1)], True),
    ]  # fmt: skip
    file = io.BytesIO()
    tifffile.imwrite(file, mosaic, photometric=32803, extratags=tags, metadata=None, subfiletype=0)
    return file.getvalue()


def _masks(scene: Path) -> list[Seed]:
    labels = np.repeat([np.arange(WIDTH) * 3 // WIDTH], HEIGHT, 0).astype(np.uint8)
    colours = np.array([(135, 206, 235), (255, 0, 0), (0, 0, 0)], np.uint8)[labels]
    made = {"named.png": (scene / "mask-content.png").read_bytes()}
    others: list[tuple[str, npt.NDArray[Any]]] = [(f"colours.{form}", colours) for form in ("png", "jpg", "tif")]
    for name, image in [*others, ("grey.png", labels), ("deep.png", labels.astype(np.uint16) * 300)]:
        form = {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[name[-3:]]
        made[name] = _saved(Image.fromarray(image), form, {})
    return [Seed("mask", name, data) for name, data in made.items()]


def _weights(scene: Path) -> list[Seed]:
    model = tiny_model()
    found = [Seed("model", "tiny.safetensors", (scene / "tiny.safetensors").read_bytes())]
    for half in ("encoder", "decoder"):
        file = io.BytesIO()
        torch.save(getattr(model, half).state_dict(), file)
        (scene / f"{half}.pth").write_bytes(file.getvalue())
        found.append(Seed("checkpoint", f"{half}.pth", file.getvalue()))
    from photostyle.segmentation.files import save_network
    from photostyle.segmentation.network import CLASSES, Architecture, build

    options = {"channels": [8, 8, 16, 16], "stem_width": 8, "decoder_pyramid_channels": 8,
               "decoder_segmentation_channels": 32}  # fmt: skip
    architecture = Architecture("FPN", "tu-resnet10t", options, CLASSES)
    save_network(build(architecture).eval(), architecture, scene / "regions.safetensors")
    return [*found, Seed("network", "regions.safetensors", (scene / "regions.safetensors").read_bytes())]


def _presets() -> list[Seed]:
    texts = {
        "plain.toml": 'style = "style.png"\nstrength = 0.5\nsize = 32\nquiet = true\nsegment = "off"\n'
        'at = "encoder,decoder"\n',
        "regions.toml": 'style = ["style.png"]\nstrength = "0.8,sky=1"\ncontent-mask = "mask-content.png"\n'
        'style-mask = "mask-style.png"\nmatching = "wct"\nbits = 8\nmask_refine = "off"\nmap = "sky=sky"\n',
    }
    return [Seed("preset", name, text.encode()) for name, text in texts.items()]


def _clips() -> list[Seed]:
    made = {
        "sound.mp4": _clip("mp4", "libx264", "yuv420p", sound=True),
        "ten.mkv": _clip("matroska", "libx265", "yuv420p10le"),
        "lossless.mkv": _clip("matroska", "ffv1", "yuv444p", sound=True),
        "plain.webm": _clip("webm", "libvpx-vp9", "yuv420p"),
        "photos.mov": _clip("mov", "mjpeg", "yuvj422p"),
        "cut-out.mkv": _clip("matroska", "ffv1", "yuva420p", text="subrip", eyes=True),
        "around.mp4": _clip("mp4", "libx264", "yuv420p", text="mov_text"),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "around.mp4"
        path.write_bytes(made[path.name])
        put_into(path, Spatial((1, 0), (0, 1 << 16, 2 << 16, 0, 1, 2, 3, 4, 0)), packet(""))
        made[path.name] = path.read_bytes()
    return [Seed("clip", name, data) for name, data in made.items()]


def _clip(form: str, codec: str, layout: str, *, sound: bool = False, text: str = "", eyes: bool = False) -> bytes:
    """Six frames with a cut in their middle."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
        video: Any = container.add_stream(codec, rate=25, width=WIDTH, height=HEIGHT, options=options)
        video.pix_fmt, video.codec_context.thread_count = layout, 1
        wave: Any = container.add_stream("aac", rate=48000) if sound else None
        words: Any = container.add_mux_stream(text) if text else None
        container.metadata["title"] = "naïve"
        if eyes:
            video.metadata["stereo_mode"] = "left_right"
        if words:
            words.time_base = Fraction(1, 1000)
        for number in range(2 if words else 0):
            line = b"<i>one</i>{\\an8}" if text == "subrip" else b"\0\x03one"
            said = av.Packet(line)
            said.stream, said.time_base, said.duration = words, Fraction(1, 1000), 50
            said.pts = said.dts = 60 * number
            container.mux(said)
        for number in range(6):
            picture = np.roll(pixels(seed=number // 3), number, 1)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=layout)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for number in range(8 if wave else 0):
            block = av.AudioFrame.from_ndarray(np.full((1, 2048), number * 99, np.int16), "s16", "stereo")
            block.sample_rate, block.pts, block.time_base = 48000, 1024 * number, Fraction(1, 48000)
            container.mux(wave.encode(block))
        if wave:
            container.mux(wave.encode())
    return file.getvalue()


def _interrupted(scene: Path) -> list[Seed]:
    """What an interrupted batch and an interrupted clip leave for the run that goes on."""

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "grading" and done >= 4:
            raise KeyboardInterrupt

    model = tiny_model()
    with contextlib.suppress(KeyboardInterrupt):
        stylize_clip(
            model, scene / "clip.mp4", load_style(scene / "style.png", model), scene / RESUMED, FitOptions(),
            VideoOptions(codec="ffv1", fit="drift"), progress=stop,
        )  # fmt: skip
    read_state(scene / "batch").renewed({"bits": 8, "style": [["sky", "abc"]]}, overwrite=False)
    # Not the finished segments: they are the encoder's, and joined as they are.
    parts = sorted(path for path in (scene / f"{RESUMED}.parts").iterdir() if path.suffix != ".nut")
    paths = [*parts, scene / "batch" / ".photostyle" / "batch.json"]
    return [Seed("state", str(path.relative_to(scene)), path.read_bytes()) for path in paths]
