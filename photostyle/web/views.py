"""What the page shows: pictures as bytes, and small pieces of HTML around them."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from photostyle.jobs.loading import pixels_of
from photostyle.jobs.segment import label_map
from photostyle.regions.regions import Regions
from photostyle.web.progress import Progress, worded
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


def thumb(image: Tensor) -> str:
    """A small copy of an image (3, H, W) as an address that holds it."""
    picture = Image.fromarray((pixels_of(image).clip(0, 1) * 255).astype(np.uint8))
    picture.thumbnail((2 * _THUMB, 2 * _THUMB))
    return _jpeg(picture)


def inline(image: Tensor) -> str:
    """An image (3, H, W) as an address that holds it."""
    return _jpeg(Image.fromarray((pixels_of(image).clip(0, 1) * 255).astype(np.uint8)))


def _jpeg(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def labels(regions: Regions, size: tuple[int, int]) -> tuple[Picture, list[str]]:
    """The region of every pixel of a picture of `size` (H, W): a grey PNG of numbers, and the names they stand for."""
    if min(size) < min(regions.size):
        size = regions.size
    names, numbers = label_map(Regions({name: _smooth(one, size) for name, one in regions.weights.items()}, False))
    stream = io.BytesIO()
    Image.fromarray(numbers).save(stream, "PNG")
    return Picture(stream.getvalue(), "image/png"), names


def _smooth(weight: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(weight[None, None].float(), size=size, mode="bilinear", align_corners=False)[0, 0].cpu()


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
        f'<img class="ps-sheet-picture" src="picture/{token}" alt="{escape(text)}"></a>'
    )


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="ps-note">{escape(text)}</p>'


def lead(strong: str, text: str) -> str:
    """What a tab is for."""
    return f'<p class="ps-lead"><b>{escape(strong)}</b> {escape(text)}</p>'


def problem(text: str) -> str:
    """What went wrong, where its result would stand."""
    return f'<p class="ps-problem" role="alert">{escape(text)}</p>'


def progress(told: Progress) -> str:
    """How far something is."""
    amount = f' max="{told.total}" value="{told.done}"' if told.total else ""
    left = f", {worded(told.left)} left" if told.left is not None else "…"
    text = escape(told.what[:1].upper() + told.what[1:] + left)
    return (
        f'<div class="ps-progress" role="status"><progress{amount} aria-label="Progress"></progress>'
        f"<span>{text}</span></div>"
    )


def frames(stills: Sequence[tuple[str, str, str]]) -> str:
    """Frames by what they are, each before and after."""
    figures = "".join(
        f'<figure><div><img src="{before}" alt="{escape(what)}, as it was"><img src="{after}" '
        f'alt="{escape(what)}, in the look"></div><figcaption>{escape(what)}</figcaption></figure>'
        for what, before, after in stills
    )
    return f'<div class="ps-frames">{figures}</div>'


def times(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """What takes how long."""
    body = "".join(f'<tr><th scope="row">{escape(what)}</th><td>{escape(long)}</td></tr>' for what, long in rows)
    return (
        f'<table class="ps-times"><thead><tr><th scope="col">{escape(title)}</th><th scope="col">Time</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
