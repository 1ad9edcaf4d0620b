// The document that is being edited: what it was before, what it is, whether it is stored.

import type { Doc, TileDoc } from "./backend.ts";
import type { Place } from "../message.ts";

const MOST_STEPS = 200;
/** What a document is where it does not say otherwise. */
export const WHOLE: Omit<Required<Doc>, "name"> = {
  description: "",
  tiles: [],
  variables: [],
  filters: {},
  time_range: "auto",
  refresh: "5s",
  theme: "system",
  annotations: ["anomalies", "alerts", "schema", "notes"],
  notes: [],
  is_public: false,
};
const PLACE = new Set(["x", "y", "w", "h"]);

export class Draft {
  private past: Doc[] = [];
  private future: Doc[] = [];

  constructor(
    public doc: Doc,
    public version: number,
  ) {}

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** What undo would bring back. */
  get before(): Doc | null {
    return this.past.at(-1) ?? null;
  }

  /** What redo would bring back. */
  get after(): Doc | null {
    return this.future.at(-1) ?? null;
  }

  tile(id: string): TileDoc | undefined {
    return (this.doc.tiles ?? []).find((each) => each.id === id);
  }

  /** Something has been done. */
  step(next: Doc): void {
    this.past.push(this.doc);
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.doc = next;
  }

  undo(): Doc | null {
    const found = this.past.pop();
    if (!found) return null;
    this.future.push(this.doc);
    return (this.doc = found);
  }

  redo(): Doc | null {
    const found = this.future.pop();
    if (!found) return null;
    this.past.push(this.doc);
    return (this.doc = found);
  }

  /** Somebody else's document takes the place of this one; nothing can be undone into it. */
  replace(doc: Doc, version: number): void {
    this.doc = doc;
    this.version = version;
    this.past = [];
    this.future = [];
  }

  /**
   * Somebody else's changes are in this document by now, and in all that undo and redo bring back.
   *
   * @param withTheirs puts their changes into a document of before
   */
  join(doc: Doc, version: number, withTheirs: (doc: Doc) => Doc): void {
    this.doc = doc;
    this.version = version;
    this.past = this.past.map(withTheirs);
    this.future = this.future.map(withTheirs);
  }
}

/** The document with tiles at other places; null where nothing moved. */
export function placed(doc: Doc, places: Place[]): Doc | null {
  const wanted = new Map(places.map((each) => [each.id, each]));
  let isMoved = false;
  const tiles = (doc.tiles ?? []).map((tile) => {
    const place = wanted.get(tile.id);
    if (!place || [...PLACE].every((side) => (tile as any)[side] === (place as any)[side])) return tile;
    isMoved = true;
    return { ...tile, x: place.x, y: place.y, w: place.w, h: place.h };
  });
  return isMoved ? { ...doc, tiles } : null;
}

/** Where the tiles of a document stand. */
export function placesIn(doc: Doc): Place[] {
  return (doc.tiles ?? []).flatMap((each) => (each.x === undefined ? [] : [{ id: each.id, x: each.x, y: each.y, w: each.w, h: each.h } as Place]));
}

/** The places of tiles that stand elsewhere in a document than they did. */
export function placesOf(before: Doc, now: Doc): Place[] {
  const known = new Map((before.tiles ?? []).map((each) => [each.id, each]));
  return (now.tiles ?? []).flatMap((each) => {
    const was = known.get(each.id) as any;
    const isMoved = was && [...PLACE].some((side) => was[side] !== (each as any)[side]);
    return isMoved ? [{ id: each.id, x: each.x, y: each.y, w: each.w, h: each.h } as Place] : [];
  });
}

/** The document with a tile as a form has it, where the tile stands by now; or with one more. */
export function withTile(doc: Doc, made: TileDoc, isNew: boolean): Doc {
  const tiles = doc.tiles ?? [];
  const place = tiles.find((each) => each.id === made.id);
  if (isNew || !place) return { ...doc, tiles: [...tiles, place ? { ...made, id: freeId(doc, made.kind) } : made] };
  const next = { ...made, x: place.x, y: place.y, w: place.w, h: place.h };
  return { ...doc, tiles: tiles.map((each) => (each.id === made.id ? next : each)) };
}

/** Ids of tiles of a document that ask or show something else than in another, or are new. */
export function differing(doc: Doc, other: Doc): string[] {
  const shown = (tile: TileDoc): string => JSON.stringify(Object.entries(tile).filter(([name]) => !PLACE.has(name)));
  const before = new Map((other.tiles ?? []).map((each) => [each.id, shown(each)]));
  const shared = (each: Doc): string => JSON.stringify([each.filters, each.variables, each.time_range, each.notes, each.annotations]);
  const tiles = doc.tiles ?? [];
  if (shared(doc) !== shared(other)) return tiles.map((each) => each.id);
  return tiles.filter((each) => before.get(each.id) !== shown(each)).map((each) => each.id);
}

/** An id that no tile of a document has. */
export function freeId(doc: Doc, kind: string): string {
  const taken = new Set((doc.tiles ?? []).map((each) => each.id));
  let number = 1;
  while (taken.has(`${kind}-${number}`)) number += 1;
  return `${kind}-${number}`;
}
