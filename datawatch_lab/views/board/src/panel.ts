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
  tokens: { light: Record<string, string>; dark: Record<string, string>; font: string };
  theme: string;
  on(name: string, call: (event?: any) => void): void;
  send_msg(message: unknown): void;
}

/** Whether the page around is dark, as far as it says so: by us, by JupyterLab, by Bootstrap. */
function isDark(theme: string): boolean {
  if (theme === "dark" || theme === "light") return theme === "dark";
  const { documentElement: root, body } = document;
  const said = root.dataset.theme ?? root.dataset.bsTheme;
  if (said) return said === "dark";
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function dress(root: HTMLElement, model: Model): void {
  const dark = isDark(model.theme);
  for (const [name, value] of Object.entries(model.tokens[dark ? "dark" : "light"])) root.style.setProperty(`--dw-${name}`, value);
  root.style.setProperty("--dw-font", model.tokens.font);
  root.style.colorScheme = dark ? "dark" : "light";
  root.style.background = "var(--dw-ground)";
}

export function render({ model }: { model: Model }): HTMLElement {
  const root = document.createElement("div");
  root.style.width = "100%";
  const style = document.createElement("style");
  style.textContent = uplotCss + gridCss + boardCss;
  root.append(style);
  dress(root, model);
  const board = new Board(root, {
    send: (message) => model.send_msg(message),
    charts: async () => CHARTS,
    editor: async () => GridEditor,
  });
  const again = (): void => {
    dress(root, model);
    board.recolour();
  };
  const around = new MutationObserver(again);
  for (const each of [document.documentElement, document.body]) around.observe(each, { attributes: true });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", again);
  void board.setEdit(model.edit);
  model.on("change:theme", again);
  model.on("change:edit", () => void board.setEdit(model.edit));
  model.on("msg:custom", (event: any) => board.receive((event?.data ?? event) as Message));
  model.on("remove", () => {
    around.disconnect();
    system.removeEventListener("change", again);
    board.destroy();
  });
  model.send_msg({ type: "ready" });
  return root;
}
