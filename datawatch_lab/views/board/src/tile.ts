// One tile: its frame, its states, its face.

import { fill, h, icon, setText } from "./dom.ts";
import type { Context, Face, FaceMaker } from "./face.ts";
import { listFace, tableFace, textFace, topFace } from "./faces/listed.ts";
import { lineFace } from "./faces/line.ts";
import { numberFace, statsFace } from "./faces/number.ts";
import { objectFace } from "./faces/object.ts";
import { merged } from "./merge.ts";
import type { Part, TileHead } from "./message.ts";

const PLAIN: Record<string, FaceMaker> = {
  number: numberFace,
  stats: statsFace,
  line: lineFace,
  table: tableFace,
  top: topFace,
  list: listFace,
  text: textFace,
  object: objectFace,
};

const SIGNS: Record<string, string> = { empty: "empty", error: "warning", denied: "lock", stale: "clock" };

/** Gives the charts, which are loaded when the first tile needs them. */
export type Charts = () => Promise<Record<string, FaceMaker>>;

export class TileView {
  readonly element: HTMLElement;
  readonly body = h("div", { class: "dwb-body" });
  private readonly title = h("h2", {});
  private readonly sub = h("span", { class: "dwb-sub" });
  private readonly badge = h("span", { class: "dwb-badge", hidden: true });
  private readonly note = h("div", { class: "dwb-note", hidden: true });
  private readonly shell: HTMLElement;
  private readonly drill = h("button", { type: "button", class: "dwb-full dwb-drill", title: "Explore this metric" }, icon("explore"));
  private face: Face | null = null;
  private faceName = "";
  private part: Part | null = null;
  private span: [number, number] | null = null;
  private box: [number, number] = [0, 0];
  private isGone = false;

  constructor(
    public head: TileHead,
    private readonly context: Context,
    private readonly charts: Charts,
  ) {
    const full = h("button", { type: "button", class: "dwb-full", title: "Full screen" }, icon("full"));
    full.setAttribute("aria-label", `Full screen: ${head.title}`);
    full.addEventListener("click", () => this.toggleFull());
    const grip = h("span", { class: "dwb-grip", title: "Drag to move" }, icon("grip"));
    this.drill.hidden = !head.drill;
    this.drill.setAttribute("aria-label", `Explore: ${head.title}`);
    this.drill.addEventListener("click", () => context.send({ type: "drill", tile: head.id, query: this.head.drill }));
    const top = h("header", {}, grip, this.title, this.sub, this.badge, this.drill, full);
    this.shell = h("div", { class: "dwb-shell" }, top, this.body, this.note);
    this.element = h("section", { class: "dwb-tile", role: "group", tabindex: 0 }, this.shell);
    this.element.dataset.tile = head.id;
    this.element.dataset.kind = head.kind;
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focus", () => context.send({ type: "select", tile: head.id }));
    this.wait();
    this.rename();
  }

  /** Another head of the same tile: where it stands, and what the explorer is asked for. */
  adopt(head: TileHead): void {
    Object.assign(this.head, head);
    this.drill.hidden = !head.drill;
  }

  /** Show new data; a line's part may hold its last points only. */
  update(part: Part, span: [number, number] | null): boolean {
    const whole = merged(this.part, part);
    if (!whole) return false;
    this.part = whole;
    this.span = span;
    const shows = whole.state === "ok" || whole.state === "stale";
    this.element.dataset.state = whole.state;
    this.element.setAttribute("aria-label", [this.head.title, whole.label, whole.badge?.text].filter(Boolean).join(": "));
    setText(this.sub, whole.sub);
    this.badge.hidden = !whole.badge;
    if (whole.badge) {
      fill(this.badge, icon("anomaly"), String(whole.badge.count));
      this.badge.title = whole.badge.text;
    }
    this.note.hidden = whole.state !== "stale";
    if (whole.state === "stale") fill(this.note, icon("clock"), whole.say);
    if (shows) this.show(whole);
    else if (whole.state === "loading") this.wait();
    else this.say(whole);
    return true;
  }

  /** The page's time span has moved on, without new data. */
  move(span: [number, number] | null): void {
    this.span = span;
    if (this.face && this.part && this.faceName === "line") this.face.update(this.part, this.spanOf());
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.body;
    if (clientWidth === this.box[0] && clientHeight === this.box[1]) return;
    this.box = [clientWidth, clientHeight];
    this.face?.resize?.(clientWidth, clientHeight);
  }

  recolour(): void {
    this.face?.recolour?.();
  }

  refresh(): void {
    if (this.face && this.part) this.face.update(this.part, this.spanOf());
  }

  destroy(): void {
    this.isGone = true;
    this.face?.destroy();
    this.element.remove();
  }

  private rename(): void {
    setText(this.title, this.head.title);
    this.title.title = this.head.title;
    this.element.setAttribute("aria-label", this.head.title);
  }

  /** A tile with a window of its own spans its own data. */
  private spanOf(): [number, number] | null {
    const own = this.part?.data?.span as [number, number] | undefined;
    return own ?? this.span;
  }

  private wait(): void {
    this.drop();
    this.element.dataset.state = "loading";
    fill(this.body, h("div", { class: "dwb-wait", role: "status" }, h("span", { class: "dwb-hidden" }, "Loading")));
  }

  private say(part: Part): void {
    this.drop();
    const sign = icon(SIGNS[part.state] ?? "empty");
    const word = { empty: "Nothing to show yet", error: "Cannot be shown", denied: "No permission", loading: "Loading" }[part.state as string];
    fill(this.body, h("div", { class: "dwb-say", role: "status" }, sign, h("b", {}, word ?? ""), h("p", {}, part.say)));
  }

  private show(part: Part): void {
    if (this.face && this.faceName === part.face) {
      this.face.update(part, this.spanOf());
      return;
    }
    this.drop();
    this.faceName = part.face;
    const plain = PLAIN[part.face];
    if (plain) this.begin(plain);
    else void this.charts().then((found) => !this.isGone && this.faceName === part.face && !this.face && this.begin(found[part.face]));
  }

  private begin(make: FaceMaker | undefined): void {
    if (!make || !this.part) return;
    fill(this.body);
    this.face = make(this.body, this.context);
    this.face.update(this.part, this.spanOf());
    this.box = [0, 0];
    this.resize();
  }

  private drop(): void {
    this.face?.destroy();
    this.face = null;
    this.faceName = "";
    this.body.className = "dwb-body";
    fill(this.body);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.element) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by && this.face?.step) {
      event.preventDefault();
      announce(this.element, this.face.step(by));
    } else if (event.key === "Enter" && this.face?.act) this.face.act();
    else if (event.key === "f") this.toggleFull();
  }

  private toggleFull(): void {
    if (document.fullscreenElement === this.element) void document.exitFullscreen();
    else void this.element.requestFullscreen?.();
  }
}

function announce(near: HTMLElement, text: string): void {
  const place = near.closest(".dwb-board")?.querySelector(".dwb-live");
  if (place && text) place.textContent = text;
}
