// Mouse, pen and fingers on the picture: the divider, panning, wheel and pinch.
photostyle.parts.push(() => {
  const { viewer, on, clamp } = photostyle;
  const stage = viewer.stage();
  const divider = photostyle.one(".ps-divider");
  const pointers = new Map();
  let drag = null; // {kind, moved, start: [x, y]}
  let pinch = null;

  const cutAt = (px) => {
    const [width] = viewer.size();
    const left = Math.max(0, viewer.x);
    const right = Math.min(width, viewer.x + viewer.width * viewer.scale);
    viewer.setCut((px - left) / (right - left));
  };
  const pair = () => {
    const [a, b] = [...pointers.values()];
    return { distance: Math.hypot(a.px - b.px, a.py - b.py), px: (a.px + b.px) / 2, py: (a.py + b.py) / 2 };
  };

  on(stage, "pointerdown", (event) => {
    if (event.button > 0 || !viewer.width || event.target.closest(".ps-start")) return;
    const at = viewer.point(event);
    pointers.set(event.pointerId, at);
    if (pointers.size === 2) {
      drag = null;
      photostyle.brush.cancel();
      pinch = { ...pair(), scale: viewer.scale };
      return;
    }
    if (pointers.size > 2) return;
    try { stage.setPointerCapture(event.pointerId); } catch { /* it has gone already */ }
    if (event.target.closest(".ps-divider")) drag = { kind: "cut" };
    else if (photostyle.brush.on) { drag = { kind: "paint" }; photostyle.brush.begin(at); }
    else drag = { kind: viewer.fit ? "cut" : "pan", at };
    Object.assign(drag, { moved: false, start: at, last: at });
  });

  on(stage, "pointermove", (event) => {
    if (!viewer.width) return;
    const at = viewer.point(event);
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, at);
    if (pinch && pointers.size === 2) {
      const now = pair();
      viewer.zoomTo(pinch.scale * (now.distance / pinch.distance), [now.px, now.py]);
      viewer.pan(now.px - pinch.px, now.py - pinch.py);
      Object.assign(pinch, { px: now.px, py: now.py });
      return;
    }
    photostyle.loupe.move(at);
    if (!drag) {
      if (event.pointerType !== "touch") photostyle.regions.hover(event.target.closest(".ps-divider") ? null : at);
      photostyle.brush.follow(at);
      return;
    }
    drag.moved ||= Math.hypot(at.px - drag.start.px, at.py - drag.start.py) > 4;
    if (!drag.moved) return;
    photostyle.regions.hover(null);
    if (drag.kind === "cut") cutAt(at.px);
    else if (drag.kind === "paint") photostyle.brush.go(at);
    else viewer.pan(at.px - drag.last.px, at.py - drag.last.py);
    drag.last = at;
  });

  const ends = (event) => {
    pointers.delete(event.pointerId);
    if (pointers.size < 2) pinch = null;
    if (!drag) return;
    const { kind, moved, start } = drag;
    drag = null;
    if (kind === "paint") photostyle.brush.end();
    else if (!moved && event.type === "pointerup") photostyle.regions.click(start, event.pointerType);
  };
  on(stage, "pointerup", ends);
  on(stage, "pointercancel", ends);
  on(stage, "pointerleave", () => photostyle.regions.hover(null));
  on(stage, "dblclick", (event) => {
    if (event.target.closest(".ps-divider, .ps-start") || photostyle.brush.on) return;
    const { px, py } = viewer.point(event);
    if (viewer.fit) viewer.zoomTo(viewer.actual(1), [px, py]);
    else viewer.toFit();
  });
  on(stage, "wheel", (event) => {
    if (!viewer.width) return;
    event.preventDefault();
    const { px, py } = viewer.point(event);
    const lines = event.deltaMode ? 16 * event.deltaY : event.deltaY;
    viewer.zoomTo(viewer.scale * 1.0018 ** -clamp(lines, -400, 400), [px, py]);
  }, { passive: false });

  on(divider, "keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.02;
    const move = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -0.1, PageUp: 0.1 };
    if (event.altKey) return;
    if (event.key in move) viewer.setCut(viewer.cut + move[event.key]);
    else if (event.key === "Home" || event.key === "End") viewer.setCut(event.key === "Home" ? 0 : 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  const views = {
    fit: () => viewer.toFit(), 1: () => viewer.zoomTo(viewer.actual(1)), 2: () => viewer.zoomTo(viewer.actual(2)),
    before: () => viewer.showBefore(!viewer.peek), loupe: () => photostyle.loupe.toggle(),
    regions: () => photostyle.regions.toggle(), surround: () => viewer.surround(),
  };
  photostyle.views = views;
  for (const button of photostyle.all(".ps-bar [data-view]")) {
    on(button, "click", () => { if (viewer.width || button.dataset.view === "surround") views[button.dataset.view](); });
  }
  new ResizeObserver(() => viewer.place()).observe(stage);
});
