// Bars, donut, gauge, heat map, map and scatter: the data of a part as options of ECharts.

import { feature } from "topojson-client";
import { echarts } from "../echarts.ts";
import type { FaceMaker } from "../face.ts";
import { durationStep, moment, shown, tickTexts, zoneMark, type Fmt } from "../format.ts";
import { faded, mixed, seriesColour, type Colours } from "../theme.ts";
import { chartFace, type Drawing, type Option } from "./chart.ts";

const FONT = 12;

const axisLabel = (colours: Colours): Option => ({ color: colours.ink2, fontSize: FONT, hideOverlap: true });

interface BarData {
  names: string[];
  times: number[] | null;
  step: number;
  series: { name: string; values: (number | null)[]; fmt?: Fmt }[];
  fmt: Fmt;
  label: string;
  /** What a click on each place filters by; nothing where that is its name. */
  picks?: string[];
  across: boolean;
  stack: boolean;
  threshold: number | null;
  low: number | null;
  high: number | null;
  log: boolean;
  legend?: string;
  open: number | null;
}

function highest(data: BarData): number {
  const tops = data.series[0]?.values.map((_, at) => {
    const all = data.series.map((each) => each.values[at] ?? 0);
    return data.stack ? all.reduce((sum, each) => sum + each, 0) : Math.max(...all);
  });
  return Math.max(data.high ?? 0, ...(tops ?? []));
}

const bar: Drawing<BarData> = {
  option(data, colours, box) {
    const names = data.times ? tickTexts(data.times, data.step) : data.names;
    const room = data.across ? 999 : (box[0] - 60) / Math.max(1, names.length) - 4;
    const category: Option = {
      type: "category",
      data: names,
      inverse: data.across,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colours.line } },
      axisLabel: {
        ...axisLabel(colours),
        interval: data.times || room < 34 ? "auto" : 0,
        ...(data.times || room < 34 ? {} : { width: data.across ? Math.min(120, box[0] * 0.3) : room, overflow: "truncate" }),
      },
    };
    const ticks = Math.max(2, Math.floor(data.across ? box[0] / 90 : box[1] / 48));
    const top = highest(data);
    const interval = (!data.log && durationStep(top / ticks, data.fmt)) || undefined;
    const value: Option = {
      type: data.log ? "log" : "value",
      interval,
      min: data.low ?? undefined,
      max: data.high ?? (interval && Math.ceil(top / interval) * interval),
      splitNumber: ticks,
      axisLabel: { ...axisLabel(colours), formatter: (each: number) => shown(each, { ...data.fmt, d: null }, true) },
      splitLine: { lineStyle: { color: colours.line } },
    };
    const few = names.length * data.series.length <= 12 && !data.times && !data.stack;
    return {
      grid: { left: 4, right: data.across && few ? 56 : 12, top: 14, bottom: 6, containLabel: true },
      xAxis: data.across ? value : category,
      yAxis: data.across ? category : value,
      series: data.series.map((each, at) => ({
        name: each.name,
        type: "bar",
        stack: data.stack ? "all" : undefined,
        barMaxWidth: 48,
        barCategoryGap: data.times ? "20%" : "36%",
        cursor: data.label ? "pointer" : "default",
        itemStyle: { color: seriesColour(at), borderRadius: data.stack ? 0 : data.across ? [0, 4, 4, 0] : [4, 4, 0, 0] },
        data: each.values.map((point, place) => (data.open === place ? { value: point, itemStyle: { opacity: 0.55 } } : point)),
        label: {
          show: few && (data.across || box[0] / names.length > 44),
          position: data.across ? "right" : "top",
          color: colours.ink2,
          fontSize: FONT,
          formatter: (item: any) => shown(item.value, each.fmt ?? data.fmt, true),
        },
      })),
    };
  },
  tip(data, item) {
    const title = data.times ? `${moment(data.times[item.dataIndex], data.step * data.times.length)} ${zoneMark(data.times[item.dataIndex])}` : data.names[item.dataIndex];
    const lines = data.series.map((each, at) => ({
      name: data.series.length > 1 ? each.name : "",
      value: shown(each.values[item.dataIndex], each.fmt ?? data.fmt),
      colour: seriesColour(at),
    }));
    return { title, lines };
  },
  pick: (data, item) => (data.label ? { label: data.label, value: (data.picks ?? data.names)[item.dataIndex] } : null),
  item: (_, at) => ({ dataIndex: at }),
  count: (data) => data.names.length,
  keys: (data) => (data.legend === "none" ? [] : data.series.map((each) => each.name)),
};

interface DonutData {
  names: string[];
  values: (number | null)[];
  /** Of all values; null where they do not add up to a whole. */
  total: number | null;
  fmt: Fmt;
  label: string;
  picks?: string[];
  hole: boolean;
  legend: string;
  rest: number;
}

const donut: Drawing<DonutData> = {
  option(data, colours, box) {
    const outside = data.legend !== "none" && box[0] > 220;
    const radius = Math.min(box[1] * (outside ? 0.4 : 0.47), box[0] * (outside ? 0.24 : 0.46));
    return {
      series: [
        {
          type: "pie",
          radius: [data.hole ? radius * 0.62 : 0, radius],
          center: ["50%", "50%"],
          cursor: data.label ? "pointer" : "default",
          minShowLabelAngle: 8,
          padAngle: data.hole ? 1.5 : 0,
          itemStyle: { borderRadius: data.hole ? 4 : 0, borderColor: colours.card, borderWidth: 1 },
          labelLine: { show: outside, length: 8, length2: 8, lineStyle: { color: colours.line } },
          label: {
            show: outside,
            color: colours.ink,
            fontSize: FONT,
            lineHeight: 15,
            formatter: (item: any) => `${short(item.name)}${box[0] < (data.total === null ? 460 : 340) ? "\n" : " "}${share(data, item.value) ?? shown(item.value, data.fmt, true)}`,
          },
          data: data.names.map((name, at) => ({
            name,
            value: data.values[at],
            itemStyle: { color: data.rest === at ? colours.line : seriesColour(at) },
          })),
        },
        ...(data.hole && data.total !== null ? [middle(shown(data.total, data.fmt, true), radius, colours)] : []),
      ],
    };
  },
  tip(data, item) {
    const at = item.dataIndex as number;
    if (item.seriesIndex > 0) return null;
    const colour = seriesColour(at);
    return { title: data.names[at], lines: [{ name: share(data, data.values[at]) ?? "", value: shown(data.values[at], data.fmt), colour }] };
  },
  pick: (data, item) =>
    data.label && item.seriesIndex === 0 && item.dataIndex !== data.rest
      ? { label: data.label, value: (data.picks ?? data.names)[item.dataIndex] }
      : null,
  item: (_, at) => ({ dataIndex: at, seriesIndex: 0 }),
  count: (data) => data.names.length,
};

/** A value as its share of the whole; null where there is none. */
const share = (data: DonutData, value: number | null): string | null =>
  data.total ? shown((value ?? 0) / data.total, { u: "ratio" }) : null;

const short = (text: string): string => (text.length > 18 ? `${text.slice(0, 17)}…` : text);

/** The total in the middle of a ring, as a gauge without a dial. */
function middle(text: string, radius: number, colours: Colours): Option {
  return {
    type: "gauge",
    silent: true,
    radius: 1,
    pointer: { show: false },
    progress: { show: false },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { show: false },
    axisLabel: { show: false },
    title: { show: false },
    detail: {
      offsetCenter: [0, 0],
      formatter: () => text,
      color: colours.ink,
      fontSize: Math.max(11, Math.min(24, (radius * 1.6) / Math.max(4, text.length))),
      fontWeight: 650,
      fontFamily: colours.font,
    },
    data: [{ value: 0 }],
  };
}

interface GaugeData {
  value: number | null;
  low: number;
  goal: number;
  warning: number | null;
  critical: number | null;
  state: "" | "good" | "warn" | "bad";
  word: string;
  fmt: Fmt;
}

const gauge: Drawing<GaugeData> = {
  option(data, colours, box) {
    const radius = Math.min(box[1] * 0.56, box[0] * 0.44);
    const colour = data.state ? colours[data.state] : seriesColour(0);
    const width = Math.max(8, radius * 0.16);
    return {
      series: [
        {
          type: "gauge",
          center: ["50%", "62%"],
          radius,
          startAngle: 205,
          endAngle: -25,
          min: data.low,
          max: data.goal,
          silent: false,
          progress: { show: data.value !== null, width, roundCap: true, itemStyle: { color: colour }, clip: true },
          axisLine: { roundCap: true, lineStyle: { width, color: [[1, colours.line]] } },
          pointer: { show: false },
          axisTick: { show: false },
          splitLine: { show: false },
          axisLabel: { show: false },
          anchor: { show: false },
          title: { offsetCenter: [0, "30%"], color: data.state ? colour : colours.ink2, fontSize: FONT, fontFamily: colours.font },
          detail: {
            offsetCenter: [0, "-6%"],
            color: colours.ink,
            fontSize: Math.max(16, Math.min(40, radius * 0.34)),
            fontWeight: 650,
            fontFamily: colours.font,
            formatter: () => shown(data.value, data.fmt, true),
          },
          data: [{ value: Math.max(data.low, Math.min(data.goal, data.value ?? data.low)), name: data.word }],
        },
      ],
    };
  },
  tip: (data) => ({
    title: data.word,
    lines: [{ name: `of ${shown(data.goal, data.fmt)}`, value: shown(data.value, data.fmt) }],
  }),
  item: () => ({}),
  count: () => 1,
};

interface HeatData {
  xs: string[];
  ys: string[];
  values: (number | null)[][];
  low: number;
  high: number;
  fmt: Fmt;
  diverging: boolean;
  written: boolean;
}

const heat: Drawing<HeatData> = {
  option(data, colours, box) {
    const cells: [number, number, number | string][] = [];
    data.values.forEach((row, y) => row.forEach((value, x) => cells.push([x, y, value ?? "-"])));
    const [pale, full] = [mixed(colours.card, seriesColour(0), 0.08), seriesColour(0)];
    const written = data.written && box[0] / data.xs.length > 40;
    return {
      grid: { left: 4, right: 8, top: 4, bottom: 30, containLabel: true },
      xAxis: category(data.xs, colours, (box[0] - 50) / data.xs.length),
      yAxis: { ...category(data.ys, colours, 999), inverse: true },
      visualMap: {
        min: data.low,
        max: data.high,
        calculable: false,
        orient: "horizontal",
        left: "center",
        bottom: 0,
        itemWidth: 8,
        itemHeight: Math.min(160, box[0] * 0.3),
        text: [shown(data.high, data.fmt, true), shown(data.low, data.fmt, true)],
        textStyle: { color: colours.ink2, fontSize: 11 },
        textGap: 6,
        inRange: { color: data.diverging ? [seriesColour(1), mixed(colours.card, colours.ink2, 0.1), full] : [pale, full] },
      },
      series: [
        {
          type: "heatmap",
          data: cells,
          itemStyle: { borderColor: colours.card, borderWidth: 2, borderRadius: 3 },
          label: { show: written, color: colours.ink, fontSize: 11, formatter: (item: any) => (item.value[2] === "-" ? "" : shown(item.value[2], data.fmt, true)) },
          emphasis: { itemStyle: { borderColor: colours.ink, borderWidth: 1 } },
        },
      ],
    };
  },
  tip(data, item) {
    const [x, y] = item.value as [number, number];
    return { title: `${data.ys[y]}, ${data.xs[x]}`, lines: [{ name: "", value: shown(data.values[y][x], data.fmt) }] };
  },
  item: (data, at) => ({ value: [at % data.xs.length, Math.floor(at / data.xs.length)] }),
  count: (data) => data.xs.length * data.ys.length,
};

function category(names: string[], colours: Colours, room: number): Option {
  return {
    type: "category",
    data: names,
    splitArea: { show: false },
    axisTick: { show: false },
    axisLine: { show: false },
    axisLabel: { ...axisLabel(colours), interval: room < 34 ? Math.ceil(34 / room) - 1 : 0, width: Math.max(28, Math.min(110, room)), overflow: "truncate" },
  };
}

interface MapData {
  of: "countries" | "points";
  /** `several`: the data has it under more than one name, of which a click cannot choose. */
  countries: { id: string; name: string; value: number | null; several?: boolean }[];
  points: { x: number; y: number; name: string; value: number | null }[];
  elsewhere: string[];
  fmt: Fmt;
  label: string;
}

const ANTARCTICA = "010";

/** Outlines that cross the 180th meridian go on beyond it, instead of all the way back. */
function unwrap(geometry: { type: string; coordinates: any }): void {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  for (const ring of polygons.flat(1) as [number, number][][]) {
    const longitudes = ring.map((each) => each[0]);
    if (Math.max(...longitudes) - Math.min(...longitudes) < 300) continue;
    for (const each of ring) if (each[0] < 0) each[0] += 360;
  }
}

const map: Drawing<MapData> = {
  ready(context) {
    if (echarts.getMap("world")) return true;
    const world: any = context.world();
    if (!world) return false;
    const shapes: any = feature(world, world.objects.countries);
    shapes.features = shapes.features.filter((each: any) => each.id !== ANTARCTICA);
    for (const each of shapes.features) {
      each.properties = { name: String(each.id ?? each.properties.name) };
      unwrap(each.geometry);
    }
    echarts.registerMap("world", shapes);
    return true;
  },
  option(data, colours, box) {
    const known = data.countries.map((each) => each.value).filter((each): each is number => each !== null);
    const most = Math.max(...known, 0) || 1;
    const isLow = box[1] < 250;
    const geo = {
      map: "world",
      roam: false,
      left: 0,
      right: 0,
      top: 0,
      bottom: 0,
      boundingCoords: [[-169, 78], [191, -56]],
      label: { show: false },
      emphasis: { label: { show: false }, itemStyle: { areaColor: mixed(colours.card, colours.accent, 0.5) } },
      select: { disabled: true },
      itemStyle: { areaColor: mixed(colours.card, colours.ink2, 0.14), borderColor: colours.card, borderWidth: 0.5 },
    };
    if (data.of === "points") {
      const most = Math.max(...data.points.map((each) => Math.abs(each.value ?? 0)), 1e-300);
      return {
        geo: { ...geo, silent: true },
        series: [
          {
            type: "scatter",
            coordinateSystem: "geo",
            data: data.points.map((each) => [each.x, each.y, each.value]),
            symbolSize: (value: number[]) => 5 + 16 * Math.sqrt(Math.abs(value[2] ?? 0) / most),
            itemStyle: { color: faded(seriesColour(0), 0.7), borderColor: colours.card, borderWidth: 1 },
          },
        ],
      };
    }
    return {
      visualMap: {
        // Over the Pacific; in a low tile it lies, so that it does not reach up to North America.
        show: box[0] >= (isLow ? 480 : 340),
        orient: isLow ? "horizontal" : "vertical",
        min: 0,
        max: most,
        left: 4,
        bottom: 4,
        itemWidth: 8,
        itemHeight: 60,
        text: [shown(most, data.fmt, true), shown(0, data.fmt, true)],
        textStyle: { color: colours.ink2, fontSize: 11 },
        inRange: { color: [mixed(colours.card, seriesColour(0), 0.25), seriesColour(0)] },
      },
      series: [{ type: "map", ...geo, data: data.countries.map((each) => ({ name: each.id, value: each.value ?? NaN })) }],
    };
  },
  tip(data, item) {
    if (data.of === "points") {
      const point = data.points[item.dataIndex];
      return point ? { title: point.name, lines: [{ name: "", value: shown(point.value, data.fmt) }] } : null;
    }
    const found = data.countries.find((each) => each.id === item.name);
    return found ? { title: found.name, lines: [{ name: "", value: shown(found.value, data.fmt) }] } : null;
  },
  pick(data, item) {
    const found = data.countries.find((each) => each.id === item.name);
    return found && data.label && !found.several ? { label: data.label, value: found.name } : null;
  },
  item: (data, at) => (data.of === "points" ? { dataIndex: at } : { name: data.countries[at]?.id }),
  count: (data) => (data.of === "points" ? data.points.length : data.countries.length),
};

interface ScatterData {
  points: [number, number][];
  names: string[];
  x: { title: string; fmt: Fmt };
  y: { title: string; fmt: Fmt };
  fit: [[number, number], [number, number]] | null;
}

const scatter: Drawing<ScatterData> = {
  option(data, colours, box) {
    const axis = (side: ScatterData["x"], gap: number): Option => ({
      type: "value",
      scale: true,
      name: short(side.title),
      nameLocation: "middle",
      nameGap: gap,
      nameTextStyle: { color: colours.ink2, fontSize: FONT },
      axisLabel: { ...axisLabel(colours), formatter: (each: number) => shown(each, { ...side.fmt, d: null }, true) },
      splitLine: { lineStyle: { color: colours.line } },
      splitNumber: Math.max(2, Math.floor(box[gap > 30 ? 1 : 0] / 70)),
    });
    const line = { type: "line", data: data.fit, symbol: "none", silent: true, lineStyle: { color: seriesColour(1), width: 2 } };
    return {
      grid: { left: 28, right: 16, top: 10, bottom: 24, containLabel: true },
      xAxis: axis(data.x, 26),
      yAxis: axis(data.y, 52),
      series: [
        { type: "scatter", data: data.points, symbolSize: 7, itemStyle: { color: faded(seriesColour(0), 0.6) } },
        ...(data.fit ? [line] : []),
      ],
    };
  },
  tip: (data, item) => {
    const [x, y] = data.points[item.dataIndex] ?? [null, null];
    return {
      title: data.names[item.dataIndex] ?? "",
      lines: [
        { name: data.x.title, value: shown(x, data.x.fmt) },
        { name: data.y.title, value: shown(y, data.y.fmt) },
      ],
    };
  },
  item: (_, at) => ({ dataIndex: at }),
  count: (data) => data.points.length,
};

export const CHARTS: Record<string, FaceMaker> = {
  bar: chartFace(bar),
  donut: chartFace(donut),
  gauge: chartFace(gauge),
  heatmap: chartFace(heat),
  map: chartFace(map),
  scatter: chartFace(scatter),
};
