// The board: tiles in a grid, fed by messages. It knows nothing of how messages come and go.

import { h } from "./dom.ts";
import type { Context } from "./face.ts";
import { useZone } from "./format.ts";
import { isAlike, shapeOf } from "./heads.ts";
import type { BoardHead, BoardMessage, Message, Outgoing, Part, Place, Status, TickMessage, TileHead } from "./message.ts";
import { coloursOf, type Colours } from "./theme.ts";
import { TileView, type Charts } from "./tile.ts";
import { makeTip } from "./tip.ts";

/** Widths below which tiles stand in one column, or in two. */
const ONE_COLUMN = 640;
const TWO_COLUMNS = 960;

export interface Editor {
  begin(board: Board): void;
  end(): void;
}

export interface BoardOptions {
  send(message: Outgoing): void;
  charts: Charts;
  /** Loads what edit mode needs. */
  editor?: () => Promise<new (grid: HTMLElement, changed: (places: Place[]) => void) => Editor>;
  /** Told of the board itself, its range, filters and state, for what stands around the tiles. */
  headed?(board: BoardHead): void;
  told?(status: Status, at: number): void;
  object?(name: string, title: string): HTMLElement | null;
  /** Nothing moves: for a picture. */
  isStill?: boolean;
}

export class Board {
  readonly element: HTMLElement;
  readonly grid = h("div", { class: "dwb-grid" });
  readonly tiles = new Map<string, TileView>();
  head: BoardHead | null = null;
  seq = 0;
  private readonly tip;
  private readonly watcher: ResizeObserver;
  private readonly themes: MutationObserver;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private colours: Colours | null = null;
  private shapes: unknown = null;
  private askedWorld = false;
  private editing: Editor | null = null;
  private wantsEdit = false;
  private span: [number, number] | null = null;
  /** Called when tiles have been made or put elsewhere. */
  laid: (() => void) | null = null;
  readonly recolour = (): void => {
    this.colours = null;
    for (const [id, each] of this.tiles) this.guarded(id, () => each.recolour());
  };

  constructor(
    root: HTMLElement,
    private readonly options: BoardOptions,
  ) {
    const live = h("div", { class: "dwb-live dwb-hidden", "aria-live": "polite" });
    this.element = h("div", { class: "dwb-board" }, this.grid, live);
    this.tip = makeTip(this.element);
    root.append(this.element);
    this.watcher = new ResizeObserver((entries) => this.resized(entries));
    this.watcher.observe(this.element);
    this.dark.addEventListener("change", this.recolour);
    this.themes = new MutationObserver(this.recolour);
    this.themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
  }

  receive(message: Message): void {
    if (message.type === "board") this.open(message);
    else if (message.type === "tick") this.tick(message);
    else if (message.type === "world") {
      this.shapes = message.world;
      for (const [id, each] of this.tiles) if (each.head.kind === "map") this.guarded(id, () => each.refresh());
    }
  }

  /** Move and resize by hand, or only look. */
  async setEdit(wanted: boolean): Promise<void> {
    this.wantsEdit = wanted;
    if (!wanted) {
      this.editing?.end();
      this.editing = null;
      this.element.classList.remove("dwb-editing");
      this.place();
      return;
    }
    const Made = await this.options.editor?.();
    if (!Made || !this.wantsEdit || this.editing) return;
    this.element.classList.add("dwb-editing");
    // On a phone tiles stand below one another; nothing that is done there moves them elsewhere.
    if (this.element.clientWidth > 0 && this.element.clientWidth < ONE_COLUMN) return;
    this.editing = new Made(this.grid, (tiles) => this.moved(tiles));
    this.editing.begin(this);
  }

  select(id: string): void {
    for (const [name, each] of this.tiles) each.element.classList.toggle("dwb-selected", name === id);
  }

  destroy(): void {
    this.watcher.disconnect();
    this.themes.disconnect();
    this.dark.removeEventListener("change", this.recolour);
    this.editing?.end();
    for (const each of this.tiles.values()) each.destroy();
    this.element.remove();
  }

  private open(message: BoardMessage): void {
    const isSame = shapeOf(this.head?.tiles) === shapeOf(message.board.tiles);
    this.head = message.board;
    useZone(message.board.timezone);
    this.seq = message.seq;
    this.span = message.span;
    if (isSame) this.adopt(message.board.tiles);
    else this.lay(message.board.tiles);
    this.element.style.setProperty("--dwb-row", `${message.board.row}px`);
    this.options.headed?.(message.board);
    this.options.told?.(message.status, message.at);
    for (const [id, part] of Object.entries(message.parts)) this.tell(id, part);
  }

  private tick(message: TickMessage): void {
    if (message.seq <= this.seq) return;
    this.seq = message.seq;
    this.span = message.span;
    this.options.told?.(message.status, message.at);
    if (message.variables && this.head) {
      this.head = { ...this.head, variables: message.variables };
      this.options.headed?.(this.head);
    }
    for (const [id, view] of this.tiles) {
      const part = message.parts[id];
      if (!part) this.guarded(id, () => view.move(this.span));
      else if (!this.tell(id, part)) this.options.send({ type: "need", what: "whole" });
    }
  }

  /** Give a tile what it shows. False where it lacks what that goes on from. */
  private tell(id: string, part: Part): boolean {
    return this.guarded(id, () => this.tiles.get(id)?.update(part, this.span) ?? true);
  }

  /** A tile that fails fails alone: the others are told what they show. */
  private guarded(id: string, act: () => boolean | void): boolean {
    try {
      return act() ?? true;
    } catch (error) {
      console.error(`tile ${id} could not be drawn`, error);
      return true;
    }
  }

  private lay(heads: TileHead[]): void {
    this.editing?.end();
    this.editing = null;
    const before = new Map(this.tiles);
    this.tiles.clear();
    for (const head of [...heads].sort((one, other) => one.y - other.y || one.x - other.x)) {
      const kept = before.get(head.id);
      const view = kept && isAlike(kept.head, head) ? kept : new TileView(head, this.contextOf(head), this.options.charts);
      if (view === kept) before.delete(head.id);
      this.tiles.set(head.id, view);
      this.watcher.observe(view.body);
    }
    for (const each of before.values()) each.destroy();
    const focused = this.grid.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
    this.grid.replaceChildren(...[...this.tiles.values()].map((each) => each.element));
    focused?.focus({ preventScroll: true });
    this.adopt(heads);
    this.place();
    this.laid?.();
    if (this.wantsEdit) void this.setEdit(true);
  }

  /** The heads of the board are those of its tiles from now on, which ask the explorer for what is said here. */
  private adopt(heads: TileHead[]): void {
    for (const each of heads) this.tiles.get(each.id)?.adopt(each);
    if (this.head) this.head.tiles = heads.map((each) => this.tiles.get(each.id)?.head ?? each);
  }

  /** Put tiles where the document says; narrow boards flow, and never change the document. */
  place(): void {
    for (const view of this.tiles.values()) {
      const { x, y, w, h: high } = view.head;
      const style = view.element.style;
      style.setProperty("--x", String(x + 1));
      style.setProperty("--y", String(y + 1));
      style.setProperty("--w", String(w));
      style.setProperty("--h", String(high));
      view.element.classList.toggle("dwb-wide", w > 6);
      view.element.classList.toggle("dwb-low", high <= 3);
    }
    this.pair();
  }

  /** In two columns, a tile with nobody beside it takes both. */
  private pair(): void {
    let left: TileView | null = null;
    for (const view of this.tiles.values()) {
      view.element.classList.remove("dwb-alone");
      const isWide = view.head.w > 6;
      if (isWide) left?.element.classList.add("dwb-alone");
      left = isWide || left ? null : view;
    }
    left?.element.classList.add("dwb-alone");
  }

  private moved(places: Place[]): void {
    for (const each of places) {
      const view = this.tiles.get(each.id);
      if (view) Object.assign(view.head, each);
    }
    this.options.send({ type: "layout", tiles: places });
  }

  private contextOf(head: TileHead): Context {
    return {
      head,
      tip: this.tip,
      isStill: this.options.isStill || matchMedia("(prefers-reduced-motion: reduce)").matches,
      colours: () => (this.colours ??= coloursOf(this.element)),
      send: (message) => {
        if (message.type === "select") this.select(message.tile);
        this.options.send(message);
      },
      object: (name) => this.options.object?.(name, head.title) ?? null,
      world: () => {
        if (!this.shapes && !this.askedWorld) {
          this.askedWorld = true;
          this.options.send({ type: "need", what: "world" });
        }
        return this.shapes;
      },
    };
  }

  private resized(entries: ResizeObserverEntry[]): void {
    for (const entry of entries) {
      if (entry.target === this.element) this.breakpoints(entry.contentRect.width);
    }
    requestAnimationFrame(() => this.tiles.forEach((each, id) => this.guarded(id, () => each.resize())));
  }

  private breakpoints(width: number): void {
    const list = this.element.classList;
    const wasOne = list.contains("dwb-one");
    list.toggle("dwb-one", width > 0 && width < ONE_COLUMN);
    if (this.wantsEdit && wasOne !== list.contains("dwb-one")) {
      this.editing?.end();
      this.editing = null;
      this.place();
      void this.setEdit(true);
    }
    list.toggle("dwb-two", width >= ONE_COLUMN && width < TWO_COLUMNS);
  }
}
