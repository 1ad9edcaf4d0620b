// The metric picker: type some words of it, choose by mouse or arrows.

import { fill, h } from "../dom.ts";
import type { Metric } from "./backend.ts";
import { fresh } from "./fields.ts";

const MOST_SHOWN = 40;

/** Metrics that have all words, the shortest name first. */
export function matching(metrics: Metric[], text: string): Metric[] {
  const asked = text.toLowerCase().split(/[\s_]+/).filter(Boolean);
  const fits = (each: Metric): boolean => {
    const all = `${each.name} ${each.name.replaceAll("_", " ")} ${each.description}`.toLowerCase();
    return asked.every((word) => all.includes(word));
  };
  return metrics.filter(fits).sort((one, other) => one.name.length - other.name.length || (one.name < other.name ? -1 : 1));
}

export class MetricPicker {
  readonly element: HTMLElement;
  private readonly field: HTMLInputElement;
  private readonly list: HTMLElement;
  private readonly id = fresh("metrics");
  private found: Metric[] = [];
  private at = 0;

  constructor(
    private readonly metrics: Metric[],
    public value: string,
    private readonly chosen: (name: string) => void,
  ) {
    this.field = h("input", {
      type: "search",
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": this.id,
      "aria-autocomplete": "list",
      placeholder: "Search metrics",
      autocomplete: "off",
      class: "dwe-search",
    });
    this.field.value = value;
    this.list = h("div", { id: this.id, role: "listbox", class: "dwe-list", hidden: true, "aria-label": "Metrics" });
    this.element = h("div", { class: "dwe-picker" }, this.field, this.list);
    this.field.addEventListener("focus", () => {
      this.field.select();
      this.show("");
    });
    this.field.addEventListener("input", () => this.show(this.field.value));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  private show(text: string): void {
    this.found = matching(this.metrics, text).slice(0, MOST_SHOWN);
    this.at = 0;
    const rows = this.found.map((each, place) => {
      const row = h(
        "div",
        { role: "option", id: `${this.id}-${place}`, class: "dwe-option", title: each.description, "data-metric": each.name },
        h("b", {}, each.name),
        h("small", {}, [each.unit, each.description].filter(Boolean).join(" · ")),
      );
      row.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.choose(each.name);
      });
      return row;
    });
    fill(this.list, ...(rows.length ? rows : [h("p", { class: "dwe-hint" }, "No metric has these words.")]));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.mark();
  }

  private mark(): void {
    [...this.list.children].forEach((each, place) => each.setAttribute("aria-selected", String(place === this.at)));
    const row = this.list.children[this.at];
    row?.scrollIntoView({ block: "nearest" });
    if (row?.id) this.field.setAttribute("aria-activedescendant", row.id);
  }

  private key(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && this.found.length) {
      event.preventDefault();
      this.at = (this.at + by + this.found.length) % this.found.length;
      this.mark();
    } else if (event.key === "Enter" && !this.list.hidden && this.found[this.at]) {
      event.preventDefault();
      this.choose(this.found[this.at].name);
    } else if (event.key === "Escape" && !this.list.hidden) {
      event.stopPropagation();
      this.close();
    }
  }

  private choose(name: string): void {
    this.value = name;
    this.close();
    this.chosen(name);
  }

  private close(): void {
    this.field.value = this.value;
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }
}
