// Tables, top lists, lists of what happened, words.

import { fill, h, icon } from "../dom.ts";
import type { Context, Face } from "../face.ts";
import { ago, shown, type Fmt } from "../format.ts";
import { EMPTY } from "../look.ts";
import { bySize, exact, figure } from "./exact.ts";
import type { Part } from "../message.ts";

interface Column {
  name: string;
  title: string;
  number: boolean;
  fmt: Fmt;
  /** The label that a click on a cell filters by; "" for none. */
  label: string;
}

interface TableData {
  columns: Column[];
  rows: (string | number | boolean | null)[][];
  states?: (string | null)[];
  more: number;
}

export function tableFace(body: HTMLElement, context: Context): Face {
  body.classList.add("dwb-scroll");
  let sorted: { column: number; falling: boolean } | null = null;
  let held: TableData | null = null;
  const show = (): void => {
    if (!held) return;
    fill(body, tableOf(held, sorted, context, sortBy), Boolean(held.more) && more(held.more));
  };
  const sortBy = (column: number): void => {
    const falling = sorted?.column === column ? !sorted.falling : Boolean(held?.columns[column].number);
    sorted = { column, falling };
    show();
    body.querySelectorAll<HTMLButtonElement>("th button")[column]?.focus();
  };
  return {
    update(part: Part): void {
      held = part.data as TableData;
      const at = body.scrollTop;
      show();
      body.scrollTop = at;
    },
    destroy: () => undefined,
  };
}

function tableOf(
  data: TableData,
  sorted: { column: number; falling: boolean } | null,
  context: Context,
  sortBy: (column: number) => void,
): HTMLElement {
  const order = data.rows.map((_, at) => at);
  if (sorted) {
    const by = { ...sorted, isNumber: Boolean(data.columns[sorted.column]?.number) };
    order.sort((one, other) => compare(data.rows[one], data.rows[other], by));
  }
  const heads = data.columns.map((each, at) => {
    const button = h("button", { type: "button" }, each.title);
    button.addEventListener("click", () => sortBy(at));
    const way = sorted?.column === at ? (sorted.falling ? "descending" : "ascending") : "none";
    return h("th", { scope: "col", class: each.number ? "dwb-num" : null, "aria-sort": way }, button);
  });
  const rows = order.map((at) => {
    const cells = data.rows[at].map((value, column) => cell(value, data.columns[column], context));
    const state = data.states?.[at];
    if (state && cells.length) cells[0].prepend(h("span", { class: `dwb-state-${state}` }, icon(state)));
    return h("tr", {}, ...cells);
  });
  return h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
}

function compare(
  one: TableData["rows"][number],
  other: TableData["rows"][number],
  by: { column: number; falling: boolean; isNumber: boolean },
): number {
  const [left, right] = [one[by.column], other[by.column]];
  if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
  const found = by.isNumber ? bySize(left as string | number, right as string | number) : String(left).localeCompare(String(right));
  return by.falling ? -found : found;
}

function cell(value: string | number | boolean | null, column: Column, context: Context): HTMLElement {
  const isNumber = column.number && value !== null && typeof value !== "boolean";
  const text = value === null ? "–" : isNumber ? figure(value, column.fmt) : column.label && value === "" ? EMPTY : String(value);
  const whole = isNumber ? exact(value) : text;
  const made = h("td", { class: column.number ? "dwb-num" : null, title: whole !== text || text.length > 24 ? whole : null }, text);
  if (column.label && typeof value === "string" && value !== "•••") {
    made.classList.add("dwb-click");
    made.addEventListener("click", () =>
      context.send({ type: "click", tile: context.head.id, label: column.label, value }),
    );
  }
  return made;
}

function more(count: number): HTMLElement {
  return h("div", { class: "dwb-more" }, count < 0 ? "there are more" : `${shown(count, { f: "integer" })} more`);
}

interface TopData {
  label: string;
  fmt: Fmt;
  rows: { name: string; value: number | null }[];
  /** What a click on each row filters by; nothing where that is its name. */
  picks?: string[];
  more: number;
}

export function topFace(body: HTMLElement, context: Context): Face {
  body.classList.add("dwb-scroll");
  return {
    update(part: Part): void {
      const data = part.data as TopData;
      const most = Math.max(...data.rows.map((each) => Math.abs(each.value ?? 0)), 1e-300);
      const rows = data.rows.map((each, at) => {
        const bar = h("span", { class: "dwb-bar" });
        bar.style.width = `${((Math.abs(each.value ?? 0) / most) * 100).toFixed(1)}%`;
        const row = h(
          "li",
          {},
          h("span", { class: "dwb-name", title: each.name }, each.name),
          h("span", { class: "dwb-track" }, bar),
          h("b", {}, shown(each.value, data.fmt, true)),
        );
        if (data.label && each.name !== "•••") {
          row.classList.add("dwb-click");
          row.addEventListener("click", () =>
            context.send({ type: "click", tile: context.head.id, label: data.label, value: data.picks?.[at] ?? each.name }),
          );
        }
        return row;
      });
      fill(body, h("ul", { class: "dwb-top" }, ...rows), data.more > 0 && more(data.more));
    },
    destroy: () => undefined,
  };
}

interface Item {
  level: string;
  word: string;
  title: string;
  text: string;
  at: number | null;
}

export function listFace(body: HTMLElement): Face {
  body.classList.add("dwb-scroll");
  let times: [HTMLElement, number][] = [];
  const refresh = (): void => times.forEach(([place, at]) => (place.textContent = ago(at, Date.now())));
  const timer = setInterval(refresh, 10_000);
  return {
    update(part: Part): void {
      const data = part.data as { items: Item[]; more: number; calm: string };
      times = [];
      if (!data.items.length) {
        fill(body, h("div", { class: "dwb-calm" }, icon("good"), data.calm));
        return;
      }
      const items = data.items.map((each) => {
        const when = h("time", {});
        if (each.at !== null) {
          times.push([when, each.at]);
          when.setAttribute("datetime", new Date(each.at).toISOString());
        }
        const word = h("span", { class: `dwb-word dwb-${each.level}` }, icon(iconOf(each.level)), each.word);
        return h(
          "li",
          {},
          h("div", { class: "dwb-item-head" }, word, when),
          h("div", { class: "dwb-item-title" }, each.title),
          each.text ? h("div", { class: "dwb-item-text" }, each.text) : null,
        );
      });
      refresh();
      fill(body, h("ul", { class: "dwb-list" }, ...items), data.more > 0 && more(data.more));
    },
    destroy: () => clearInterval(timer),
  };
}

function iconOf(level: string): string {
  return { bad: "critical", warn: "warning", good: "good", schema: "schema", anomaly: "anomaly" }[level] ?? "info";
}

export function textFace(body: HTMLElement): Face {
  body.classList.add("dwb-text", "dwb-scroll");
  return {
    update(part: Part): void {
      const data = part.data as { html: string; align: string };
      // Made by the server from Markdown in which HTML is not allowed.
      body.innerHTML = data.html;
      body.classList.toggle("dwb-centre", data.align === "centre");
    },
    destroy: () => undefined,
  };
}
