// What the page says to its server and hears from it. A channel has one message under way at a time; a message that
// waits gives way to a newer one of its kind. Gradio carries them, in text boxes that nobody sees (photo_tab.py).
photostyle.link = {
  seq: 0,
  channels: {},
  channel(name) {
    return (this.channels[name] ??= { waiting: [], now: null });
  },
  ask(name, message, told) {
    const channel = this.channel(name);
    return new Promise((resolve) => {
      const entry = { message, resolve, told };
      const old = message.latest && channel.waiting.findIndex((each) => each.message.do === message.do);
      if (message.latest && old >= 0) {
        channel.waiting[old].resolve({ dropped: true });
        channel.waiting.splice(old, 1);
      }
      channel.waiting.push(entry);
      if (name === "main" && this.channel("idle").now) this.ask("aside", { do: "hush", latest: true });
      this.next(name);
    });
  },
  next(name) {
    const channel = this.channel(name);
    if (channel.now || !channel.waiting.length) return;
    channel.now = channel.waiting.shift();
    channel.now.seq = ++this.seq;
    const { latest, ...message } = channel.now.message;
    this.write(name, JSON.stringify({ do: message.do, seq: channel.now.seq, ...message }));
    photostyle.flow?.(name, channel.now.message, true);
  },
  write(name, text) {
    const box = document.querySelector(`#ps-${name}-ask textarea, #ps-${name}-ask input`);
    const kind = box.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(box, text);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  },
  heard(name, text) {
    const channel = this.channel(name);
    if (!text || !channel.now) return;
    const reply = JSON.parse(text);
    if (reply.progress) {
      if (reply.seq === channel.now.seq) channel.now.told?.(reply.progress);
      return;
    }
    if (reply.seq != null && reply.seq !== channel.now.seq) return;
    this.done(name, reply);
  },
  lost(name) {
    if (this.channel(name).now) {
      this.done(name, { error: "The page got no answer. Is photostyle still running where it was started?" });
    }
  },
  done(name, reply) {
    const channel = this.channel(name);
    const { message, resolve } = channel.now;
    channel.now = null;
    photostyle.flow?.(name, message, false);
    resolve(reply);
    this.next(name);
  },
  // Sends files to this machine; tells how much has gone. Resolves to where they lie, for `ask`.
  upload(files, told) {
    const form = new FormData();
    for (const file of files) form.append("files", file, file.name);
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", "gradio_api/upload");
      request.upload.onprogress = (event) => told?.(event.loaded, event.total);
      request.onerror = () => reject(new Error("The file did not arrive. Is photostyle still running where it was started?"));
      request.onload = () => (request.status === 200
        ? resolve(JSON.parse(request.responseText)) : reject(new Error(request.responseText)));
      request.send(form);
    });
  },
};
