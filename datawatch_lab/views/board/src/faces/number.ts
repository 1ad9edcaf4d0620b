// Counter, sparkline and stat grid: a value, its trend in words, a small line.

import { fill, h, icon, setText, svg } from "../dom.ts";
import type { Context, Face } from "../face.ts";
import { shown, type Fmt } from "../format.ts";
import type { Part, Trend } from "../message.ts";

interface Spark {
  values: (number | null)[];
}

interface NumberData {
  value: number | null;
  fmt: Fmt;
  trend: Trend | null;
  spark: Spark | null;
  fill?: boolean;
}

const STILL = typeof matchMedia === "function" && matchMedia("(prefers-reduced-motion: reduce)").matches;

export function numberFace(body: HTMLElement, context: Context): Face {
  const value = h("div", { class: "dwb-value" });
  const trend = h("div", { class: "dwb-trend" });
  const spark = svg("svg", { class: "dwb-spark", preserveAspectRatio: "none", "aria-hidden": "true" });
  body.classList.add("dwb-number");
  body.append(h("div", { class: "dwb-figures" }, value, trend), spark);
  const counting = counter((text) => setText(value, text), context);
  return {
    update(part: Part): void {
      const data = part.data as NumberData;
      counting.to(data.value, data.fmt);
      showTrend(trend, data.trend);
      drawSpark(spark, data.spark?.values ?? [], data.fill !== false);
    },
    destroy(): void {
      counting.stop();
    },
  };
}

/** Counts from the old value to the new one, quickly; ends on exactly the new one. */
function counter(show: (text: string) => void, context: Context): { to(v: number | null, f: Fmt): void; stop(): void } {
  let held: number | null = null;
  let frame = 0;
  return {
    to(value, fmt): void {
      cancelAnimationFrame(frame);
      const from = held;
      held = value;
      if (from === null || value === null || from === value || STILL || context.isStill || document.hidden) {
        show(shown(value, fmt));
        return;
      }
      const start = performance.now();
      const turn = (now: number): void => {
        const share = Math.min(1, (now - start) / 300);
        const eased = 1 - (1 - share) ** 3;
        show(shown(share === 1 ? value : tidy(from + (value - from) * eased, from, value), fmt));
        if (share < 1) frame = requestAnimationFrame(turn);
      };
      frame = requestAnimationFrame(turn);
    },
    stop: () => cancelAnimationFrame(frame),
  };
}

function tidy(value: number, from: number, to: number): number {
  return Number.isInteger(from) && Number.isInteger(to) ? Math.round(value) : value;
}

export function showTrend(place: HTMLElement, trend: Trend | null): void {
  place.className = `dwb-trend ${trend?.good ? `dwb-${trend.good}` : ""}`;
  if (!trend?.text) {
    fill(place);
    return;
  }
  const sign = trend.way === "up" || trend.way === "down" ? icon(trend.way) : null;
  const [lead, ...rest] = trend.text.split(" vs ");
  fill(place, sign, rest.length ? h("b", {}, lead) : lead, rest.length ? ` vs ${rest.join(" vs ")}` : "");
  if (trend.good) place.append(h("span", { class: "dwb-hidden" }, trend.good === "good" ? ", good" : ", bad"));
}

export function drawSpark(place: SVGElement, values: (number | null)[], filled: boolean): void {
  const known = values.filter((each): each is number => each !== null);
  if (known.length < 2) {
    place.replaceChildren();
    return;
  }
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const width = values.length - 1;
  place.setAttribute("viewBox", `0 0 ${width} 100`);
  let line = "";
  let isDown = false;
  let area = "";
  let first = 0;
  values.forEach((each, at) => {
    if (each === null) {
      if (isDown) area += `L${at - 1} 100L${first} 100Z`;
      isDown = false;
      return;
    }
    const y = (96 - ((each - low) / span) * 92).toFixed(1);
    if (!isDown) first = at;
    line += `${isDown ? "L" : "M"}${at} ${y}`;
    area += `${isDown ? "L" : "M"}${at} ${y}`;
    isDown = true;
  });
  if (isDown) area += `L${width} 100L${first} 100Z`;
  place.replaceChildren(
    ...(filled ? [svg("path", { d: area, class: "dwb-area" })] : []),
    svg("path", { d: line, class: "dwb-line" }),
  );
}

interface Stat {
  label: string;
  value: number | null;
  fmt: Fmt;
  trend: Trend | null;
}

export function statsFace(body: HTMLElement): Face {
  body.classList.add("dwb-stats");
  return {
    update(part: Part): void {
      const { items, columns } = part.data as { items: Stat[]; columns: number };
      body.style.setProperty("--columns", String(columns));
      fill(
        body,
        ...items.map((each) => {
          const trend = h("div", { class: "dwb-trend" });
          showTrend(trend, each.trend);
          return h(
            "div",
            { class: "dwb-stat" },
            h("div", { class: "dwb-stat-label", title: each.label }, each.label),
            h("div", { class: "dwb-value" }, shown(each.value, each.fmt)),
            trend,
          );
        }),
      );
    },
    destroy: () => undefined,
  };
}
