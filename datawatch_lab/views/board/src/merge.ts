// What a part stands for, given the one before: its series may be but the end of them.

import type { Part } from "./message.ts";

/** The whole part; null where the one before is not the one that it goes on from. */
export function merged(old: Part | null, part: Part): Part | null {
  const keep = part.data?.keep as { from: number; count: number } | undefined;
  if (!keep) return part;
  if (!old || old.face !== part.face || !goesOn(old.data, part.data, keep)) return null;
  const join = (before: unknown[], after: unknown[]): unknown[] => before.slice(keep.from, keep.from + keep.count).concat(after);
  const { keep: _, ...data } = part.data;
  data.series = part.data.series.map((each: any, at: number) => ({ ...each, values: join(old.data.series[at].values, each.values) }));
  if (data.band) data.band = { low: join(old.data.band.low, data.band.low), high: join(old.data.band.high, data.band.high) };
  return { ...part, data };
}

/** Whether two lines have the same steps, names and band, and the first has what is kept of it. */
function goesOn(old: any, data: any, keep: { from: number; count: number }): boolean {
  if (!old?.series || old.step !== data.step || old.t0 + keep.from * old.step !== data.t0) return false;
  if (old.series.length !== data.series.length || Boolean(old.band) !== Boolean(data.band)) return false;
  return old.series.every((each: any, at: number) => each.name === data.series[at].name && each.values.length >= keep.from + keep.count);
}
