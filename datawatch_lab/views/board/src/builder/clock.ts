// Times of notes as the clocks of the workspace show them.

import { ahead } from "../format.ts";

/** A moment as a field of date and time has it. */
export function wallOf(at: string): string {
  const utc = Date.parse(at);
  return new Date(utc + ahead(utc)).toISOString().slice(0, 16);
}

/** The moment that a field says; a sentence is thrown for an empty one. */
export function momentOf(wall: string): string {
  const said = Date.parse(`${wall}Z`);
  if (!wall || Number.isNaN(said)) throw new Error("A note has no time. Say when, or take the note off.");
  return new Date(said - ahead(said - ahead(said))).toISOString();
}
