// What one takes away: the result at full size, the command, the look as a file.
photostyle.take = {
  async render() {
    const { one, settings, link } = photostyle;
    const sent = photostyle.copy(settings);
    photostyle.rendering = true;
    one("#ps-render").disabled = true;
    photostyle.busy("Rendering", true);
    const reply = await link.ask("render", { do: "render", settings: sent }, (told) => photostyle.busy(told, true));
    photostyle.rendering = false;
    photostyle.busy(null);
    photostyle.sync();
    photostyle.problem(reply.error);
    if (!reply.link) return;
    const result = one("#ps-result");
    result.dataset.settings = JSON.stringify(sent);
    result.innerHTML = reply.link;
    const [width, height] = reply.size;
    result.append(photostyle.element("p", { class: "ps-note" }, `${width} × ${height} pixels, with what the photo has of profile and EXIF.`));
    if (photostyle.same(sent, photostyle.settings)) photostyle.viewer.show({ ...reply, strength: sent.strength });
  },
  async command() {
    const reply = await photostyle.link.ask("live", { do: "command", settings: photostyle.copy(photostyle.settings) });
    photostyle.problem(reply.error);
    if (!reply.command) return;
    const place = photostyle.one("#ps-command-text");
    place.hidden = false;
    place.textContent = reply.command;
    photostyle.one("#ps-share-links").innerHTML = reply.links;
    const button = photostyle.one("#ps-command");
    try {
      await navigator.clipboard.writeText(reply.command);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(place); // a browser that does not let pages copy: it is selected
      button.textContent = "Selected: copy it";
    }
    setTimeout(() => { button.textContent = "Copy as command"; }, 2000);
  },
  async style() {
    const reply = await photostyle.link.ask("main", { do: "style-file", settings: photostyle.copy(photostyle.settings) });
    photostyle.problem(reply.error);
    if (reply.link) photostyle.one("#ps-share-links").innerHTML = reply.link;
  },
};
