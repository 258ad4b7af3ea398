// Regions on the picture: their names and outlines under the pointer, from a label map that came once.
photostyle.regions = {
  map: null, // {width, height, labels, names, decided, offered}
  hovering: null, shown: true, everything: false, layers: {},
  colours: {
    sky: "#87ceeb", vegetation: "#228b22", water: "#1e64c8", building: "#c86e3c", ground: "#968264", mountain: "#785a8c",
    object: "#e63c78", person: "#faaf91", wall: "#e1eb82", ceiling: "#00d296", unsure: "#9a9a9a",
  },
  async take(found) {
    this.hover(null);
    this.layers = {};
    if (!found) {
      this.map = null;
      this.show();
      photostyle.rows?.draw(photostyle.settings);
      return;
    }
    const image = new Image();
    image.src = found.map;
    try { await image.decode(); } catch { return; }
    const canvas = photostyle.element("canvas", { width: image.naturalWidth, height: image.naturalHeight });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const labels = new Uint8Array(canvas.width * canvas.height);
    for (let at = 0; at < labels.length; at++) labels[at] = pixels[4 * at];
    this.map = { ...found, width: canvas.width, height: canvas.height, labels };
    this.viewerData();
    this.show();
    photostyle.rows.draw(photostyle.settings);
  },
  viewerData() { photostyle.viewer.element().dataset.regions = (this.map?.names || []).join(" "); },
  nameAt({ u, v }) {
    if (!this.map || u < 0 || v < 0 || u >= 1 || v >= 1) return null;
    const { width, height, labels, names } = this.map;
    return names[labels[Math.floor(v * height) * width + Math.floor(u * width)]];
  },
  hover(at) {
    const name = at && this.shown && !photostyle.brush.on ? this.nameAt(at) : null;
    const word = photostyle.one(".ps-hover");
    word.hidden = !name;
    if (name) {
      const share = this.map.decided.find((each) => each.name === name)?.share;
      word.textContent = name === "unsure" ? "unsure: takes what the whole photo takes"
        : name + (share ? ` · ${photostyle.percent(share)}` : "");
      const [width] = photostyle.viewer.size();
      word.style.transform = `translate(${Math.min(at.px + 14, width - 170)}px, ${at.py + 16}px)`;
    }
    this.mark(name);
  },
  // Outline of one region on the picture, also from its row.
  mark(name) {
    if (name === this.hovering) return;
    this.hovering = name;
    this.show();
    for (const row of photostyle.all("#ps-rows > li")) row.classList.toggle("ps-hovered", row.dataset.name === name);
  },
  click(at, pointer) {
    const name = this.shown && this.nameAt(at);
    if (!name) return;
    if (pointer === "touch") this.mark(name);
    photostyle.rows.open(name);
  },
  toggle() {
    this.shown = !this.shown;
    photostyle.press(photostyle.one('[data-view="regions"]'), this.shown);
    this.hover(null);
  },
  // A picture of one region: outline, and hatching where nothing is sure; with `fill` in its colour.
  layer(name, fill) {
    const key = `${name}/${fill}`;
    if (this.layers[key]) return this.layers[key];
    const { width, height, labels, names } = this.map;
    const number = names.indexOf(name);
    const canvas = photostyle.element("canvas", { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const data = new Uint32Array(image.data.buffer);
    const hex = this.colours[name] || "#ffffff";
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const tint = (fill ? 0x78000000 : 0) | (b << 16) | (g << 8) | r;
    const reach = Math.max(1, Math.round(width / 900));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = y * width + x;
        if (labels[at] !== number) continue;
        const edge = (x >= reach && labels[at - reach] !== number) || (x + reach < width && labels[at + reach] !== number)
          || (y >= reach && labels[at - reach * width] !== number) || (y + reach < height && labels[at + reach * width] !== number);
        if (edge) data[at] = fill ? 0xb4ffffff : 0xffffffff;
        else if (name === "unsure" && (x + y) % 14 < 4) data[at] = 0xb0ffffff;
        else if (fill) data[at] = tint;
      }
    }
    context.putImageData(image, 0, 0);
    this.layers[key] = canvas;
    return canvas;
  },
  show() {
    const overlay = photostyle.one(".ps-overlay");
    const names = !this.map ? [] : this.everything || photostyle.brush.on ? this.map.names : this.hovering ? [this.hovering] : [];
    overlay.dataset.shown = names.join(" ");
    if (!names.length) { overlay.width = 1; overlay.height = 1; return; }
    overlay.width = this.map.width;
    overlay.height = this.map.height;
    const context = overlay.getContext("2d");
    for (const name of names) context.drawImage(this.layer(name, names.length > 1), 0, 0);
  },
};
