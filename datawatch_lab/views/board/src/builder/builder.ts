// Edit mode of a board: a bar above it, a drawer beside it, the keyboard, and storing by itself.

import type { Board } from "../board.ts";
import { fill, h, icon } from "../dom.ts";
import { shapeOf, withDrills } from "../heads.ts";
import type { BoardMessage, Message, Outgoing } from "../message.ts";
import type { Charts } from "../tile.ts";
import { Refused, type Backend, type Doc, type Drawn, type KindSpec, type Metric, type TileDoc } from "./backend.ts";
import { Choice, clashPanel, isOne, joined, joinedSettings, joinedTile, type Clash } from "./clash.ts";
import { differing, Draft, freeId, placed, placesIn, placesOf, WHOLE, withTile } from "./draft.ts";
import { button } from "./fields.ts";
import { TileForm } from "./form.ts";
import { Gallery } from "./gallery.ts";
import { codePanel, versionsPanel } from "./past.ts";
import type { Known } from "./query.ts";
import { settingsForm } from "./settings.ts";

const SAVE_MS = 500;
const RETRY_MS = 3_000;
const KEYS: [string, string][] = [
  ["arrows", "move the tile that is chosen"],
  ["Shift arrows", "make it larger or smaller"],
  ["e or Enter", "edit it"],
  ["d", "duplicate it"],
  ["Del", "take it off"],
  ["c", "its Python"],
  ["a", "add a tile"],
  ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
  ["Esc", "close the drawer"],
  ["?", "this list"],
];

export interface BuilderHost {
  board: Board;
  backend: Backend;
  id: string;
  charts: Charts;
  /** Address of the shapes of countries; '' where they come another way. */
  world: string;
  bar: HTMLElement;
  stage: HTMLElement;
  /** Where keys are heard. */
  keys: HTMLElement | Document;
  look(): { range: string; filter: string[]; var: string[] };
  /** Edit mode has ended. */
  ended(): void;
}

export class Builder {
  private draft = new Draft({ name: "" }, 0);
  private kinds: KindSpec[] = [];
  private known: Known;
  /** What stands in the drawer and has to be ended. */
  private form: { close(): void } | null = null;
  private shapes: Promise<unknown> | null = null;
  private selected = "";
  private timer = 0;
  private work: Promise<unknown> = Promise.resolve();
  private isDirty = false;
  private isSaving = false;
  private isConflict = false;
  private savedAt = 0;
  /** Whether the newest version was made of what two have done. */
  private isJoined = false;
  /** The document as it is stored in the version of the draft. */
  private stored: Doc = { name: "" };
  /** Documents of which nobody said whether they were stored. */
  private readonly unsure = new Set<Doc>();
  /** Why what was changed is not stored; "" while nothing stands in the way. */
  private trouble = "";
  private readonly drawer = h("aside", { class: "dwe-drawer", hidden: true, "aria-label": "Edit" });
  private readonly state = h("span", { class: "dwe-state", role: "status" });
  private readonly undoing = button("↶", () => this.undo(), { "aria-label": "Undo", title: "Undo (Ctrl Z)", class: "dwe-btn" });
  private readonly redoing = button("↷", () => this.redo(), { "aria-label": "Redo", title: "Redo (Ctrl Shift Z)", class: "dwe-btn" });
  private readonly key = (event: Event): void => this.pressed(event as KeyboardEvent);

  constructor(private readonly host: BuilderHost) {
    this.known = { backend: host.backend, metrics: [], tables: [], variables: [] };
  }

  async begin(): Promise<void> {
    const { backend, board, id } = this.host;
    const [answer, kinds, metrics, tables] = await Promise.all([
      backend.ask("get_dashboard", { id }),
      backend.ask("tile_kinds"),
      backend.ask("metrics"),
      backend.ask("tables"),
    ]);
    this.kinds = kinds as KindSpec[];
    this.known.metrics = metrics as Metric[];
    this.known.tables = (tables as { name: string }[]).map((each) => each.name);
    this.draft = new Draft(docOf(answer), answer.version as number);
    this.stored = this.draft.doc;
    this.bar();
    this.host.stage.append(this.drawer);
    this.host.keys.addEventListener("keydown", this.key, true);
    board.laid = () => this.dress();
    await board.setEdit(true);
    this.dress();
    this.tell();
    if (!this.draft.doc.tiles?.length) this.gallery();
  }

  /** Leave edit mode, once everything is stored; what cannot be keeps it open and says why. */
  async end(): Promise<void> {
    await this.work;
    await this.settled();
    if (this.isConflict) {
      await this.work; // two changes that do not clash become one
      if (this.isConflict) return;
      await this.settled();
    }
    if (this.isDirty) this.stuck();
    else await this.leave();
  }

  private async leave(): Promise<void> {
    clearTimeout(this.timer);
    this.close();
    this.drawer.remove();
    fill(this.host.bar);
    this.host.keys.removeEventListener("keydown", this.key, true);
    this.host.board.laid = null;
    for (const each of this.host.board.tiles.values()) each.element.querySelector(".dwe-tools")?.remove();
    await this.host.board.setEdit(false);
    this.host.ended();
  }

  /** What the feed sends: values are shown; places and titles are those of the document here. */
  incoming(message: Message): void {
    const { board } = this.host;
    if (message.type !== "board" || !board.head) {
      board.receive(message);
      return;
    }
    const isSame = shapeOf(message.board.tiles) === shapeOf(board.head.tiles);
    const tiles = withDrills(board.head.tiles, message.board.tiles);
    const parts = Object.fromEntries(Object.entries(message.parts).filter(([id]) => board.tiles.has(id)));
    board.receive(isSame ? message : { ...message, parts, board: { ...message.board, tiles } });
    if (!isSame && !this.isDirty && !this.isSaving && Date.now() - this.savedAt > 3_000) void this.catchUp();
  }

  /** What happens on the board. True where it is dealt with. */
  outgoing(message: Outgoing): boolean {
    if (message.type === "layout") {
      const next = placed(this.draft.doc, message.tiles);
      if (next) {
        this.draft.step(next);
        this.dirty();
      }
      return true;
    }
    if (message.type === "select") this.selected = message.tile;
    return message.type === "select";
  }

  // ---------------------------------------------------------------- changing

  /**
   * Draw a changed document, and keep it when it can be taken.
   *
   * @param change gives the next document of the one there is when its turn has come; null for none
   */
  private commit(change: (doc: Doc) => Doc | null): Promise<void> {
    return this.queued(async () => {
      const began = this.draft.doc;
      const next = change(began);
      if (!next) return;
      const drawn = await this.draw(next, differing(next, began));
      this.isJoined = false;
      this.draft.step(this.movedSince(began, drawn.dashboard));
      this.show(drawn);
      this.dirty();
    });
  }

  /** One thing after another, so that each begins with the document that the one before has left. */
  private queued(act: () => Promise<void>): Promise<void> {
    const done = this.work.then(act);
    this.work = done.catch(() => undefined);
    return done;
  }

  private draw(doc: Doc, tiles: string[] | null, code: string | null = null): Promise<Drawn> {
    return this.host.backend.ask("draw", { id: this.host.id, ...this.host.look(), dashboard: doc, tiles, code });
  }

  /** A document with the tiles that were moved since another was there, while it was drawn, where they were put. */
  private movedSince(began: Doc, doc: Doc): Doc {
    return placed(doc, placesOf(began, this.draft.doc)) ?? doc;
  }

  /** Show what was drawn; tiles stand where the draft has them by now. */
  private show(drawn: Drawn): void {
    const { board } = this.host;
    const message: BoardMessage = { ...drawn.message, seq: board.seq };
    const tiles = placed({ name: "", tiles: message.board.tiles }, placesIn(this.draft.doc))?.tiles;
    if (tiles) message.board = { ...message.board, tiles: tiles as BoardMessage["board"]["tiles"] };
    board.receive(message);
    board.select(this.selected);
  }

  private undo(): void {
    void this.travel("undo");
  }

  private redo(): void {
    void this.travel("redo");
  }

  private async travel(way: "undo" | "redo"): Promise<void> {
    await this.queued(async () => {
      const began = this.draft.doc;
      const next = way === "undo" ? this.draft.before : this.draft.after;
      if (!next) return;
      try {
        const drawn = await this.draw(next, differing(next, began));
        // What was moved while it was drawn is a step of its own, and stays.
        if (this.draft.doc === began) this.draft[way]();
        else this.draft.step(this.movedSince(began, next));
        this.show(drawn);
        this.dirty();
      } catch (error) {
        this.fault(error);
      }
    });
  }

  private change(next: (doc: Doc) => Doc | null): void {
    void this.commit(next).catch((error) => this.fault(error));
  }

  private remove(id: string): void {
    this.selected = "";
    this.close();
    this.change((doc) => {
      const tiles = (doc.tiles ?? []).filter((each) => each.id !== id);
      return tiles.length === doc.tiles?.length ? null : { ...doc, tiles };
    });
  }

  private duplicate(id: string): void {
    this.change((doc) => {
      const tile = doc.tiles?.find((each) => each.id === id);
      if (!tile) return null;
      const { x: _, y: __, ...rest } = tile;
      const copy = { ...rest, id: freeId(doc, tile.kind) };
      this.selected = copy.id;
      return { ...doc, tiles: [...(doc.tiles ?? []), copy] };
    });
  }

  // ---------------------------------------------------------------- storing

  private dirty(): void {
    this.isDirty = true;
    this.tell();
    clearTimeout(this.timer);
    if (!this.isConflict) this.timer = window.setTimeout(() => void this.save(), SAVE_MS);
  }

  private async save(): Promise<void> {
    clearTimeout(this.timer);
    if (!this.isDirty || this.isConflict) return;
    if (this.isSaving) {
      this.timer = window.setTimeout(() => void this.save(), SAVE_MS);
      return;
    }
    const { backend, id } = this.host;
    const { doc: sent, version } = this.draft;
    this.isSaving = true;
    this.isDirty = false;
    this.trouble = "";
    this.tell();
    try {
      const { id: _, ...doc } = sent as Doc & { id?: string };
      const answer = await backend.ask("change_dashboard", { ...WHOLE, ...doc, id, version, autosave: true });
      if (this.draft.version === version) this.stored = sent;
      this.unsure.clear();
      this.draft.version = Math.max(this.draft.version, answer.version as number);
      this.savedAt = Date.now();
    } catch (error) {
      this.isDirty = true;
      const isRefused = error instanceof Refused && error.status >= 400 && error.status < 500;
      if (!isRefused) this.unsure.add(sent);
      if (!(error instanceof Refused && error.status === 409)) this.unsaved(error);
      else if (this.draft.version === version) this.conflict();
      else this.dirty(); // The draft has become one of a later version meanwhile.
    } finally {
      this.isSaving = false;
      if (!this.isDirty) this.tell();
    }
  }

  /** Store what is not stored yet. False where it cannot be; why is said. */
  private async settled(): Promise<boolean> {
    do {
      while (this.isSaving) await new Promise((done) => setTimeout(done, 50));
      await this.save();
      // A tile may have been moved while the rest was stored.
    } while (this.isDirty && !this.isConflict && !this.trouble);
    return !this.isDirty && !this.isConflict;
  }

  /** Say why it is not stored; what passes by itself is tried again. */
  private unsaved(error: unknown): void {
    const status = error instanceof Refused ? error.status : 0;
    const isPassing = status === 0 || status === 429 || status >= 500;
    this.trouble = (error instanceof Error && error.message) || String(error);
    this.say(`Not saved${isPassing ? " yet" : ""}: ${this.trouble}`, "dwe-bad");
    if (isPassing) {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.save(), RETRY_MS);
    }
  }

  /** Done was said, but something is not stored: stay, or leave without it. */
  private stuck(): void {
    const drop = button("Leave without it", () => void this.drop(), { "data-act": "drop" });
    this.state.className = "dwe-state dwe-bad";
    fill(this.state, `Not saved: ${this.trouble}`, drop);
  }

  private async drop(): Promise<void> {
    this.isDirty = false;
    clearTimeout(this.timer);
    try {
      await this.replace(await this.host.backend.ask("get_dashboard", { id: this.host.id }));
    } catch (error) {
      // The board as it is stored is shown when the server is there again.
      this.fault(error);
    }
    await this.leave();
  }

  /** Somebody else has stored another version: what does not clash becomes one document of both. */
  private conflict(): void {
    this.isConflict = true;
    this.say("Somebody else changed it; putting both together …");
    const choice = new Choice();
    // Not waited for: who stores may have the turn.
    void this.queued(() => this.join(choice)).catch((error) => this.apart(error));
  }

  /** Make one document of theirs and the draft; where both changed the same, ask. */
  private async join(choice: Choice): Promise<void> {
    const answer = await this.host.backend.ask("get_dashboard", { id: this.host.id });
    const [theirs, began] = [docOf(answer), this.draft.doc];
    // Of a save whose answer was lost: then it is nobody else's, and nothing clashes.
    const mine = [...this.unsure].find((each) => isOne(each, theirs));
    const base = mine ?? this.stored;
    const { doc, clashes } = joined(base, theirs, began, choice.picks);
    const left = choice.left(clashes);
    if (left.length) return this.clashing(left, choice);
    const drawn = await this.draw(doc, null);
    this.isConflict = false;
    this.stored = theirs;
    this.unsure.clear();
    const next = this.movedSince(began, drawn.dashboard);
    this.draft.join(next, answer.version as number, (each) => joined(base, theirs, each, choice.picks).doc);
    this.show(drawn);
    this.isJoined = !mine;
    this.dirty();
  }

  /** Say what both have changed, and ask which stays: all of it in the bar, or each in the drawer. */
  private clashing(clashes: Clash[], choice: Choice): void {
    const settle = (): void => {
      this.close();
      void this.queued(() => this.join(choice)).catch((error) => this.apart(error));
    };
    const all = (label: string, side: "theirs" | "mine", how: Record<string, string>): HTMLElement =>
      button(label, () => {
        choice.all(clashes, side);
        settle();
      }, { "data-act": side, ...how });
    const compare = button("Compare", () => this.open("Changed by two", clashPanel(choice, clashes, settle)), { "data-act": "compare" });
    const what = clashes.length === 1 ? clashes[0].what : `${clashes.length} things`;
    this.state.className = "dwe-state dwe-bad";
    const said = `Not saved: somebody else changed the same (${what}).`;
    fill(this.state, said, compare, all("Take theirs", "theirs", {}), all("Keep mine", "mine", { class: "dwe-btn dwe-main" }));
  }

  /** What both did could not be put together now; it is tried again. */
  private apart(error: unknown): void {
    this.isConflict = false;
    this.unsaved(error);
  }

  /** Somebody else has changed the board while nothing here waits to be stored. */
  private catchUp(): Promise<void> {
    return this.queued(async () => {
      try {
        const answer = await this.host.backend.ask("get_dashboard", { id: this.host.id });
        if (answer.version > this.draft.version && !this.isDirty && !this.isSaving) {
          await this.replace(answer);
          this.say(`Somebody changed it; this is version ${answer.version}.`);
        }
      } catch (error) {
        this.fault(error);
      }
    });
  }

  private async replace(answer: any): Promise<void> {
    const doc = docOf(answer);
    const began = this.draft.doc;
    const drawn = await this.draw(doc, null);
    const next = this.movedSince(began, doc);
    this.isConflict = false;
    this.isDirty = false;
    this.draft.replace(doc, answer.version as number);
    this.stored = doc;
    this.unsure.clear();
    if (next !== doc) this.draft.step(next);
    this.show(drawn);
    if (next !== doc) this.dirty();
    else this.tell();
  }

  private fault(error: unknown): void {
    this.say(error instanceof Error ? error.message : String(error), "dwe-bad");
  }

  private tell(): void {
    this.undoing.disabled = !this.draft.canUndo;
    this.redoing.disabled = !this.draft.canRedo;
    if (this.isConflict) return;
    const beside = this.isJoined ? "; somebody else changed it too, and what both did is here" : "";
    this.say(this.isDirty || this.isSaving ? `Saving …${beside}` : `Saved, version ${this.draft.version}${beside}`);
  }

  private say(text: string, tone = ""): void {
    this.state.className = `dwe-state ${tone}`;
    fill(this.state, text);
  }

  // ---------------------------------------------------------------- around the board

  private bar(): void {
    const add = button("+ Add a tile", () => this.gallery(), { class: "dwe-btn dwe-main", "data-act": "add" });
    fill(
      this.host.bar,
      add,
      this.undoing,
      this.redoing,
      button("Settings", () => this.settings(), { "data-act": "settings" }),
      button("Versions", () => this.versions(), { "data-act": "versions" }),
      button("Copy as code", () => void this.code(""), { "data-act": "code" }),
      button("?", () => this.help(), { "aria-label": "Keys", title: "Keys (?)" }),
      this.state,
      button("Done", () => void this.end(), { class: "dwe-btn dwe-main", "data-act": "done" }),
    );
  }

  /** Put the tools of edit mode into the heads of tiles. */
  private dress(): void {
    for (const [id, view] of this.host.board.tiles) {
      const head = view.element.querySelector("header");
      if (!head || head.querySelector(".dwe-tools")) continue;
      const tool = (sign: string, label: string, act: () => void): HTMLElement =>
        button(icon(sign), act, { class: "dwe-tool", "aria-label": `${label}: ${view.head.title}`, title: label });
      head.append(
        h(
          "span",
          { class: "dwe-tools" },
          tool("edit", "Edit", () => this.edit(id)),
          tool("copy", "Duplicate", () => this.duplicate(id)),
          tool("code", "Copy as code", () => void this.code(id)),
          tool("remove", "Delete", () => this.remove(id)),
        ),
      );
    }
  }

  private open(title: string, content: HTMLElement): void {
    this.close();
    const head = h("header", {}, h("h2", {}, title), button("✕", () => this.close(), { class: "dwe-tool", "aria-label": "Close" }));
    fill(this.drawer, head, content);
    this.drawer.hidden = false;
    content.querySelector<HTMLElement>(".dwe-card, input, button")?.focus({ preventScroll: true });
  }

  private close(): void {
    this.form?.close();
    this.form = null;
    this.drawer.hidden = true;
    fill(this.drawer);
  }

  private gallery(): void {
    const made = new Gallery(this.kinds, {
      charts: this.host.charts,
      world: () => (this.shapes ??= this.world()),
      draw: (tiles) => this.draw({ ...this.draft.doc, tiles }, null),
      chosen: (kind) => this.compose(kind),
    });
    this.open("Add a tile", made.element);
    this.form = made;
  }

  private async world(): Promise<unknown> {
    return this.host.world ? (await fetch(this.host.world)).json() : null;
  }

  private compose(kind: KindSpec): void {
    const tile: TileDoc = { ...(structuredClone(kind.example) ?? {}), id: freeId(this.draft.doc, kind.name), kind: kind.name };
    for (const side of ["x", "y", "w", "h"] as const) delete tile[side];
    this.tileForm(kind, tile, true);
  }

  private edit(id: string): void {
    const tile = this.draft.tile(id);
    const kind = this.kinds.find((each) => each.name === tile?.kind);
    if (!tile || !kind) return;
    this.selected = id;
    this.host.board.select(id);
    this.tileForm(kind, structuredClone(tile), false);
  }

  private tileForm(kind: KindSpec, tile: TileDoc, isNew: boolean): void {
    this.known.variables = this.draft.doc.variables ?? [];
    const began = structuredClone(tile);
    const form = new TileForm(kind, tile, isNew, {
      known: this.known,
      charts: this.host.charts,
      world: this.host.world,
      draw: (each) => this.draw({ ...this.draft.doc, tiles: [each] }, null),
      done: async (made, choice) => {
        this.selected = made.id;
        let left: Clash[] = [];
        try {
          await this.commit((doc) => {
            const now = isNew ? undefined : doc.tiles?.find((each) => each.id === made.id);
            const { tile: both, clashes } = now ? joinedTile(began, now, made, choice.picks) : { tile: made, clashes: [] };
            left = choice.left(clashes);
            if (left.length) return null;
            const next = withTile(doc, both, isNew);
            if (isNew) this.selected = next.tiles?.at(-1)?.id ?? made.id;
            return next;
          });
        } catch (error) {
          form.refused((error as Error).message);
          return false;
        }
        if (left.length) {
          choice.show(left);
          return false;
        }
        this.close();
        this.host.board.tiles.get(this.selected)?.element.scrollIntoView({ block: "nearest" });
        return true;
      },
      cancel: () => this.close(),
    });
    this.open(isNew ? `New: ${kind.label}` : `Edit: ${tile.title || kind.label}`, form.element);
    this.form = form;
  }

  private settings(): void {
    const began = this.draft.doc;
    const choice = new Choice();
    const done = async (said: Partial<Doc>): Promise<void> => {
      let left: Clash[] = [];
      await this.commit((doc) => {
        if (!Object.keys(said).length) return null;
        const { doc: both, clashes } = joinedSettings(began, doc, { ...began, ...said }, choice.picks);
        left = choice.left(clashes);
        return left.length ? null : both;
      });
      if (left.length) choice.show(left);
      else this.close();
    };
    this.open("This dashboard", settingsForm(began, this.known, choice.element, done, () => this.close()));
  }

  private versions(): void {
    void this.work.then(() => this.save()).then(() => {
      const back = (version: number): Promise<void> => this.queued(async () => {
        try {
          if (!(await this.settled())) return;
          await this.replace(await this.host.backend.ask("rollback_dashboard", { id: this.host.id, version }));
          this.versions();
        } catch (error) {
          this.fault(error);
        }
      });
      this.open("Versions", versionsPanel(this.host.backend, this.host.id, (version) => void back(version)));
    });
  }

  private async code(id: string): Promise<void> {
    try {
      const drawn = await this.draw(this.draft.doc, [], id);
      this.open(id ? "The tile as Python" : "The dashboard as Python", codePanel(drawn.code, () => this.say("Copied")));
    } catch (error) {
      this.fault(error);
    }
  }

  private help(): void {
    const list = h("dl", { class: "dwe-keys" }, ...KEYS.flatMap(([keys, does]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, does)]));
    this.open("Keys", h("div", { class: "dwe-panel" }, list));
  }

  private pressed(event: KeyboardEvent): void {
    const target = event.composedPath()[0] as HTMLElement;
    const isTyping = target.matches?.("input, textarea, select, [contenteditable]");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !isTyping) {
      event.preventDefault();
      if (event.shiftKey) this.redo();
      else this.undo();
      return;
    }
    if (event.key === "Escape" && !this.drawer.hidden && !event.defaultPrevented && !target.matches?.("[role=combobox]")) this.close();
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const focused = target.closest?.<HTMLElement>(".dwb-tile")?.dataset.tile;
    const id = target.matches?.("button") ? "" : (focused ?? this.selected);
    const acts: Record<string, () => void> = { a: () => this.gallery(), "?": () => this.help() };
    if (id && this.draft.tile(id)) {
      Object.assign(acts, { e: () => this.edit(id), Enter: () => this.edit(id), d: () => this.duplicate(id), c: () => void this.code(id) });
      Object.assign(acts, { Delete: () => this.remove(id), Backspace: () => this.remove(id) });
    }
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}

/** The document of an answer about a dashboard. */
function docOf(answer: any): Doc {
  const found: Record<string, unknown> = { name: answer.name };
  for (const name of Object.keys(WHOLE)) if (answer[name] !== undefined) found[name] = answer[name];
  return found as unknown as Doc;
}
