// A loupe over the picture, with both sides of one spot.
photostyle.loupe = {
  on: false,
  toggle() {
    this.on = !this.on;
    photostyle.press(photostyle.one('[data-view="loupe"]'), this.on);
    photostyle.one(".ps-loupe").hidden = !this.on;
    const [width, height] = photostyle.viewer.size();
    this.move(this.at || { px: width / 2, py: height / 2 });
  },
  // Both sides of one spot at 200 %, before on the left.
  move({ px, py }) {
    const { viewer } = photostyle;
    this.at = { px, py };
    if (!this.on || !viewer.width) return;
    const loupe = photostyle.one(".ps-loupe");
    const [width, height] = viewer.size();
    const zoom = Math.max(viewer.actual(2), 2 * viewer.scale);
    const [u, v] = [(px - viewer.x) / viewer.scale, (py - viewer.y) / viewer.scale];
    loupe.style.left = `${photostyle.clamp(px - 130, 4, width - 264)}px`;
    loupe.style.top = `${py > 190 ? py - 180 : Math.min(py + 30, height - 160)}px`;
    [...loupe.children].forEach((half, number) => {
      const image = photostyle.one(number ? ".ps-after" : ".ps-before");
      Object.assign(half.style, {
        backgroundImage: `url("${image.src}")`,
        backgroundSize: `${viewer.width * zoom}px ${viewer.height * zoom}px`,
        backgroundPosition: `${65 - u * zoom}px ${75 - v * zoom}px`,
      });
    });
  },
};
