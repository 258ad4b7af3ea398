// A brush over regions: strokes on a copy of the label map, each of which can be taken back; then they are used.
photostyle.brush = {
  on: false, size: 36, erasing: false, strokes: [], stroke: null, at: { u: 0.5, v: 0.5 },
  guarded: {}, // by correction: rows of regions that would tear surfaces, with the whole reference
  toggle() { if (this.on) this.stop(); else this.start(); },
  start() {
    const { regions, one, element } = photostyle;
    if (!regions.map) return;
    this.on = true;
    regions.hover(null);
    this.strokes = [];
    one("#ps-regions").open = true;
    const names = Object.keys(regions.colours);
    const select = one("#ps-brush-name");
    if (!select.options.length) select.append(...names.map((name) => element("option", { value: name }, name)));
    this.canvas().width = regions.map.width;
    this.canvas().height = regions.map.height;
    this.show();
    photostyle.panel.raise();
  },
  stop() {
    if (!this.on) return;
    this.on = false;
    this.strokes = [];
    this.stroke = null;
    this.show();
  },
  canvas: () => photostyle.one(".ps-paint"),
  show() {
    const { one, press } = photostyle;
    one("#ps-painting").hidden = !this.on;
    press(one("#ps-brush"), this.on);
    press(one("#ps-eraser"), this.erasing);
    one("#ps-stroke-undo").disabled = !this.strokes.length;
    one("#ps-use-mask").disabled = !this.strokes.some((stroke) => !stroke.erase);
    one(".ps-cross").hidden = !this.on;
    one("#ps-brush-size").value = this.size;
    one("#ps-painting output").textContent = `${Math.round(this.size)} px`;
    photostyle.viewer.element().dataset.painting = String(this.on);
    this.draw();
    this.follow();
    photostyle.regions.show();
  },
  draw() {
    const canvas = this.canvas();
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (const stroke of [...this.strokes, ...(this.stroke ? [this.stroke] : [])]) {
      context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
      context.strokeStyle = photostyle.regions.colours[stroke.name];
      Object.assign(context, { lineWidth: stroke.size, lineCap: "round", lineJoin: "round" });
      context.beginPath();
      stroke.points.forEach(([x, y], number) => (number ? context.lineTo(x, y) : context.moveTo(x, y)));
      if (stroke.points.length === 1) context.lineTo(stroke.points[0][0] + 0.01, stroke.points[0][1]);
      context.stroke();
    }
  },
  // Of a point in shares of the photo, in pixels of the label map.
  pixel({ u, v }) { return [u * photostyle.regions.map.width, v * photostyle.regions.map.height]; },
  // The size is in pixels of the screen, so that one paints finer where one looks closer.
  wide() {
    const { viewer, regions } = photostyle;
    return Math.max(1, this.size * (regions.map.width / (viewer.width * viewer.scale)));
  },
  begin(at) {
    const name = photostyle.one("#ps-brush-name").value;
    this.stroke = { name, size: this.wide(), erase: this.erasing, points: [this.pixel(at)] };
    this.follow(at);
    this.draw();
  },
  go(at) {
    if (!this.stroke) return;
    this.stroke.points.push(this.pixel(at));
    this.follow(at);
    this.draw();
  },
  end() {
    if (this.stroke) this.strokes.push(this.stroke);
    this.stroke = null;
    this.show();
  },
  cancel() { this.stroke = null; if (this.on) this.draw(); },
  undo() { this.strokes.pop(); this.show(); },
  erase() { if (this.on) { this.erasing = !this.erasing; this.show(); } },
  resize(factor) { if (this.on) { this.size = photostyle.clamp(this.size * factor, 4, 200); this.show(); } },
  follow(at) {
    if (at) this.at = at;
    const { viewer } = photostyle;
    const cross = photostyle.one(".ps-cross");
    Object.assign(cross.style, { width: `${this.size}px`, height: `${this.size}px`,
      left: `${viewer.x + this.at.u * viewer.width * viewer.scale - this.size / 2}px`,
      top: `${viewer.y + this.at.v * viewer.height * viewer.scale - this.size / 2}px` });
  },
  nudge(dx, dy) {
    const step = Math.max(4, this.size / 2);
    const { width, height, scale } = photostyle.viewer;
    this.follow({ u: photostyle.clamp(this.at.u + (dx * step) / (width * scale), 0, 1),
      v: photostyle.clamp(this.at.v + (dy * step) / (height * scale), 0, 1) });
  },
  stamp() { this.begin(this.at); this.end(); },
  // The strokes as numbers of names, to the pixel: what a canvas draws has soft edges.
  labels() {
    const { width, height } = photostyle.regions.map;
    const names = [...new Set(this.strokes.filter((stroke) => !stroke.erase).map((stroke) => stroke.name))];
    const labels = new Uint8Array(width * height);
    for (const stroke of this.strokes) {
      const number = stroke.erase ? 0 : names.indexOf(stroke.name) + 1;
      const radius = stroke.size / 2;
      const disc = (cx, cy) => {
        for (let y = Math.max(0, Math.floor(cy - radius)); y <= Math.min(height - 1, cy + radius); y++) {
          const half = Math.sqrt(Math.max(0, radius * radius - (y - cy) ** 2));
          const [from, to] = [Math.max(0, Math.round(cx - half)), Math.min(width - 1, Math.round(cx + half))];
          if (to >= from) labels.fill(number, y * width + from, y * width + to + 1);
        }
      };
      stroke.points.forEach(([x, y], at) => {
        const [px, py] = stroke.points[at - 1] || [x, y];
        const steps = Math.max(1, Math.ceil(Math.hypot(x - px, y - py) / Math.max(1, radius / 2)));
        for (let step = 1; step <= steps; step++) disc(px + ((x - px) * step) / steps, py + ((y - py) * step) / steps);
      });
    }
    return { names, labels, width, height };
  },
  async use() {
    const { names, labels, width, height } = this.labels();
    const canvas = photostyle.element("canvas", { width, height });
    const image = new ImageData(width, height);
    labels.forEach((label, at) => { image.data[4 * at] = label; image.data[4 * at + 3] = 255; });
    canvas.getContext("2d").putImageData(image, 0, 0);
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
    try {
      const [path] = await photostyle.link.upload([new File([blob], "painted.png")]);
      const reply = await photostyle.link.ask("main", { do: "correct", path, names });
      photostyle.problem(reply.error);
      if (reply.error) return;
      this.stop();
      photostyle.one("#ps-mask-link").innerHTML = reply.link;
      // Nothing guards what was painted. What was found to tear surfaces before goes on taking the whole reference, where
      // it can be seen and changed: whoever corrects a house has said nothing of the sky.
      const torn = (photostyle.regions.map?.decided || []).filter((each) => each.torn).map((each) => each.name);
      photostyle.change((settings) => {
        const guarded = { regions: photostyle.copy(this.guarded[settings.mask] || {}) };
        settings.mask = reply.mask;
        for (const name of torn) {
          for (const each of [settings, guarded]) photostyle.rows.edit(each, name, (row) => { row.takes ||= "*"; });
        }
        this.guarded[reply.mask] = guarded.regions;
      });
    } catch (error) {
      photostyle.problem(error.message);
    }
  },
};

photostyle.parts.push(() => {
  const { brush, regions, on, one } = photostyle;
  on("#ps-brush", "click", () => brush.toggle());
  on("#ps-brush-end", "click", () => brush.stop());
  on("#ps-eraser", "click", () => brush.erase());
  on("#ps-stroke-undo", "click", () => brush.undo());
  on("#ps-use-mask", "click", () => brush.use());
  on("#ps-brush-size", "input", (event) => { brush.size = Number(event.target.value); brush.show(); });
  on("#ps-restore", "click", () => photostyle.change((settings) => { settings.mask = null; }));
  on("#ps-all", "click", () => {
    regions.everything = !regions.everything;
    photostyle.press(one("#ps-all"), regions.everything);
    regions.show();
  });
  photostyle.syncs.push((settings) => photostyle.rows.draw(settings));
});
