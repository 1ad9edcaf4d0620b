// What stands at the axis of values: from where to where it goes, and at which values it has ticks.

import { durationStep, type Fmt } from "../format.ts";

export type Values = (number | null)[];

/** What of a line chart decides its axis. */
export interface Scaled {
  series: { values: Values }[];
  band: { low: Values; high: Values } | null;
  threshold: number | null;
  stack: boolean;
  low: number | null;
  high: number | null;
  log: boolean;
}

/** Values that differ by less than this share of their size are one: the rest is how doubles add. */
const ALIKE = 1e-9;
const MOST_TICKS = 200;

const length = (data: Scaled): number => data.series[0]?.values.length ?? data.band?.low.length ?? 0;

export function stacked(data: Scaled): Values[] {
  const below: number[] = new Array(length(data)).fill(0);
  return data.series.map((each) =>
    each.values.map((value, at) => {
      below[at] += value ?? 0;
      return value === null && below[at] === 0 ? null : below[at];
    }),
  );
}

/** The axis: from zero where that does not flatten the line, with a little air above. */
export function limits(data: Scaled): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  const all = data.stack ? stacked(data) : data.series.map((each) => each.values);
  for (const values of [...all, ...(data.band ? [data.band.low, data.band.high] : [])]) {
    for (const value of values) {
      if (value === null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (data.threshold !== null) high = Math.max(high, data.threshold);
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  if (data.log) return [Math.max(low, 1e-9), Math.max(high, 1e-8)];
  if (high - low < ALIKE * Math.max(Math.abs(low), Math.abs(high))) low = high;
  if (low >= 0 && (low < high * 0.6 || low === high)) low = 0;
  const air = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  return [data.low ?? (low === 0 ? 0 : low - air), data.high ?? high + air];
}

/**
 * Values that stand at the axis: an hour has 60 minutes, whatever is round in tens.
 *
 * @param height of the axis, pixels
 * @param increment that is round in tens
 */
export function ticks(min: number, max: number, height: number, increment: number, fmt: Fmt): number[] {
  const least = ((max - min) * 36) / Math.max(1, height);
  const step = durationStep(least, fmt) ?? increment;
  const first = Math.ceil(min / step - 1e-9);
  // Counted by place: beside a large value, one more step is no other value.
  const count = Math.min(MOST_TICKS, Math.floor((max * (1 + Math.sign(max) * 1e-12)) / step) - first + 1);
  if (!(step > 0) || !(count > 0)) return [];
  return [...new Set(Array.from({ length: count }, (_, at) => (first + at) * step))];
}
