"""Scenes that were never photographed: what reflects how much light, how far it is and which region it belongs to.

Nothing in them has a colour of its own light yet; `_lights.light` gives them one. Textures are sums of noise whose
spectrum falls like that of photographs, so that what a network measures of them is what it measures of photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
SIZE = (448, 640)
REGIONS = ("sky", "mountain", "vegetation", "water", "building", "ground", "object", "person", "wall")
SKY, MOUNTAIN, VEGETATION, WATER, BUILDING, GROUND, OBJECT, PERSON, WALL = range(len(REGIONS))


@dataclass(frozen=True, eq=False)
class Scene:
    """What there is to be lit.

    Attributes:
        albedo: (H, W, 3) share of light that is reflected, linear.
        depth: (H, W) distance, 0 near to 1 at the horizon.
        relief: (H, W) about 0, how much a place is turned to the light.
        labels: (H, W) places in `REGIONS`.
        clouds: (H, W) in [0, 1], noise to be cut at the cover of the sky.
        lamps: (H, W) in [0, 1], windows and lamps that may shine.
    """

    albedo: Plane
    depth: Plane
    relief: Plane
    labels: npt.NDArray[np.int64]
    clouds: Plane
    lamps: Plane


def noise(rng: np.random.Generator, slope: float = 1.0, stretch: float = 1.0) -> Plane:
    """Noise of mean 0 and deviation 1 whose amplitude falls with frequency to the power of `slope`."""
    height, width = SIZE
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.rfftfreq(width)[None] * stretch  # longer from left to right
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal(SIZE)) / radius**slope
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=SIZE)
    found: Plane = field / field.std()
    return found


def lake(seed: int) -> Scene:
    """Mountains behind a wooded shore, water, and a meadow with a path in front."""
    make = _Maker(seed)
    rng = make.rng
    horizon = 0.42 + 0.06 * rng.random()
    for depth, height, rough in ((0.95, 0.20, 0.030), (0.75, 0.12, 0.045)):
        ridge = horizon - height * (0.55 + 0.45 * make.line(1.6)) - rough * make.line(1.0)
        rock = np.array([0.19, 0.18, 0.17]) * (1 + 0.25 * make.texture(1.1)[..., None])
        green = np.array([0.07, 0.10, 0.05]) * (1 + 0.3 * make.texture(1.1)[..., None])
        make.paint(make.y > ridge, _mix(green, rock, make.cut(0.2, 1.3)), MOUNTAIN, depth, 0.9)
    shore = horizon - 0.045 - 0.05 * make.line(0.9)
    make.paint(make.y > shore, make.leaves(), VEGETATION, 0.5, 1.6)
    waterline = horizon + 0.06 + 0.01 * make.line(1.5)
    ripples = 1 + 0.22 * make.texture(0.9, stretch=6.0)[..., None]
    make.paint(make.y > waterline, np.array([0.06, 0.09, 0.10]) * ripples, WATER, 0.35, 0.2)
    near = 0.72 + 0.05 * make.line(1.5)
    grass = make.leaves(0.8) * np.array([1.25, 1.15, 1.0])
    soil = np.array([0.34, 0.26, 0.18]) * (1 + 0.28 * make.texture(0.8, stretch=2.0)[..., None])
    path = np.abs(make.x - 0.55 - 0.25 * (make.y - 0.9) - 0.03 * make.line(1.2)) < 0.45 * (make.y - 0.66)
    make.paint(make.y > near, grass, VEGETATION, 0.1, 1.3)
    make.paint((make.y > near) & path, soil, GROUND, 0.08, 0.9)
    make.people(3)
    return make.scene()


def street(seed: int) -> Scene:
    """Houses on both sides, pavement, trees, cars and people."""
    make = _Maker(seed)
    rng = make.rng
    plaster = np.array([[0.52, 0.46, 0.38], [0.44, 0.26, 0.19], [0.60, 0.57, 0.52], [0.36, 0.38, 0.40],
                        [0.56, 0.43, 0.28]])  # fmt: skip
    left = -0.05
    while left < 1.0:
        wide = 0.12 + 0.14 * rng.random()
        top = 0.10 + 0.32 * abs(left + wide / 2 - 0.52) ** 0.5 * rng.random() + 0.10 * rng.random()
        inside = (make.x >= left) & (make.x < left + wide) & (make.y > top)
        front = plaster[rng.integers(len(plaster))] * (1 + 0.14 * make.texture(1.0)[..., None])
        make.paint(inside, front, BUILDING, 0.25 + 0.3 * rng.random(), 0.4)
        make.windows(inside, left, top, 0.030 + 0.012 * rng.random(), 0.065 + 0.02 * rng.random())
        left += wide + (0.06 if rng.random() < 0.3 else 0.0)
    trees = 0.50 + 0.10 * np.abs(make.line(0.9))
    make.paint((make.y > trees) & (make.line(1.4) > 0.35), make.leaves(), VEGETATION, 0.2, 1.6)
    stone = np.array([0.30, 0.29, 0.28]) * (1 + 0.22 * make.texture(0.8, stretch=2.5)[..., None])
    make.paint(make.y > 0.74 + 0.004 * make.line(1.5), stone, GROUND, 0.1, 0.6)
    colours = np.array([[0.45, 0.06, 0.05], [0.05, 0.12, 0.32], [0.62, 0.62, 0.60], [0.05, 0.05, 0.06],
                        [0.60, 0.42, 0.06]])  # fmt: skip
    for _ in range(4):
        cx, cy = rng.random(), 0.72 + 0.10 * rng.random()
        car = (np.abs(make.x - cx) < 0.07) & (np.abs(make.y - cy) < 0.045)
        make.paint(
            car, colours[rng.integers(len(colours))] * (1 + 0.3 * make.texture(1.2)[..., None]), OBJECT, 0.1, 0.8
        )
    make.people(6)
    return make.scene()


def portrait(seed: int) -> Scene:
    """Somebody before a wall, with a little of the sky and of leaves."""
    make = _Maker(seed)
    rng = make.rng
    wall = np.array([0.50, 0.47, 0.42]) * (1 + 0.10 * make.texture(1.3)[..., None])
    make.paint(make.y > 0.16 + 0.02 * make.line(1.5), make.leaves(), VEGETATION, 0.4, 1.5)
    make.paint(make.x > 0.45 + 0.01 * make.line(1.5), wall, WALL, 0.3, 0.15)
    make.person(0.36 + 0.1 * rng.random(), 0.98, 0.80)
    make.person(0.78, 1.04, 0.62)
    return make.scene()


SCENES = (lake, street, portrait)


def _mix(first: Plane, second: Plane, share: Plane) -> Plane:
    mixed: Plane = first * (1 - share[..., None]) + second * share[..., None]
    return mixed


class _Maker:
    """A scene while it is painted, from the far to the near."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        height, width = SIZE
        self.y = np.broadcast_to((np.arange(height)[:, None] + 0.5) / height, SIZE)
        self.x = np.broadcast_to((np.arange(width)[None] + 0.5) / width, SIZE)
        self._albedo, self._depth = np.zeros((*SIZE, 3)), np.ones(SIZE)
        self._relief, self._labels = np.zeros(SIZE), np.zeros(SIZE, np.int64)
        self._lamps = np.zeros(SIZE)

    def texture(self, slope: float, stretch: float = 1.0) -> Plane:
        return noise(self.rng, slope, stretch).clip(-2.5, 2.5)

    def line(self, slope: float) -> Plane:
        """A wavy line over the width, about 0, as rows that are all alike."""
        width = SIZE[1]
        frequency = np.fft.rfftfreq(width)
        frequency[0] = 1.0
        wave = np.fft.irfft(np.fft.rfft(self.rng.standard_normal(width)) / frequency**slope, n=width)
        wave -= wave.mean()
        return np.broadcast_to(wave / np.abs(wave).max(), SIZE)

    def cut(self, level: float, slope: float) -> Plane:
        """0 or 1 with soft edges, from noise cut at a level."""
        soft: Plane = 1 / (1 + np.exp(-6 * (noise(self.rng, slope) - level)))
        return soft

    def leaves(self, slope: float = 0.75) -> Plane:
        """Foliage: leaves in several greens, gaps between them dark."""
        fine, kind = self.texture(slope)[..., None], self.texture(1.3)[..., None]
        green = np.array([0.10, 0.14, 0.045]) + kind * np.array([0.022, 0.010, 0.004])
        found: Plane = np.clip(green * (1 + 0.45 * fine), 0.008, 1)
        return found

    def paint(self, where: npt.NDArray[np.bool_], albedo: Plane, region: int, depth: float, relief: float) -> None:
        self._albedo[where] = np.clip(np.broadcast_to(albedo, self._albedo.shape)[where], 0.01, 0.95)
        self._depth[where], self._labels[where] = depth, region
        self._relief[where] = relief * self.texture(0.9)[where]
        self._lamps[where] = 0

    def windows(self, house: npt.NDArray[np.bool_], left: float, top: float, across: float, down: float) -> None:
        column, row = (self.x - left) / across, (self.y - top) / down
        pane = house & (np.mod(column, 1) > 0.3) & (np.mod(column, 1) < 0.72)
        pane &= (np.mod(row, 1) > 0.28) & (np.mod(row, 1) < 0.78) & (self.y < 0.72)
        number = (np.floor(column) * 31 + np.floor(row) * 17).astype(int)
        shine = self.rng.random(4096)[number % 4096]
        self._albedo[pane] = 0.05 + 0.08 * shine[pane][:, None]
        self._lamps[pane] = np.clip((shine[pane] - 0.55) * 2.2, 0, 1)

    def people(self, count: int) -> None:
        for _ in range(count):
            self.person(self.rng.random(), 0.80 + 0.16 * self.rng.random(), 0.12 + 0.08 * self.rng.random())

    def person(self, cx: float, foot: float, tall: float) -> None:
        """Somebody of a height, in shares of the picture's: clothes, skin and hair."""
        skins = np.array([[0.58, 0.37, 0.27], [0.46, 0.27, 0.18], [0.30, 0.17, 0.11], [0.15, 0.085, 0.06]])
        skin = skins[self.rng.choice(4, p=(0.45, 0.25, 0.15, 0.15))]
        dress = np.clip(0.10 + 0.25 * self.rng.random() + 0.05 * self.rng.standard_normal(3), 0.03, 0.7)
        ratio = SIZE[0] / SIZE[1]
        head_y, head = foot - 0.80 * tall, 0.19 * tall
        body = ((self.x - cx) / (0.30 * tall * ratio)) ** 2 + ((self.y - foot + 0.22 * tall) / (0.42 * tall)) ** 2 < 1
        face = ((self.x - cx) / (0.8 * head * ratio)) ** 2 + ((self.y - head_y) / head) ** 2 < 1
        hair = ((self.x - cx) / (0.95 * head * ratio)) ** 2 + ((self.y - head_y + 0.35 * head) / (0.9 * head)) ** 2 < 1
        fold, pore = self.texture(1.2)[..., None], self.texture(1.5)[..., None]
        self.paint(body & (self.y < foot), dress * (1 + 0.2 * fold), PERSON, 0.05, 0.7)
        self.paint(hair, np.array([0.06, 0.04, 0.03]) * (1 + 0.4 * fold), PERSON, 0.05, 0.8)
        self.paint(face, skin * (1 + 0.06 * pore), PERSON, 0.05, 0.35)

    def scene(self) -> Scene:
        clouds = noise(self.rng, 1.45, 2.2)
        low, high = np.quantile(clouds, (0.02, 0.98))
        cut = np.clip((clouds - low) / (high - low), 0, 1)
        return Scene(self._albedo, self._depth, self._relief, self._labels, cut, self._lamps)
