// Values over time, by uPlot: lines, areas, a band, marks, the open bucket dashed.

import uPlot from "uplot";
import { h } from "../dom.ts";
import type { Context, Face, TipLine } from "../face.ts";
import { ahead, moment, shown, tickTexts, zoneMark, type Fmt } from "../format.ts";
import { faded, seriesColour, type Colours } from "../theme.ts";
import { limits, stacked, ticks, type Values } from "./scale.ts";

export interface Mark {
  at: number;
  until: number | null;
  kind: string;
  text: string;
  value: number | null;
}

export interface LineData {
  t0: number;
  step: number;
  /** Where steps differ in width: the start of each, ms. */
  times?: number[];
  fmt: Fmt;
  series: { name: string; values: Values; dashed?: boolean; fmt?: Fmt }[];
  band: { low: Values; high: Values } | null;
  open: number | null;
  marks: Mark[];
  threshold: number | null;
  fill: boolean;
  stack: boolean;
  low: number | null;
  high: number | null;
  log: boolean;
  legend: string;
}

const PAD = 8;
const LABEL = 12;

export function lineFace(body: HTMLElement, context: Context): Face {
  const keys = h("div", { class: "dwb-keys" });
  const place = h("div", { class: "dwb-plot" });
  body.classList.add("dwb-chart");
  body.append(keys, place);
  let plot: uPlot | null = null;
  let held: LineData | null = null;
  let span: [number, number] | null = null;
  let shape = "";
  let box = [0, 0];

  const build = (): void => {
    if (!held || box[0] < 40 || box[1] < 40) return;
    plot?.destroy();
    place.replaceChildren();
    const colours = context.colours();
    plot = new uPlot(optionsOf(held, box, colours, handlers), columns(held), place);
    shape = shapeOf(held);
    apply();
  };
  const apply = (): void => {
    if (!plot || !held) return;
    plot.setData(columns(held), false);
    const [from, to] = span ?? [held.t0, timeAt(held, Math.max(1, length(held) - 1))];
    plot.batch(() => {
      plot?.setScale("x", { min: from / 1000, max: Math.max(to, from + 1000) / 1000 });
      const [low, high] = limits(held as LineData);
      plot?.setScale("y", { min: low, max: high });
    });
  };
  const handlers: Handlers = {
    data: () => held as LineData,
    colours: context.colours,
    hover: (at, x, y) => {
      if (at === null || !held) context.tip.hide();
      else context.tip.show(...tipOf(held, at), x, y);
    },
    zoom: (from, to) => context.send({ type: "zoom", tile: context.head.id, from, to }),
  };

  return {
    update(part, newSpan): void {
      held = part.data as LineData;
      span = newSpan;
      legend(keys, held);
      if (!plot || shape !== shapeOf(held)) build();
      else apply();
    },
    resize(width, height): void {
      const taken = keys.childElementCount ? keys.offsetHeight : 0;
      box = [Math.floor(width), Math.floor(height - taken)];
      if (!plot) build();
      else if (held && hasDirect(held, plot.width) !== hasDirect(held, box[0])) build();
      else if (box[0] >= 40 && box[1] >= 40) plot.setSize({ width: box[0], height: box[1] });
    },
    recolour: build,
    step(by): string {
      if (!plot || !held) return "";
      const last = length(held) - 1;
      const now = plot.cursor.idx ?? (by > 0 ? -1 : last + 1);
      const at = Math.max(0, Math.min(last, now + by));
      plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: plot.bbox.height / devicePixelRatio / 2 });
      const [lines, title] = tipOf(held, at);
      return [title, ...lines.map((each) => `${each.name} ${each.value}`)].join(", ");
    },
    destroy(): void {
      plot?.destroy();
    },
  };
}

/** What is filled between two columns: a stacked series above the one below, the expected range. */
function bandsOf(data: LineData, count: number, colours: Colours): uPlot.Band[] {
  const layers: uPlot.Band[] = data.stack
    ? data.series.slice(1).map((_, at) => ({ series: [at + 2, at + 1], fill: faded(seriesColour(at + 1), colours.dark ? 0.3 : 0.2) }))
    : [];
  if (!data.band) return layers;
  const expected: uPlot.Band = { series: [2 * count + 2, 2 * count + 1], fill: faded(seriesColour(0), colours.dark ? 0.22 : 0.13) };
  return [...layers, expected];
}

interface Handlers {
  data(): LineData;
  colours(): Colours;
  hover(at: number | null, x: number, y: number): void;
  zoom(from: number, to: number): void;
}

const length = (data: LineData): number => data.series[0]?.values.length ?? data.band?.low.length ?? 0;

/** Start of a step, ms; one beyond the last has the usual width. */
const timeAt = (data: LineData, at: number): number => data.times?.[at] ?? data.t0 + at * data.step;

const shapeOf = (data: LineData): string =>
  JSON.stringify([data.series.map((each) => [each.name, each.dashed]), Boolean(data.band), data.fill, data.stack, data.log]);

/** Columns of uPlot: times, each series without its open end, then the open ends, then the band. */
function columns(data: LineData): uPlot.AlignedData {
  const times = Array.from({ length: length(data) }, (_, at) => timeAt(data, at) / 1000);
  const lines = data.stack ? stacked(data) : data.series.map((each) => each.values);
  const open = data.open;
  const closed = lines.map((each) => (open === null ? each : each.map((value, at) => (at >= open ? null : value))));
  const ends = lines.map((each) => each.map((value, at) => (open !== null && at >= open - 1 ? value : null)));
  const band = data.band ? [data.band.low, data.band.high] : [];
  return [times, ...closed, ...ends, ...band] as uPlot.AlignedData;
}

function optionsOf(data: LineData, box: number[], colours: Colours, on: Handlers): uPlot.Options {
  const count = data.series.length;
  const font = `${LABEL}px ${colours.font}`;
  const lines = data.series.map((each, at) => lineOf(each, at, data, colours));
  const ends = data.series.map((_, at) => ({
    stroke: faded(seriesColour(at), 0.75),
    width: 2,
    dash: [4, 4],
    points: { show: false },
  }));
  const bandSeries = { stroke: "transparent", width: 0, points: { show: false } };
  const direct = hasDirect(data, box[0]);
  return {
    width: box[0],
    height: box[1],
    ms: 1e-3,
    tzDate: (ts: number) => new Date(ts * 1000),
    legend: { show: false },
    padding: [PAD, direct ? 96 : 16, 0, 0],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      dataIdx: (_, __, closest) => closest,
    },
    scales: { x: { time: true, auto: false }, y: { auto: false, distr: data.log ? 3 : 1 } },
    axes: axesOf(data, colours, font),
    series: [{}, ...lines, ...ends, ...(data.band ? [bandSeries, bandSeries] : [])],
    bands: bandsOf(data, count, colours),
    hooks: {
      draw: [(plot) => decorate(plot, on.data(), on.colours(), direct)],
      setCursor: [
        (plot) => {
          const over = plot.over.getBoundingClientRect();
          const { idx, left, top } = plot.cursor;
          const isIn = left !== undefined && left >= 0;
          on.hover(isIn && idx !== undefined ? idx : null, over.left + (left ?? 0), over.top + (top ?? 0));
        },
      ],
      setSelect: [
        (plot) => {
          if (plot.select.width < 8) return;
          const from = plot.posToVal(plot.select.left, "x") * 1000;
          const to = plot.posToVal(plot.select.left + plot.select.width, "x") * 1000;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          on.zoom(Math.floor(from), Math.ceil(to));
        },
      ],
    },
  };
}

function lineOf(each: LineData["series"][number], at: number, data: LineData, colours: Colours): uPlot.Series {
  const colour = seriesColour(at);
  const known = each.values.filter((value) => value !== null).length;
  return {
    label: each.name,
    stroke: colour,
    width: 2,
    dash: each.dashed ? [6, 4] : undefined,
    fill: data.fill || (data.stack && at === 0) ? faded(colour, colours.dark ? 0.25 : 0.16) : undefined,
    points: { show: known === 1, size: 7, fill: colour },
    spanGaps: false,
  };
}

function axesOf(data: LineData, colours: Colours, font: string): uPlot.Axis[] {
  const grid = { stroke: colours.line, width: 1 };
  return [
    {
      stroke: colours.ink2,
      font,
      grid: { show: false },
      ticks: { stroke: colours.line, width: 1, size: 4 },
      space: 76,
      gap: 4,
      size: 28,
      values: (_, splits, __, ___, step) => tickTexts(splits.map((each) => each * 1000), step * 1000),
      splits: (plot, axis, min, max) => timeSplits(min, max, plot.bbox.width / devicePixelRatio, axis),
    },
    {
      stroke: colours.ink2,
      font,
      grid,
      ticks: { show: false },
      space: 36,
      gap: 6,
      size: (plot, values) => axisWidth(plot, values),
      values: (_, splits) => splits.map((each) => axisText(each, data.fmt)),
      ...(data.log ? {} : { splits: valueSplits(data.fmt) }),
    },
  ];
}

const STEPS = [1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

/** Round times that are far enough apart for their labels, whatever the width. */
function timeSplits(min: number, max: number, width: number, _: number): number[] {
  const least = ((max - min) / Math.max(1, width)) * 76;
  const step = STEPS.find((each) => each >= least) ?? Math.ceil(least / 2592000) * 2592000;
  const found: number[] = [];
  // Round by the clocks of the zone, also behind a day on which they change.
  const off = ahead(min * 1000) / 1000;
  for (let wall = Math.ceil((min + off) / step) * step; wall - off <= max + 7200; wall += step) {
    const at = wall - ahead((wall - off) * 1000) / 1000;
    if (at >= min && at <= max) found.push(at);
  }
  return found;
}

function valueSplits(fmt: Fmt): uPlot.Axis.Splits {
  return (plot, _, min, max, increment) => ticks(min, max, plot.bbox.height / devicePixelRatio, increment, fmt);
}

function axisText(value: number | null, fmt: Fmt): string {
  if (value === null) return "";
  return fmt.f === "per hour" || fmt.u === "1/min" ? shown(value, fmt, true).replace(/\u00a0?\/.*$/, "") : shown(value, { ...fmt, d: null }, true);
}

function axisWidth(plot: uPlot, values: string[] | null): number {
  if (!values) return 40;
  plot.ctx.save();
  plot.ctx.font = `${LABEL * devicePixelRatio}px ${getComputedStyle(plot.root).fontFamily}`;
  const widest = Math.max(...values.map((each) => plot.ctx.measureText(each).width)) / devicePixelRatio;
  plot.ctx.restore();
  return Math.ceil(widest) + 12;
}

const hasDirect = (data: LineData, width: number): boolean =>
  data.legend === "right" || (data.legend === "auto" && data.series.length > 1 && data.series.length <= 5 && width >= 460);

/** What stands on the lines: names at their ends, marks of events, the threshold. */
function decorate(plot: uPlot, data: LineData, colours: Colours, direct: boolean): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  if (data.threshold !== null) threshold(plot, data, colours, scale);
  for (const mark of data.marks) drawMark(plot, mark, colours, scale);
  if (direct) names(plot, data, colours, scale);
  void bbox;
  ctx.restore();
}

function threshold(plot: uPlot, data: LineData, colours: Colours, scale: number): void {
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(data.threshold as number, "y", true));
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.strokeStyle = colours.bad;
  ctx.lineWidth = scale;
  ctx.setLineDash([6 * scale, 4 * scale]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = colours.bad;
  ctx.font = `${11 * scale}px ${colours.font}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.fillText(`limit ${shown(data.threshold, data.fmt, true)}`, bbox.left + 6 * scale, y - 3 * scale);
}

/** A mark has its own shape and line, so that it is told apart without its colour. */
function drawMark(plot: uPlot, mark: Mark, colours: Colours, scale: number): void {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(mark.at / 1000, "x", true);
  if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
  const colour = { anomaly: colours.bad, alert: colours.warn, schema: colours.accent }[mark.kind] ?? colours.ink2;
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = scale;
  if (mark.until !== null) {
    const end = Math.min(plot.valToPos(mark.until / 1000, "x", true), bbox.left + bbox.width);
    ctx.globalAlpha = 0.1;
    ctx.fillRect(x, bbox.top, Math.max(scale, end - x), bbox.height);
    ctx.globalAlpha = 1;
  }
  if (mark.kind === "anomaly" && mark.value !== null) {
    const y = plot.valToPos(mark.value, "y", true);
    ctx.lineWidth = 2 * scale;
    ctx.beginPath();
    ctx.arc(x, y, 5 * scale, 0, 2 * Math.PI);
    ctx.stroke();
    return;
  }
  ctx.setLineDash(mark.kind === "schema" ? [2 * scale, 3 * scale] : [5 * scale, 3 * scale]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top + 10 * scale);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.font = `bold ${11 * scale}px ${colours.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.fillText({ anomaly: "○", alert: "!", schema: "◇" }[mark.kind] ?? "i", x, bbox.top - 2 * scale);
}

/** Names at the ends of their lines, pushed apart until none covers another. */
function names(plot: uPlot, data: LineData, colours: Colours, scale: number): void {
  const { ctx, bbox } = plot;
  const least = 15 * scale;
  const lines = data.stack ? stacked(data) : data.series.map((each) => each.values);
  const found = data.series.map((each, at) => {
    const known = lines[at].findLast((value) => value !== null);
    return { name: each.name, at, y: known == null ? bbox.top : plot.valToPos(known, "y", true) };
  });
  found.sort((one, other) => one.y - other.y);
  let floor = bbox.top + least / 2;
  for (const each of found) {
    each.y = Math.max(each.y, floor);
    floor = each.y + least;
  }
  let ceiling = bbox.top + bbox.height;
  for (const each of [...found].reverse()) {
    each.y = Math.min(each.y, ceiling);
    ceiling = each.y - least;
  }
  ctx.font = `${LABEL * scale}px ${colours.font}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const x = bbox.left + bbox.width + 6 * scale;
  for (const each of found) {
    ctx.fillStyle = seriesColour(each.at);
    ctx.fillRect(x, each.y - 4 * scale, 8 * scale, 8 * scale);
    ctx.fillStyle = colours.ink;
    ctx.fillText(shortened(ctx, each.name, 76 * scale), x + 13 * scale, each.y);
  }
}

function shortened(ctx: CanvasRenderingContext2D, text: string, width: number): string {
  if (ctx.measureText(text).width <= width) return text;
  let kept = text.slice(0, 40);
  while (kept.length > 1 && ctx.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

function legend(place: HTMLElement, data: LineData): void {
  const width = place.parentElement?.clientWidth ?? 0;
  const wanted = data.series.length > 1 && data.legend !== "none" && !hasDirect(data, width);
  place.replaceChildren(
    ...(wanted ? data.series : []).map((each, at) => {
      const key = h("i", {});
      key.style.background = seriesColour(at);
      return h("span", { title: each.name }, key, each.name);
    }),
  );
}

function tipOf(data: LineData, at: number): [TipLine[], string] {
  const time = timeAt(data, at);
  const lines: TipLine[] = data.series.map((each, place) => ({
    name: each.name,
    value: shown(each.values[at], each.fmt ?? data.fmt),
    colour: seriesColour(place),
  }));
  const [low, high] = [data.band?.low[at], data.band?.high[at]];
  if (low != null && high != null) {
    lines.push({ name: "expected", value: `${shown(low, data.fmt)} to ${shown(high, data.fmt)}` });
  }
  for (const mark of data.marks) {
    const near = Math.abs(mark.at - time) <= data.step * 1.5;
    const inside = mark.until !== null && mark.at <= time && time <= mark.until;
    if (near || inside) lines.push({ name: mark.text, value: "" });
  }
  const isOpen = data.open !== null && at >= data.open;
  return [lines, `${moment(time, length(data) * data.step)} ${zoneMark(time)}${isOpen ? " (not over yet)" : ""}`];
}
