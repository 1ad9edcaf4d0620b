// The form of one tile: what it asks, how it looks, and what it would show.

import { Board } from "../board.ts";
import { fill, h } from "../dom.ts";
import type { Charts } from "../tile.ts";
import type { Drawn, KindSpec, OptionSpec, QueryDoc, TileDoc } from "./backend.ts";
import { area, box, button, field, input, select, words } from "./fields.ts";
import { Choice } from "./clash.ts";
import { QueryForm, type Known } from "./query.ts";

const WINDOWS: [string, string][] = [["", "the board's range"], ...["15m", "1h", "6h", "24h", "7d", "30d"].map((each): [string, string] => [each, `last ${each}`])];
const PREVIEW_MS = 350;
/** Kinds that show one value of all, whatever labels a query is split by. */
const ONE_VALUE = new Set(["counter", "sparkline", "stats", "gauge"]);
/** Kinds that show the value of another time too. */
const COMPARED = new Set(["counter", "stats", "line", "bar"]);

export interface TileFormOptions {
  known: Known;
  charts: Charts;
  world: string;
  /** What a board with this tile alone shows. */
  draw(tile: TileDoc): Promise<Drawn>;
  /** Keep it. False where it cannot be; `choice` asks where somebody else changed the same. */
  done(tile: TileDoc, choice: Choice): Promise<boolean>;
  cancel(): void;
}

export class TileForm {
  readonly element: HTMLElement;
  private readonly title: HTMLInputElement;
  private readonly said = h("p", { class: "dwe-fault", role: "alert" });
  private readonly choice = new Choice();
  private readonly place = h("div", { class: "dwe-preview", "aria-label": "Preview" });
  private readonly queries: QueryForm[] = [];
  private readonly queryList = h("div", { class: "dwe-rows" });
  private readonly optionValues: Record<string, unknown>;
  private preview: Board | null = null;
  private timer = 0;
  private asked = 0;

  constructor(
    private readonly kind: KindSpec,
    private readonly tile: TileDoc,
    isNew: boolean,
    private readonly options: TileFormOptions,
  ) {
    this.title = input(tile.title ?? "", "text", { placeholder: kind.label, class: "dwe-title" });
    this.title.addEventListener("input", () => this.later());
    this.optionValues = { ...(tile.options ?? {}) };
    const form = h("form", { class: "dwe-form" }, this.place, this.said, this.choice.element, field("Title", this.title), ...this.asking(), ...this.looking());
    const done = button(isNew ? "Add to the board" : "Apply", () => void this.finish(), { class: "dwe-btn dwe-main", "data-act": "apply" });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.finish();
    });
    this.element = h("div", { class: "dwe-panel" }, form, h("div", { class: "dwe-foot" }, done, button("Cancel", () => options.cancel())));
    this.later(0);
  }

  close(): void {
    clearTimeout(this.timer);
    this.preview?.destroy();
    this.preview = null;
  }

  private asking(): HTMLElement[] {
    const { needs, asks } = this.kind;
    if (needs === "none") return [];
    const all = [this.tile.query, ...(this.tile.queries ?? [])].filter((each): each is QueryDoc => Boolean(each));
    for (const each of all.length ? all : [{}]) this.addQuery(each, asks);
    const parts: HTMLElement[] = [this.queryList];
    if (needs === "many") parts.push(button("Add another", () => this.addQuery({}, asks)));
    return parts;
  }

  private addQuery(query: QueryDoc, asks: string[]): void {
    const made = new QueryForm(query, asks, this.options.known, this.takes, () => this.later());
    this.queries.push(made);
    const row = h("div", {}, made.element);
    if (this.queries.length > 1) {
      row.prepend(
        button("Remove", () => {
          this.queries.splice(this.queries.indexOf(made), 1);
          row.remove();
          this.later();
        }, { class: "dwe-btn dwe-small dwe-end" }),
      );
    }
    this.queryList.append(row);
  }

  private get takes(): { by: boolean; compare: boolean } {
    return { by: !ONE_VALUE.has(this.kind.name), compare: COMPARED.has(this.kind.name) };
  }

  private looking(): HTMLElement[] {
    const parts: HTMLElement[] = [];
    if (this.kind.needs !== "none") {
      const window = select(WINDOWS, this.tile.window ?? "");
      window.addEventListener("change", () => {
        if (window.value) this.tile.window = window.value;
        else delete this.tile.window;
        this.later();
      });
      parts.push(field("Over", window));
    }
    const note = area(this.tile.note ?? "", this.kind.name === "text" ? 6 : 2);
    note.addEventListener("input", () => {
      this.tile.note = note.value;
      this.later();
    });
    const options = this.kind.options.map((each) => this.option(each));
    const words_ = field(this.kind.name === "text" ? "Words (Markdown)" : "Note", note);
    if (this.kind.name === "text") return [words_, ...options];
    return [...parts, ...(options.length ? [h("fieldset", { class: "dwe-options" }, h("legend", {}, "Look"), ...options)] : []), words_];
  }

  private option(spec: OptionSpec): HTMLElement {
    const now = this.optionValues[spec.name] ?? spec.default;
    const set = (value: unknown): void => {
      if (value === undefined || value === "" || value === spec.default) delete this.optionValues[spec.name];
      else this.optionValues[spec.name] = value;
      this.later();
    };
    if (spec.type === "flag") {
      const [made, control] = box(words(spec.name), Boolean(now), spec.description);
      control.addEventListener("change", () => set(control.checked));
      return made;
    }
    if (spec.type === "choice") {
      const made = select(spec.choices.map((each) => [each, words(each)]), String(now));
      made.addEventListener("change", () => set(made.value));
      return field(words(spec.name), made, spec.description);
    }
    const isNumber = spec.type === "integer" || spec.type === "number";
    const shown = Array.isArray(now) ? now.join(", ") : String(now ?? "");
    const made = input(shown, isNumber ? "number" : "text", isNumber ? { min: spec.low, max: spec.high, step: spec.type === "integer" ? 1 : "any" } : {});
    made.addEventListener("input", () => {
      if (isNumber) set(made.value === "" ? undefined : Number(made.value));
      else if (spec.type === "texts") set(made.value ? made.value.split(",").map((each) => each.trim()).filter(Boolean) : undefined);
      else set(made.value);
    });
    return field(words(spec.name), made, spec.description);
  }

  /** The tile as the form has it. */
  private read(): TileDoc {
    const asked = this.queries.map((each) => each.query).filter((each) => each.metric || each.sql || each.table);
    const { query: _, queries: __, ...rest } = this.tile;
    const made: TileDoc = { ...rest, title: this.title.value.trim(), options: this.optionValues };
    if (asked.length) made.query = asked[0];
    if (asked.length > 1) made.queries = asked.slice(1);
    return made;
  }

  private later(wait = PREVIEW_MS): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.show(), wait);
  }

  private async show(): Promise<void> {
    const tile = this.read();
    const needsMore = this.kind.needs !== "none" && this.kind.needs !== "maybe" && !tile.query;
    if (needsMore) {
      this.say("");
      fill(this.place, h("p", { class: "dwe-hint" }, "Choose what it shows; it is drawn here."));
      this.preview?.destroy();
      this.preview = null;
      return;
    }
    const mine = (this.asked += 1);
    try {
      const answer = await this.options.draw({ ...tile, x: 0, y: 0, w: 12, h: Math.max(4, Math.min(this.kind.h, 6)) });
      if (mine !== this.asked) return;
      this.say("");
      if (!this.preview) {
        fill(this.place);
        this.preview = new Board(this.place, { send: (message) => this.outgoing(message), charts: this.options.charts });
      }
      this.preview.receive(answer.message);
    } catch (error) {
      if (mine === this.asked) this.say((error as Error).message);
    }
  }

  private outgoing(message: { type: string; what?: string }): void {
    if (message.type !== "need" || message.what !== "world" || !this.options.world) return;
    void fetch(this.options.world)
      .then((answer) => answer.json())
      .then((world) => this.preview?.receive({ type: "world", world }));
  }

  private say(text: string): void {
    this.said.textContent = text;
  }

  private async finish(): Promise<void> {
    if (await this.options.done(this.read(), this.choice)) this.close();
  }

  /** A refusal of what the form says. */
  refused(text: string): void {
    this.say(text);
  }
}
