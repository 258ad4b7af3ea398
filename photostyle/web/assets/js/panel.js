// The controls beside the picture, the sheet that they are on a phone, and what one takes away.
photostyle.panel = {
  // On a phone: show the controls.
  raise(on = true) {
    const panel = photostyle.one("#ps-panel");
    if (on && getComputedStyle(photostyle.one("#ps-sheet")).display === "none") return;
    panel.classList.toggle("ps-raised", on);
    const sheet = photostyle.one("#ps-sheet");
    sheet.setAttribute("aria-expanded", String(on));
    sheet.querySelector(".ps-sheet-text").textContent = on ? "Show the picture" : "Show all controls";
  },
  sync(settings) {
    const { one, all, percent } = photostyle;
    const strength = one("[data-set=strength]");
    strength.value = Math.round(settings.strength * 100);
    one("#ps-strength output").textContent = percent(settings.strength);
    for (const control of all("[data-set=segment]")) control.checked = settings.segment;
    for (const name of ["matching", "finish"]) one(`[data-set=${name}]`).value = settings[name];
    for (const box of all("[data-at]")) box.checked = settings.at.includes(box.dataset.at);
    one("#ps-save-style").disabled = !photostyle.ready() || (settings.alone || "").includes(":");
    one("#ps-command").disabled = !photostyle.ready();
    // A saved look was measured with tuning of its own.
    const saved = (settings.alone || "").includes(":");
    for (const control of all("#ps-fine-tuning select, #ps-fine-tuning input")) control.disabled = saved;
    one("#ps-own-tuning").hidden = !saved;
    // What was made of other settings is not what is seen any more.
    const made = one("#ps-result");
    if (made.dataset.settings && made.dataset.settings !== JSON.stringify(settings)) {
      made.querySelector(".ps-note")?.replaceChildren("Made with earlier settings.");
    }
    one("#ps-command-text").hidden = true;
    one("#ps-share-links").replaceChildren();
  },
};

photostyle.parts.push(() => {
  const { one, all, on, change, take } = photostyle;
  on("[data-set=strength]", "input", (event) => change((settings) => {
    settings.strength = Number(event.target.value) / 100;
  }, { key: "strength", live: true }));
  on("[data-set=segment]", "change", (event) => change((settings) => { settings.segment = event.target.checked; }));
  for (const name of ["matching", "finish"]) {
    on(`[data-set=${name}]`, "change", (event) => change((settings) => { settings[name] = event.target.value; }));
  }
  for (const box of all("[data-at]")) {
    on(box, "change", () => {
      const at = all("[data-at]").filter((each) => each.checked).map((each) => each.dataset.at);
      if (!at.length) { box.checked = true; return; }
      change((settings) => { settings.at = at; });
    });
  }
  on("#ps-sheet", "click", () => photostyle.panel.raise(!one("#ps-panel").classList.contains("ps-raised")));
  on("#ps-render", "click", () => take.render());
  on("#ps-stop", "click", () => photostyle.link.ask("aside", { do: "stop" }));
  on("#ps-command", "click", () => take.command());
  on("#ps-save-style", "click", () => take.style());
  photostyle.syncs.push((settings) => photostyle.panel.sync(settings));
  photostyle.sync();
});
