// The strip below the picture: looks at the left, then references with their weights, and where files are dropped.
photostyle.strip = {
  // `alone`: what was seen alone when these were sent for. A look that was clicked since is the later wish, and stays.
  add(tiles, alone) {
    for (const tile of tiles) photostyle.tiles[tile.key] = tile;
    const first = !photostyle.ready(); // before it there is nothing to go back to
    photostyle.change((settings) => {
      for (const tile of tiles.filter((each) => each.kind === "photo")) {
        settings.styles.push({ key: tile.key, weight: 1 });
      }
      settings.styles = settings.styles.slice(-8);
      const saved = tiles.find((each) => each.kind !== "photo");
      const since = settings.alone === alone ? null : settings.alone;
      settings.alone = since ?? saved?.key ?? null;
    }, { history: !first });
    this.draw(photostyle.settings);
  },
  choose(key) {
    photostyle.change((settings) => { settings.alone = settings.alone === key ? null : key; });
  },
  remove(key) {
    photostyle.change((settings) => {
      settings.styles = settings.styles.filter((style) => style.key !== key);
      if (settings.alone === key) settings.alone = null;
    });
    if (photostyle.tiles[key].kind === "file") { delete photostyle.tiles[key]; this.draw(photostyle.settings); }
  },
  tile(tile, settings) {
    const { element, percent } = photostyle;
    const style = settings.styles.find((each) => each.key === tile.key);
    const alone = settings.alone === tile.key;
    const total = settings.styles.reduce((sum, each) => sum + each.weight, 0) || 1;
    const several = style && settings.styles.length > 1;
    const share = style && !settings.alone ? style.weight / total : Number(alone);
    const button = element("button", {
      type: "button", class: "ps-pick", "aria-pressed": String(alone), title: tile.name,
      "aria-label": `${tile.name}: ${alone ? "seen alone; back to the mix" : "see it alone"}`,
      onclick: () => this.choose(tile.key),
    }, tile.thumb ? element("img", { src: tile.thumb, alt: "" }) : element("span", { class: "ps-named" }, tile.name));
    const parts = [button];
    if (tile.thumb && tile.kind === "look") parts.push(element("span", { class: "ps-caption" }, tile.name));
    if (several) {
      parts.push(element("input", {
        type: "range", min: 0, max: 1, step: 0.05, value: style.weight, "aria-label": `Weight of ${tile.name}`,
        "aria-valuetext": `${percent(share)} of the mix`, "data-weight": tile.key,
        oninput: (event) => this.weigh(tile.key, Number(event.target.value), true),
        onchange: (event) => this.weigh(tile.key, Number(event.target.value), false),
      }), element("span", { class: "ps-share", "aria-hidden": "true" }, percent(share)));
    }
    if (tile.kind !== "look") {
      parts.push(element("button", { type: "button", class: "ps-remove", "aria-label": `Remove ${tile.name}`,
        title: "Remove", onclick: () => this.remove(tile.key) }, "✕"));
    }
    return element("div", { class: "ps-tile", "data-key": tile.key, "data-out": String(!share), "data-kind": tile.kind }, ...parts);
  },
  weigh(key, weight, live) {
    const { settings } = photostyle;
    if (!live && photostyle.fit !== photostyle.fitted(settings)) photostyle.see();
    photostyle.change((next) => {
      const style = next.styles.find((each) => each.key === key);
      style.weight = weight;
      next.alone = null;
    }, { key: `weight:${key}`, live: live && !settings.alone });
  },
  draw(settings) {
    const place = photostyle.one("#ps-tiles");
    const kept = Object.values(photostyle.tiles).filter((tile) => tile.kind === "file");
    const tiles = [...settings.styles.map((style) => photostyle.tiles[style.key]).filter(Boolean), ...kept];
    const looks = Object.values(photostyle.tiles).filter((tile) => tile.kind === "look");
    const shape = JSON.stringify([tiles.map((tile) => tile.key), looks.map((look) => look.thumb?.length)]);
    if (shape !== this.shape && !photostyle.history.holds(place)) {
      this.shape = shape;
      place.replaceChildren(...tiles.map((tile) => this.tile(tile, settings)));
      photostyle.one("#ps-looks").replaceChildren(...looks.map((tile) => this.tile(tile, settings)));
    } else {
      // Only what changed, so that a slider keeps the pointer and the focus that it has.
      for (const old of photostyle.all(".ps-tile")) {
        const fresh = this.tile(photostyle.tiles[old.dataset.key], settings);
        old.dataset.out = fresh.dataset.out;
        for (const name of ["aria-pressed", "aria-label"]) {
          old.querySelector(".ps-pick").setAttribute(name, fresh.querySelector(".ps-pick").getAttribute(name));
        }
        const [range, now] = [old.querySelector("input"), fresh.querySelector("input")];
        if (!range || !now) continue;
        if (document.activeElement !== range || range.value !== now.value) range.value = now.value;
        range.setAttribute("aria-valuetext", now.getAttribute("aria-valuetext"));
        old.querySelector(".ps-share").textContent = fresh.querySelector(".ps-share").textContent;
      }
    }
    photostyle.one("#ps-add").classList.toggle("ps-inviting", !!photostyle.content && !photostyle.ready());
    photostyle.one("#ps-add").hidden = settings.styles.length >= 8;
    photostyle.one("#ps-render").disabled = !photostyle.ready() || !!photostyle.rendering;
  },
};

photostyle.parts.push(() => photostyle.syncs.push((settings) => photostyle.strip.draw(settings)));
