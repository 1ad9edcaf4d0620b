// What every face of a tile offers to the board.

import type { Colours } from "./theme.ts";
import type { Outgoing, Part, TileHead } from "./message.ts";

/** What a face is given. */
export interface Context {
  head: TileHead;
  colours(): Colours;
  send(message: Outgoing): void;
  tip: Tip;
  /** Country shapes, when they are there; asks for them otherwise. */
  world(): unknown;
  isStill: boolean;
  /** An object of Python by its name; null where this page was given none. */
  object(name: string): HTMLElement | null;
}

/** Draws one tile's data inside its body. */
export interface Face {
  update(part: Part, span: [number, number] | null): void;
  resize?(width: number, height: number): void;
  recolour?(): void;
  /** Move the reading cursor by the keyboard; gives the words of where it stands. */
  step?(by: number): string;
  /** Carry out what a click would, where the reading cursor stands. */
  act?(): void;
  destroy(): void;
}

export type FaceMaker = (body: HTMLElement, context: Context) => Face;

export interface Tip {
  show(lines: TipLine[], title: string, x: number, y: number): void;
  hide(): void;
}

export interface TipLine {
  name: string;
  value: string;
  colour?: string;
}
