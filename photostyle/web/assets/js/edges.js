// Where a row scrolls sideways, the edge behind which there is more is faded (strip.css), and the wheel moves it.
photostyle.parts.push(() => {
  const tell = (row) => {
    const hidden = row.scrollWidth - row.clientWidth;
    const more = [];
    if (row.scrollLeft > 1) more.push("left");
    if (hidden - row.scrollLeft > 1) more.push("right"); // the last pixel is lost where positions are rounded
    row.dataset.more = more.join(" ");
  };
  for (const row of photostyle.all(".ps-strip, .ps-looks")) {
    const again = () => tell(row);
    photostyle.on(row, "scroll", again, { passive: true });
    new ResizeObserver(again).observe(row);
    new MutationObserver(again).observe(row, { childList: true, subtree: true, attributeFilter: ["class", "hidden"] });
    photostyle.on(row, "wheel", (event) => {
      const before = row.scrollLeft;
      if (!event.deltaX && !event.ctrlKey) row.scrollLeft += event.deltaY * (event.deltaMode ? 30 : 1); // lines, or pixels
      if (row.scrollLeft === before) return; // at its end the row around it may move
      event.preventDefault();
      event.stopPropagation();
    }, { passive: false });
    again();
  }
});
