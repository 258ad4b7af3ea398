// The picture: before and after under one zoom, a divider on the picture itself, and what stands around it.
photostyle.viewer = {
  width: 0, height: 0, scale: 1, x: 0, y: 0, cut: 0.5, fit: true, peek: false, turn: 0,
  element: () => photostyle.one("#ps-viewer"),
  stage: () => photostyle.one("#ps-stage"),
  // Shown when it is there, so that nothing flickers; an older picture that comes late is dropped.
  load(image, address) {
    if (!address || image.dataset.address === address) return image.arriving;
    image.dataset.address = address;
    const next = new Image();
    next.src = address;
    image.arriving = next.decode().then(() => { if (image.dataset.address === address) image.src = address; }, () => {});
    return image.arriving;
  },
  async show({ before, after, strength, seen, full }) {
    const viewer = this.element();
    const { content } = photostyle;
    if (!content) return;
    if (content.width !== this.width || content.height !== this.height) {
      [this.width, this.height, this.fit] = [content.width, content.height, true];
    }
    viewer.dataset.empty = "false";
    viewer.dataset.plain = String(!after);
    if (seen) this.seen = seen;
    this.full = !!full;
    this.place();
    const turn = ++this.turn;
    const image = (name) => viewer.querySelector(name);
    await Promise.all([this.load(image(".ps-before"), before), this.load(image(".ps-after"), after || before)]);
    if (turn !== this.turn) return; // another was to be shown since
    viewer.dataset.shown = after || before;
    viewer.dataset.strength = strength ?? "";
    this.place();
  },
  size() {
    const box = this.stage().getBoundingClientRect();
    return [box.width, box.height];
  },
  fitting() {
    const [width, height] = this.size();
    const margin = width < 700 ? 8 : 20;
    return Math.min((width - 2 * margin) / this.width, (height - 2 * margin) / this.height);
  },
  // One pixel of the photo is one pixel of the screen at 100 %.
  actual: (zoom) => zoom / (window.devicePixelRatio || 1),
  zoomTo(scale, at) {
    const [width, height] = this.size();
    const [px, py] = at || [width / 2, height / 2];
    const next = photostyle.clamp(scale, Math.min(this.fitting(), this.actual(1)) / 2, this.actual(8));
    this.x = px - (px - this.x) * (next / this.scale);
    this.y = py - (py - this.y) * (next / this.scale);
    this.scale = next;
    this.fit = false;
    this.place();
  },
  toFit() { this.fit = true; this.place(); },
  pan(dx, dy) {
    if (this.fit) return;
    this.x += dx;
    this.y += dy;
    this.place();
  },
  // Where the photo lies; it cannot be lost out of sight.
  place() {
    if (!this.width) return;
    const [width, height] = this.size();
    if (this.fit) this.scale = this.fitting();
    const [w, h] = [this.width * this.scale, this.height * this.scale];
    const inside = (at, size, room) => (size <= room ? (room - size) / 2 : photostyle.clamp(at, room - size, 0));
    this.x = inside(this.x, w, width);
    this.y = inside(this.y, h, height);
    const frame = photostyle.one(".ps-frame");
    Object.assign(frame.style, { width: `${w}px`, height: `${h}px`, transform: `translate(${this.x}px, ${this.y}px)` });
    frame.dataset.pixels = String(this.scale * (window.devicePixelRatio || 1) >= 2 && !!this.full);
    const [left, right] = [Math.max(0, this.x), Math.min(width, this.x + w)];
    const plain = this.element().dataset.plain === "true";
    const at = left + this.cut * (right - left);
    const divider = photostyle.one(".ps-divider");
    divider.hidden = plain || this.peek;
    Object.assign(divider.style, { left: `${at}px`, top: `${Math.max(0, this.y)}px`, height: `${Math.min(height, h)}px` });
    divider.setAttribute("aria-valuenow", String(Math.round(this.cut * 100)));
    divider.setAttribute("aria-valuetext", `${Math.round(this.cut * 100)} % before`);
    const shown = this.peek ? 1 : photostyle.clamp((at - this.x) / w, 0, 1);
    photostyle.one(".ps-cover").style.clipPath = `inset(0 ${100 - 100 * shown}% 0 0)`;
    const top = `${Math.max(0, this.y) + 10}px`;
    const [before, after] = [photostyle.one(".ps-tag-before"), photostyle.one(".ps-tag-after")];
    Object.assign(before.style, { left: `${left + 10}px`, top });
    Object.assign(after.style, { right: `${width - right + 10}px`, top });
    before.hidden = plain || (!this.peek && at - left < 90);
    after.hidden = plain || this.peek || right - at < 90;
    this.tell();
  },
  tell() {
    const zoom = this.scale * (window.devicePixelRatio || 1);
    for (const button of photostyle.all(".ps-bar [data-view]")) {
      const view = button.dataset.view;
      if (view === "fit") photostyle.press(button, this.fit);
      else if (view === "1" || view === "2") photostyle.press(button, !this.fit && Math.abs(zoom - Number(view)) < 0.005);
    }
    const [w, h] = this.seen || [];
    const what = this.full || !w || w >= this.width ? `${this.width} × ${this.height}` : `preview ${w} × ${h} of ${this.width} × ${this.height}`;
    photostyle.one("#ps-status").textContent = `${Math.round(zoom * 100)} % · ${what}`;
  },
  setCut(value) {
    this.cut = photostyle.clamp(value, 0, 1);
    this.place();
  },
  showBefore(on) {
    if (this.peek === on) return;
    this.peek = on;
    photostyle.press(photostyle.one('[data-view="before"]'), on);
    this.place();
  },
  surround() {
    const on = this.element().classList.toggle("ps-grey");
    photostyle.press(photostyle.one('[data-view="surround"]'), on);
  },
  // From the page to the photo, in shares of its size.
  point(event) {
    const box = this.stage().getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    return { px, py, u: (px - this.x) / (this.width * this.scale), v: (py - this.y) / (this.height * this.scale) };
  },
};
