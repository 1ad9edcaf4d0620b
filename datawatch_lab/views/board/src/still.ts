// A board as it stands at one moment: for pictures and PDF, which a browser makes of this page.

import { Board } from "./board.ts";
import { CHARTS } from "./faces/charts.ts";
import type { BoardMessage } from "./message.ts";

const given = (id: string): any => JSON.parse(document.getElementById(id)?.textContent ?? "null");

const board: Board = new Board(document.getElementById("board") as HTMLElement, {
  charts: async () => CHARTS,
  isStill: true,
  send: (message) => {
    if (message.type === "need" && message.what === "world") queueMicrotask(() => board.receive({ type: "world", world: given("world") }));
  },
});
board.receive(given("snapshot") as BoardMessage);
