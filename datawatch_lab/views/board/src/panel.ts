// The same board as a component of Panel: messages come and go over its own channel.

import uplotCss from "uplot/dist/uPlot.min.css";
import gridCss from "gridstack/dist/gridstack.min.css";
import boardCss from "./board.css";
import builderCss from "./builder/builder.css";
import { Board } from "./board.ts";
import { Refused, type Backend } from "./builder/backend.ts";
import { Builder } from "./builder/builder.ts";
import { h } from "./dom.ts";
import type { Message, Outgoing } from "./message.ts";

interface Model {
  edit: boolean;
  tokens: { light: Record<string, string>; dark: Record<string, string>; font: string };
  theme: string;
  /** Id of the dashboard that is changed by hand; '' or nothing for a board that is looked at. */
  builds?: string;
  /** Where pieces that few boards need are served, by name; empty where there is no server. */
  pieces: Record<string, string>;
  /** Names of the objects that stand in tiles. */
  names: string[];
  get_child(name: string): HTMLElement[];
  on(name: string, call: (event?: any) => void): void;
  send_msg(message: unknown): void;
}

/** Asks the Python side, over the component's own channel. */
class Asking implements Backend {
  private count = 0;
  private readonly waiting = new Map<number, [(value: any) => void, (error: Error) => void]>();

  constructor(private readonly model: Model) {}

  ask(what: string, given: Record<string, unknown> = {}): Promise<any> {
    this.count += 1;
    const number = this.count;
    return new Promise((done, failed) => {
      this.waiting.set(number, [done, failed]);
      this.model.send_msg({ type: "ask", number, what, given });
    });
  }

  answer(message: { number: number; value?: unknown; message?: string; status?: number }): void {
    const held = this.waiting.get(message.number);
    this.waiting.delete(message.number);
    if (message.message) held?.[1](new Refused(message.message, message.status ?? 500));
    else held?.[0](message.value);
  }
}

/** What few boards need (ECharts, edit mode): loaded when one does, from the server or the kernel. */
class Pieces {
  private readonly loading = new Map<string, Promise<any>>();
  private readonly waiting = new Map<string, (code: string) => void>();

  constructor(private readonly model: Model) {}

  get(name: string): Promise<any> {
    let found = this.loading.get(name);
    if (!found) this.loading.set(name, (found = this.load(name)));
    return found;
  }

  came(message: { what: string; code: string }): void {
    this.waiting.get(message.what)?.(message.code);
    this.waiting.delete(message.what);
  }

  private async load(name: string): Promise<any> {
    const served = this.model.pieces[name];
    if (served) return import(new URL(served, document.baseURI).href);
    const code = await new Promise<string>((done) => {
      this.waiting.set(name, done);
      this.model.send_msg({ type: "need", what: name });
    });
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    try {
      return await import(address);
    } finally {
      URL.revokeObjectURL(address);
    }
  }
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
  style.textContent = uplotCss + gridCss + boardCss + builderCss;
  root.append(style);
  dress(root, model);
  const bar = h("div", { class: "dwe-bar" });
  const stage = h("div", { class: "dww-stage" }, h("main", {}));
  if (model.builds) {
    root.tabIndex = -1;
    root.append(bar, stage);
  }
  const objects = model.get_child("children_") ?? [];
  // Panel renders what stands in the document as this returns; tiles take it from here.
  root.append(h("div", { class: "dwb-held" }, ...objects));
  const asking = new Asking(model);
  const pieces = new Pieces(model);
  const charts = async (): Promise<any> => (await pieces.get("charts")).CHARTS;
  let builder: Builder | null = null;
  const board: Board = new Board(model.builds ? (stage.firstElementChild as HTMLElement) : root, {
    send: (message: Outgoing) => {
      if (!builder?.outgoing(message)) model.send_msg(message);
    },
    charts,
    object: (name) => objects[model.names.indexOf(name)] ?? null,
    editor: async () => (await pieces.get("edit")).GridEditor,
  });
  const again = (): void => {
    dress(root, model);
    board.recolour();
  };
  const around = new MutationObserver(again);
  for (const each of [document.documentElement, document.body]) around.observe(each, { attributes: true });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", again);
  if (model.builds) {
    builder = new Builder({
      board,
      backend: asking,
      id: model.builds,
      charts,
      world: "",
      bar,
      stage,
      keys: root,
      // The component knows what is looked at, and draws by it.
      look: () => ({ range: "", filter: [], var: [] }),
      ended: () => void builder?.begin(),
    });
  } else void board.setEdit(model.edit);
  let isBegun = false;
  const received = (message: Message): void => {
    if (!builder) board.receive(message);
    else if (isBegun) builder.incoming(message);
    else if (message.type === "board") {
      isBegun = true;
      board.receive(message);
      void builder.begin().catch((error: Error) => (bar.textContent = error.message));
    }
  };
  model.on("change:theme", again);
  model.on("change:edit", () => void board.setEdit(model.edit));
  model.on("msg:custom", (event: any) => {
    const message = event?.data ?? event;
    if (message.type === "answer") asking.answer(message);
    else if (message.type === "code") pieces.came(message);
    else received(message as Message);
  });
  model.on("remove", () => {
    around.disconnect();
    system.removeEventListener("change", again);
    board.destroy();
  });
  model.send_msg({ type: "ready" });
  return root;
}
