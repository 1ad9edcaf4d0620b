// A board as it stands at one moment: for pictures and PDF, which a browser makes of this page.

import { Board } from "./board.ts";
import { CHARTS } from "./faces/charts.ts";
import { framed } from "./faces/object.ts";
import type { BoardMessage } from "./message.ts";

const given = (id: string): any => JSON.parse(document.getElementById(id)?.textContent ?? "null");

const objects = (given("objects") ?? {}) as Record<string, string>;
const board: Board = new Board(document.getElementById("board") as HTMLElement, {
  charts: async () => CHARTS,
  isStill: true,
  object: (name, title) => (objects[name] ? framed(objects[name], title) : null),
  send: (message) => {
    if (message.type === "need" && message.what === "world") queueMicrotask(() => board.receive({ type: "world", world: given("world") }));
  },
});
board.receive(given("snapshot") as BoardMessage);
