// photostyle's page: its own scripts, served by this machine. Each file adds one part to `photostyle`.
window.photostyle = {
  parts: [],
  one: (selector) => document.querySelector(selector),
  all: (selector) => [...document.querySelectorAll(selector)],
  clamp: (value, low, high) => Math.min(high, Math.max(low, value)),
  copy: (value) => JSON.parse(JSON.stringify(value)),
  same: (one, other) => JSON.stringify(one) === JSON.stringify(other),
  percent: (value) => `${Math.round(value * 100)} %`,
  on(target, event, work, options) {
    (typeof target === "string" ? document.querySelector(target) : target).addEventListener(event, work, options);
  },
  element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value === true) made.setAttribute(key, "");
      else if (value !== false && value != null) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  },
  press(button, on) {
    button.setAttribute("aria-pressed", String(on));
  },
  // Told in words where the picture is; stays until it is dismissed or something succeeds. `of`: whose it is, if another
  // one's success does not end it: that a picture could be drawn says nothing of a file that could not be read.
  problem(text, of = "") {
    const place = photostyle.one("#ps-error");
    if (!text && of && place.dataset.of !== of) return;
    place.dataset.of = of;
    place.hidden = !text;
    place.querySelector("span").textContent = text || "";
  },
  // `told`: nothing, a text, or {what, done, total, left}.
  busy(told, stop) {
    const place = photostyle.one("#ps-busy");
    place.hidden = !told;
    photostyle.one("#ps-stop").hidden = !stop;
    if (!told) return;
    const { what, done, total, left } = typeof told === "string" ? { what: told } : told;
    const bar = place.querySelector("progress");
    if (total) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
    place.querySelector("span").textContent = what + (left == null ? "…" : `, ${photostyle.time(left)} left`);
  },
  time(seconds) {
    if (seconds < 1) return "less than a second";
    if (seconds < 90) return `${Math.round(seconds)} s`;
    return `${Math.round(seconds / 60)} min`;
  },
  start() {
    if (!photostyle.one("#ps-desk") || !photostyle.one("#ps-render-reply textarea, #ps-render-reply input")) return requestAnimationFrame(photostyle.start);
    if (photostyle.started) return undefined;
    photostyle.started = true;
    for (const part of photostyle.parts) part();
    photostyle.on("#ps-error button", "click", () => photostyle.problem(""));
    photostyle.one("#ps-desk").dataset.ready = "true";
    return undefined;
  },
};
