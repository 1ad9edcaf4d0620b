// Reads charts out under the pointer or the arrow keys, and turns a drag into a range.
(() => {
  "use strict";
  const parsed = new WeakMap();
  function data(plane) {
    const text = plane.dataset.plot;
    const known = parsed.get(plane);
    if (known?.text === text) return known;
    const made = { text, ...JSON.parse(text) };
    parsed.set(plane, made);
    return made;
  }
  let shown = null;
  const tip = document.createElement("div");
  tip.className = "dw-readout";
  tip.setAttribute("role", "status");
  const rule = document.createElement("div");
  rule.className = "dw-rule";
  const sweep = document.createElement("div");
  sweep.className = "dw-sweep";

  function nearest(points, share) {
    let low = 0;
    let high = points.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (points[middle][0] < share) low = middle;
      else high = middle;
    }
    if (!points.length) return null;
    return share - points[low][0] < points[high][0] - share ? points[low] : points[high];
  }

  function readOut(plane, share) {
    const { lines, marks } = data(plane);
    const main = lines.find((line) => line.p.length);
    const at = main && nearest(main.p, share);
    if (!at) return;
    if (shown !== plane) {
      plane.append(rule, tip);
      shown = plane;
    }
    rule.style.left = `${at[0] * 100}%`;
    const rows = [at[2]];
    tip.replaceChildren();
    const head = document.createElement("div");
    head.className = "at";
    head.textContent = at[2];
    tip.append(head);
    for (const line of lines) {
      const point = nearest(line.p, at[0]);
      if (!point || Math.abs(point[0] - at[0]) > 0.02) continue;
      const row = document.createElement("div");
      const mark = document.createElement("i");
      mark.style.background = line.c;
      const value = document.createElement("b");
      value.textContent = point[1];
      row.append(mark, lines.length > 1 ? `${line.n} ` : "", value);
      rows.push(point[1]);
      tip.append(row);
    }
    for (const [start, end, said] of marks) {
      if (at[0] < start - 0.006 || at[0] > end + 0.006) continue;
      const row = document.createElement("div");
      row.className = "note";
      row.textContent = said;
      tip.append(row);
    }
    tip.classList.toggle("left", at[0] > 0.6);
    tip.style.left = `${at[0] * 100}%`;
    plane.dataset.localAt = at[0];
  }

  function hide() {
    shown = null;
    rule.remove();
    tip.remove();
    sweep.remove();
  }
  const share = (plane, event) => {
    const box = plane.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
  };
  let from = null;
  document.addEventListener("pointermove", (event) => {
    const plane = event.target.closest?.(".plane");
    if (!plane) {
      if (shown && from === null) hide();
      return;
    }
    readOut(plane, share(plane, event));
    if (from === null || !("zoom" in plane.dataset)) return;
    const to = share(plane, event);
    sweep.style.left = `${Math.min(from, to) * 100}%`;
    sweep.style.width = `${Math.abs(to - from) * 100}%`;
    if (sweep.parentElement !== plane) plane.append(sweep);
  });
  document.addEventListener("pointerdown", (event) => {
    const plane = event.target.closest?.(".plane[data-zoom]");
    if (plane && event.button === 0) from = share(plane, event);
  });
  document.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const plane = event.target.closest?.(".plane[data-zoom]");
    const began = from;
    from = null;
    sweep.remove();
    if (!plane) return;
    const ends = [began, share(plane, event)].sort((a, b) => a - b);
    if (ends[1] - ends[0] < 0.02) return;
    const start = Number(plane.dataset.start);
    const span = Number(plane.dataset.end) - start;
    const iso = (part) => `${new Date(start + part * span).toISOString().slice(0, 19)}Z`;
    window.DataWatchGo?.({ from: iso(ends[0]), to: iso(ends[1]) });
  });
})();
