// The viewer of photostyle web: two pictures, one cut. The page's own script, served by this machine.
window.photostyle = {
  element: () => document.getElementById("ps-viewer"),
  cut(percent) {
    photostyle.element().style.setProperty("--cut", percent + "%");
  },
  zoom(button) {
    const on = photostyle.element().classList.toggle("ps-zoomed");
    button.setAttribute("aria-pressed", String(on));
  },
  load(image, address) {
    if (!address || image.dataset.address === address) return Promise.resolve();
    image.dataset.address = address;
    const next = new Image();
    next.src = address;
    // Shown when it is there, so that nothing flickers; an older picture that comes late is dropped.
    return next.decode().then(
      () => { if (image.dataset.address === address) image.src = address; },
      () => {},
    );
  },
  show(text) {
    const viewer = photostyle.element();
    if (!viewer || !text) return;
    const { before, after, strength } = JSON.parse(text);
    viewer.dataset.empty = String(!before && !after);
    const frame = viewer.querySelector(".ps-frame");
    if (before) photostyle.load(frame.querySelector(".ps-before"), before);
    photostyle.load(frame.querySelector(".ps-after"), after || before).then(() => {
      viewer.dataset.shown = after || before;
      viewer.dataset.strength = strength ?? "";
    });
  },
};
