// How photos come in: chosen, or dropped anywhere on the page.
photostyle.files = {
  async take(kind, files) {
    const list = [...files];
    if (!list.length) return;
    photostyle.problem("");
    photostyle.rendering ||= null;
    const { alone } = photostyle.settings;
    try {
      photostyle.busy("Sending");
      const paths = await photostyle.link.upload(kind === "content" ? list.slice(0, 1) : list.slice(0, 8),
        (done, total) => photostyle.busy({ what: "Sending", done, total }));
      this.arrived(await this.ask(kind === "content" ? { do: "content", path: paths[0] } : { do: "styles", paths }), alone);
      if (list.length > 8) photostyle.problem("At most 8 references can be mixed: the first 8 were taken.");
    } catch (error) {
      photostyle.busy(null);
      photostyle.problem(error.message);
    }
  },
  // With another photo or another mix nobody waits for the look that is being fitted.
  ask(message) {
    const asked = photostyle.link.ask("main", message);
    photostyle.giveUp();
    return asked;
  },
  // `alone`: what was seen alone when they were sent for.
  arrived(reply, alone) {
    photostyle.problem(reply.error);
    if (reply.content) {
      photostyle.content = reply.content;
      photostyle.history.clear();
      photostyle.regions.take(null);
      photostyle.fit = null;
      photostyle.one("#ps-result").replaceChildren();
      for (const tile of Object.values(photostyle.tiles)) if (tile.kind === "look") tile.thumb = null;
      photostyle.settings = { ...photostyle.settings, mask: null, regions: {} };
      photostyle.viewer.show({ before: reply.content.before });
    }
    if (reply.added?.length) photostyle.strip.add(reply.added, alone);
    else { photostyle.sync(); photostyle.see(); }
  },
};

photostyle.parts.push(() => {
  const { one, on, files } = photostyle;
  for (const button of photostyle.all("[data-pick]")) {
    on(button, "click", () => one(`#ps-${button.dataset.pick}`).click());
  }
  for (const kind of ["content", "styles"]) {
    on(`#ps-${kind}`, "change", (event) => { files.take(kind, event.target.files); event.target.value = ""; });
  }
  on("#ps-samples", "click", async () => {
    const { alone } = photostyle.settings;
    files.arrived(await files.ask({ do: "samples" }), alone);
  });
  photostyle.link.ask("live", { do: "looks" }).then((reply) => {
    for (const look of reply.looks || []) photostyle.tiles[look.key] = look;
    photostyle.strip.draw(photostyle.settings);
  });

  const desk = one("#ps-desk");
  const zones = one(".ps-drop");
  const carries = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  const where = (event) => {
    if (!photostyle.content) return "content";
    const zone = event.target.closest("[data-drop]");
    return zone ? zone.dataset.drop : "styles";
  };
  on(desk, "dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zones.hidden = false;
    zones.dataset.first = String(!photostyle.content);
    for (const zone of zones.children) zone.classList.toggle("ps-over", zone.dataset.drop === where(event));
  });
  on(desk, "dragleave", (event) => { if (!desk.contains(event.relatedTarget)) zones.hidden = true; });
  on(desk, "drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    zones.hidden = true;
    files.take(where(event), event.dataTransfer.files);
  });
});
