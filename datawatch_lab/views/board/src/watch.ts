// The watch page: a board from the snapshot in the page, kept live by one WebSocket.

import { acts } from "./acts.ts";
import { Board } from "./board.ts";
import type { Builder } from "./builder/builder.ts";
import { fill, h } from "./dom.ts";
import { framed as inFrame } from "./faces/object.ts";
import { moment } from "./format.ts";
import { chosen, clicked, EMPTY, freed } from "./look.ts";
import type { BoardHead, BoardMessage, Outgoing, Status, VariableHead } from "./message.ts";
import { Feed } from "./socket.ts";

const CHARTS = async (): Promise<any> => (await import("./faces/charts.ts")).CHARTS;
const byId = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
const WORDS: Record<string, [string, string]> = {
  live: ["good", "Live"],
  quiet: ["good", "Live, quiet"],
  silent: ["warn", "No data"],
  history: ["", "History"],
  empty: ["", "Empty"],
};

const SECONDS: Record<string, number> = { "1s": 1, "5s": 5, "30s": 30, "1m": 60 };

const snapshot = JSON.parse(byId("snapshot").textContent ?? "null") as BoardMessage;
const query = new URLSearchParams(location.search);
/** Of the server: the page may stand below any path of a proxy. */
const root = new URL(byId("board").dataset.root || "/", location.href);
if (query.has("kiosk")) document.body.classList.add("dww-kiosk");

let status: Status = snapshot.status;
let isConnected = true;
/** Of variables; made before anything is shown. */
const menus = new Map<string, Menu>();
let builder: Builder | null = null;
const role = byId("board").dataset.role ?? "";
document.body.classList.toggle("dww-guest", !role);
const EDITOR = async (): Promise<any> => (await import("./edit.ts")).GridEditor;
const objects = JSON.parse(byId("board").dataset.objects || "{}") as Record<string, string>;
const object = (name: string, title: string): HTMLElement | null => (objects[name] ? inFrame(objects[name], title) : null);
const board = new Board(byId("board"), { send: outgoing, charts: CHARTS, headed, told, editor: EDITOR, object });
const feed = new Feed(addressOf(), {
  message: (message) => (builder ? builder.incoming(message) : board.receive(message)),
  seq: () => board.seq,
  patience: () => 15_000 + 3 * (SECONDS[board.head?.refresh ?? "5s"] ?? 5) * 1_000,
  state: (connected) => {
    isConnected = connected;
    pill();
  },
});
const frame = framed();
if (frame) fit(frame);
board.receive(snapshot);
performance.mark("dwb-drawn");
feed.open();
tools();
acts(byId("acts"), { id: snapshot.board.id, role, root, edit: () => void edit(), query: () => query });
if (query.has("edit") && (role === "editor" || role === "admin")) void edit();

function addressOf(): string {
  const made = new URL(`ws/boards/${encodeURIComponent(snapshot.board.id)}`, root);
  made.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (const name of ["share", "range", "filter", "var"]) {
    for (const value of query.getAll(name)) made.searchParams.append(name, value);
  }
  return made.href;
}

/** What tiles say: clicks filter, a drag over a line narrows the time. */
function outgoing(message: Outgoing): void {
  if (builder?.outgoing(message)) return;
  if (message.type === "drill") explore(message.query);
  else if (message.type === "need" && message.what === "world") {
    void fetch(byId("board").dataset.world as string)
      .then((answer) => answer.json())
      .then((world) => board.receive({ type: "world", world }));
  } else if (message.type === "need") feed.again();
  else if (message.type === "click") look((now) => clicked(now, message.label, message.value));
  else if (message.type === "unfilter") look((now) => freed(now, message.label));
  else if (message.type === "variable") look((now) => chosen(now, message.name, message.values));
  else if (message.type === "range") look((now) => now.set("range", message.range));
  else if (message.type === "zoom") {
    const span = [message.from, message.to].map((each) => new Date(each).toISOString().slice(0, 19) + "Z");
    look((now) => now.set("range", span.join("/")));
  }
}

/** The metric of a tile in the explorer, over its time and with all its filters. */
function explore(asked: string): void {
  (frame ? window.parent : window).location.assign(new URL(`datawatch/explorer?${asked}`, root));
}

/** The frame of a page of ours that this board stands in as one of its parts; null elsewhere. */
function framed(): HTMLElement | null {
  try {
    const found = window.frameElement as HTMLElement | null;
    return found?.hasAttribute("data-fit") ? found : null;
  } catch {
    return null; // of another origin
  }
}

/** As high as its tiles are, and light or dark as the page around. */
function fit(around: HTMLElement): void {
  const outer = around.ownerDocument.documentElement;
  const own = document.documentElement;
  const dress = (): void => {
    const theme = outer.dataset.theme;
    if (theme) own.dataset.theme = theme;
    else delete own.dataset.theme;
  };
  dress();
  new MutationObserver(dress).observe(outer, { attributes: true, attributeFilter: ["data-theme"] });
  // The page around is brought up to date element by element; what is set here is to stay.
  around.dataset.localSet = "1";
  document.body.classList.add("dww-part");
  const main = byId("board");
  new ResizeObserver(() => {
    around.style.height = `${Math.ceil(main.getBoundingClientRect().bottom + scrollY)}px`;
  }).observe(main);
}

/** Change the board by hand; what that needs is loaded now. */
async function edit(): Promise<void> {
  if (builder) return;
  const { Builder } = await import("./builder/builder.ts");
  const { Http } = await import("./builder/backend.ts");
  const bar = byId("bar");
  builder = new Builder({
    board,
    backend: new Http(root),
    id: snapshot.board.id,
    charts: CHARTS,
    world: byId("board").dataset.world ?? "",
    bar,
    stage: document.querySelector(".dww-stage") as HTMLElement,
    keys: document,
    look: () => ({ range: query.get("range") ?? "", filter: query.getAll("filter"), var: query.getAll("var") }),
    ended: () => {
      builder = null;
      document.body.classList.remove("dww-edit");
      feed.again();
    },
  });
  document.body.classList.add("dww-edit");
  try {
    await builder.begin();
  } catch (error) {
    builder = null;
    document.body.classList.remove("dww-edit");
    bar.textContent = error instanceof Error ? error.message : String(error);
  }
}

/** Change what is looked at; the address of the page says it too. */
function look(change: (now: URLSearchParams) => void): void {
  const before = query.toString();
  change(query);
  if (query.toString() === before) return;
  history.pushState(null, "", `${location.pathname}?${query}`);
  feed.move(addressOf());
}

function headed(head: BoardHead): void {
  document.title = head.name;
  fill(byId("ranges"), ...head.ranges.map((each) => rangeButton(each, head.range)));
  if (head.range.includes("/")) byId("ranges").append(rangeButton({ key: head.range, label: spanText(head.range) }, head.range));
  keep(byId("choices"), [...head.variables.map(choice), ...head.filters.map(chip)]);
}

function rangeButton(range: { key: string; label: string }, now: string): HTMLElement {
  const made = h("button", { type: "button", "aria-pressed": String(range.key === now) }, range.label);
  made.addEventListener("click", () => outgoing({ type: "range", range: range.key }));
  return made;
}

function spanText(range: string): string {
  const [from, to] = range.split("/").map((each) => Date.parse(each));
  return `${moment(from, to - from)} to ${moment(to, to - from)}`;
}

/** The menu of a variable: it stays while one presses on it, whatever comes meanwhile. */
interface Menu {
  element: HTMLElement;
  show(variable: VariableHead): void;
}

function choice(variable: VariableHead): HTMLElement {
  const key = JSON.stringify([variable.name, variable.multi]);
  let menu = menus.get(key);
  if (!menu) menus.set(key, (menu = variable.multi ? several(variable.name) : one(variable.name)));
  menu.show(variable);
  return menu.element;
}

/** The children of an element, of which those that are there already are not touched. */
function keep(parent: HTMLElement, children: HTMLElement[]): void {
  for (const each of [...parent.children]) if (!children.includes(each as HTMLElement)) each.remove();
  children.forEach((each, at) => {
    if (parent.children[at] !== each) parent.insertBefore(each, parent.children[at] ?? null);
  });
}

/** Of a map that keeps what was made for a key. */
function kept<T>(made: Map<string, T>, key: string, make: () => T): T {
  const found = made.get(key) ?? make();
  made.set(key, found);
  return found;
}

function one(name: string): Menu {
  const title = h("span", {});
  const all = h("option", {}, "All");
  const options = new Map<string, HTMLOptionElement>();
  let values: string[] = [];
  const select = h("select", {}, all);
  select.addEventListener("change", () => {
    // By its place: the value of the empty one is that of "All".
    outgoing({ type: "variable", name, values: values.slice(select.selectedIndex - 1, select.selectedIndex) });
  });
  const show = (variable: VariableHead): void => {
    title.textContent = variable.title;
    // What is chosen may have no data now; it is among the choices all the same.
    values = [...new Set([...variable.choices, ...variable.chosen.slice(0, 1)])];
    keep(select, [all, ...values.map((each) => kept(options, each, () => h("option", {}, each || EMPTY)))]);
    select.selectedIndex = variable.chosen.length ? values.indexOf(variable.chosen[0]) + 1 : 0;
  };
  return { element: h("label", {}, title, select), show };
}

/** A menu of boxes to tick; it says what is chosen, and stays open while one chooses. */
function several(name: string): Menu {
  const summary = h("summary", {});
  const all = h("button", { type: "button", class: "dww-all" }, "All");
  all.addEventListener("click", () => outgoing({ type: "variable", name, values: [] }));
  const list = h("div", {}, all);
  const rows = new Map<string, HTMLElement>();
  let now: string[] = [];
  const row = (value: string): HTMLElement => {
    const box = h("input", { type: "checkbox", value });
    box.addEventListener("change", () => {
      const values = box.checked ? [...now, value] : now.filter((each) => each !== value);
      outgoing({ type: "variable", name, values });
    });
    return h("label", {}, box, value || EMPTY);
  };
  const show = ({ title, choices, chosen: held }: VariableHead): void => {
    now = held;
    const said = now.length === 0 ? "All" : now.length <= 2 ? now.map((each) => each || EMPTY).join(", ") : `${now.length} of ${choices.length}`;
    summary.textContent = `${title}: ${said}`;
    keep(list, [all, ...choices.map((each) => kept(rows, each, () => row(each)))]);
    for (const each of choices) (rows.get(each)?.firstElementChild as HTMLInputElement).checked = now.includes(each);
  };
  return { element: h("details", { class: "dww-menu" }, summary, list), show };
}

function chip([label, value]: [string, string]): HTMLElement {
  const made = h("button", { type: "button", class: "dww-chip", title: "Remove this filter" }, `${label}: ${value || EMPTY} ✕`);
  made.addEventListener("click", () => outgoing({ type: "unfilter", label }));
  return made;
}

function told(now: Status): void {
  status = now;
  pill();
}

function pill(): void {
  const [level, word] = isConnected ? (WORDS[status.state] ?? ["bad", "Not up to date"]) : ["warn", "Reconnecting"];
  const place = byId("state");
  place.className = `dww-state ${level}`;
  place.title = status.message;
  fill(place, h("span", { "aria-hidden": "true" }, level === "good" ? "●" : level === "bad" ? "▲" : "○"), word);
}

function tools(): void {
  const page = document.documentElement;
  byId("theme").addEventListener("click", () => {
    const isDark = page.dataset.theme ? page.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    page.dataset.theme = isDark ? "light" : "dark";
  });
  byId("full").addEventListener("click", () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void page.requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    document.body.classList.toggle("dww-kiosk", document.fullscreenElement === page || query.has("kiosk"));
  });
  addEventListener("popstate", () => location.reload());
}
