"""What a shot is given: one fitted transfer, windows to interpolate between, or nothing where every frame is fitted."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from photostyle.network.wct2 import WCT2
from photostyle.options import FitOptions
from photostyle.regions.labels import SPECK, match
from photostyle.regions.regions import WHOLE, Regions, side_by_side
from photostyle.transfer.fitting import fit
from photostyle.transfer.interpolation import Window, interpolate, measure
from photostyle.transfer.lasting import Witness
from photostyle.transfer.targets import Target
from photostyle.transfer.transfer import Transfer
from photostyle.video.options import VideoOptions
from photostyle.video.regions import Heard
from photostyle.video.shots import Spread
from photostyle.video.vote import Vote

FIT_PIXELS = 960 * 540  # key frames and styles are reduced to so many: enough for statistics, and memory stays small


@dataclass(frozen=True)
class Look:
    """A shot's transfers.

    Attributes:
        windows: (tick of its middle, window) in order of time; one for a shot with one fit; none if every frame is to
            be fitted by itself.
        vote: of its key frames on what is which region, where that was found by a network.
        witness: what its key frames have to say to the smooth finish of all its frames, if the look is steady.
    """

    windows: tuple[tuple[int, Window], ...]
    vote: Vote | None = None
    witness: Witness | None = None

    @property
    def steady(self) -> bool:
        """One transfer serves all frames."""
        return len(self.windows) == 1

    def at(self, pts: int) -> Transfer | None:
        """The transfer for the frame at a tick; None where the frame is to be fitted by itself."""
        if not self.windows:
            return None
        for (start, first), (end, second) in zip(self.windows, self.windows[1:], strict=False):
            if pts < end:
                return interpolate(first, second, min(1.0, max(0.0, (pts - start) / (end - start))))
        return self.windows[-1][1].transfer


@dataclass(frozen=True, eq=False)
class StyleSide:
    """The reference photo: (3, H, W) in [0, 1] on the network's device, with its regions if frames have some.

    Or what was measured of one or several, with what regions they have.
    """

    image: Tensor | Target
    regions: Regions | None = None

    @property
    def digest(self) -> str:
        """A hash of all that a fit takes from it."""
        digest = hashlib.sha256()
        for part in self._parts():
            data = part.detach().float().cpu().contiguous().numpy().tobytes() if isinstance(part, Tensor) else part
            digest.update(data)
        return digest.hexdigest()

    def _parts(self) -> Iterator[Tensor | bytes]:
        if isinstance(self.image, Tensor):
            yield self.image
            return
        for style in self.image.styles:
            yield torch.tensor(style.share)
            for site, parts in style.sites.items():
                for region, moments in parts.items():
                    yield f"{site}/{region} {moments.weight}".encode()
                    yield from (moments.mean, moments.covariance)

    def fit(
        self, model: WCT2, images: Sequence[Tensor], regions: Sequence[Regions] | None, how: FitOptions
    ) -> Transfer:
        """A transfer for frames (3, h, w) of one size; regions take those of the style as `labels.match` decides."""
        there: list[Regions | Collection[str]] = [self.regions] if self.regions else []
        if isinstance(self.image, Target):
            there = [style.regions for style in self.image.styles]
        sources = match(side_by_side(regions), there, speck=SPECK).sources if regions is not None and any(there) else {}
        if set(sources) <= {WHOLE}:  # no regions, or a shot without any of the style's
            return fit(model, list(images), self.image, options=how)
        return fit(
            model,
            list(images),
            self.image,
            content_regions=None if regions is None else list(regions),
            style_regions=self.regions,
            sources=sources,
            options=how,
        )


@dataclass(frozen=True, eq=False)
class Key:
    """A key frame: (3, h, w), reduced to `FIT_PIXELS`, and who is to say of its regions; None if there are none."""

    image: Tensor
    heard: Heard | None


@dataclass(frozen=True, eq=False)
class Keys:
    """A shot's key frames, those of all its windows.

    Attributes:
        vote: theirs on what is which region; None where there is nothing to vote on.
        images: (3, h, w) each.
        regions: of each, settled by the vote; None if there are none.
    """

    vote: Vote | None
    images: Sequence[Tensor]
    regions: Sequence[Regions] | None

    @classmethod
    def of(cls, keys: Sequence[Key]) -> Keys:
        """Let key frames vote."""
        heard = [key.heard for key in keys if key.heard is not None]
        ballots = [each.ballot for each in heard if each.ballot is not None]
        vote = Vote.of(ballots) if ballots else None
        images = [key.image.float() for key in keys]
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        found = [reduced_regions(each.regions(vote), size) for each, size in zip(heard, sizes, strict=False)]
        return cls(vote, images, found or None)


class LookMaker(Protocol):
    """Told of every frame of a shot in turn; makes the shot's look at its end."""

    def offer(self, pts: int, make: Callable[[], Key]) -> None:
        """A frame; `make` is called if it is kept."""
        ...

    def finish(self) -> tuple[Look, Keys | None]:
        """The shot is over: its look, with its vote, and its key frames where one transfer serves all frames."""
        ...


class Given:
    """Every shot takes a transfer that was fitted elsewhere; or, without one, every frame is fitted by itself."""

    def __init__(self, transfer: Transfer | None, keyframes: int = VideoOptions.keyframes) -> None:
        self._look = Look(((0, Window(transfer, {})),) if transfer else ())
        self._keys: Spread[Key] = Spread(keyframes)

    def offer(self, pts: int, make: Callable[[], Key]) -> None:
        """See `LookMaker`; frames that are fitted by themselves have no vote."""
        if self._look.windows:
            self._keys.offer(make)

    def finish(self) -> tuple[Look, Keys | None]:
        """See `LookMaker`."""
        if not self._look.windows:
            return self._look, None
        keys, self._keys = Keys.of(self._keys.chosen()), Spread(self._keys.count)
        return replace(self._look, vote=keys.vote), keys


class Fitted:
    """Fits a shot to key frames spread over it, or each window of it to key frames spread over the window."""

    def __init__(
        self, model: WCT2, style: StyleSide, how: FitOptions, options: VideoOptions, time_base: Fraction
    ) -> None:
        self._model, self._style = model, style
        # Between windows the maps are those of moments as measured; drawing small regions towards the whole is not.
        self._how = how if options.fit == "shot" else replace(how, shrinkage=0.0)
        self._keyframes = options.keyframes
        self._ticks = math.inf if options.fit == "shot" else float(options.window / time_base)
        self._windows: list[tuple[int, Window]] = []
        self._vote: Vote | None = None
        self._heard: Keys | None = None
        self._begin_window(None)

    def _begin_window(self, start: int | None) -> None:
        self._keys: Spread[Key] = Spread(self._keyframes)
        self._start, self._last = start, start

    def offer(self, pts: int, make: Callable[[], Key]) -> None:
        """See `LookMaker`."""
        if self._start is not None and pts - self._start >= self._ticks:
            self._end_window()
        if self._start is None:
            self._begin_window(pts)
        self._keys.offer(make)
        self._last = pts

    def _end_window(self) -> None:
        assert self._start is not None
        assert self._last is not None
        keys = Keys.of(self._keys.chosen())
        transfer = self._style.fit(self._model, keys.images, keys.regions, self._how)
        window = Window(transfer, {})
        if math.isfinite(self._ticks):
            window = measure(transfer, list(keys.images), keys.regions)
        else:
            self._heard = keys
        if keys.vote:
            self._vote = self._vote.joined(keys.vote) if self._vote else keys.vote
        self._windows.append(((self._start + self._last) // 2, window))
        self._begin_window(None)

    def finish(self) -> tuple[Look, Keys | None]:
        """See `LookMaker`."""
        if self._start is not None:
            self._end_window()
        look, keys = Look(tuple(self._windows), self._vote), self._heard
        self._windows, self._vote, self._heard = [], None, None
        return look, keys


def key_size(height: int, width: int) -> tuple[int, int]:
    """(h, w) of at most `FIT_PIXELS` with the same proportions; never larger."""
    scale = math.sqrt(FIT_PIXELS / (height * width))
    return (height, width) if scale >= 1 else (max(16, round(height * scale)), max(16, round(width * scale)))


def reduced(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(…, 3, H, W) at `size` (h, w), antialiased; itself if it has that size."""
    if tuple(image.shape[-2:]) == size:
        return image
    batch = image if image.dim() == 4 else image[None]
    small = F.interpolate(batch, size=size, mode="bilinear", antialias=True)
    return small if image.dim() == 4 else small[0]


def reduced_regions(regions: Regions, size: tuple[int, int]) -> Regions:
    """Regions at another size (h, w)."""
    return Regions(regions.at(size), regions.hard)
