// What makes the heads of tiles the same. What the explorer is asked for follows range, filters and
// variables; no tile is made again for that.

import type { TileHead } from "./message.ts";

/** Tiles and their places, as text that is equal where a board need not be laid out again. */
export function shapeOf(tiles: TileHead[] | undefined): string | undefined {
  return JSON.stringify(tiles?.map(({ drill: _, ...rest }) => rest));
}

/** Whether two heads are of the same tile, wherever it stands. */
export function isAlike(one: TileHead, other: TileHead): boolean {
  const shown = ({ x: _x, y: _y, w: _w, h: _h, drill: _d, ...rest }: TileHead): string => JSON.stringify(rest);
  return shown(one) === shown(other);
}

/** Tiles as they stand, with what the explorer is asked for as others of the same ids have it. */
export function withDrills(tiles: TileHead[], others: TileHead[]): TileHead[] {
  const drills = new Map(others.map((each) => [each.id, each.drill]));
  return tiles.map((each) => ({ ...each, drill: drills.get(each.id) ?? each.drill }));
}
