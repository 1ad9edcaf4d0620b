// The same board as a component of Panel: messages come and go over its own channel.

import uplotCss from "uplot/dist/uPlot.min.css";
import gridCss from "gridstack/dist/gridstack.min.css";
import boardCss from "./board.css";
import { Board } from "./board.ts";
import { GridEditor } from "./edit.ts";
import { CHARTS } from "./faces/charts.ts";
import type { Message } from "./message.ts";

interface Model {
  edit: boolean;
  tokens: string;
  snapshot: Message | null;
  on(name: string, call: (event?: any) => void): void;
  send_msg(message: unknown): void;
}

export function render({ model, el }: { model: Model; el: HTMLElement }): HTMLElement {
  const root = document.createElement("div");
  const style = document.createElement("style");
  style.textContent = model.tokens + uplotCss + gridCss + boardCss;
  root.append(style);
  void el;
  const board = new Board(root, {
    send: (message) => model.send_msg(message),
    charts: async () => CHARTS,
    editor: async () => GridEditor,
  });
  if (model.snapshot) board.receive(model.snapshot);
  void board.setEdit(model.edit);
  model.on("change:snapshot", () => model.snapshot && board.receive(model.snapshot));
  model.on("change:edit", () => void board.setEdit(model.edit));
  model.on("msg:custom", (event: any) => board.receive((event?.data ?? event) as Message));
  model.on("remove", () => board.destroy());
  model.send_msg({ type: "ready" });
  return root;
}
