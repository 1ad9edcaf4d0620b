// Numbers with all their digits: decimals and large integers come as texts.

import { shown, type Fmt } from "../format.ts";

/** Letters that a number may have in a cell without a format; longer ones are rounded. */
const SHORT = 12;
const PLAIN = /^([-+]?)(\d+)(\.\d+)?$/;

/** A number as it is, its thousands apart. */
export function exact(value: string | number): string {
  const found = PLAIN.exec(String(value));
  if (!found) return String(value);
  const [, sign, whole, rest = ""] = found;
  return `${sign === "-" ? "\u2212" : ""}${whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",")}${rest}`;
}

/** A number in a cell: as the tile's format has it, else with all digits where that is short. */
export function figure(value: string | number, fmt: Fmt): string {
  const hasFormat = fmt.u || (fmt.f ?? "auto") !== "auto" || (fmt.d ?? null) !== null;
  if (hasFormat) return shown(Number(value), fmt);
  const whole = exact(value);
  // Text has digits that a double has not, and integers are counted.
  const isWhole = typeof value === "string" || Number.isSafeInteger(value) || whole.length <= SHORT;
  return isWhole ? whole : shown(value, fmt);
}

/** Which of two numbers is larger, by all their digits. */
export function bySize(one: string | number, other: string | number): number {
  const rough = Number(one) - Number(other);
  if (rough !== 0 && !Number.isNaN(rough)) return rough;
  const [left, right] = [scaled(one), scaled(other)];
  if (left === null || right === null) return 0;
  const places = Math.max(left[1], right[1]);
  const [low, high] = [left[0] * 10n ** BigInt(places - left[1]), right[0] * 10n ** BigInt(places - right[1])];
  return low < high ? -1 : low > high ? 1 : 0;
}

/** All digits as one integer, and how many of them stand behind the point. */
function scaled(value: string | number): [bigint, number] | null {
  const found = PLAIN.exec(String(value));
  if (!found) return null;
  const [, sign, whole, rest = ""] = found;
  const digits = BigInt(whole + rest.slice(1));
  return [sign === "-" ? -digits : digits, Math.max(0, rest.length - 1)];
}
