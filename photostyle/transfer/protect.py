"""What people never forgive: skin that is not skin, blue leaves, flowers of another colour, tinted whites.

A look changes the light, and in another light everything has another colour; but what it is stays recognisable. So the
light is taken first: what becomes of greys in the whole photo. A colour whose hue has turned out of the band of its
kind, or whose chroma has vanished, is brought back into it, counted from that tint; a white may have a little chroma
beside it and no more. All is a smooth function of the photo's and the result's colours in CIELAB, so nothing tears.
Lightness is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from photostyle.colour.lab import from_lab, to_lab
from photostyle.options import PROTECTED

_FREE = ("sky", "water")  # regions that have the colour of the light
_HUE_EDGE = math.radians(15)  # over which a kind's range of hues fades out
CHROMA_EDGE = 8.0
"""Of chroma, over which a kind begins."""


@dataclass(frozen=True)
class Kind:
    """Colours of one kind of thing, and what may become of them.

    Attributes:
        hues: from and to, in degrees of CIELAB's h_ab.
        chroma: from which on a colour counts as of this kind.
        turn: bounds of the change of hue, in degrees; negative is towards red for greens.
        least: of the chroma that stays, at the same lightness, as a share.
        most: likewise, at most.
        inside: the only region that they are found in; None is all but sky and water.
        outside: regions where they are not looked for.
    """

    hues: tuple[float, float]
    chroma: float
    turn: tuple[float, float]
    least: float
    most: float
    inside: str | None = None
    outside: tuple[str, ...] = _FREE


KINDS: Mapping[str, Kind] = {
    "skin": Kind((15, 85), 8, (-12, 12), 0.6, 1.5, inside="person"),
    "foliage": Kind((108, 160), 12, (-95, 15), 0.0, 3.0, outside=(*_FREE, "person")),
    "vivid": Kind((-70, 95), 28, (-75, 40), 0.25, 3.0, outside=(*_FREE, "person")),
}
_WHITE_LIGHTNESS, _WHITE_CHROMA, _TINT = 70.0, 10.0, 22.0  # a white's, and what chroma it may get beside the light's


def neutral_light(photo: Tensor, result: Tensor, grey: Tensor) -> Tensor:
    """What becomes of greys: the affine map of the whole photo's colours, by ridge regression, at `grey`.

    Args:
        photo: (3, H, W).
        result: the same.
        grey: (H, W), values of red, green and blue alike.

    Returns:
        (3, H, W).
    """
    x, y = photo.flatten(1).T.double(), result.flatten(1).T.double()
    mean = x.mean(0)
    x = x - mean
    ridge = 1e-3 * torch.eye(3, dtype=x.dtype, device=x.device)
    slope = torch.linalg.solve(x.T @ x / len(x) + ridge, x.T @ (y - y.mean(0)) / len(x))
    greys = grey.flatten().double()[:, None].expand(-1, 3)
    found: Tensor = (greys - mean) @ slope + y.mean(0)
    return found.T.reshape(photo.shape).to(photo)


def protected(photo: Tensor, result: Tensor, weights: Mapping[str, Tensor], amounts: Mapping[str, float]) -> Tensor:
    """A finished photo whose skin, foliage, vivid colours and whites are what they were, in the look's light.

    Args:
        photo: (3, H, W) in [0, 1].
        result: the same.
        weights: of the photo's regions, (H, W) each.
        amounts: by kind, 0 to 1; kinds that are missing are not protected.

    Returns:
        (3, H, W), not clamped.
    """
    wanted = {kind: amounts[kind] for kind in PROTECTED if amounts.get(kind)}
    if not wanted:
        return result
    before, after = (to_lab(image[None].clamp(0, 1))[0] for image in (photo, result))
    light = to_lab(neutral_light(photo, result, grey_of(before[0])).clamp(0, 1)[None])[0][1:]
    colour, tint = before[1:], after[1:] - light
    chroma, hue = torch.hypot(*colour), torch.atan2(colour[1], colour[0])
    turned = after[1:].clone()
    for name, amount in wanted.items():
        if name == "white":
            share = ((before[0] - _WHITE_LIGHTNESS) / 10).clamp(0, 1) * (1.5 - chroma / _WHITE_CHROMA).clamp(0, 1)
            held = tint * (_TINT / torch.hypot(*tint).clamp_min(1e-6)).clamp_max(1)
            share = share * elsewhere(weights, _FREE, share)
        else:
            kind = KINDS[name]
            share = belonging(kind, colour, weights)
            if not bool(share.any()):
                continue
            had = chroma * dimmed(before[0], after[0])
            share = share * outside_bounds(kind, hue, had, after[1:])
            held = _held(kind, hue, had, tint)
        turned = torch.lerp(turned, light + held, amount * share.to(turned))
    changed = from_lab(torch.cat([after[:1], turned])[None])[0]
    return result + (changed - from_lab(after[None])[0])


def belonging(kind: Kind, colour: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """How much each pixel, a* and b* (2, H, W) of a photo with these regions, is of a kind: (H, W), 0 to 1."""
    if kind.inside is not None and kind.inside not in weights:
        return torch.zeros_like(colour[0])
    chroma, hue = torch.hypot(*colour), torch.atan2(colour[1], colour[0])
    share: Tensor = within(hue, kind.hues) * ((chroma - kind.chroma) / CHROMA_EDGE + 0.5).clamp(0, 1)
    if kind.inside is None:
        return share * elsewhere(weights, kind.outside, share)
    return share * weights[kind.inside].to(share)


def outside_bounds(kind: Kind, hue: Tensor, chroma: Tensor, colour: Tensor) -> Tensor:
    """How far a colour of the result, its light's tint and all, is outside the bounds of its kind: 0 inside, to 1."""
    size = torch.hypot(*colour)
    turn = _turn(hue, colour)
    low, high = (math.radians(degrees) for degrees in kind.turn)
    beyond = (torch.maximum(low - turn, turn - high) / _HUE_EDGE).clamp(0, 1) * (size / CHROMA_EDGE).clamp(0, 1)
    faded = (2 - 2 * size / (kind.least * chroma).clamp_min(1e-6)).clamp(0, 1) if kind.least else torch.zeros_like(size)
    gaudy = (size / (kind.most * chroma.clamp_min(1.0)) - 1).clamp(0, 1)
    return torch.maximum(torch.maximum(beyond, faded), gaudy)


def _turn(hue: Tensor, colour: Tensor) -> Tensor:
    return torch.remainder(torch.atan2(colour[1], colour[0]) - hue + math.pi, 2 * math.pi) - math.pi


def _held(kind: Kind, hue: Tensor, chroma: Tensor, tint: Tensor) -> Tensor:
    """A colour beside the light's, its hue and chroma brought into the bounds of its kind."""
    turn = _turn(hue, tint)
    low, high = (math.radians(degrees) for degrees in kind.turn)
    # A colour that has turned half way round has no side of its own: the turn fades to 0 there, and does not jump.
    far = (turn.abs() / math.pi).clamp(0, 1)
    kept = turn.clamp(low, high) * (1 - ((far - 0.75) / 0.25).clamp(0, 1))
    size = torch.minimum(torch.maximum(torch.hypot(*tint), kind.least * chroma), kind.most * chroma.clamp_min(1.0))
    return torch.stack([(hue + kept).cos(), (hue + kept).sin()]) * size


def dimmed(before: Tensor, after: Tensor) -> Tensor:
    """Share of its chroma that a colour has at another lightness, as a darker surface has less of it."""
    return (after.clamp_min(1) / before.clamp_min(1)).clamp(0.2, 1)


def within(hue: Tensor, hues: tuple[float, float]) -> Tensor:
    """1 between two hues in degrees, fading to 0 beside them."""
    middle, half = math.radians(sum(hues) / 2), math.radians((hues[1] - hues[0]) / 2)
    away = (torch.remainder(hue - middle + math.pi, 2 * math.pi) - math.pi).abs()
    return (1 - (away - half) / _HUE_EDGE).clamp(0, 1)


def elsewhere(weights: Mapping[str, Tensor], names: tuple[str, ...], like: Tensor) -> Tensor:
    """Share (H, W) of each pixel that is in none of the named regions."""
    taken = [weights[name].to(like) for name in names if name in weights]
    return (1 - torch.stack(taken).sum(0)).clamp(0, 1) if taken else torch.ones_like(like)


def grey_of(lightness: Tensor) -> Tensor:
    """sRGB value of the grey of an L*."""
    grey = torch.stack([lightness, torch.zeros_like(lightness), torch.zeros_like(lightness)])
    return from_lab(grey[None])[0][1].clamp(0, 1)
