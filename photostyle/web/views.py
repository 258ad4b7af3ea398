"""What the page shows: pictures as bytes, and small pieces of HTML around them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from photostyle.io import region_colours
from photostyle.jobs.loading import pixels_of
from photostyle.jobs.segment import label_map, overlaid
from photostyle.regions.labels import Decision
from photostyle.regions.regions import Regions
from photostyle.web.sessions import Picture, Visitor

_THUMB = 160
_ASSETS = Path(__file__).parent / "assets"


def asset(name: str) -> str:
    """A text file of the page."""
    return (_ASSETS / name).read_text(encoding="utf-8")


def encoded(pixels: npt.NDArray[np.float32], quality: int = 90) -> Picture:
    """Working RGB (H, W, 3) in [0, 1] as a picture for browsers."""
    stream = io.BytesIO()
    values = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(values).save(stream, "JPEG", quality=quality, subsampling=0 if quality > 90 else 2)
    return Picture(stream.getvalue(), "image/jpeg")


def shown(visitor: Visitor[Any], image: Tensor, quality: int = 90) -> str:
    """Keep an image (3, H, W) for a visitor; returns its address."""
    return "picture/" + visitor.show(encoded(pixels_of(image), quality))


def filed(visitor: Visitor[Any], pixels: npt.NDArray[np.float32], path: Path) -> str:
    """The same for (H, W, 3) of full size, kept in a file."""
    picture = encoded(pixels, 95)
    if isinstance(picture.content, bytes):
        path.write_bytes(picture.content)
    return "picture/" + visitor.show(Picture(path, picture.media))


def thumb(visitor: Visitor[Any], image: Tensor, text: str) -> str:
    """A small copy of an image, as HTML."""
    picture = Image.fromarray((pixels_of(image).clip(0, 1) * 255).astype(np.uint8))
    picture.thumbnail((2 * _THUMB, 2 * _THUMB))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    token = visitor.show(Picture(stream.getvalue(), "image/jpeg"))
    return f'<img class="ps-thumb" src="picture/{token}" alt="{escape(text)}" title="{escape(text)}">'


def overlay(image: Tensor, regions: Regions) -> npt.NDArray[np.uint8]:
    """The image (3, h, w) with its regions' colours laid over it, (h, w, 3)."""
    names, labels = label_map(regions)
    mixed = overlaid(pixels_of(image), labels, names)
    values: npt.NDArray[np.uint8] = np.rint(mixed.clip(0, 1) * 255).astype(np.uint8)
    return values


def download(token: str, name: str, size: int) -> str:
    """A link to a file."""
    mega = size / 1e6
    amount = f"{mega:.1f} MB" if mega >= 1 else f"{max(1, round(size / 1e3))} kB"
    return (
        f'<a class="ps-download" href="file/{token}" download="{escape(name)}">Download {escape(name)} '
        f"<span>({amount})</span></a>"
    )


def video(token: str, text: str) -> str:
    """A clip to play."""
    return f'<video class="ps-video" controls loop src="picture/{token}" aria-label="{escape(text)}"></video>'


def sheet(token: str, text: str) -> str:
    """A large picture that opens by itself."""
    return (
        f'<a href="picture/{token}" target="_blank" rel="noopener">'
        f'<img class="ps-sheet" src="picture/{token}" alt="{escape(text)}"></a>'
    )


def decided(decisions: Sequence[Decision]) -> str:
    """What was decided on each region, as a list; each behind its colour in the picture of the regions."""
    if not decisions:
        return ""
    colours = region_colours([decision.region for decision in decisions])
    items = "".join(
        f'<li><span class="ps-swatch" style="background:rgb{colours[decision.region]}"></span>'
        f"{escape(str(decision))}</li>"
        for decision in decisions
        if decision.share >= 0.0005
    )
    return f'<ul class="ps-decisions">{items}</ul>'


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="ps-note">{escape(text)}</p>'


VIEWER = """
<div class="ps-viewer" id="ps-viewer" data-empty="true">
  <div class="ps-stage" tabindex="0" role="region" aria-label="The photo before and after">
    <div class="ps-frame">
      <img class="ps-after" alt="The photo with the style">
      <img class="ps-before" alt="The photo as it was">
      <span class="ps-cut" aria-hidden="true"></span>
    </div>
    <p class="ps-empty">Choose a photo and a reference, or try the sample pair.</p>
  </div>
  <div class="ps-bar">
    <label class="ps-range"><span>Before</span>
      <input type="range" min="0" max="100" value="50" aria-label="How much of the photo is shown as it was, in percent"
        oninput="photostyle.cut(this.value)">
    <span>After</span></label>
    <button type="button" class="ps-zoom" aria-pressed="false" onclick="photostyle.zoom(this)">Actual pixels</button>
  </div>
</div>
"""
