// A row for each region that was found: takes from, strength, keep.
photostyle.rows = {
  opened: new Set(),
  open(name) {
    this.opened.add(name);
    photostyle.one("#ps-regions").open = true;
    photostyle.panel.raise();
    const row = photostyle.one(`#ps-rows > li[data-name="${name}"]`);
    if (!row) return;
    row.querySelector("details").open = true;
    row.scrollIntoView({ block: "nearest" });
    row.querySelector("summary").focus({ preventScroll: true });
  },
  // What is asked for one region; what asks for nothing is as if it had never been.
  edit(settings, name, work) {
    const row = settings.regions[name] || { takes: "", strength: null, keep: false };
    work(row);
    if (row.takes || row.strength != null || row.keep) settings.regions[name] = row;
    else delete settings.regions[name];
  },
  set(name, work, how) {
    photostyle.change((settings) => this.edit(settings, name, work), how);
  },
  row(decided, settings) {
    const { element, percent } = photostyle;
    const { name } = decided;
    const own = settings.regions[name] || {};
    const strength = own.strength ?? settings.strength;
    const summary = element("summary", {}, element("span", { class: "ps-swatch", "data-unsure": String(name === "unsure"),
      style: `background-color:${photostyle.regions.colours[name] || "#888"}` }), element("b", {}, name),
    element("span", { class: "ps-portion" }, percent(decided.share)),
    element("span", { class: "ps-amount" }, own.keep ? "kept" : percent(strength)));
    if (decided.still) {
      return element("li", { "data-name": name, onmouseenter: () => photostyle.regions.mark(name), onmouseleave: () => photostyle.regions.mark(null) },
        element("details", {}, summary, element("div", { class: "ps-row-body" }, element("p", { class: "ps-fine" }, decided.text))));
    }
    const takes = element("select", { "aria-label": `${name} takes from`,
      onchange: (event) => this.set(name, (row) => { row.takes = event.target.value; }) },
    element("option", { value: "" }, "what fits best"), element("option", { value: "*" }, "the whole reference"),
    ...photostyle.regions.map.offered.map((each) => element("option", { value: each }, each)));
    takes.value = own.takes || "";
    takes.disabled = !!own.keep;
    const body = element("div", { class: "ps-row-body" },
      element("p", { class: "ps-fine" }, decided.text[0].toUpperCase() + decided.text.slice(1)),
      element("label", { class: "ps-field" }, element("span", {}, "Takes from"), takes),
      element("label", { class: "ps-field" }, element("span", {}, "Strength"), element("output", {}, percent(strength)),
        element("input", { type: "range", min: 0, max: 100, value: Math.round(100 * strength), disabled: !!own.keep,
          "aria-label": `Strength of ${name}`,
          oninput: (event) => this.set(name, (row) => { row.strength = Number(event.target.value) / 100; }, { key: `region:${name}`, live: true }) })),
      element("label", { class: "ps-check" }, element("input", { type: "checkbox", checked: !!own.keep, "aria-label": `Keep ${name} as it is`,
        onchange: (event) => this.set(name, (row) => { row.keep = event.target.checked; }) }), element("span", {}, "Keep it as it is")),
      element("button", { type: "button", class: "ps-button ps-small", onclick: () => this.set(name, (row) => { row.strength = null; row.takes = ""; row.keep = false; }) }, "As the rest"));
    const details = element("details", { open: this.opened.has(name),
      ontoggle: (event) => { if (event.target.open) this.opened.add(name); else this.opened.delete(name); } }, summary, body);
    return element("li", { "data-name": name, onmouseenter: () => photostyle.regions.mark(name),
      onmouseleave: () => photostyle.regions.mark(null), onfocusin: () => photostyle.regions.mark(name),
      onfocusout: () => photostyle.regions.mark(null) }, details);
  },
  draw(settings) {
    const { one, regions } = photostyle;
    const decided = settings.segment && regions.map ? regions.map.decided.filter((each) => each.share >= 0.002) : [];
    const unsure = regions.map?.names.includes("unsure") && !decided.some((each) => each.name === "unsure");
    if (unsure && settings.segment) {
      const number = regions.map.names.indexOf("unsure");
      const share = regions.map.labels.reduce((sum, label) => sum + (label === number), 0) / regions.map.labels.length;
      if (share >= 0.002) decided.push({ name: "unsure", share, still: true, text: "What is here is not sure: it takes what the whole photo takes. Correct it with the brush." });
    }
    const note = one("#ps-regions-note");
    const whole = decided.filter((each) => each.torn).map((each) => each.name);
    note.hidden = !!decided.length && !whole.length;
    note.textContent = whole.length
      ? `Taken from the whole reference here: ${whole.join(", ")}. By itself it would show one surface in two looks. What you choose in its row counts all the same.`
      : !settings.segment ? "The whole photo takes the whole reference." : !photostyle.ready()
      ? "Regions are found once there is a photo and a reference." : !photostyle.fit ? "Regions are being found." : "This look has no regions: it is the same all over the photo.";
    one("#ps-region-tools").hidden = !decided.length;
    one("#ps-mask").hidden = !settings.mask;
    const rows = one("#ps-rows");
    const shape = JSON.stringify([decided, regions.map?.offered]);
    if (shape !== this.shape && !photostyle.history.holds(rows)) {
      this.shape = shape;
      rows.replaceChildren(...decided.sort((a, b) => b.share - a.share).map((each) => this.row(each, settings)));
      return;
    }
    for (const row of rows.children) {
      const own = settings.regions[row.dataset.name] || {};
      const strength = own.strength ?? settings.strength;
      row.querySelector(".ps-amount").textContent = own.keep ? "kept" : photostyle.percent(strength);
      if (!row.querySelector("select")) continue;
      row.querySelector("output").textContent = photostyle.percent(strength);
      row.querySelector("input[type=range]").value = Math.round(100 * strength);
      row.querySelector("input[type=checkbox]").checked = !!own.keep;
      row.querySelector("select").value = own.takes || "";
      for (const control of row.querySelectorAll("select, input[type=range]")) control.disabled = !!own.keep;
    }
  },
};
