// What comes from the server and what goes back. Shapes are those of views/board/message.py.

import type { Fmt } from "./format.ts";

export type State = "ok" | "loading" | "empty" | "stale" | "error" | "denied";

export interface Trend {
  text: string;
  way: "up" | "down" | "same" | "";
  good: "good" | "bad" | "";
}

export interface Part {
  state: State;
  /** A sentence: how to fill an empty tile, since when it is stale, what went wrong. */
  say: string;
  /** The value in words, for those who do not see it. */
  label: string;
  /** Beside the title: the unit or what is aggregated. */
  sub: string;
  badge: { count: number; text: string } | null;
  face: string;
  data: any;
}

export interface Place {
  id: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface TileHead extends Place {
  kind: string;
  title: string;
  fmt: Fmt;
  options: Record<string, unknown>;
  least: [number, number];
  /** What the explorer is asked for, as the query of an address; '' for a tile without a metric. */
  drill: string;
}

export interface VariableHead {
  name: string;
  title: string;
  multi: boolean;
  choices: string[];
  chosen: string[];
}

export interface BoardHead {
  id: string;
  name: string;
  description: string;
  theme: "system" | "light" | "dark";
  /** IANA name; in which times are told. */
  timezone: string;
  row: number;
  columns: number;
  refresh: string;
  range: string;
  ranges: { key: string; label: string }[];
  variables: VariableHead[];
  filters: [string, string][];
  tiles: TileHead[];
}

export interface Status {
  state: string;
  message: string;
}

export interface BoardMessage {
  type: "board";
  seq: number;
  at: number;
  span: [number, number] | null;
  status: Status;
  board: BoardHead;
  parts: Record<string, Part>;
}

export interface TickMessage {
  type: "tick";
  seq: number;
  at: number;
  span: [number, number] | null;
  status: Status;
  parts: Record<string, Part>;
  /** All of them, where there are others to choose from than before. */
  variables?: VariableHead[];
}

export interface WorldMessage {
  type: "world";
  world: unknown;
}

export type Message = BoardMessage | TickMessage | WorldMessage | { type: "error"; message: string };

/** What the board tells whoever shows it. */
export type Outgoing =
  | { type: "click"; tile: string; label: string; value: string }
  | { type: "zoom"; tile: string; from: number; to: number }
  | { type: "range"; range: string }
  | { type: "variable"; name: string; values: string[] }
  | { type: "unfilter"; label: string }
  | { type: "layout"; tiles: Place[] }
  | { type: "select"; tile: string }
  | { type: "drill"; tile: string; query: string }
  | { type: "need"; what: "world" | "whole" };
