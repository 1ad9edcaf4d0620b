// Two who change one board: what each changed stays; of what both changed, one is asked which stays.

import { h } from "../dom.ts";
import type { Doc, QueryDoc, TileDoc } from "./backend.ts";
import { freeId, WHOLE } from "./draft.ts";
import { button, words } from "./fields.ts";

export type Side = "theirs" | "mine";

/** Something that both have changed, each in another way. */
export interface Clash {
  key: string;
  /** What it is, in words. */
  what: string;
  theirs: unknown;
  mine: unknown;
}

export type Picks = ReadonlyMap<string, Side>;

const NONE: Picks = new Map();
const FIELDS = ["name", ...Object.keys(WHOLE).filter((each) => each !== "tiles")] as (keyof Doc)[];
const TILE_FIELDS = ["kind", "title", "window", "note"] as const;
const SIDES = ["x", "y", "w", "h"] as const;

/** A value without what is empty, its keys in order, as text. */
function plain(value: unknown): string {
  const kept = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.length ? each.map(kept) : undefined;
    if (typeof each !== "object" || each === null) return each === "" || each === null ? undefined : each;
    const pairs = Object.entries(each).map(([name, one]) => [name, kept(one)] as const);
    const found = pairs.filter(([, one]) => one !== undefined).sort(([one], [other]) => (one < other ? -1 : 1));
    return found.length ? Object.fromEntries(found) : undefined;
  };
  return JSON.stringify(kept(value)) ?? "";
}

function isSame(one: unknown, other: unknown): boolean {
  return plain(one) === plain(other);
}

/** A tile, wherever it stands. */
function unplaced({ x: _, y: __, w: ___, h: ____, ...rest }: TileDoc): Omit<TileDoc, (typeof SIDES)[number]> {
  return rest;
}

/** What a tile asks: the first and the rest are one list. */
function askedBy(tile: TileDoc): QueryDoc[] {
  return [tile.query, ...(tile.queries ?? [])].filter((each): each is QueryDoc => Boolean(each));
}

class Merging {
  readonly clashes: Clash[] = [];

  constructor(private readonly picks: Picks) {}

  /** Of what one alone changed their value, of what nobody changed the old one; else the one picked. */
  value(key: string, what: string, base: unknown, theirs: unknown, mine: unknown): unknown {
    if (isSame(mine, base)) return theirs;
    if (isSame(theirs, base) || isSame(theirs, mine)) return mine;
    this.clashes.push({ key, what, theirs, mine });
    return this.picks.get(key) === "theirs" ? theirs : mine;
  }

  tile(base: TileDoc, theirs: TileDoc, mine: TileDoc): TileDoc {
    const name = `“${base.title || words(base.kind)}”`;
    const made: Record<string, unknown> = { ...theirs };
    const set = (field: string, value: unknown): void => {
      if (value === undefined) delete made[field];
      else made[field] = value;
    };
    for (const field of TILE_FIELDS) {
      const what = field === "window" ? "over" : field;
      set(field, this.value(`${base.id}/${field}`, `${name}, ${what}`, base[field], theirs[field], mine[field]));
    }
    const lists = [base, theirs, mine].map(askedBy);
    const [first, ...more] = this.value(`${base.id}/query`, `${name}, what it shows`, ...(lists as [unknown, unknown, unknown])) as QueryDoc[];
    set("query", first);
    set("queries", more.length ? more : undefined);
    const options: Record<string, unknown> = {};
    for (const each of new Set([base, theirs, mine].flatMap((one) => Object.keys(one.options ?? {})))) {
      const [was, they, my] = [base, theirs, mine].map((one) => one.options?.[each]);
      const value = this.value(`${base.id}/options/${each}`, `${name}, ${words(each).toLowerCase()}`, was, they, my);
      if (value !== undefined) options[each] = value;
    }
    set("options", Object.keys(options).length || theirs.options || mine.options ? options : undefined);
    // Where it stands is seen, and moved again; nobody is asked for that.
    const isMoved = SIDES.some((side) => mine[side] !== base[side]);
    for (const side of SIDES) set(side, isMoved ? mine[side] : theirs[side]);
    return made as unknown as TileDoc;
  }

  /** A tile that one has taken off: it is gone, unless the other has changed it meanwhile. */
  gone(base: TileDoc, left: TileDoc, whose: Side): TileDoc[] {
    const [was, now] = [unplaced(base), unplaced(left)];
    if (isSame(was, now)) return [];
    const [theirs, mine] = whose === "theirs" ? [now, undefined] : [undefined, now];
    const what = `“${base.title || words(base.kind)}”, which one took off and one changed`;
    this.clashes.push({ key: base.id, what, theirs, mine });
    return (this.picks.get(base.id) ?? "mine") === whose ? [left] : [];
  }
}

/**
 * One document of two that began as one.
 *
 * @param base as both began
 * @param picks which stays, by the key of a clash; mine where nothing was picked
 */
export function joined(base: Doc, theirs: Doc, mine: Doc, picks: Picks = NONE): { doc: Doc; clashes: Clash[] } {
  const merging = new Merging(picks);
  const doc = shared(merging, base, theirs, mine);
  const [was, they, my] = [base, theirs, mine].map((each) => new Map((each.tiles ?? []).map((tile) => [tile.id, tile])));
  const tiles: TileDoc[] = [];
  for (const id of new Set([...they.keys(), ...my.keys()])) {
    const [old, one, other] = [was.get(id), they.get(id), my.get(id)];
    if (old && one && other) tiles.push(merging.tile(old, one, other));
    else if (old && (one || other)) tiles.push(...merging.gone(old, (one ?? other) as TileDoc, one ? "theirs" : "mine"));
    // Stored by a save whose answer was lost: it is mine, not one of theirs beside it.
    else if (one && other && isSame(unplaced(one), unplaced(other))) tiles.push(other);
    else tiles.push(...[one, other].filter((each): each is TileDoc => Boolean(each)));
  }
  // Both have added one of the same id.
  const all: Doc = { ...doc, tiles: [] };
  for (const each of tiles) {
    const isTaken = all.tiles?.some((one) => one.id === each.id);
    const taken = { ...doc, tiles: [...tiles, ...(all.tiles ?? [])] };
    all.tiles?.push(isTaken ? { ...each, id: freeId(taken, each.kind) } : each);
  }
  return { doc: all, clashes: merging.clashes };
}

/** Whether two documents show the same, wherever the tiles stand. */
export function isOne(one: Doc, other: Doc): boolean {
  const [first, second] = [one, other].map((each) => {
    const tiles = new Map((each.tiles ?? []).map((tile) => [tile.id, { ...unplaced(tile), query: undefined, queries: askedBy(tile) }]));
    return FIELDS.map((field) => each[field] ?? (WHOLE as Record<string, unknown>)[field]).concat(Object.fromEntries(tiles));
  });
  return isSame(first, second);
}

function shared(merging: Merging, base: Doc, theirs: Doc, mine: Doc): Doc {
  const made: Record<string, unknown> = { ...theirs };
  for (const field of FIELDS) {
    const [was, they, my] = [base, theirs, mine].map((each) => each[field] ?? (WHOLE as Record<string, unknown>)[field]);
    made[field] = merging.value(field, words(field), was, they, my);
  }
  return made as unknown as Doc;
}

/** One tile of two that began as one; see `joined`. */
export function joinedTile(base: TileDoc, theirs: TileDoc, mine: TileDoc, picks: Picks = NONE): { tile: TileDoc; clashes: Clash[] } {
  const merging = new Merging(picks);
  return { tile: merging.tile(base, theirs, mine), clashes: merging.clashes };
}

/** What a document says beside its tiles, of two that began as one; the tiles are theirs. */
export function joinedSettings(base: Doc, theirs: Doc, mine: Doc, picks: Picks = NONE): { doc: Doc; clashes: Clash[] } {
  const merging = new Merging(picks);
  return { doc: shared(merging, base, theirs, mine), clashes: merging.clashes };
}

/** A value as one reads it. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length ? value.map(valueText).join("; ") : "nothing";
  if (typeof value !== "object") return String(value);
  const pairs = Object.entries(value).filter(([, each]) => each !== "" && each !== undefined && !(Array.isArray(each) && !each.length));
  return pairs.map(([name, each]) => `${words(name).toLowerCase()}: ${valueText(each)}`).join(", ") || "nothing";
}

/** Asks which of two values stays. It is empty while nothing clashes. */
export class Choice {
  readonly element = h("div", { class: "dwe-clashes", role: "alert" });
  private readonly picked = new Map<string, Side>();

  get picks(): Picks {
    return this.picked;
  }

  /** What is to be asked: what was not picked yet. */
  left(clashes: Clash[]): Clash[] {
    return clashes.filter((each) => !this.picked.has(each.key));
  }

  /** Ask; until one picks otherwise, mine stays. */
  show(clashes: Clash[]): void {
    const intro = h("p", { class: "dwe-fault" }, "Somebody changed the same meanwhile. Which is to stay?");
    this.element.replaceChildren(intro, ...clashes.map((each) => this.row(each)));
    this.element.scrollIntoView({ block: "nearest" });
  }

  all(clashes: Clash[], side: Side): void {
    for (const each of clashes) this.picked.set(each.key, side);
  }

  private row(clash: Clash): HTMLElement {
    this.picked.set(clash.key, "mine");
    const side = (which: Side, label: string): HTMLElement => {
      const control = h("input", { type: "radio", name: `clash-${clash.key}`, value: which, checked: which === "mine" });
      control.addEventListener("change", () => this.picked.set(clash.key, which));
      return h("label", { class: "dwe-box" }, control, h("span", {}, h("b", {}, `${label}: `), valueText(clash[which])));
    };
    return h("fieldset", { class: "dwe-clash", "data-clash": clash.key }, h("legend", {}, clash.what), side("theirs", "Theirs"), side("mine", "Yours"));
  }
}

/** What clashes, in the drawer; `done` is called once one has chosen. */
export function clashPanel(choice: Choice, clashes: Clash[], done: () => void): HTMLElement {
  choice.show(clashes);
  const form = h("div", { class: "dwe-form" }, choice.element);
  const keep = button("Keep what is chosen", done, { class: "dwe-btn dwe-main", "data-act": "settle" });
  return h("div", { class: "dwe-panel" }, form, h("div", { class: "dwe-foot" }, keep));
}
