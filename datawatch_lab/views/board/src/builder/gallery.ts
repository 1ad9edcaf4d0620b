// The gallery: every kind of tile, drawn with the workspace's own data before it is added.

import { Board } from "../board.ts";
import { fill, h } from "../dom.ts";
import type { BoardMessage, Outgoing } from "../message.ts";
import type { Charts } from "../tile.ts";
import type { Drawn, KindSpec, TileDoc } from "./backend.ts";
import { button } from "./fields.ts";

/** Kinds that are asked for at once: the first ones show while the others are made. */
const AT_ONCE = 4;
const ROWS = 4;
const ARROWS: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 2, ArrowUp: -2 };

export interface GalleryOptions {
  charts: Charts;
  /** The shapes of countries. */
  world(): Promise<unknown>;
  /** What a board of these tiles shows. */
  draw(tiles: TileDoc[]): Promise<Drawn>;
  chosen(kind: KindSpec): void;
}

export class Gallery {
  readonly element = h("div", { class: "dwe-panel dwe-gallery" });
  private readonly shots = new Map<string, HTMLElement>();
  private readonly boards: Board[] = [];
  private isOver = false;

  constructor(
    private readonly kinds: KindSpec[],
    private readonly options: GalleryOptions,
  ) {
    fill(this.element, ...kinds.map((each) => this.card(each)));
    this.element.addEventListener("keydown", (event) => this.key(event));
    void this.draw();
  }

  close(): void {
    this.isOver = true;
    for (const each of this.boards) each.destroy();
    this.boards.length = 0;
  }

  /** A picture, and a button as large as both: what is in a picture cannot be clicked or reached. */
  private card(kind: KindSpec): HTMLElement {
    const shot = h("div", { class: "dwe-shot", "aria-hidden": "true", inert: true });
    const made = button("", () => this.options.chosen(kind), { class: "dwe-btn dwe-card", "data-kind": kind.name });
    fill(made, h("b", {}, kind.label), h("small", {}, kind.description));
    if (kind.example) this.shots.set(kind.name, shot);
    return h("div", { class: "dwe-kind" }, kind.example ? shot : null, made);
  }

  private async draw(): Promise<void> {
    const shown = this.kinds.filter((each) => each.example);
    for (let at = 0; at < shown.length && !this.isOver; at += AT_ONCE) {
      const some = shown.slice(at, at + AT_ONCE);
      const tiles = some.map((each, n): TileDoc => ({ ...(each.example as TileDoc), id: each.name, x: 0, y: n * ROWS, w: 12, h: ROWS }));
      try {
        this.show((await this.options.draw(tiles)).message);
      } catch (error) {
        // Their pictures are a help; kinds can be chosen without.
        for (const each of some) fill(this.shots.get(each.name) as HTMLElement, h("p", { class: "dwe-hint" }, (error as Error).message));
      }
    }
  }

  private show(message: BoardMessage): void {
    if (this.isOver) return;
    for (const head of message.board.tiles) {
      const shot = this.shots.get(head.id);
      const part = message.parts[head.id];
      if (!shot || !part) continue;
      const board: Board = new Board(shot, { charts: this.options.charts, isStill: true, send: (said) => this.asked(said, board) });
      this.boards.push(board);
      board.receive({ ...message, board: { ...message.board, tiles: [{ ...head, y: 0 }] }, parts: { [head.id]: part } });
    }
  }

  private asked(said: Outgoing, board: Board): void {
    if (said.type !== "need" || said.what !== "world") return;
    void this.options.world().then((world) => !this.isOver && world && board.receive({ type: "world", world }));
  }

  private key(event: KeyboardEvent): void {
    const by = ARROWS[event.key];
    const cards = [...this.element.querySelectorAll<HTMLElement>(".dwe-card")];
    const at = cards.indexOf(event.target as HTMLElement);
    if (!by || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    cards[Math.min(Math.max(at + by, 0), cards.length - 1)].focus();
  }
}
