// Edit mode: gridstack moves and resizes tiles; the places go out when the grid has all columns.

import { GridStack } from "gridstack";
import type { Board, Editor } from "./board.ts";
import type { Place } from "./message.ts";

const GAP = 8;

export class GridEditor implements Editor {
  private stack: GridStack | null = null;

  constructor(
    private readonly grid: HTMLElement,
    private readonly changed: (places: Place[]) => void,
  ) {}

  begin(board: Board): void {
    const row = board.head?.row ?? 48;
    this.grid.classList.add("grid-stack");
    for (const view of board.tiles.values()) {
      const { id, x, y, w, h, least } = view.head;
      const set = { "gs-id": id, "gs-x": x, "gs-y": y, "gs-w": w, "gs-h": h, "gs-min-w": Math.min(least[0], w), "gs-min-h": Math.min(least[1], h) };
      for (const [name, value] of Object.entries(set)) view.element.setAttribute(name, String(value));
      view.element.classList.add("grid-stack-item");
      view.element.firstElementChild?.classList.add("grid-stack-item-content");
    }
    this.stack = GridStack.init(
      {
        column: 12,
        cellHeight: row,
        margin: GAP,
        mode: "float",
        animate: true,
        handle: ".dwb-shell > header",
        resizable: { handles: "e,se,s,sw,w" },
        alwaysShowResizeHandle: true,
      },
      this.grid,
    );
    this.stack?.on("change", () => this.tell());
    this.grid.addEventListener("keydown", this.key, true);
  }

  end(): void {
    this.grid.removeEventListener("keydown", this.key, true);
    this.stack?.destroy(false);
    this.stack = null;
    this.grid.classList.remove("grid-stack");
    this.grid.removeAttribute("style");
    for (const each of this.grid.querySelectorAll<HTMLElement>(".dwb-tile")) {
      each.classList.remove("grid-stack-item", "ui-draggable", "ui-resizable");
      each.firstElementChild?.classList.remove("grid-stack-item-content");
      each.querySelectorAll(".ui-resizable-handle").forEach((handle) => handle.remove());
      for (const side of ["left", "top", "width", "height"]) each.style.removeProperty(side);
    }
  }

  /** Arrows move the tile that has the focus, with shift they resize it. */
  private readonly key = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const tile = (event.target as HTMLElement).closest<HTMLElement>(".dwb-tile");
    const node = (tile as any)?.gridstackNode;
    if (!by || event.target !== tile || !node || !tile || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const place = event.shiftKey
      ? { w: Math.max(1, node.w + by[0]), h: Math.max(1, node.h + by[1]) }
      : { x: Math.max(0, node.x + by[0]), y: Math.max(0, node.y + by[1]) };
    this.stack?.update(tile, place);
  };

  private tell(): void {
    // A narrow grid has fewer columns; its places are not those of the document.
    if (!this.stack || this.stack.getColumn() !== 12) return;
    const places = this.stack.engine.nodes.map((each) => ({
      id: String(each.el?.dataset.tile),
      x: each.x ?? 0,
      y: each.y ?? 0,
      w: each.w ?? 1,
      h: each.h ?? 1,
    }));
    this.changed(places);
  }
}
