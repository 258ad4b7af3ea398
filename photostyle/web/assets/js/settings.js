// All settings of the photo tab as one value, so that it can go back and forth, and what is asked when they change.
photostyle.defaults = {
  strength: 1, segment: true, at: ["encoder", "decoder"], matching: "monge", finish: "smooth",
  regions: {}, styles: [], alone: null, mask: null,
};
photostyle.settings = photostyle.copy(photostyle.defaults);
photostyle.content = null; // {name, width, height, before}
photostyle.tiles = {}; // by key: {key, name, kind, thumb}
photostyle.shownSeq = 0;

// What needs another fit: all but strengths, which a preview answers by itself.
photostyle.fitted = (settings) => JSON.stringify({
  ...settings, strength: 0,
  regions: Object.fromEntries(Object.entries(settings.regions)
    .map(([name, row]) => [name, { takes: row.takes || "", keep: !!row.keep }])
    .filter(([, row]) => row.takes || row.keep)),
});

// Changes settings by `work`. `key`: what is changed; steps of one drag count as one in the history.
photostyle.change = (work, { key = "", live = false, history = true } = {}) => {
  const next = photostyle.copy(photostyle.settings);
  work(next);
  if (photostyle.same(next, photostyle.settings)) return;
  if (history) photostyle.history.push(photostyle.settings, key);
  photostyle.adopt(next, live);
};

photostyle.adopt = (next, live = false) => {
  photostyle.settings = next;
  photostyle.sync();
  photostyle.see(live);
};

photostyle.syncs = [];
photostyle.sync = () => { for (const each of photostyle.syncs) each(photostyle.settings); };
photostyle.ready = () => !!photostyle.content && (!!photostyle.settings.alone
  || photostyle.settings.styles.some((style) => style.weight > 0));

photostyle.see = async (live = false) => {
  if (!photostyle.content) return;
  if (!photostyle.ready()) {
    photostyle.fit = null;
    photostyle.regions.take(null);
    photostyle.viewer.show({ before: photostyle.content.before });
    photostyle.ahead();
    return;
  }
  const fit = photostyle.fitted(photostyle.settings);
  const quick = live || fit === photostyle.fit;
  const settings = photostyle.copy(photostyle.settings);
  const message = quick ? { do: "look", settings, latest: true }
    : { do: "see", settings, latest: true, regions: !photostyle.regions.map };
  const seq = ++photostyle.asked;
  if (!live) photostyle.giveUp(fit);
  if (!quick && settings.alone) photostyle.sketch(settings, seq);
  const reply = await photostyle.link.ask(quick ? "live" : "main", message);
  if (reply.dropped) return;
  photostyle.problem(reply.error, "see");
  if (!quick && !reply.error) {
    photostyle.fit = fit;
    if ("regions" in reply) photostyle.regions.take(reply.regions);
    photostyle.ahead();
  }
  photostyle.rough = !!reply.rough;
  const outdated = photostyle.fitted(photostyle.settings) !== photostyle.fit;
  // A quick answer that comes late is dropped, a fit only if another one is wanted by now.
  if (reply.after && (quick ? seq > photostyle.shownSeq : !outdated) && photostyle.ready()) {
    photostyle.shownSeq = Math.max(seq, photostyle.shownSeq);
    photostyle.viewer.show({ ...reply, seen: reply.size });
  }
  // What was changed while the network worked is asked for once more, now of the new fit: that is also the fit before
  // it, if one went back to that meanwhile.
  const { now, waiting } = photostyle.link.channel("main");
  const coming = [now, ...waiting].some((each) => each?.message.do === "see");
  const changed = outdated ? !coming : !photostyle.same(settings, photostyle.settings);
  if (quick ? !live && outdated : !reply.error && changed) photostyle.see();
};
photostyle.asked = 0;

// A fit under way ends early where nobody waits for it any more. `wanted`: the one that is, if it is known already.
photostyle.giveUp = (wanted) => {
  const { now } = photostyle.link.channel("main");
  if (now?.message.do !== "see" || photostyle.fitted(now.message.settings) === wanted) return;
  photostyle.link.ask("aside", { do: "give-up", of: now.seq, latest: true });
};

// A reference or look that was clicked is shown as it is known already, until the network has had its say.
photostyle.sketch = async (settings, seq) => {
  const reply = await photostyle.link.ask("live", { do: "sketch", settings, latest: true });
  if (reply.after && seq === photostyle.asked && seq > photostyle.shownSeq) {
    photostyle.viewer.show({ ...reply, seen: reply.size });
  }
};

// What may be wanted next is computed while nothing else is; the looks' pictures come back from it.
photostyle.ahead = async () => {
  const reply = await photostyle.link.ask("idle", { do: "ahead", latest: true });
  for (const [key, thumb] of Object.entries(reply.thumbs || {})) {
    if (photostyle.tiles[key]) photostyle.tiles[key].thumb = thumb;
  }
  photostyle.strip.draw(photostyle.settings);
  // A strength that was guessed from its neighbours is shown as the network has it by now.
  if (photostyle.rough && reply.ready) { photostyle.rough = false; photostyle.see(); }
};

// Shown while the network works, after a moment, so that quick answers do not flicker.
photostyle.flow = (name, message, begins) => {
  if (name !== "main") return;
  clearTimeout(photostyle.flowing);
  if (!begins) { if (!photostyle.rendering) photostyle.busy(null); return; }
  const words = { see: "Fitting the look", content: "Opening the photo", styles: "Opening references",
    samples: "Opening the sample pair", correct: "Correcting regions", "style-file": "Measuring the references" };
  photostyle.flowing = setTimeout(() => {
    if (!photostyle.rendering) photostyle.busy(words[message.do] || "Working");
  }, 250);
};
