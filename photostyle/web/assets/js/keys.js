// Keys of the photo tab. They never take away what a control that has the focus does with them.
photostyle.parts.push(() => {
  const { viewer, history, on, one } = photostyle;
  const typing = (target) => target.closest("textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox])");
  const active = () => one("#ps-desk").offsetParent !== null && !one("#ps-help").open;
  const strength = (change) => photostyle.change((settings) => {
    settings.strength = Math.round(photostyle.clamp(settings.strength + change, 0, 1) * 100) / 100;
  }, { key: "strength", live: true });

  const plain = {
    f: () => photostyle.views.fit(), 0: () => photostyle.views.fit(), 1: () => photostyle.views[1](),
    2: () => photostyle.views[2](), "+": () => viewer.zoomTo(viewer.scale * 1.25), "=": () => viewer.zoomTo(viewer.scale * 1.25),
    "-": () => viewer.zoomTo(viewer.scale / 1.25), l: () => photostyle.loupe.toggle(), r: () => photostyle.regions.toggle(),
    g: () => viewer.surround(), b: () => photostyle.brush.toggle(), e: () => photostyle.brush.erase(),
    x: () => history.swap(history.version === "a" ? "b" : "a"),
    "[": () => photostyle.brush.resize(1 / 1.2), "]": () => photostyle.brush.resize(1.2),
    "?": () => one("#ps-help").showModal(),
    Escape: () => photostyle.brush.stop(),
  };

  on(document, "keydown", (event) => {
    const { key, target } = event;
    if (!active() || typing(target)) return;
    if (event.ctrlKey || event.metaKey) {
      const low = key.toLowerCase();
      if (low !== "z" && low !== "y") return;
      event.preventDefault();
      if (low === "y" || event.shiftKey) history.redo();
      else if (photostyle.brush.on && photostyle.brush.strokes.length) photostyle.brush.undo();
      else history.undo();
      return;
    }
    if (key === "?") { event.preventDefault(); plain["?"](); return; }
    if (!viewer.width) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (event.altKey) {
      if (arrow) { event.preventDefault(); viewer.pan(-60 * arrow[0], -60 * arrow[1]); }
      return;
    }
    const control = target.closest("button, a, summary, input, [role=slider]");
    if (key === "\\" || (key === " " && !control)) {
      event.preventDefault();
      if (key === " " && photostyle.brush.on) photostyle.brush.stamp();
      else viewer.showBefore(true);
      return;
    }
    if (arrow) {
      if (control && (control.matches("input, [role=slider]") || control.closest("[role=toolbar]"))) return;
      event.preventDefault();
      if (photostyle.brush.on) photostyle.brush.nudge(...arrow);
      else if (arrow[0]) strength(arrow[0] * (event.shiftKey ? 0.01 : 0.05));
      return;
    }
    const work = plain[key.length === 1 ? key.toLowerCase() : key];
    if (work) { event.preventDefault(); work(); }
  });
  on(document, "keyup", (event) => {
    if (event.key === "\\" || event.key === " ") viewer.showBefore(false);
  });
  on(window, "blur", () => viewer.showBefore(false));
  on("#ps-help-open", "click", () => one("#ps-help").showModal());
});
