// A course over time with its band, flagged points, episodes and a threshold that can be dragged.
// Plain SVG: no library, no request. All words come from Python and are set as text, never as HTML.

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 250;
const EDGE = { left: 62, right: 14, top: 12, bottom: 46 };
const STRIP = 12; // height of the row of episodes
const MINUTE = 60_000;
const STEPS = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 43200];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function make(name, attributes, parent, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

function floats(view) {
  if (!view || !view.byteLength) return new Float64Array(0);
  const copy = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return new Float64Array(copy);
}

function digits(value) {
  const plain = Number(value.toPrecision(4));
  return plain.toLocaleString("en-US", { maximumFractionDigits: 4 }).replace("-", "\u2212");
}

function scaled(value, scales) {
  const size = Math.abs(value);
  for (const [scale, mark] of scales) if (size >= scale) return digits(value / scale) + mark;
  const [scale, mark] = scales[scales.length - 1];
  return digits(value / scale) + mark;
}

export function words(value, unit) {
  if (!Number.isFinite(value)) return "\u2013";
  if (value === 0) return unit === "ratio" ? "0 %" : "0";
  if (unit === "ratio") return digits(value * 100) + " %";
  if (unit === "s") {
    return scaled(value, [[86400, " d"], [3600, " h"], [60, " min"], [1, " s"], [1e-3, " ms"]]);
  }
  if (Math.abs(value) < 1000) return digits(value);
  return scaled(value, [[1e12, " T"], [1e9, " B"], [1e6, " M"], [1e3, " K"]]);
}

function steps(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) found.push(at * step);
  return found;
}

function moments(from, to, room) {
  const wanted = Math.max(2, Math.floor(room / 84));
  const step = (STEPS.find((each) => ((to - from) / MINUTE) / each <= wanted) ?? 43200) * MINUTE;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}

function moment(at, span) {
  const date = new Date(at);
  const clock = date.toISOString().slice(11, 16);
  if (clock !== "00:00" && span <= 8 * 1440 * MINUTE) return clock;
  if (span <= 8 * 1440 * MINUTE) return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()}`;
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

function domain(series, threshold) {
  let low = Infinity;
  let high = -Infinity;
  for (const values of series) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (Number.isFinite(threshold)) {
    low = Math.min(low, threshold);
    high = Math.max(high, threshold);
  }
  if (!Number.isFinite(low)) return [0, 1];
  if (low >= 0 && low < 0.5 * high) low = 0;
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return [low === 0 ? 0 : low - pad, high + pad];
}

function line(times, values, x, y) {
  let path = "";
  let open = false;
  for (let place = 0; place < values.length; place += 1) {
    if (!Number.isFinite(values[place])) {
      open = false;
      continue;
    }
    path += `${open ? "L" : "M"}${x(times[place]).toFixed(1)} ${y(values[place]).toFixed(1)}`;
    if (!open && !Number.isFinite(values[place + 1])) path += "h0.01"; // a point alone is a dot
    open = true;
  }
  return path;
}

function area(times, low, high, x, y) {
  let path = "";
  let upper = [];
  let lower = [];
  const close = () => {
    if (upper.length) path += `M${upper.join("L")}L${lower.reverse().join("L")}Z`;
    upper = [];
    lower = [];
  };
  for (let place = 0; place < low.length; place += 1) {
    if (!Number.isFinite(low[place]) || !Number.isFinite(high[place])) {
      close();
      continue;
    }
    const at = x(times[place]).toFixed(1);
    upper.push(`${at} ${y(high[place]).toFixed(1)}`);
    lower.push(`${at} ${y(low[place]).toFixed(1)}`);
  }
  close();
  return path;
}

class View {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.dragging = null;
    this.number = `dw${Math.random().toString(36).slice(2)}`;
    this.svg = make("svg", { class: "dw-chart", height: HEIGHT, role: "group" }, root);
    this.tip = document.createElement("div");
    this.tip.className = "dw-tip";
    this.tip.hidden = true;
    root.append(this.tip);
    this.svg.addEventListener("pointermove", (event) => this.hover(event));
    this.svg.addEventListener("pointerleave", () => { this.tip.hidden = true; });
  }

  read() {
    const { model } = this;
    this.times = floats(model.get("times"));
    this.values = floats(model.get("values"));
    this.low = floats(model.get("low"));
    this.high = floats(model.get("high"));
    this.unit = model.get("unit");
    this.side = model.get("side");
    const threshold = model.get("threshold");
    this.threshold = threshold === null || threshold === undefined ? NaN : threshold;
  }

  draw() {
    if (this.dragging !== null) {
      this.strip();
      return;
    }
    this.read();
    const wide = Math.max(260, this.root.clientWidth || 640);
    this.right = wide - EDGE.right;
    this.bottom = HEIGHT - EDGE.bottom;
    this.span = [this.times[0] ?? 0, this.times[this.times.length - 1] ?? 1];
    if (this.span[1] <= this.span[0]) this.span[1] = this.span[0] + MINUTE;
    this.range = domain([this.values, this.low, this.high], this.threshold);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${wide} ${HEIGHT}`);
    this.svg.setAttribute("width", wide);
    this.svg.setAttribute("aria-label", this.model.get("about"));
    make("title", {}, this.svg, this.model.get("about"));
    this.axes();
    this.course();
    this.dots();
    this.episodes = make("g", {}, this.svg);
    this.strip();
    if (Number.isFinite(this.threshold)) this.handle();
  }

  x = (at) =>
    EDGE.left + ((at - this.span[0]) / (this.span[1] - this.span[0])) * (this.right - EDGE.left);

  y = (value) =>
    this.bottom -
    ((value - this.range[0]) / (this.range[1] - this.range[0])) * (this.bottom - EDGE.top);

  value = (place) => {
    const share = (this.bottom - place) / (this.bottom - EDGE.top);
    return this.range[0] + Math.min(1, Math.max(0, share)) * (this.range[1] - this.range[0]);
  };

  axes() {
    const group = make("g", { class: "dw-axes" }, this.svg);
    for (const each of steps(...this.range, 4)) {
      const at = this.y(each);
      make("line", { x1: EDGE.left, x2: this.right, y1: at, y2: at }, group);
      const place = { x: EDGE.left - 8, y: at + 4, "text-anchor": "end" };
      make("text", place, group, words(each, this.unit));
    }
    const span = this.span[1] - this.span[0];
    for (const each of this.times.length ? moments(...this.span, this.right - EDGE.left) : []) {
      const place = { x: this.x(each), y: HEIGHT - 6, "text-anchor": "middle" };
      if (place.x > this.right - 16 || place.x < EDGE.left + 8) continue;
      make("text", place, group, moment(each, span));
    }
    make("text", { x: this.right, y: HEIGHT - 6, "text-anchor": "end" }, group, "UTC");
    if (!this.times.length) {
      const middle = { x: (EDGE.left + this.right) / 2, y: HEIGHT / 2, "text-anchor": "middle" };
      make("text", middle, group, "no data in this range");
    }
  }

  course() {
    const { svg, times } = this;
    if (this.low.length) make("path", { class: "dw-band", d: area(times, this.low, this.high, this.x, this.y) }, svg);
    const path = line(times, this.values, this.x, this.y);
    make("path", { class: "dw-line", d: path }, svg);
    if (!Number.isFinite(this.threshold)) return;
    const clip = make("clipPath", { id: this.number }, make("defs", {}, svg));
    this.beyond = make("rect", { x: EDGE.left, width: Math.max(0, this.right - EDGE.left) }, clip);
    make("path", { class: "dw-over", d: path, "clip-path": `url(#${this.number})` }, svg);
    this.cut();
  }

  cut() {
    const at = this.y(this.threshold);
    const above = this.side !== "below";
    this.beyond.setAttribute("y", above ? 0 : at);
    this.beyond.setAttribute("height", Math.max(0, above ? at : HEIGHT - at));
  }

  dots() {
    for (const each of this.model.get("dots")) {
      const place = { cx: this.x(each.at), cy: this.y(each.value), r: 4.5 };
      const dot = make("circle", { class: `dw-dot dw-${each.kind}`, ...place }, this.svg);
      make("title", {}, dot, each.label);
    }
  }

  strip() {
    const group = this.episodes;
    group.replaceChildren();
    const top = this.bottom + 6;
    const frame = { x: EDGE.left, width: Math.max(0, this.right - EDGE.left), rx: 3 };
    if (this.model.get("lane")) {
      make("rect", { class: "dw-lane", y: top, height: STRIP, ...frame }, group);
      const place = { x: EDGE.left - 8, y: top + 10, "text-anchor": "end", class: "dw-soft" };
      make("text", place, group, this.model.get("lane"));
    }
    for (const each of this.model.get("marks")) {
      const from = Math.max(EDGE.left, this.x(each.from));
      const to = Math.min(this.right, this.x(each.to));
      if (to < EDGE.left || from > this.right) continue;
      const place = { x: from, y: top, width: Math.max(3, to - from), height: STRIP, rx: 2 };
      const mark = make("rect", { class: `dw-mark dw-${each.kind}`, ...place }, group);
      make("title", {}, mark, each.label);
    }
  }

  handle() {
    const group = make("g", { class: "dw-threshold", tabindex: 0, role: "slider" }, this.svg);
    group.setAttribute("aria-label", "threshold");
    this.rule = make("line", { x1: EDGE.left, x2: this.right }, group);
    this.grip = make("rect", { height: 22, rx: 11 }, group);
    this.said = make("text", { "text-anchor": "middle" }, group);
    this.area = make("rect", { class: "dw-catch", x: EDGE.left, height: 24 }, group);
    this.area.setAttribute("width", Math.max(0, this.right - EDGE.left));
    group.addEventListener("pointerdown", (event) => this.grab(event, group));
    group.addEventListener("keydown", (event) => this.press(event));
    this.group = group;
    this.place();
  }

  place() {
    const at = this.y(this.threshold);
    const text = words(this.threshold, this.unit);
    const wide = 22 + 7 * text.length;
    this.rule.setAttribute("y1", at);
    this.rule.setAttribute("y2", at);
    this.grip.setAttribute("width", wide);
    this.grip.setAttribute("x", this.right - wide);
    this.grip.setAttribute("y", at - 11);
    this.said.setAttribute("x", this.right - wide / 2);
    this.said.setAttribute("y", at + 4);
    this.said.textContent = text;
    this.area.setAttribute("y", at - 12);
    this.group.setAttribute("aria-valuenow", this.threshold);
    this.group.setAttribute("aria-valuetext", text);
    this.group.setAttribute("aria-valuemin", this.range[0]);
    this.group.setAttribute("aria-valuemax", this.range[1]);
    this.cut();
  }

  grab(event, group) {
    event.preventDefault();
    group.focus();
    group.setPointerCapture(event.pointerId);
    const box = this.svg.getBoundingClientRect();
    this.dragging = event.pointerId;
    const move = (each) => this.say(this.value(each.clientY - box.top));
    const end = () => {
      group.removeEventListener("pointermove", move);
      this.dragging = null;
      this.draw();
      this.group.focus();
    };
    group.addEventListener("pointermove", move);
    group.addEventListener("pointerup", end, { once: true });
    group.addEventListener("pointercancel", end, { once: true });
  }

  press(event) {
    const step = (this.range[1] - this.range[0]) / (event.shiftKey ? 10 : 100);
    const by = { ArrowUp: step, ArrowDown: -step, PageUp: 10 * step, PageDown: -10 * step }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.say(Math.min(this.range[1], Math.max(this.range[0], this.threshold + by)));
  }

  // Shown at once; Jupyter sends the newest value when Python has answered the one before.
  say(value) {
    const rounded = Number(value.toPrecision(3));
    if (rounded === this.threshold) return;
    this.threshold = rounded;
    this.place();
    this.model.set("threshold", rounded);
    this.model.save_changes();
  }

  hover(event) {
    const box = this.svg.getBoundingClientRect();
    const at = event.clientX - box.left;
    if (this.dragging !== null || !this.times.length || at < EDGE.left || at > this.right) {
      this.tip.hidden = true;
      return;
    }
    const wanted = this.span[0] + ((at - EDGE.left) / (this.right - EDGE.left)) * (this.span[1] - this.span[0]);
    let place = this.times.findIndex((each) => each >= wanted);
    if (place < 0) place = this.times.length - 1;
    if (place > 0 && wanted - this.times[place - 1] < this.times[place] - wanted) place -= 1;
    const lines = [
      new Date(this.times[place]).toISOString().slice(0, 16).replace("T", " "),
      words(this.values[place], this.unit),
    ];
    if (Number.isFinite(this.low[place])) {
      lines.push(`expected ${words(this.low[place], this.unit)} to ${words(this.high[place], this.unit)}`);
    }
    this.tip.textContent = lines.join(" · ");
    this.tip.hidden = false;
    const left = Math.min(at + 10, this.right - this.tip.offsetWidth);
    this.tip.style.transform = `translate(${Math.max(0, left)}px, ${EDGE.top}px)`;
  }
}

// The still picture beside it is for pages without a kernel; while this lives, it is not needed.
function hideStill(name) {
  if (!name) return () => {};
  const stills = [...document.getElementsByClassName(name)];
  const boxes = stills.map((each) => each.closest(".jp-OutputArea-child, .output_area") ?? each);
  for (const each of boxes) each.style.display = "none";
  return () => { for (const each of boxes) each.style.display = ""; };
}

export default {
  render({ model, el }) {
    const root = document.createElement("div");
    root.className = "dw-edit-chart";
    el.append(root);
    const view = new View(model, root);
    const redraw = () => view.draw();
    const names = ["times", "values", "low", "high", "marks", "dots", "threshold", "about", "unit"];
    let due = 0;
    const soon = () => {
      cancelAnimationFrame(due);
      due = requestAnimationFrame(redraw);
    };
    for (const each of names) model.on(`change:${each}`, soon);
    const watch = new ResizeObserver(soon);
    watch.observe(root);
    view.draw();
    const show = hideStill(model.get("still"));
    return () => {
      for (const each of names) model.off(`change:${each}`, soon);
      watch.disconnect();
      cancelAnimationFrame(due);
      show();
    };
  },
};
