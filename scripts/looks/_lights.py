"""Lights: what sun, sky, air and film make of a scene of `_scenes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from _scenes import SKY, WATER, Plane, Scene

Colour = tuple[float, float, float]
_LUMA = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class Light:
    """A light and how it is developed; colours are sRGB of 8 bits.

    Attributes:
        says: one line for people.
        zenith: the sky overhead.
        horizon: the sky low down.
        cloud: clouds where they are lit.
        shade: clouds where they are not.
        cover: share of the sky with clouds.
        sun: colour of the direct light.
        direct: how much of all light is direct, 0 to 1: the hardness of shadows.
        ambient: colour of the light from everywhere.
        haze: colour of the air.
        air: how much of it lies before the horizon.
        key: lightness (of sRGB, 0 to 1) of what is lit, in the mean.
        contrast: around the key; 1 leaves it.
        colour: saturation; 1 leaves it.
        lift: black, 0 to 1.
        shadows: added to the dark, in units of 8 bits.
        lights: added to the bright.
        lamps: colours of lamps and windows; none are dark.
        glow: how much the sky brightens towards the sun.
    """

    says: str
    zenith: Colour
    horizon: Colour
    cloud: Colour
    shade: Colour
    sun: Colour
    ambient: Colour
    haze: Colour
    cover: float = 0.35
    direct: float = 0.6
    air: float = 0.35
    key: float = 0.42
    contrast: float = 1.0
    colour: float = 1.0
    lift: float = 0.0
    shadows: Colour = (0, 0, 0)
    lights: Colour = (0, 0, 0)
    lamps: tuple[Colour, ...] = ()
    glow: float = 0.0


LIGHTS: Mapping[str, Light] = {
    "golden-hour": Light(
        "low warm sun, long soft shadows", (96, 138, 186), (248, 206, 150), (255, 222, 178), (176, 150, 150),
        (255, 198, 128), (168, 168, 190), (246, 198, 140), cover=0.35, direct=0.72, air=0.35, key=0.46, contrast=1.45,
        colour=1.08, shadows=(2, 0, 4), lights=(8, 3, -6), glow=0.35,
    ),
    "blue-hour": Light(
        "after sunset: deep blue, windows lit", (24, 44, 98), (124, 134, 176), (112, 116, 156), (58, 70, 118),
        (178, 188, 225), (158, 174, 214), (92, 112, 166), cover=0.35, direct=0.1, air=0.2, key=0.29, contrast=1.6,
        colour=0.95, shadows=(-4, -1, 8), lights=(6, 2, -2), lamps=((255, 190, 110), (255, 214, 150)), glow=0.15,
    ),
    "overcast": Light(
        "soft light from a grey sky", (182, 188, 194), (216, 219, 221), (224, 226, 228), (164, 170, 176),
        (226, 230, 234), (222, 227, 233), (208, 212, 216), cover=0.9, direct=0.05, air=0.22, key=0.44, contrast=1.38,
        colour=0.82, lift=0.008,
    ),
    "snow": Light(
        "cold, bright winter light", (140, 172, 212), (226, 234, 243), (244, 247, 251), (186, 200, 220),
        (250, 246, 240), (196, 214, 240), (228, 236, 246), cover=0.5, direct=0.4, air=0.3, key=0.57, contrast=1.35,
        colour=0.78, lift=0.01, shadows=(-4, 0, 9), lights=(0, 1, 3),
    ),
    "tungsten": Light(
        "warm lamps of an evening indoors", (52, 44, 46), (150, 116, 88), (172, 130, 90), (84, 66, 60),
        (255, 200, 140), (230, 186, 146), (168, 118, 74), cover=0.45, direct=0.45, air=0.15, key=0.38, contrast=1.5,
        colour=0.92, shadows=(4, 0, -4), lights=(6, 2, -6), lamps=((255, 196, 120),),
    ),
    "faded-film": Light(
        "old print: lifted blacks, gentle colour", (132, 164, 178), (212, 212, 196), (230, 224, 206), (172, 174, 168),
        (255, 236, 204), (206, 210, 200), (212, 208, 190), cover=0.4, direct=0.5, air=0.25, key=0.47, contrast=1.12,
        colour=0.72, lift=0.085, shadows=(2, 3, 8), lights=(8, 4, -8),
    ),
    "high-noon": Light(
        "clear midday sun, deep sky, strong colour", (38, 92, 170), (142, 188, 226), (250, 251, 252), (188, 200, 214),
        (255, 246, 228), (160, 186, 222), (168, 194, 222), cover=0.25, direct=0.78, air=0.15, key=0.47, contrast=1.4,
        colour=1.22,
    ),
    "storm": Light(
        "dark clouds, cold contrast", (62, 72, 82), (132, 142, 148), (150, 158, 164), (58, 66, 76),
        (206, 214, 212), (150, 164, 176), (112, 124, 134), cover=0.85, direct=0.3, air=0.22, key=0.33, contrast=1.8,
        colour=0.68, shadows=(-3, 1, 5), lights=(0, 2, 1),
    ),
    "forest": Light(
        "green light under leaves", (160, 182, 166), (216, 222, 196), (228, 232, 212), (156, 172, 152),
        (240, 238, 190), (172, 196, 158), (180, 194, 164), cover=0.4, direct=0.5, air=0.2, key=0.38, contrast=1.25,
        colour=0.95, shadows=(-2, 2, -1), lights=(3, 3, -5),
    ),
    "desert": Light(
        "dry heat: ochre and pale turquoise", (96, 152, 178), (222, 206, 176), (240, 226, 200), (196, 180, 160),
        (255, 216, 156), (208, 186, 160), (228, 200, 160), cover=0.2, direct=0.7, air=0.4, key=0.49, contrast=1.4,
        colour=0.95, shadows=(6, 0, -4), lights=(6, 3, -5),
    ),
    "neon": Light(
        "city at night: magenta and cyan", (22, 18, 52), (94, 48, 122), (104, 58, 136), (40, 32, 84),
        (236, 142, 205), (128, 150, 206), (84, 52, 130), cover=0.45, direct=0.45, air=0.2, key=0.3, contrast=1.65,
        colour=1.05, shadows=(0, 2, 12), lights=(8, -2, 6), lamps=((255, 70, 190), (70, 226, 255), (255, 190, 120)),
    ),
    "candle": Light(
        "one flame in the dark", (24, 18, 18), (92, 56, 36), (104, 58, 32), (38, 24, 20),
        (255, 180, 108), (206, 144, 100), (92, 50, 28), cover=0.4, direct=0.72, air=0.1, key=0.28, contrast=1.6,
        colour=0.95, shadows=(3, 0, -3), lights=(8, 1, -10), lamps=((255, 170, 80),),
    ),
}  # fmt: skip


def light(scene: Scene, how: Light) -> Plane:
    """A photograph (H, W, 3) of the scene under a light, sRGB in [0, 1]."""
    sky = _sky(scene, how)
    shade = 1 / (1 + np.exp(-3.0 * scene.relief))
    direct = how.direct * 2 * shade[..., None] * _unit(how.sun)
    lit = scene.albedo * (direct + (1 - how.direct) * (0.75 + 0.5 * shade[..., None]) * _unit(how.ambient))
    ground = scene.labels != SKY
    lit *= _for_key(lit[ground] @ _LUMA, how.key)
    water = scene.labels == WATER
    lit[water] = 0.45 * lit[water] + 0.55 * _mirrored(sky, water) * (0.72 + 0.5 * shade[water][:, None])
    if how.lamps:
        which = (scene.albedo[..., 0] * 1e4).astype(int) % len(how.lamps)
        lit += scene.lamps[..., None] * 0.8 * _linear(np.array(how.lamps))[which]
    thick = (how.air * scene.depth**1.5)[..., None]
    lit = lit * (1 - thick) + _linear(np.array(how.haze)) * thick
    lit[~ground] = sky[~ground]
    return _developed(_encoded(lit), how)


def _sky(scene: Scene, how: Light) -> Plane:
    low = np.linspace(0, 1, scene.depth.shape[0])[:, None] * np.ones_like(scene.depth)
    share = np.clip(low / 0.55, 0, 1)[..., None] ** 1.3
    sky = np.array(how.zenith) * (1 - share) + np.array(how.horizon) * share
    edge = np.quantile(scene.clouds, 1 - how.cover)
    cloud = 1 / (1 + np.exp(-9 * (scene.clouds - edge)))
    body = np.clip((scene.clouds - edge) * 1.6 + 0.35, 0, 1)[..., None]
    puffs = np.array(how.shade) * body + np.array(how.cloud) * (1 - body)
    sky = sky * (1 - 0.85 * cloud[..., None]) + puffs * 0.85 * cloud[..., None]
    across = np.linspace(0, 1, scene.depth.shape[1])[None]
    sun = np.exp(-(((across - 0.7) / 0.25) ** 2 + ((low - 0.4) / 0.2) ** 2))[..., None] * how.glow
    return _linear(sky * (1 - sun) + np.array([255, 240, 214]) * sun)


def _mirrored(sky: Plane, water: Plane) -> Plane:
    """What water shows: the sky above it, upside down."""
    rows, columns = np.nonzero(water)
    top = rows.min() if rows.size else 0
    shown: Plane = sky[np.clip(2 * top - rows, 0, len(sky) - 1).astype(int), columns]
    return shown


def _developed(image: Plane, how: Light) -> Plane:
    luma = image @ _LUMA
    around = luma.mean()
    image = image + ((luma - around) * (how.contrast - 1))[..., None]
    grey = (image @ _LUMA)[..., None]
    image = grey + (image - grey) * how.colour
    bright = np.clip(grey, 0, 1)
    image = image + (np.array(how.shadows) * (1 - bright) ** 2 + np.array(how.lights) * bright**2) / 255
    return np.clip(how.lift + (1 - how.lift) * _shoulder(image), 0, 1)


def _shoulder(image: Plane) -> Plane:
    """Highlights run into white as on film, rather than being cut."""
    over = np.clip(image - 0.8, 0, None)
    return np.where(image > 0.8, 0.8 + 0.2 * (1 - np.exp(-over / 0.2)), image)


def _for_key(luminance: Plane, key: float) -> float:
    """The exposure at which the mean of sRGB values is the key."""
    low, high = 1e-3, 1e3
    for _ in range(50):
        middle = (low * high) ** 0.5
        bright = float(np.clip(_encoded(luminance * middle), 0, 1).mean()) > key
        low, high = (low, middle) if bright else (middle, high)
    return low


def _unit(colour: Colour) -> Plane:
    """A light's colour at luminance 1."""
    linear = _linear(np.array(colour))
    found: Plane = linear / (linear @ _LUMA)
    return found


def _linear(colour: Plane) -> Plane:
    share = np.asarray(colour, np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Plane) -> Plane:
    linear = np.clip(linear, 0, None)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
