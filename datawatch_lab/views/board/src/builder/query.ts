// The part of a form that says what a tile asks: a metric, SQL, or the rows of a table.

import { fill, h } from "../dom.ts";
import type { Backend, Metric, QueryDoc, VariableDoc } from "./backend.ts";
import { area, box, button, field, fresh, input, select, words } from "./fields.ts";
import { readValues, valueOf, writeValues, type Said } from "./filters.ts";
import { MetricPicker } from "./metric.ts";

const COMPARE: [string, string][] = [
  ["", "nothing"],
  ["previous_period", "the time before"],
  ["same_hour_yesterday", "the same hour yesterday"],
  ["same_hour_last_week", "the same hour last week"],
];
const STEPS: [string, string][] = [["", "suits the range"], ...["10s", "1m", "5m", "15m", "1h", "6h", "1d"].map((each): [string, string] => [each, each])];
/** What SQL calls the range that is looked at. */
const TIMES = ["from", "to"];
const ABOUT: Record<string, string> = { metric: "A metric", sql: "SQL", table: "Rows of a table" };

export interface Known {
  backend: Backend;
  metrics: Metric[];
  tables: string[];
  variables: VariableDoc[];
}

/** A row of filters says its label and the values of it; null for none. */
type FilterRow = HTMLElement & { said?: () => [string, Said | null] };

export class QueryForm {
  readonly element = h("div", { class: "dwe-query" });
  private about: string;

  constructor(
    public query: QueryDoc,
    private readonly asks: string[],
    private readonly known: Known,
    /** What of a query the kind of tile shows. */
    private readonly takes: { by: boolean; compare: boolean },
    private readonly changed: () => void,
  ) {
    this.about = asks.find((each) => (query as any)[each]) ?? asks[0] ?? "metric";
    this.draw();
  }

  private set(change: Partial<QueryDoc>, redraw = false): void {
    const all = { ...this.query, ...change };
    this.query = Object.fromEntries(
      Object.entries(all).filter(([, value]) => !(value === undefined || value === "" || (Array.isArray(value) && !value.length))),
    );
    if (redraw) this.draw();
    this.changed();
  }

  private draw(): void {
    const parts: HTMLElement[] = [];
    if (this.asks.length > 1) {
      const about = select(this.asks.map((each) => [each, ABOUT[each] ?? each]), this.about);
      about.addEventListener("change", () => {
        this.about = about.value;
        this.query = {};
        this.set({}, true);
      });
      parts.push(field("Show", about));
    }
    if (this.about === "metric") parts.push(...this.metric());
    else if (this.about === "sql") parts.push(this.sql());
    else parts.push(this.table());
    fill(this.element, ...parts);
  }

  private sql(): HTMLElement {
    const made = area(this.query.sql ?? "", 5);
    made.placeholder = "SELECT status, count(*) FROM live.orders GROUP BY ALL";
    made.spellcheck = false;
    made.classList.add("dwe-code");
    made.addEventListener("input", () => this.set({ sql: made.value }));
    return h("div", {}, field("One SELECT", made), this.values(made));
  }

  /** What SQL may name: the time that is looked at, and the variables of the board. */
  private values(text: HTMLTextAreaElement): HTMLElement {
    const insert = (said: string): void => {
      text.setRangeText(said, text.selectionStart, text.selectionEnd, "end");
      text.focus();
      this.set({ sql: text.value });
    };
    const offer = (said: string, title: string): HTMLElement => button(`$${said}`, () => insert(`$${said}`), { class: "dwe-btn dwe-small", title, "data-value": said });
    const plain = this.known.variables.filter((each) => /^[A-Za-z_]\w*$/.test(each.name) && !TIMES.includes(each.name));
    const offers = plain.map(({ name, multi }) => offer(name, `$${name} IS NULL OR column ${multi ? "IN" : "="} $${name}`));
    const times = TIMES.map((each) => offer(each, "a timestamp in UTC, as times of tables are"));
    const [first] = plain;
    const all = first ? ` All of a variable is NULL: WHERE $${first.name} IS NULL OR column ${first.multi ? "IN" : "="} $${first.name}` : "";
    const hint = `The board's range and variables, as values: WHERE _ts BETWEEN $from AND $to.${all}`;
    return h("div", { class: "dwe-values" }, h("div", { class: "dwe-acts" }, ...times, ...offers), h("p", { class: "dwe-hint" }, hint));
  }

  private table(): HTMLElement {
    const made = select([["", "choose"], ...this.known.tables.map((each): [string, string] => [each, each])], this.query.table ?? "");
    made.addEventListener("change", () => this.set({ table: made.value }));
    return field("Table", made);
  }

  private metric(): HTMLElement[] {
    const found = this.known.metrics.find((each) => each.name === this.query.metric);
    const picker = new MetricPicker(this.known.metrics, this.query.metric ?? "", (name) => {
      this.set({ metric: name, aggregation: undefined, by: undefined, filters: undefined }, true);
    });
    const parts: HTMLElement[] = [h("div", { class: "dwe-field" }, h("span", {}, "Metric"), picker.element)];
    if (!found) return parts;
    parts.push(h("p", { class: "dwe-hint" }, found.description));
    if (found.aggregations.length > 1) {
      const how = select([["", `${found.aggregation} (usual)`], ...found.aggregations.map((each): [string, string] => [each, each])], this.query.aggregation ?? "");
      how.addEventListener("change", () => this.set({ aggregation: how.value }));
      parts.push(field("Aggregation", how));
    }
    if (found.labels.length && this.takes.by) parts.push(this.by(found));
    if (found.labels.length) parts.push(this.filters(found));
    parts.push(this.more());
    return parts;
  }

  private by(metric: Metric): HTMLElement {
    const now = this.query.by ?? [];
    const boxes = metric.labels.map((label) => {
      const [made, control] = box(label, now.includes(label));
      control.addEventListener("change", () => {
        const by = this.query.by ?? [];
        this.set({ by: control.checked ? [...by, label] : by.filter((each) => each !== label) });
      });
      return made;
    });
    return h("fieldset", {}, h("legend", {}, "Split by"), ...boxes);
  }

  private filters(metric: Metric): HTMLElement {
    const rows = Object.entries(this.query.filters ?? {}).map(([label, value]) => this.filter(metric, label, value));
    const add = button("Add a filter", () => {
      const free = metric.labels.find((each) => !(each in (this.query.filters ?? {})));
      if (free) list.append(this.filter(metric, free, null));
    });
    const list = h("div", { class: "dwe-rows" }, ...rows);
    return h("fieldset", {}, h("legend", {}, "Only where"), list, add);
  }

  private filter(metric: Metric, label: string, value: Said | null): HTMLElement {
    const which = select(metric.labels.map((each) => [each, each]), label);
    const choices = h("datalist", { id: fresh("values") });
    const began = value === null ? "" : writeValues(value);
    const what = input(began, "text", { list: choices.id, placeholder: "value, value or $variable" });
    what.title = 'Several between commas; \\, is a comma of a value, "" the empty value';
    const row: FilterRow = h("div", { class: "dwe-row" }, which, what, choices);
    row.said = () => [which.value, value === null ? readValues(what.value) : valueOf(what.value, began, value)];
    which.setAttribute("aria-label", "Label");
    what.setAttribute("aria-label", "Value");
    const told = (): void => {
      const list = row.parentElement as HTMLElement;
      const pairs = [...list.children].map((each) => (each as FilterRow).said?.() ?? ["", null]);
      const said = pairs.filter(([, values]) => values !== null);
      this.set({ filters: said.length ? Object.fromEntries(said) : undefined });
    };
    which.addEventListener("change", told);
    what.addEventListener("change", told);
    what.addEventListener("focus", () => void this.offer(metric, which.value, choices));
    row.append(
      button("✕", () => {
        row.said = () => ["", null];
        told();
        row.remove();
      }, { class: "dwe-btn dwe-small", "aria-label": "Remove this filter" }),
    );
    return row;
  }

  /** The values that a label has, for the field to suggest. */
  private async offer(metric: Metric, label: string, choices: HTMLElement): Promise<void> {
    try {
      const answer = await this.known.backend.ask("query", { name: metric.name, group_by: label, from: "-30d" });
      const values = [...this.known.variables.map((each) => `$${each.name}`), ...answer.series.map((each: any) => String(each.labels[label] ?? ""))];
      fill(choices, ...[...new Set(values)].slice(0, 50).map((value) => h("option", { value: writeValues(value) })));
    } catch {
      fill(choices); // values are a help; without them one types
    }
  }

  private more(): HTMLElement {
    const step = select(STEPS, this.query.step ?? "");
    step.addEventListener("change", () => this.set({ step: step.value }));
    const compare = select(COMPARE, this.query.compare ?? "");
    compare.addEventListener("change", () => this.set({ compare: compare.value }));
    const label = input(this.query.label ?? "", "text", { placeholder: words(this.query.metric ?? "") });
    label.addEventListener("change", () => this.set({ label: label.value }));
    const compared = this.takes.compare ? [field("Compare with", compare)] : [];
    const title = compared.length ? "Step, comparison, name of the series" : "Step, name of the series";
    return h("details", {}, h("summary", {}, title), field("Step", step), ...compared, field("Called", label));
  }
}
