// Undo and redo over all settings, two versions A and B, and back to the beginning.
photostyle.history = {
  past: [], future: [], last: "", at: 0, drag: null, during: null, version: "a", other: null,
  // A drag is one step however long it takes: a busy machine is slow between its events. So are keys in quick succession.
  push(settings, key) {
    const now = Date.now();
    const on = this.drag ? this.drag === this.during : now - this.at < 900;
    if (!(key && key === this.last && on)) this.past.push(photostyle.copy(settings));
    this.last = key;
    this.at = now;
    this.during = this.drag;
    this.future = [];
    if (this.past.length > 200) this.past.shift();
  },
  go(from, to) {
    const found = from.pop();
    if (!found) return;
    to.push(photostyle.copy(photostyle.settings));
    this.last = "";
    photostyle.adopt(found);
  },
  undo() { this.go(this.past, this.future); },
  redo() { this.go(this.future, this.past); },
  // The other version; the first time it is a copy of this one.
  swap(to) {
    if (this.version === to) return;
    const there = this.other ?? photostyle.copy(photostyle.settings);
    this.other = photostyle.copy(photostyle.settings);
    this.version = to;
    photostyle.change((settings) => Object.assign(settings, photostyle.copy(there), { styles: there.styles }));
    this.show();
  },
  // Another photo has a history of its own.
  clear() { Object.assign(this, { past: [], future: [], last: "", version: "a", other: null }); },
  // What a reset leaves: the references, all with the same weight, and what was painted, which is work and not a setting.
  plain(settings) {
    const styles = settings.styles.map((style) => ({ key: style.key, weight: 1 }));
    const { alone, mask } = settings;
    const regions = mask ? photostyle.copy(photostyle.brush.guarded[mask] || {}) : {};
    return { ...photostyle.copy(photostyle.defaults), regions, styles, alone, mask };
  },
  hold(on, target) {
    const slider = on ? target?.closest?.("input[type=range]") : null;
    const held = this.drag;
    this.drag = slider ? { slider } : null;
    if (!held || slider) return;
    photostyle.rows.draw(photostyle.settings); // what was put off while it was held
    photostyle.strip.draw(photostyle.settings);
  },
  // Whether a slider in there is held: what is drawn anew would take it out of the hand.
  holds(place) { return !!this.drag && place.contains(this.drag.slider); },
  show() {
    const { one, press } = photostyle;
    one("#ps-undo").disabled = !this.past.length;
    one("#ps-redo").disabled = !this.future.length;
    one("#ps-reset").disabled = photostyle.same(this.plain(photostyle.settings), photostyle.settings);
    press(one("#ps-a"), this.version === "a");
    press(one("#ps-b"), this.version === "b");
  },
};

photostyle.parts.push(() => {
  const { history, on } = photostyle;
  on("#ps-undo", "click", () => history.undo());
  on("#ps-redo", "click", () => history.redo());
  on("#ps-a", "click", () => history.swap("a"));
  on("#ps-b", "click", () => history.swap("b"));
  on("#ps-reset", "click", () => photostyle.change((settings) => Object.assign(settings, history.plain(settings))));
  on(document, "pointerdown", (event) => history.hold(true, event.target), true);
  for (const end of ["pointerup", "pointercancel"]) on(document, end, () => history.hold(false), true);
  photostyle.syncs.push(() => history.show());
});
